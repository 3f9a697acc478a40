"""Nets behind each type of ``hyper_parameters.bottom``, on the samples of the model folders."""

import re
from functools import partial

import numpy as np
import pytest
from trials import assert_equal_states, exported_outputs, losses_from_one_start, resumed_and_whole

from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.system.errors import UserError
from engine.training import loop

BOTTOM = "hyper_parameters.bottom"
SECTIONS = {
    "mlp": "{type: mlp, hidden: [9, 7]}",
    "dcn_v2": "{type: dcn_v2, hidden: [9]}",
    "experts": "{type: dcn_v2, rank: 3, experts: 2, structure: parallel, hidden: 9}",
    "fm": "fm",
    "masknet": "{type: masknet, blocks: [9, 7], reduction: 0.5}",
    "parallel": "{type: masknet, blocks: [9, 7], reduction: 0.5, structure: parallel}",
    "senet": "senet",
    "all": "{type: senet, bilinear: all}",
    "each": "{type: senet, bilinear: each}",
    "interaction": "{type: senet, bilinear: interaction}",
}
# Sparse gradients have lazy moments in dygraph, but not in Paddle 3's static graph.
STEPS = ["hyper_parameters.sparse_gradients=False", "hyper_parameters.optimizer.learning_rate=0.01"]

LARGE_BATCH = "runner.train_batch_size=128"


@pytest.mark.parametrize("name", SECTIONS)
def test_both_graphs_and_the_fast_step_take_the_same_steps(name, configure, tmp_path):
    make = partial(configure, "esmm", f"{BOTTOM}={SECTIONS[name]}", *STEPS)
    variants = [("dygraph", []), ("dygraph", ["runner.fast_step=False"]), ("static", [])]
    written, by_autograd, static = losses_from_one_start(make, tmp_path, variants)
    assert len(written) == 20
    np.testing.assert_allclose(written, by_autograd, rtol=0, atol=2e-5)
    np.testing.assert_allclose(written, static, rtol=0, atol=5e-5)
    assert written[-5:].mean() < written[0]


@pytest.mark.parametrize("name", ["dcn_v2", "experts", "masknet"])
def test_numbers_alone_can_be_crossed_and_masked(name, configure, tmp_path):
    make = partial(configure, "mmoe", f"{BOTTOM}={SECTIONS[name]}", "runner.train_batch_size=32")
    variants = [("dygraph", []), ("dygraph", ["runner.fast_step=False"]), ("static", [])]
    written, by_autograd, static = losses_from_one_start(make, tmp_path, variants)
    np.testing.assert_allclose(written, by_autograd, rtol=0, atol=2e-5)
    np.testing.assert_allclose(written, static, rtol=0, atol=5e-5)


@pytest.mark.parametrize("name", ["experts", "fm", "masknet", "parallel", "interaction"])
def test_exports_give_the_outputs_of_the_net(name, configure):
    make = partial(configure, "esmm", f"{BOTTOM}={SECTIONS[name]}", LARGE_BATCH)
    for engine, found, eager in exported_outputs(make):
        assert found.keys() == eager.keys() == {"ctr", "cvr", "ctcvr"}
        for task, output in eager.items():
            np.testing.assert_allclose(found[task], output, rtol=0, atol=1e-5, err_msg=engine)


@pytest.mark.parametrize("graph", ["dygraph", "static"])
def test_a_resumed_run_is_bit_equal(configure, graph):
    section = SECTIONS["masknet"].replace("}", ", dropout: 0.2}")
    make = partial(configure, "esmm", f"{BOTTOM}={section}", LARGE_BATCH)
    assert_equal_states(*resumed_and_whole(make, graph))


def test_a_checkpoint_is_read_with_its_own_bottom_only(configure, run_command):
    """Dropout may differ, and a default may be written out."""
    trained = configure("esmm", f"{BOTTOM}={{type: mlp, hidden: [9, 7]}}", "runner.epochs=1")
    loop.train(DygraphSession(trained), trained, sources.training_source(trained))
    folder = trained.runner("model_save_path")
    options = [f"runner.infer_load_path={folder}", "runner.infer_end_epoch=1"]
    yaml = trained.yaml_path

    def infer(section):
        return run_command("infer", "-m", yaml, "-o", f"{BOTTOM}={section}", *options)

    assert infer("{type: mlp, hidden: [9, 7], dropout: 0.3}").code == 0
    done = infer("{type: mlp, hidden: [9, 8]}")
    assert done.code == 2
    last = done.log.splitlines()[-1]
    assert re.match(r"error: .*bottom.*\[9, 7\].*\[9, 8\]", last)


@pytest.mark.parametrize(
    ("folder", "section", "expected"),
    [
        (
            "mmoe",
            "fm",
            "fm multiplies the vectors of sparse fields: expected at least two sparse_fields, "
            "found none; mlp, dcn_v2 and masknet need none",
        ),
        ("mmoe", "{type: senet, reduction: 2}", "senet multiplies the vectors of sparse fields"),
        ("dselect_k", "mlp", "the inputs are images, so bottom must not be set"),
    ],
)
@pytest.mark.parametrize("command", ["trainer", "static_trainer"])
def test_nets_without_fields_and_nets_of_images_refuse_it(
    folder, section, expected, command, run_command, configure, written
):
    yaml = configure(folder).yaml_path
    before = written()
    done = run_command(command, "-m", yaml, "-o", f"{BOTTOM}={section}")
    assert done.code == 2
    assert re.match(f"error: .*{expected}", done.log.splitlines()[-1])
    assert "Traceback" not in done.log
    assert written() == before


def test_an_option_after_o_is_named_there(configure):
    config = configure("mmoe", f"{BOTTOM}.type=dcn_v2", f"{BOTTOM}.layers=three")
    expected = f"-o: {BOTTOM}.layers: expected an integer of at least 1, found 'three'"
    with pytest.raises(UserError, match=f"^{expected}$"):
        DygraphSession(config)
