"""``runner.reader_type=CustomizeDataLoader``: only a StaticModel can have a data loader."""

import numpy as np
import pytest

from engine.checkpoints import formats
from engine.data import sources
from engine.data.block_source import BlockSource

LOADER = "runner.reader_type=CustomizeDataLoader"


@pytest.fixture
def run(run_command, tmp_path, configure):
    """Runs a command with a short configuration of MMoE."""
    yaml = configure("mmoe").yaml_path

    def start(name, *options):
        root = tmp_path / "output"
        paths = [f"runner.model_save_path={root}", f"runner.infer_load_path={root}"]
        epochs = ["runner.epochs=1", "runner.infer_end_epoch=1", "runner.train_batch_size=64"]
        return run_command(name, "-m", yaml, "-o", *paths, *epochs, *options)

    return start


def test_dygraph_uses_the_reader(run, tmp_path):
    parameters, metrics = [], []
    for options in ([], [LOADER, "runner.overwrite=True"]):
        assert run("trainer", *options).code == 0
        parameters.append(formats.read(str(tmp_path / "output" / "0" / "rec.pdparams")))
        done = run("infer", *options)
        assert done.code == 0, done.stderr
        metrics.append(done.log.partition("epoch: 0 done, ")[2].partition(", epoch time")[0])
    assert metrics[0] == metrics[1] != ""
    for name, value in parameters[0].items():
        np.testing.assert_array_equal(value, parameters[1][name], err_msg=name)


@pytest.mark.parametrize("name", ["static_trainer", "static_infer"])
def test_static_graph_needs_the_models_loader(run, tmp_path, name):
    """The error comes before data are read: there are none."""
    if name == "static_infer":
        (tmp_path / "output" / "0").mkdir(parents=True)
        (tmp_path / "output" / "0" / "rec_static.pdparams").touch()
    nowhere = ["runner.train_data_dir=/nowhere", "runner.test_data_dir=/nowhere"]
    done = run(name, LOADER, *nowhere)
    assert done.code == 2
    assert done.stderr.splitlines()[-1] == (
        "error: runner.reader_type = CustomizeDataLoader needs "
        "static_model.StaticModel.create_data_loader: not defined"
    )


def test_sources_of_dygraph_are_the_readers(configure):
    """They can skip rows and know their number, as resuming with several processes needs."""
    config = configure("mmoe", LOADER)
    for source in (sources.training_source(config), sources.evaluation_source(config)):
        assert isinstance(source, BlockSource)
