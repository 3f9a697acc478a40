"""PaddleRec's checkpoints of share_bottom, mmoe and ple compute the same here as in PaddleRec.

The reference nets are written from the names of the parameters and the papers' formulas, in
NumPy and double precision; PLE's takes the experts that PaddleRec's takes.
"""

import re
from pathlib import Path

import numpy as np
import paddle
import pytest

from engine.checkpoints import find, formats, store
from engine.config.load import load_config
from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.model_folder import loading
from engine.system.errors import UserError
from engine.training import loop, resume

ROOT = Path(loading.REPOSITORY)
FEATURES, EXPERT, TOWER, BOTTOM = 499, 16, 8, 117
FOLDERS = ["share_bottom", "mmoe", "ple"]
RAW = "hyper_parameters.standardize=False"


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def linear(state, name, x):
    return x @ state[f"{name}.weight"].astype(float) + state[f"{name}.bias"].astype(float)


def relu(x):
    return np.maximum(x, 0.0)


def tower(state, task, x):
    return softmax(linear(state, f"tower_out_{task}", relu(linear(state, f"tower_{task}", x))))


def share_bottom(state, x):
    shared = relu(linear(state, "bottom", x))
    return [tower(state, task, shared) for task in range(2)]


def mixed(state, gate, experts, x):
    weights = softmax(linear(state, gate, x))
    return sum(weights[:, [n]] * expert for n, expert in enumerate(experts))


def mmoe(state, x, expert_num=8):
    experts = [relu(linear(state, f"expert_{n}", x)) for n in range(expert_num)]
    return [tower(state, task, mixed(state, f"gate_{task}", experts, x)) for task in range(2)]


def ple(state, x, task_num=2, exp_per_task=3, shared_num=2):
    level = "lev_0.lev_0"
    own = [f"{level}_exp_{i}_{j}" for i in range(task_num) for j in range(exp_per_task)]
    shared = [f"{level}_exp_shared_{k}" for k in range(shared_num)]
    outputs = [relu(linear(state, name, x)) for name in own + shared]
    towers = []
    for i in range(task_num):
        chosen = [outputs[i * task_num + j] for j in range(exp_per_task)]  # as PaddleRec has it
        chosen += outputs[len(own) :]
        towers.append(tower(state, i, mixed(state, f"{level}_gate_{i}", chosen, x)))
    return towers


REFERENCES = {"share_bottom": share_bottom, "mmoe": mmoe, "ple": ple}


def layers(folder, task_num=2, exp_per_task=3, shared_num=2):
    """PaddleRec's linear layers: name, inputs, outputs."""
    if folder == "share_bottom":
        found, width = [("bottom", FEATURES, BOTTOM)], BOTTOM
    elif folder == "mmoe":
        found, width = [(f"expert_{n}", FEATURES, EXPERT) for n in range(8)], EXPERT
        found += [(f"gate_{n}", FEATURES, 8) for n in range(2)]
    else:
        level, width = "lev_0.lev_0", EXPERT
        names = [f"exp_{i}_{j}" for i in range(task_num) for j in range(exp_per_task)]
        names += [f"exp_shared_{k}" for k in range(shared_num)]
        found = [(f"{level}_{name}", FEATURES, EXPERT) for name in names]
        gates = exp_per_task + shared_num
        found += [(f"{level}_gate_{i}", FEATURES, gates) for i in range(task_num)]
    found += [(f"tower_{n}", width, TOWER) for n in range(task_num)]
    return found + [(f"tower_out_{n}", TOWER, 2) for n in range(task_num)]


def made(folder, first=2.0, **sizes):
    """Random parameters; ``first`` is how large the first layer's are."""
    random = np.random.default_rng(3)
    state = {}
    for name, inputs, outputs in layers(folder, **sizes):
        state[f"{name}.weight"] = random.normal(0, 1 / inputs**0.5, [inputs, outputs]).astype("f4")
        state[f"{name}.weight"] *= first if inputs == FEATURES else 2.0
        state[f"{name}.bias"] = random.normal(0, 0.3, [outputs]).astype("f4")
    return state


