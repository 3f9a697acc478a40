"""The YAML of a comparison: its cells, and an error of one line for each mistake."""

import copy
import re
from pathlib import Path

import pytest
from matrices import MODELS, content, rows, write

from comparing import cell_run, matrix
from engine.model_folder import loading
from engine.system.errors import UserError

SHIPPED = Path(loading.REPOSITORY) / "models" / "multitask" / "results.yaml"


@pytest.fixture
def small(tmp_path):
    return content(rows(tmp_path / "data"))


def test_cells_are_data_by_model_by_seed(tmp_path, small):
    small["seeds"] = [1, 2]
    small["data"]["few"]["models"]["MMoE"] = {
        "yaml": str(MODELS / "mmoe" / "config.yaml"),
        "seeds": [7],
    }
    found = matrix.load(write(tmp_path / "m.yaml", small), None)
    names = [cell.name for cell in found.cells]
    assert names == ["few/ShareBottom/1", "few/ShareBottom/2", "few/MMoE/7"]
    assert found.results == str(tmp_path / "cells")
    assert found.reports == str(tmp_path / "pages")
    assert [cell.name for cell in found.select(["*/MMoE/*", "few/*/2"])] == names[1:]
    with pytest.raises(
        UserError,
        match="--only nothing: matches no cell data/model/seed of few/ShareBottom, few/MMoE",
    ):
        found.select(["few/*", "nothing"])


def changed(what, path, value):
    what = copy.deepcopy(what)
    *inner, last = path
    part = what
    for key in inner:
        part = part[key]
    part[last] = value
    return what


FEW = ("data", "few")


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("datas",), {}, "unknown key datas; did you mean 'data'"),
        (("threads",), "two", "threads: expected an integer, found 'two'"),
        (("threads",), 0, "threads: expected at least 1"),
        (("seeds",), ["a"], "seeds.0: expected an integer, found 'a'"),
        (("matrices", "small", "data"), ["fwe"], "no data set fwe; did you mean 'few'"),
        (("seeds",), [-1], "seeds.0: expected at least 0, found -1"),
        (("matrices", "small", "data"), [["few"]], "small.data.0: expected a text, found ['few']"),
        (("data", 2), {}, "data.2: expected a name of letters"),
        (("matrices", 2), {}, "matrices.2: expected a name of letters"),
        (("matrices", "small", "data"), [], "matrices.small.data: expected at least 1, found []"),
        (("matrices", "small", "data"), ["few", "few"], "cell few/ShareBottom/1 is listed twice"),
        ((*FEW, "protocol"), None, "data.few.protocol: expected a text or {en: ..., zh: ...}"),
        ((*FEW, "protocol"), {"en": "x"}, "zh is not set"),
        ((*FEW, "metrics"), ["auc", "f2"], "metrics.1: expected 'auc', 'gauc', "),
        ((*FEW, "metrics"), ["gauc"], "gauc needs gauc_column"),
        ((*FEW, "choose"), "first", "expected last, best or {by: ..., metric: ...}"),
        ((*FEW, "choose"), {"bye": "valid"}, "choose: unknown key bye; did you mean 'by'"),
        ((*FEW, "choose"), {"by": "valid"}, "choose: by: expected one of curves (none)"),
        ((*FEW, "curves"), {"valid": 3}, "curves.valid: expected a text, found 3"),
        ((*FEW, "curves"), [], "data.few.curves: expected keys and values, found []"),
        (("data",), [], "data: expected keys and values, found []"),
        ((*FEW, "curves"), {"../x": "y"}, "expected a name of letters"),
        ((*FEW, "models", "ShareBottom", "yaml"), "no.yaml", "there is no file"),
        ((*FEW, "models", "ShareBottom", "opt"), ["epochs"], "expected key=value, found 'epochs'"),
        (
            (*FEW, "references"),
            [{"name": "x", "source": "y"}],
            "expected auc, acc, xauc or mae by task",
        ),
        (
            (*FEW, "references"),
            [{"name": "x", "source": "y", "auc": {"income": 95.8}}],
            "auc.income: expected a number between 0 and 1, found 95.8",
        ),
        (
            (*FEW, "references"),
            [{"name": "x", "source": "y", "auc": {"income": 0.9}, "model": "MMoE"}],
            "no model MMoE",
        ),
    ],
)
def test_a_mistake_is_one_line(tmp_path, small, path, value, problem):
    yaml_path = write(tmp_path / "m.yaml", changed(small, path, value))
    with pytest.raises(UserError) as caught:
        matrix.load(yaml_path, None)
    assert problem in str(caught.value)
    assert str(yaml_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_yaml_names_its_line(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text("data: {few: [}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"m\.yaml, line 1: "):
        matrix.load(path, None)
    path.write_text("seeds: [1]\nseeds: [2]\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 2: seeds is set twice"):
        matrix.load(path, None)
    with pytest.raises(UserError, match="No such file"):
        matrix.load(tmp_path / "none.yaml", None)


def test_an_unknown_matrix_names_the_known_ones(tmp_path, small):
    path = write(tmp_path / "m.yaml", small)
    with pytest.raises(UserError, match=r"--matrix big: .* has no such matrix, only small"):
        matrix.load(path, "big")


@pytest.mark.parametrize("name", ["quick", "full", "kuairand"])
def test_every_cell_of_the_shipped_matrices_has_a_valid_configuration(name):
    found = matrix.load(SHIPPED, name)
    first_seeds = {cell.name.rpartition("/")[0]: cell for cell in reversed(found.cells)}
    for cell in first_seeds.values():
        assert cell_run.configuration(cell).runner("epochs") >= 1
    for data in found.data.values():
        assert all((data.title["en"], data.title["zh"], data.protocol["en"], data.protocol["zh"]))


def test_a_typo_in_an_option_is_found_before_anything_runs(tmp_path, small):
    small["data"]["few"]["models"]["ShareBottom"]["opt"].append("runner.epoch=3")
    (cell,) = matrix.load(write(tmp_path / "m.yaml", small), None).cells
    with pytest.raises(UserError, match=r"few/ShareBottom/1: -o runner.epoch=3: unknown key"):
        cell_run.configuration(cell)


@pytest.mark.parametrize("kind", ["itself", "inside", "above", "links"])
def test_the_test_set_must_not_choose(tmp_path, small, kind):
    test = tmp_path / "data" / "test"
    folder = {"itself": test, "inside": test / "part", "above": test.parent}.get(kind)
    if kind == "links":
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        (folder / "own.txt").symlink_to(test / "rows.txt")
    folder.mkdir(exist_ok=True)
    small["data"]["few"].update(curves={"valid": str(folder)}, choose={"by": "valid"})
    (cell,) = matrix.load(write(tmp_path / "m.yaml", small), None).cells
    with pytest.raises(UserError, match="choose: curve valid and the test set must not overlap"):
        cell_run.configuration(cell)


@pytest.mark.parametrize("page", ["results.md", "results_CN.md"])
def test_the_example_of_the_docs_is_valid(page, tmp_path):
    text = (Path(loading.REPOSITORY) / "docs" / page).read_text(encoding="utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    (tmp_path / "mmoe").symlink_to(MODELS / "mmoe")
    path = tmp_path / "results.yaml"
    path.write_text(example, encoding="utf-8")
    found = matrix.load(path, "mine")
    names = [cell.name for cell in found.cells]
    assert names == ["census/MMoE/1", "census/MMoE/2", "census/MMoE/3", "census/MMoE-wide/1"]
    wide = cell_run.configuration(found.cells[-1])
    assert wide["hyper_parameters.expert_num"] == 16
