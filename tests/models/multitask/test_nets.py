"""The nets of the three papers: shapes, options, and what each refuses."""

import paddle
import pytest

from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.model_folder import loading
from engine.system.clock import Clock
from engine.system.errors import UserError
from engine.training import loop


def net(folder, configure, *overrides):
    return DygraphSession(configure(folder, *overrides)).net


# Parameters of the classic nets, by hand: 499 features, the defaults of the constructors.
CLASSIC = {
    "share_bottom": 499 * 117 + 117 + 2 * (117 * 8 + 8 + 8 * 2 + 2),
    "mmoe": 8 * (499 * 16 + 16) + 2 * (499 * 8 + 8) + 2 * (16 * 8 + 8 + 8 * 2 + 2),
    "ple": 8 * (499 * 16 + 16) + 2 * (499 * 5 + 5) + 2 * (16 * 8 + 8 + 8 * 2 + 2),
}


@pytest.mark.parametrize("folder", CLASSIC)
def test_the_defaults_are_the_classic_shapes(folder, configure):
    found = net(folder, configure, "hyper_parameters.standardize=False")
    assert sum(parameter.size for parameter in found.parameters()) == CLASSIC[folder]


def levels_of_ple(level_number, shared):
    """Parameters of a PLE of 499 features, 2 tasks of 3 experts of size 16, towers of 8."""
    own, everyone, total, size = 3, 6 + shared, 0, 499
    for level in range(level_number):
        shared_gate = everyone if shared and level < level_number - 1 else 0
        total += everyone * (size * 16 + 16)
        total += (size + 1) * (2 * (own + shared) + shared_gate)
        size = 16
    return total + 2 * (16 * 8 + 8 + 8 * 2 + 2)


@pytest.mark.parametrize("shared", [0, 1, 2])
@pytest.mark.parametrize("level_number", [1, 2, 3])
def test_ple_has_a_shared_gate_in_every_level_but_the_last(configure, level_number, shared):
    options = [f"hyper_parameters.level_number={level_number}"]
    options += [f"hyper_parameters.shared_num={shared}", "hyper_parameters.standardize=False"]
    found = net("ple", configure, *options)
    expected = levels_of_ple(level_number, shared)
    assert sum(parameter.size for parameter in found.parameters()) == expected


@pytest.mark.parametrize(
    "overrides",
    [
        ("exp_per_task=1", "shared_num=0", "level_number=3"),
        ("exp_per_task=2", "shared_num=3", "level_number=2", "gate_size=[6, 5]"),
        ("expert_size=[12, 7]", "tower_size=[]", "dropout=0.1", "level_number=2"),
    ],
)
def test_every_parameter_of_ple_learns(configure, overrides):
    config = configure("ple", *(f"hyper_parameters.{text}" for text in overrides))
    session = DygraphSession(config)
    before = {name: value.numpy() for name, value in session.net.state_dict().items()}
    session.start_epoch(training=True)
    for batch, _ in session.batches(sources.training_source(config), 0):
        session.train_step(batch, Clock())
    for name, value in session.net.state_dict().items():
        if not name.startswith("inputs.scale."):
            assert (value.numpy() != before[name]).any(), name


@pytest.mark.parametrize("folder", CLASSIC)
def test_layer_lists_make_deeper_nets(folder, configure):
    first = "bottom_size" if folder == "share_bottom" else "expert_size"
    options = [f"hyper_parameters.{first}=[24, 12]", "hyper_parameters.tower_size=[9, 5]"]
    if folder != "share_bottom":
        options.append("hyper_parameters.gate_size=[10, 7, 6]")
    outputs = net(folder, configure, *options)(paddle.rand([4, 499]))
    assert [output.shape for output in outputs] == [[4, 2], [4, 2]]


@pytest.mark.parametrize("folder", CLASSIC)
def test_dropout_changes_no_name_so_evaluation_may_leave_it_out(folder, configure):
    first = "bottom_size" if folder == "share_bottom" else "expert_size"
    deep = f"hyper_parameters.{first}=[24, 12]"
    plain, dropped = (
        net(folder, configure, deep, f"hyper_parameters.dropout={rate}") for rate in (0.0, 0.3)
    )
    assert plain.state_dict().keys() == dropped.state_dict().keys()


