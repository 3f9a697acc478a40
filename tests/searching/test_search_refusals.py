"""Bad input of a search is one line with exit code 2, and nothing is written."""

import os
import sys

import optuna
import pytest
import yaml
from search_models import change

optuna.logging.set_verbosity(optuna.logging.ERROR)
LR = "hyper_parameters.optimizer.learning_rate"


@pytest.fixture
def refused(model, run_command, written):
    """Searches and returns the error."""

    def run(*arguments):
        before = written()
        done = run_command("search", "-m", model / "search.yaml", "--trials", "2", *arguments)
        assert done.code == 2
        assert "Traceback" not in done.stderr
        assert written() == before
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        return line

    return run


def linked(content, model):
    os.symlink(model / "data/test/rows.txt", model / "data/valid/more.txt")


def outer(content, model):
    content["runner"]["valid_data_dir"] = "data"


def inner(content, model):
    content["runner"]["test_data_dir"] = "data"


def same(content, model):
    os.symlink(model / "data/test", model / "data/t")
    content["runner"]["valid_data_dir"] = "data/t"


@pytest.mark.parametrize("how", [linked, outer, inner, same])
def test_the_test_set_must_not_choose(how, model, refused):
    change(model, lambda content: how(content, model))
    line = refused()
    assert "runner.valid_data_dir" in line
    assert "a search: validation and test sets must not overlap" in line


def space(entry, key=LR):
    return lambda content: content.update(search={key: entry})


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        (
            lambda content: content.pop("search") and None,
            "there is no search space; add a section search",
        ),
        (
            lambda content: content["runner"].pop("valid_data_dir") and None,
            "needs a validation set",
        ),
        (space({"low": 1, "hihg": 2}), f"{LR}: unknown key hihg; did you mean 'high'"),
        (space({"low": 1}), f"{LR}: high is not set"),
        (space(3), "expected {low: ..., high: ..., step: ..., log: ...} or {choices: [...]}"),
        (space({"low": 2, "high": 1}), "low = 2 is more than high = 1"),
        (space({"low": 0, "high": 1, "log": True}), "low: expected more than 0 with log, found 0"),
        (
            space({"low": 1, "high": 2, "log": True, "step": 1}),
            "log and step cannot be used together",
        ),
        (space({"low": 1, "high": 2, "step": 0}), "step: expected more than 0"),
        (space({"low": 1, "high": "2"}), "high: expected a number, found '2'"),
        (space({"choices": [0.1, 0.1]}), "choices: a value is listed twice"),
        (space({"choices": []}), "choices: expected at least 1, found []"),
        (space({"choices": 3}), "choices: expected a list, found 3"),
        (space({"low": 1, "high": 2, "log": 1}), "log: expected True or False, found 1"),
        (space({"choices": ["fast"]}), "expected a number"),
        (space({"low": 1, "high": 2}, f"{LR}s"), f"did you mean '{LR}'"),
        (space({"low": 0, "high": 2}, "runner.epochs"), "expected an integer of at least 1"),
        (space({"choices": [1]}, "runner.seed"), "expected a key of hyper_parameters, or one of"),
        (space({"choices": ["a"]}, "runner.test_data_dir"), "expected a key of hyper_parameters"),
    ],
)
def test_a_wrong_space_or_configuration(how, problem, model, refused):
    change(model, how)
    assert problem in refused()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("-o", f"{LR}=0.1"), f"-o {LR}: this key is in the search space too"),
        (("--output", "best.yaml"), "expected a file in "),
        (
            ("--output", "{model}/config.yaml"),
            "this file exists and was not written by tools/search.py",
        ),
        (("--output", "{model}/best.txt"), "expected a file name that ends in .yaml"),
        (("--study", "{model}/net.py"), "the file is not a readable study"),
        (("--space", "nowhere.yaml"), "No such file"),
        (("--trials", "0"), "expected an integer of at least 1"),
        (("--pruner", "hyper"), "invalid choice: 'hyper'"),
    ],
)
def test_a_wrong_option(arguments, problem, model, refused):
    assert problem in refused(*[one.format(model=model) for one in arguments])


def test_a_wrong_configuration_is_an_error_before_the_first_trial(refused):
    assert "did you mean 'auc_income'" in refused("-o", "runner.valid_metric=auc_incom")


def test_without_optuna_the_line_says_what_to_install(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    for name in [name for name in sys.modules if name.startswith("searching")]:
        monkeypatch.delitem(sys.modules, name)
    assert refused().endswith("needs Optuna: pip install -r requirements-search.txt")


def test_a_study_with_other_settings_is_refused(model, tmp_path):
    from engine.system.errors import UserError
    from searching.studies import Study

    about = {"space": {"a": [1]}, "metric": "mean", "seed": 1, "sampler": "tpe", "pruner": "none"}
    path = str(tmp_path / "study.db")
    Study(path, about, lower=False)
    Study(path, about, lower=False)
    for key, value in (("space", {"a": [1, 2]}), ("metric", "auc_income"), ("seed", 2)):
        with pytest.raises(UserError, match=f"made with another -*{key}; use --study FILE.db"):
            Study(path, {**about, key: value}, lower=False)


def test_the_shipped_space_fits_every_model(folder, tmp_path):
    from engine.config.load import load_config
    from engine.model_folder import loading
    from searching import space

    shipped = os.path.join(loading.REPOSITORY, "models", "multitask", "search.yaml")
    config = load_config(str(folder / "config.yaml"), (), loading.hyper_parameters)
    with open(shipped, encoding="utf-8") as file:
        assert space.read(config, shipped, []).keys() == yaml.safe_load(file).keys()


def test_other_commands_ignore_the_section(model, caplog):
    from engine.config import listing
    from engine.config.load import load_config
    from engine.model_folder import loading

    path = str(model / "search.yaml")
    config = load_config(path, [], loading.hyper_parameters)
    assert f"search.{LR}.low" in config
    assert "unknown key" not in caplog.text
    with caplog.at_level("INFO"):
        listing.log_config(config)
    assert LR in caplog.text
    assert "search." not in caplog.text.replace(path, "")