def static_form(state):
    """As PaddleRec's static trainer saves them: its layers' names are the variables'."""
    kinds = {"weight": "w_0", "bias": "b_0"}
    parts = {name: name.split(".") for name in state}
    return {f"{parts[n][-2]}.{kinds[parts[n][-1]]}": value for n, value in state.items()}


@pytest.fixture
def theirs(tmp_path):
    """Writes a checkpoint as PaddleRec does; returns its folder and its parameters."""

    def write(folder, form="dygraph", **sizes):
        place = tmp_path / "theirs" / "3"
        place.mkdir(parents=True)
        state = made(folder, **sizes)
        if form == "static":
            paddle.save(static_form(state), str(place / "rec_static.pdparams"))
        else:
            paddle.save(
                {n: paddle.to_tensor(v) for n, v in state.items()}, str(place / "rec.pdparams")
            )
        return place, state

    return write


def rows():
    """Features of the size of one, so that float32 is exact to 1e-6."""
    return np.random.default_rng(11).random([64, FEATURES]).astype("float32")


def ours(config, session, x):
    paddle.disable_static()
    session.net.eval()
    with paddle.no_grad():
        return [output.numpy() for output in session.net(paddle.to_tensor(x))]


def warm(configure, folder, place, *options, static=False):
    config = configure(folder, f"runner.model_init_path={place}", *options)
    session = StaticSession(config, True) if static else DygraphSession(config)
    resume.start(session, config, sources.training_source(config))
    return config, session