@pytest.mark.parametrize(
    ("folder", "override", "problem"),
    [
        ("mmoe", "expert_num=0", "expert_num: expected an integer of at least 1, found 0"),
        ("mmoe", "expert_size=[]", "expert_size: expected at least 1 layer"),
        ("mmoe", "expert_size=[16, 0]", "expert_size: expected an integer of at least 1"),
        ("mmoe", "gate_num=3", "the net is for 3 tasks, but tasks are income, marital"),
        ("mmoe", "dropout=1.0", r"dropout: expected a number in \[0, 1\), found 1.0"),
        ("mmoe", "optimizer.class=adamm", "optimizer.class: expected adam, .* found 'adamm'"),
        ("mmoe", "optimizer.learning_rate=0", "learning_rate: expected a positive number"),
        ("mmoe", "tasks=[{name: a}]", "tasks: expected entries of name .* found {'name': 'a'}"),
        ("mmoe", "tasks=[{name: 5, label_column: 1}]", "tasks: 5: name: expected a text"),
        ("mmoe", "tasks=[{name: a, label_column: x}]", "a: label_column: expected an integer"),
        (
            "mmoe",
            "tasks=[{name: a, label_column: 1, wait: 2}]",
            "tasks: a: unknown key wait; a task has name",
        ),
        (
            "mmoe",
            "tasks=[{name: a, label_column: 1, weight: -1}]",
            "a: weight: expected a number of at least 0",
        ),
        ("mmoe", "tasks=income", "tasks: expected a list of tasks, found 'income'"),
        ("mmoe", "optimizer.learning_rate=.inf", "learning_rate: expected a positive number"),
        ("mmoe", "dense_input_dim=-1", "dense_input_dim: expected an integer of at least 0"),
        ("mmoe", "dense_input_dim=500", "dense_input_dim: 500 is more than feature_size, 499"),
        ("ple", "level_number=0", "level_number: expected an integer of at least 1"),
        ("ple", "shared_num=-1", "shared_num: expected an integer of at least 0"),
        ("share_bottom", "bottom_size=[]", "bottom_size: expected at least 1 layer"),
    ],
)
def test_a_bad_hyper_parameter_is_named(folder, override, problem, configure):
    with pytest.raises(UserError, match=problem):
        DygraphSession(configure(folder, f"hyper_parameters.{override}"))


@pytest.mark.parametrize("folder", CLASSIC)
def test_the_video_naming_of_the_table(folder, configure):
    """Task names and label columns come from the YAML alone."""
    metrics = {}
    for yaml in ("config.yaml", "config_video.yaml"):
        config = configure(folder, "runner.epochs=1", "runner.overwrite=True", yaml=yaml)
        metrics[yaml] = loop.train(
            DygraphSession(config), config, sources.training_source(config)
        ).metrics[0]
    assert list(metrics["config_video.yaml"]) == ["auc_like", "auc_completion"]
    census, video = metrics.values()
    assert census["auc_income"] == video["auc_like"]
    assert census["auc_marital"] == video["auc_completion"]


def test_a_task_of_no_weight_is_not_learned(configure):
    tasks = "[{name: income, label_column: 1}, {name: marital, label_column: 0, weight: 0}]"
    config = configure("mmoe", f"hyper_parameters.tasks={tasks}")
    session = DygraphSession(config)
    towers = session.net.towers.output.weight
    before = towers.numpy()
    session.start_epoch(training=True)
    for batch, _ in session.batches(sources.training_source(config), 0):
        session.train_step(batch, Clock())
    changed = (towers.numpy() != before).any(axis=(1, 2))
    assert changed.tolist() == [True, False]


def test_the_classes_take_their_well_known_arguments():
    folder = f"{loading.REPOSITORY}/models/multitask"
    names = {
        "share_bottom": ("ShareBottomLayer", (20, 3, 9, 4)),
        "mmoe": ("MMoELayer", (20, 4, 6, 5, 3)),
        "ple": ("PLELayer", (20, 3, 2, 1, 6, 5, 2)),
    }
    for name, (cls, arguments) in names.items():
        made = loading.load_class(f"{folder}/{name}", "net", cls)(*arguments)
        assert [output.shape for output in made(paddle.rand([7, 20]))] == [[7, 2]] * 3
