"""``paddle.static.auc`` counts all rows of an epoch on Paddle 2 and 3, for several tasks."""

import numpy as np
import paddle
import pytest
from sklearn.metrics import roc_auc_score

from engine.config.load import load_config
from engine.data import sources
from engine.graphs.static import StaticSession
from engine.model_folder import loading, running_auc
from engine.system.clock import Clock

folders = pytest.mark.parametrize(
    ("name", "metrics", "thresholds"),
    [
        ("multitask/aitm", ["auc_click", "auc_conversion"], 4096),
        ("multitask/five_tasks", [f"auc_{task}" for task in "abcde"], 4095),
    ],
)


class AucInputs:
    """Adds the inputs of each AUC to a model's fetches."""

    def __init__(self, monkeypatch):
        self.variables = []
        monkeypatch.setattr(running_auc, "_original", self._record(running_auc._original))

    def _record(self, original):
        def call(input, label, *others):
            self.variables.append((input, label))
            return original(input, label, *others)

        return call

    def add_to(self, session):
        for number, (input, label) in enumerate(self.variables):
            session._fetch_names += [f"input_{number}", f"label_{number}"]
            session._fetches += [input, label]


def exact(batches, number, thresholds):
    """Returns the exact AUC and the largest error of buckets: half of the tied pairs."""
    scores = np.concatenate([batch[f"input_{number}"][:, 1] for batch in batches])
    labels = np.concatenate([batch[f"label_{number}"].reshape(-1) for batch in batches])
    if labels.min() == labels.max():
        return None
    buckets = (scores * np.float32(thresholds)).astype(int)
    counts = np.stack([np.bincount(buckets[labels == k], minlength=thresholds + 1) for k in (0, 1)])
    tied = counts.prod(axis=0).sum() / counts.sum(axis=1).prod()
    return roc_auc_score(labels, scores), 0.5 * tied + 1e-6


@folders
@pytest.mark.parametrize("training", [True, False])
def test_it_equals_scikit_learns_auc(stand_in, monkeypatch, name, metrics, thresholds, training):
    """After every batch; the second epoch starts from zero."""
    folder = stand_in(name)
    config = load_config(str(folder / "config.yaml"), [], loading.hyper_parameters)
    assert "runner.auc_num" not in config
    auc_inputs = AucInputs(monkeypatch)
    session = StaticSession(config, training)
    auc_inputs.add_to(session)
    source = sources.training_source(config, "static")
    checked = 0
    for epoch in range(2):
        session.start_epoch(training)
        batches = []
        for batch, _ in session.batches(source, epoch):
            batches.append(session.train_step(batch, Clock()))
            for number, metric in enumerate(metrics):
                expected = exact(batches, number, thresholds)
                if expected is not None:
                    found, (auc, error) = batches[-1][metric].item(), expected
                    assert found == pytest.approx(auc, abs=error), (epoch, metric)
                    assert error < 0.02
                    checked += 1
        assert len(batches) > 3
        errors = [exact(batches, number, thresholds)[1] for number in range(len(metrics))]
        assert session.auc_counters.error_bound() == pytest.approx(max(errors), abs=1e-4)
        shown = session.metrics()
        assert [shown[metric] for metric in metrics] == [batches[-1][m] for m in metrics]
        if "mean_auc" in shown:  # computed by the model
            mean = np.mean([shown[metric].item() for metric in metrics])
            assert shown["mean_auc"].item() == pytest.approx(mean, abs=1e-6)
    assert checked > 6 * len(metrics)


@folders
def test_the_epoch_line_shows_it(stand_in, run_command, lines, name, metrics, thresholds):
    folder = stand_in(name)
    done = run_command("static_trainer", "-m", folder / "config.yaml", "-o", "runner.epochs=2")
    assert done.code == 0, done.stderr
    shown = lines(done.log)
    assert len(shown["done"]) == 2
    for values in shown["done"]:
        assert all(0.0 < values[metric] <= 1.0 for metric in metrics)
    assert shown["batch"][-1].items() >= {(m, shown["done"][-1][m]) for m in metrics}


def test_batches_of_one_label_only():
    """The AUC is undefined: nan under PIR, 0 in Paddle 2. Later rows define it."""
    paddle.enable_static()
    main, startup, scope = paddle.static.Program(), paddle.static.Program(), paddle.static.Scope()
    running_auc.install()
    with paddle.static.program_guard(main, startup), running_auc.recorded() as counters:
        scores = paddle.static.data("scores", [None, 2], "float32")
        labels = paddle.static.data("labels", [None, 1], "int64")
        auc, last, states = paddle.static.auc(scores, labels)
    assert len(states) == 4
    executor = paddle.static.Executor(paddle.CPUPlace())
    executor.run(startup, scope=scope)

    def run(values, truth):
        table = np.array([[1 - value, value] for value in values], "float32")
        feed = {"scores": table, "labels": np.array(truth).reshape(-1, 1)}
        with paddle.static.scope_guard(scope):
            found = executor.run(main, feed=feed, fetch_list=[auc, last])
        return [array.item() for array in found]

    first = run([0.2, 0.7], [1, 1])[0]
    assert np.isnan(first) or first == 0.0
    assert run([0.5, 0.1], [0, 0])[0] == pytest.approx(0.75)
    running_auc.Counters(counters, scope, paddle.CPUPlace()).reset()
    assert run([0.2, 0.7], [0, 1]) == [1.0, 1.0]
    assert run([0.9, 0.1], [0, 1])[0] == pytest.approx(0.25)
