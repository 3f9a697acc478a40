"""tools/new_model.py makes a folder that trains at once, in both graphs."""

import subprocess
import sys

import pytest
import yaml


@pytest.fixture
def new_model(checkout):
    def run(*arguments):
        command = [sys.executable, checkout / "tools" / "new_model.py", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=checkout)

    return run


@pytest.mark.parametrize("like", ["mmoe", "esmm"])
def test_the_new_model_trains_and_evaluates(new_model, checkout, like):
    done = new_model("fresh_net", "--like", like)
    assert done.returncode == 0, done.stderr
    folder = checkout / "models" / "multitask" / "fresh_net"
    files = {"net.py", "dygraph_model.py", "static_model.py", "README.md", "README_CN.md"}
    reader = {"mmoe": "census_reader.py", "esmm": "esmm_reader.py"}[like]
    yamls = {"config.yaml", "config_bigdata.yaml"}
    assert {path.name for path in folder.iterdir()} == {*files, reader, *yamls}
    assert (folder / "static_model.py").read_text().startswith('"""FreshNet in static graph')
    assert "class FreshNetLayer(MultiTaskNet)" in (folder / "net.py").read_text()
    assert "paddlerec" not in (folder / "dygraph_model.py").read_text()
    assert (folder / "README_CN.md").read_text().startswith("# fresh_net\n")
    for tool in ("trainer", "static_trainer", "infer"):
        options = [
            "-o",
            "runner.epochs=1",
            "runner.infer_end_epoch=1",
            "runner.train_batch_size=100",
        ]
        command = [sys.executable, checkout / "tools" / f"{tool}.py", "-m", folder / "config.yaml"]
        ended = subprocess.run([*command, *options], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
    assert (folder / "output_model_fresh_net" / "0" / "rec.pdparams").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mmoe", "--like", "ple"], "error: mmoe: models/multitask/mmoe exists already"),
        (["class", "--like", "ple"], "error: class: a keyword of Python cannot be the name"),
        (["fresh", "--like", "results.yaml"], "error: --like results.yaml: there is no such model"),
        (["a-b", "--like", "ple"], "error: a-b: expected a name of lower-case letters"),
        (
            ["fresh", "--like", "mmo"],
            "error: --like mmo: there is no such model; did you mean 'mmoe'",
        ),
    ],
)
def test_what_cannot_be_made_is_one_line(new_model, arguments, message):
    done = new_model(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("like", ["share_bottom", "ple", "dselect_k"])
def test_the_output_folders_are_the_new_models(new_model, checkout, like):
    assert new_model("fresh", "--like", like).returncode == 0
    folder = checkout / "models" / "multitask" / "fresh"
    for name, output in (("config", "fresh"), ("config_bigdata", "fresh_all")):
        runner = yaml.safe_load((folder / f"{name}.yaml").read_text())["runner"]
        assert runner["model_save_path"] == runner["infer_load_path"] == f"output_model_{output}"
