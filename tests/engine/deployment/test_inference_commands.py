"""PaddleRec's commands, run in a model's folder: train, export, predict."""

import re
import subprocess
import sys

import paddle
import pytest

GRAPH = "json" if int(paddle.__version__.split(".")[0]) > 2 else "pdmodel"
OUTPUT = "output_model_share_btm/2"


def run(folder, command):
    """Runs a command line in a folder; returns what it printed, on both streams."""
    program, *options = command.split()
    done = subprocess.run(
        [sys.executable, "-u", f"../../../tools/{program}", *options],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def share_bottom(copy_checkout, tmp_path_factory):
    """A copy of share_bottom's folder, trained with its YAML and exported."""
    folder = copy_checkout(tmp_path_factory.mktemp("checkout")) / "models/multitask/share_bottom"
    run(folder, "trainer.py -m config.yaml")
    log, _ = run(folder, "to_static.py -m config.yaml")
    assert f"{OUTPUT}/tostatic.{GRAPH}; largest difference from the net " in log
    return folder


def test_to_static_writes_into_the_folder_of_the_checkpoint(share_bottom):
    found = {path.name for path in (share_bottom / OUTPUT).iterdir()}
    info = {"tostatic.pdiparams.info"} & found  # Paddle 2.6 adds it
    endings = {f"tostatic.{ending}" for ending in (GRAPH, "pdiparams", "meta.json")}
    assert found - info == {"rec.pdparams", "rec.pdopt", "rec.json", *endings}
    assert not [path for path in (share_bottom / OUTPUT).parent.iterdir() if path.name[0] == "."]


@pytest.mark.parametrize("reader", ["video_reader.py", "census_reader.py"])
def test_the_command_of_paddlerecs_documentation(share_bottom, reader):
    stdout, stderr = run(
        share_bottom,
        f"paddle_infer.py --model_file={OUTPUT}/tostatic.pdmodel "
        f"--params_file={OUTPUT}/tostatic.pdiparams --use_gpu=False "
        f"--data_dir=../../../datasets/census/sample_data/train --reader_file={reader} "
        "--batchsize=5",
    )
    first, *scores = stdout.splitlines()
    assert re.match(rf"400 rows, \d+ rows/s, engine Paddle Inference {paddle.__version__}, ", first)
    for name, line in zip(("income", "marital"), scores):
        found = re.fullmatch(rf"{name}: auc (\d\.\d{{6}}), log loss (\d\.\d{{6}})", line)
        assert float(found[1]) > 0.95
        assert 0 < float(found[2]) < 0.3
    assert len(scores) == 2
    notice = (
        f"WARNING - there is no {share_bottom / OUTPUT}/tostatic.pdmodel; "
        f"using {share_bottom / OUTPUT}/tostatic.json"
    )
    *notices, origin = [line.partition(" - ")[2] for line in stderr.splitlines()]
    assert notices == ([notice] if GRAPH == "json" else [])
    graph = re.escape(f"{share_bottom / OUTPUT}/tostatic.{GRAPH}")
    exported = r"\(exported from a checkpoint: run [0-9a-f]{8}, epoch 2\)"
    assert re.fullmatch(rf"INFO - running model {graph} {exported}", origin)
