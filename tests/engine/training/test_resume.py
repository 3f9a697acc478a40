"""Every model: a run resumed inside an epoch ends with the parameters of an uninterrupted run."""

import os

import numpy as np
import pytest

from engine.checkpoints import facts as facts_of
from engine.checkpoints import find, formats, layout
from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.system import interrupts
from engine.training import loop

GRAPHS = {"dygraph": DygraphSession, "static": lambda config: StaticSession(config, training=True)}
PREFIX = {"dygraph": "rec", "static": "rec_static"}
STEPS = 3  # done when the signal comes


def train(graph, config):
    """Trains and returns the content of the last checkpoint."""
    loop.train(GRAPHS[graph](config), config, sources.training_source(config))
    found, _ = find.newest(config.runner("model_save_path"), PREFIX[graph])
    return {
        part: formats.read(layout.path_of(found, PREFIX[graph], part))
        for part in ("pdparams", "pdopt")
    }


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_resumed_run_continues_inside_the_epoch(folder, graph, configure, tmp_path, signal_at):
    options = ["runner.epochs=1", "runner.train_batch_size=40", "hyper_parameters.dropout=0.1"]
    whole = configure(folder.name, *options, f"runner.model_save_path={tmp_path / 'whole'}")
    uninterrupted = train(graph, whole)
    config = configure(folder.name, *options, "runner.resume=True")
    root = config.runner("model_save_path")
    interrupted = pytest.raises(
        interrupts.Interrupted, match=rf"in epoch 0, {STEPS} batches done; saved"
    )
    with signal_at(STEPS), interrupted:
        train(graph, config)
    assert {*os.listdir(root)} - {"training_data.json"} == {"config.yaml", "interrupted"}
    resumed = train(graph, config)
    assert "interrupted" not in os.listdir(root)
    for part, content in uninterrupted.items():
        assert content.keys() == resumed[part].keys()
        for name, value in content.items():
            np.testing.assert_array_equal(value, resumed[part][name], err_msg=name)


def test_a_signal_while_finished_batches_are_skipped_keeps_the_checkpoint(configure, signal_at):
    config = configure("mmoe", "runner.train_batch_size=40", "runner.resume=True")
    folder = os.path.join(config.runner("model_save_path"), "interrupted")
    for checks in (STEPS, 1):  # the second signal comes before the first new step
        with signal_at(checks), pytest.raises(interrupts.Interrupted) as caught:
            train("dygraph", config)
        assert str(caught.value) == (
            f"interrupted in epoch 0, {STEPS} batches done; saved {folder}; "
            "runner.resume=True continues there"
        )
        facts = facts_of.read(folder, "rec")
        assert facts["batches"] == STEPS