@pytest.mark.parametrize("form", ["dygraph", "static"])
@pytest.mark.parametrize("standardize", [RAW, "hyper_parameters.standardize=True"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_a_warm_start_computes_what_the_original_does(theirs, configure, folder, standardize, form):
    """With standardize too: the statistics become those of the identity."""
    place, state = theirs(folder, form)
    config, session = warm(configure, folder, place, standardize)
    x = rows()
    expected = REFERENCES[folder](state, x.astype(float))
    assert np.ptp(expected[0]) > 0.5  # the rows differ
    for mine, original in zip(ours(config, session, x), expected):
        np.testing.assert_allclose(mine, original, rtol=0, atol=1e-6)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_warm_start_of_static_graph(theirs, configure, folder):
    place, state = theirs(folder)
    config, session = warm(configure, folder, place, RAW, static=True)
    root = config.runner("model_save_path")
    store.save(root, 0, "rec_static", session.state(), {})
    reader = DygraphSession(config)
    reader.load(*find.parameters(f"{root}/0", "rec_static"))
    x = rows()
    for mine, original in zip(ours(config, reader, x), REFERENCES[folder](state, x.astype(float))):
        np.testing.assert_allclose(mine, original, rtol=0, atol=1e-6)


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("command", ["infer", "static_infer"])
def test_a_checkpoint_is_evaluated_without_conversion(
    theirs, run_command, tmp_path, folder, command
):
    place, state = theirs(folder, first=2e-4)  # raw features are in the thousands
    yaml, path = ROOT / "models" / "multitask" / folder / "config.yaml", tmp_path / "found.npy"
    options = [f"runner.infer_load_path={place.parent}", "runner.infer_start_epoch=3"]
    options += ["runner.infer_end_epoch=4", "runner.infer_batch_size=50"]
    options += [f"runner.save_predictions={path}", RAW]
    done = run_command(command, "-m", yaml, "-o", *options)
    assert done.code == 0, done.stderr
    config = load_config(str(yaml), [RAW], loading.hyper_parameters)
    x = np.concatenate([block[0] for block in sources.evaluation_source(config).blocks()])
    expected = np.stack([out[:, 1] for out in REFERENCES[folder](state, x.astype(float))], 1)
    np.testing.assert_allclose(np.load(path), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("sizes", [(2, 2, 1), (2, 3, 0), (2, 1, 2)])
def test_ple_of_other_sizes(theirs, configure, sizes):
    _, exp_per_task, shared_num = sizes
    place, state = theirs("ple", exp_per_task=exp_per_task, shared_num=shared_num)
    options = [f"hyper_parameters.exp_per_task={exp_per_task}"]
    options.append(f"hyper_parameters.shared_num={shared_num}")
    config, session = warm(configure, "ple", place, RAW, *options)
    x = rows()
    expected = ple(state, x.astype(float), *sizes)
    for mine, original in zip(ours(config, session, x), expected):
        np.testing.assert_allclose(mine, original, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("folder", "option", "problem"),
    [
        ("mmoe", "hyper_parameters.expert_num=9", "it has no parameter expert_8.weight"),
        (
            "mmoe",
            "hyper_parameters.expert_size=8",
            r"expert_0.weight has shape \(499, 16\) there, \(499, 8\) here",
        ),
        (
            "share_bottom",
            "hyper_parameters.bottom_size=[64,32]",
            "PaddleRec's net has one layer for bottom_size, this one has 2",
        ),
        ("ple", "hyper_parameters.level_number=2", "one layer for level_number, this one has 2"),
        ("mmoe", "hyper_parameters.gate_size=[4]", "one layer for gate_size, this one has 2"),
        ("ple", "hyper_parameters.shared_num=3", "no parameter lev_0.lev_0_exp_shared_2.weight"),
    ],
)
def test_a_checkpoint_of_another_net(theirs, configure, folder, option, problem):
    place, _ = theirs(folder)
    with pytest.raises(UserError, match=rf"^{place} does not fit the model: .*{problem}"):
        warm(configure, folder, place, option)


# Written for PaddleRec


@pytest.fixture
def trained(configure, tmp_path):
    """Trains a folder for an epoch; returns the configuration and the epoch's folder."""

    def train(folder, graph, *options):
        config = configure(folder, "runner.epochs=1", "runner.train_batch_size=16", *options)
        session = DygraphSession(config) if graph == "dygraph" else StaticSession(config, True)
        loop.train(session, config, sources.training_source(config))
        return config, f"{config.runner('model_save_path')}/0"

    return train


def convert(run_command, folder, source, target, to, form, *options):
    yaml = ROOT / "models" / "multitask" / folder / "config.yaml"
    arguments = ["-m", yaml, "--checkpoint", source, "--output", target, "--to", to]
    overrides = ["-o", *options] if options else []
    return run_command("convert", *arguments, "--form", form, *overrides)


VISITS = (
    "hyper_parameters.tasks=[{name: a, label_column: 0}, {name: b, label_column: 1, type: count}]"
)
SQUARE = ["hyper_parameters.exp_per_task=2", "hyper_parameters.shared_num=1"]


@pytest.mark.parametrize("graph", ["dygraph", "static"])
@pytest.mark.parametrize("form", ["dygraph", "static"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_a_converted_checkpoint_computes_the_same_in_paddlerec(
    trained, run_command, tmp_path, folder, form, graph
):
    """Converted back, it computes the same here. PaddleRec's nets do not standardise inputs."""
    options = [RAW, *(SQUARE if folder == "ple" else [])]
    config, source = trained(folder, graph, *options)
    target = tmp_path / "for_paddlerec"
    done = convert(run_command, folder, source, target, "paddlerec", form, *options)
    assert done.code == 0, done.stderr
    prefix = {"dygraph": "rec", "static": "rec_static"}[form]
    written = formats.read(str(target / f"{prefix}.pdparams"))
    sizes = {"exp_per_task": 2, "shared_num": 1} if folder == "ple" else {}
    expected = made(folder, **sizes)
    names = dict(zip(static_form(expected) if form == "static" else expected, expected))
    assert written.keys() == names.keys()
    state = {names[name]: value for name, value in written.items()}
    paddle.disable_static()
    session = DygraphSession(config)
    session.load(*find.parameters(source, "rec"))
    x = rows()
    before = ours(config, session, x)
    for mine, theirs in zip(
        before, REFERENCES[folder](state, x.astype(float), *((2, 2, 1) if folder == "ple" else ()))
    ):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-6)

    back = tmp_path / "back"
    done = convert(run_command, folder, target, back, "paddlemtl", form, *options)
    assert done.code == 0, done.stderr
    paddle.disable_static()
    session = DygraphSession(config)
    session.load(*find.parameters(str(back), prefix))
    for first, second in zip(before, ours(config, session, x)):
        np.testing.assert_array_equal(first, second)


def test_standardised_inputs_are_folded_into_the_first_layer(configure, run_command, tmp_path):
    config = configure("mmoe")
    session = DygraphSession(config)
    random = np.random.default_rng(1)
    mean, deviation = random.normal(20, 5, 11), random.uniform(0.5, 30, 11)
    arrays = {"mean": mean, "deviation": deviation, "logarithmic": np.zeros(11)}
    session.load({f"inputs.scale.{n}": v.astype("f4") for n, v in arrays.items()}, "rec")
    root = config.runner("model_save_path")
    store.save(root, 0, "rec", session.state(), {})
    target = tmp_path / "for_paddlerec"
    done = convert(run_command, "mmoe", f"{root}/0", target, "paddlerec", "dygraph")
    assert done.code == 0, done.stderr
    state = formats.read(str(target / "rec.pdparams"))
    x = rows()
    for mine, original in zip(ours(config, session, x), mmoe(state, x.astype(float))):
        np.testing.assert_allclose(mine, original, rtol=0, atol=1e-5)


def test_a_ple_of_paddlerec_is_unchanged_by_a_conversion(theirs, run_command, tmp_path):
    """Except for the expert that PaddleRec never uses, which is not kept."""
    place, state = theirs("ple")
    target = tmp_path / "again"
    done = convert(run_command, "ple", place, target, "paddlerec", "dygraph", RAW)
    assert done.code == 0, done.stderr
    written = formats.read(str(target / "rec.pdparams"))
    assert written.keys() == state.keys()
    for name, value in state.items():
        if "exp_1_2" not in name:
            np.testing.assert_array_equal(written[name], value, err_msg=name)


@pytest.mark.parametrize(
    ("folder", "options", "problem"),
    [
        ("ple", [RAW], "lev_0.lev_0_exp_1_0.weight|lev_0.lev_0_exp_0_2.weight"),
        ("mmoe", [RAW, "hyper_parameters.gate_size=[4]"], "one layer for gate_size"),
        ("mmoe", ["hyper_parameters.dense_bins=4"], "PaddleRec's net has no bins"),
        ("mmoe", [RAW, "hyper_parameters.bottom=mlp"], "PaddleRec's net has no layers of a bottom"),
        ("share_bottom", [], r"standardize takes log1p of feature \d+, which PaddleRec's net"),
        ("esmm", [], "PaddleRec's ESMMLayer has other parameters"),
        ("mmoe", [RAW, VISITS], "MMoELayer has binary tasks only, b is count$"),
    ],
)
def test_nets_that_paddlerec_does_not_have(
    trained, run_command, tmp_path, folder, options, problem
):
    _, source = trained(folder, "dygraph", *options)
    target = tmp_path / "for_paddlerec"
    done = convert(run_command, folder, source, target, "paddlerec", "dygraph", *options)
    assert done.code == 2
    *_, last = done.stderr.splitlines()
    assert last.startswith(f"error: {source}: ")
    assert re.search(problem, last), last
    assert not target.exists()


def test_invalid_conversions(theirs, run_command, tmp_path):
    place, _ = theirs("mmoe")
    done = convert(run_command, "mmoe", place, place, "paddlerec", "dygraph")
    assert done.stderr.splitlines()[-1] == (
        f"error: --output {place}: expected another folder than --checkpoint"
    )
    nowhere = tmp_path / "nowhere"
    done = convert(run_command, "mmoe", nowhere, tmp_path / "out", "paddlerec", "dygraph")
    assert done.stderr.splitlines()[-1] == f"error: there is no checkpoint {nowhere}/rec.pdparams"
    (tmp_path / "file").write_text("")
    done = convert(run_command, "mmoe", place, tmp_path / "file" / "in", "paddlemtl", "dygraph")
    assert done.stderr.splitlines()[-1].startswith("error: cannot save to ")
    assert done.code == 2
