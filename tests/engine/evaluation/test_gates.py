"""After training, each task's experts are in the log and in a picture."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from engine.data import sources
from engine.evaluation import gates
from engine.graphs.dygraph import DygraphSession
from engine.training import loop

WEIGHTS = {"left": np.array([0.0, 0.25, 0.0, 0.75]), "right": np.array([4e-4, 0.0, 0.9996, 0.0])}


def shown(folder, caplog, visual):
    caplog.clear()
    caplog.set_level("INFO")
    gates.show(WEIGHTS, str(folder), visual)
    return caplog.messages


def test_lines_list_the_used_experts_by_weight(tmp_path, caplog):
    assert shown(tmp_path, caplog, None) == [
        "gate of left: 2 of 4 experts, expert 3: 0.750, expert 1: 0.250",
        "gate of right: 1 of 4 experts, expert 2: 1.000",
    ]
    assert not list(tmp_path.iterdir())


def test_a_heat_map_is_drawn(tmp_path, caplog):
    pytest.importorskip("matplotlib", reason="matplotlib is an extra: requirements-visual.txt")
    pictures = []
    visual = SimpleNamespace(image=lambda name, pixels: pictures.append((name, pixels)))
    path = tmp_path / "gates.png"
    assert shown(tmp_path, caplog, visual)[-1] == f"drew {path}"
    assert path.read_bytes().startswith(b"\x89PNG")
    ((name, pixels),) = pictures
    assert name == "gates"
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 4  # drawn on, not blank


def test_weights_and_names_are_in_the_picture():
    pytest.importorskip("matplotlib", reason="matplotlib is an extra: requirements-visual.txt")
    (axes,) = gates._heat_map(WEIGHTS).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["left", "right"]
    cells = [text.get_text() for text in axes.texts]
    assert cells == ["0.00", "0.25", "0.00", "0.75", "0.00", "0.00", "1.00", "0.00"]
    np.testing.assert_array_equal(axes.images[0].get_array(), np.stack(list(WEIGHTS.values())))


def test_without_matplotlib_the_log_says_what_to_install(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(gates.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    lines = shown(tmp_path, caplog, SimpleNamespace())
    assert len(lines) == 3
    assert lines[-1] == "no heat map of the gates: pip install -r requirements-visual.txt"
    assert not list(tmp_path.iterdir())


def test_training_logs_the_gates_of_nets_that_have_them(folder, configure, caplog):
    caplog.set_level("INFO")
    config = configure(folder.name, "runner.epochs=1", "runner.train_batch_size=40")
    session = DygraphSession(config)
    loop.train(session, config, sources.training_source(config))
    found = [line.split(":")[0] for line in caplog.messages if "gate of" in line]
    tasks = [f"gate of {task['name']}" for task in config["hyper_parameters.tasks"]]
    assert found == (tasks if hasattr(session.network(), "gate_weights") else [])


def test_the_nets_with_gates(configure):
    with_gates = {
        name
        for name in ("share_bottom", "mmoe", "ple", "esmm", "dselect_k")
        if hasattr(DygraphSession(configure(name)).network(), "gate_weights")
    }
    assert with_gates == {"mmoe", "ple", "dselect_k"}


@pytest.mark.parametrize(("folder", "experts"), [("mmoe", 8), ("ple", 8), ("dselect_k", 4)])
def test_over_all_batches_weights_are_means_over_rows(configure, folder, experts):
    config = configure(folder, "runner.infer_batch_size=64")  # the last batch is a smaller one
    session = DygraphSession(config)
    by_batches = session.gate_weights(sources.evaluation_source(config), batches=None)
    everything = configure(folder, "runner.infer_batch_size=1000")
    at_once = session.gate_weights(sources.evaluation_source(everything))
    assert by_batches.keys() == at_once.keys()
    for task, row in by_batches.items():
        assert row.shape == (experts,)
        assert row.sum() == pytest.approx(1.0, abs=1e-5)
        np.testing.assert_allclose(row, at_once[task], atol=1e-6)


def test_a_task_of_ple_never_uses_the_experts_of_another(configure):
    config = configure("ple", "hyper_parameters.level_number=2", "runner.infer_batch_size=1000")
    weights = DygraphSession(config).gate_weights(sources.evaluation_source(config))
    own = config["hyper_parameters.exp_per_task"]
    assert not weights["income"][own : 2 * own].any()
    assert not weights["marital"][:own].any()
    assert weights["income"][:own].all()
    assert weights["marital"][own:].all()


def test_experts_may_have_names(tmp_path, caplog, configure):
    caplog.set_level("INFO")
    names = ["left 0", "left 1", "shared 0", "shared 1"]
    gates.show(WEIGHTS, str(tmp_path), None, names)
    assert caplog.messages[0] == "gate of left: 2 of 4 experts, shared 1: 0.750, left 1: 0.250"
    own = DygraphSession(configure("ple")).gate_names()
    assert own[:2] == ["income 0", "income 1"]
    assert own[-1] == "shared 1"
    assert DygraphSession(configure("mmoe")).gate_names() is None
