"""Nets on images of two digits; test_folders.py has DSelect-k's sample."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import paddle
import pytest
from trials import assert_equal_states, exported_outputs, losses_from_one_start, resumed_and_whole

from engine.data import sources
from engine.evaluation import evaluator
from engine.graphs.dygraph import DygraphSession
from engine.model_folder import loading
from engine.system.errors import UserError
from engine.training import loop

YAML, OF_DSELECT_K = "config_multi_mnist_sample.yaml", "config.yaml"
NETS = ("share_bottom", "mmoe", "ple")
DEEP = {
    "dselect_k": ("expert_size=[12, 6]", "expert_num=3"),
    "share_bottom": ("bottom_size=[12, 6]",),
    "mmoe": ("expert_size=[12, 6]", "gate_size=[5]"),
    "ple": ("expert_size=[12, 6]", "gate_size=[5]", "level_number=2", "shared_num=1"),
}


@pytest.fixture(params=NETS)
def net(request):
    return request.param


@pytest.fixture
def few(configure, net, tmp_path):
    """Returns configurations of 60 of the sample's images, and of deeper layers than its own."""
    path = OF_DSELECT_K if net == "dselect_k" else YAML
    sample = np.load(loading.files(configure(net, yaml=path), "train_data_dir")[0])
    (tmp_path / "images").mkdir()
    np.savez(tmp_path / "images" / "few.npz", **{name: sample[name][:60] for name in sample.files})

    def make(*options):
        folders = [f"runner.{kind}_data_dir={tmp_path / 'images'}" for kind in ("train", "test")]
        deep = [f"hyper_parameters.{option}" for option in DEEP[net]]
        return configure(net, *folders, *deep, *options, yaml=path)

    return make


def test_the_sample_is_learned(net, configure):
    """One digit in ten is right by chance."""
    config = configure(net, "runner.print_interval=1000", yaml=YAML)
    loop.train(DygraphSession(config), config, sources.training_source(config))
    found = evaluator.evaluate(DygraphSession(config), config, sources.evaluation_source(config))
    last = found.metrics[max(found.metrics)]
    assert list(last) == ["acc_left", "acc_right"]
    assert min(last.values()) > 0.3


def test_both_graphs_and_the_fast_step_take_the_same_steps(few, tmp_path):
    variants = [("dygraph", []), ("dygraph", ["runner.fast_step=False"]), ("static", [])]
    written, by_autograd, static = losses_from_one_start(few, tmp_path, variants)
    assert len(written) == 3
    np.testing.assert_allclose(written, by_autograd, rtol=0, atol=1e-6)
    np.testing.assert_allclose(written, static, rtol=0, atol=1e-5)
    assert written[-1] < written[0]


@pytest.mark.parametrize(
    ("net", "graph"),
    [("share_bottom", "dygraph"), ("mmoe", "dygraph"), ("ple", "dygraph"), ("ple", "static")],
    indirect=["net"],
)
def test_a_resumed_run_is_bit_equal(few, graph):
    assert_equal_states(
        *resumed_and_whole(lambda *more: few("hyper_parameters.dropout=0.2", *more), graph)
    )


def test_exports_give_the_outputs_of_the_net(few):
    for engine, found, eager in exported_outputs(few):
        assert found.keys() == eager.keys() == {"left", "right"}
        for task, output in eager.items():
            assert output.shape == (60, 10)
            np.testing.assert_allclose(found[task], output, rtol=0, atol=1e-5, err_msg=engine)


@pytest.mark.parametrize("net", ["dselect_k"], indirect=True)
def test_a_digit_and_the_sum_of_both(few, tmp_path):
    """A multiclass task, a regression and a binary task, all of images."""
    left = "{name: left, label_column: 0, type: multiclass, class_num: 10}"
    total = "{name: total, label_column: 2, type: regression, transform: standardize}"
    zero = "{name: zero, label_column: 1, type: binary, positive: 0}"
    make = partial(
        few, f"hyper_parameters.tasks=[{left}, {total}, {zero}]", "hyper_parameters.task_num=3"
    )
    variants = [("dygraph", []), ("static", [])]
    found, static = losses_from_one_start(make, tmp_path, variants)
    np.testing.assert_allclose(found, static, rtol=0, atol=1e-5)
    for engine, found, eager in exported_outputs(make):
        shapes = {task: output.shape for task, output in eager.items()}
        assert shapes == {"left": (60, 10), "total": (60, 1), "zero": (60, 2)}
        assert 6 < eager["total"].mean() < 12  # digits of 0 to 9, in their own unit
        for task, output in eager.items():
            np.testing.assert_allclose(found[task], output, rtol=1e-5, atol=1e-5, err_msg=engine)


def test_gates_read_the_pixels_and_bottoms_are_convolutional(net, configure):
    """Parameters by hand: an expert of LeNet's form, then towers, for 36 x 36 images."""
    own = {"mmoe": ("expert_num=1",), "ple": ("exp_per_task=1", "shared_num=0")}
    options = [f"hyper_parameters.{each}" for each in own.get(net, ())]
    found = DygraphSession(configure(net, *options, yaml=YAML)).net
    expert = (25 * 10 + 10) + (10 * 25 * 20 + 20) + (20 * 6 * 6 * 50 + 50)
    towers = 2 * (50 * 50 + 50 + 50 * 10 + 10)
    gates = {"share_bottom": 0, "mmoe": 2 * 1297, "ple": 2 * 1297}[net]
    experts = {"share_bottom": 1, "mmoe": 1, "ple": 2}[net]
    assert sum(parameter.size for parameter in found.parameters()) == (
        experts * expert + gates + towers
    )
    assert [out.shape for out in found(paddle.rand([3, 1, 36, 36]))] == [[3, 10], [3, 10]]


@pytest.mark.parametrize("options", [[], ["hyper_parameters.dense_input_dim=0"]])
@pytest.mark.parametrize("command", ["trainer", "static_trainer"])
def test_images_for_a_net_of_features_are_one_line(run_command, tmp_path, command, options):
    """The YAML lacks image_size."""
    folder = Path(loading.REPOSITORY) / "models" / "multitask" / "share_bottom"
    shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns("output*"))
    lines = (tmp_path / "copy" / YAML).read_text().replace("  image_size: 36\n", "")
    lines = lines.replace("../../../", f"{loading.REPOSITORY}/")
    (tmp_path / "copy" / YAML).write_text(lines)
    save = f"runner.model_save_path={tmp_path / 'output'}"
    done = run_command(command, "-m", tmp_path / "copy" / YAML, "-o", save, *options)
    assert done.code == 2
    assert done.stderr.splitlines()[-1].endswith(
        "hyper_parameters: expected rows of [499] for the input input, found [1, 36, 36] from the "
        "reader: set image_size for images, feature_size for others"
    )


def test_esmm_says_why_it_reads_no_images(configure):
    options = ["image_size=36", "sparse_fields=null", "dense_input_dim=0", "embedding_size=16"]
    problem = (
        "hyper_parameters.image_size: ESMMLayer reads no images: clicks and conversions are binary "
        "labels of features"
    )
    with pytest.raises(UserError, match=problem):
        DygraphSession(configure("esmm", *(f"hyper_parameters.{each}" for each in options)))
