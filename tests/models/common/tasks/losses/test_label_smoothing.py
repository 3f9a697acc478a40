"""Label smoothing: the loss is that of smoothed labels, in every way to train; metrics are not."""

import numpy as np
import paddle
import pytest

from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.model_folder import loading
from engine.training import loop
from models.common.fast_step import code
from models.common.tasks.losses import registry

SHARE = 0.2
OPTION = f"hyper_parameters.label_smoothing={SHARE}"


def smoothed_loss(logits, labels, weights, share=SHARE):
    """The loss by its definition: a mean of -sum q log p over rows that count, task by task."""
    logits = logits.astype(np.float64)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    classes = logits.shape[-1]
    counted = labels[..., 0] >= 0
    q = share / classes + (1 - share) * np.eye(classes)[labels[..., 0].clip(0)]
    rows = np.where(counted, -(q * log_p).sum(axis=-1), 0)
    return (rows.sum(axis=1) / counted.sum(axis=1) * weights).sum()


def first_batch(folder, configure, *options):
    session = DygraphSession(configure(folder, *options))
    source = sources.training_source(session._config)
    session.fit_inputs(source)
    session.start_epoch(training=True)
    return session, next(session.batches(source, 0))[0]


def step(session, batch):
    """The loss, logits, labels and gradients of a step."""
    model, net = session._contract, session.net
    paddle.seed(7)
    loss, _, _ = model.step_forward(net, None, batch, None)
    loss.backward()
    logits, labels = model._scores._streams[0]._pending[-1]
    found = {n: p.grad.numpy() for n, p in net.named_parameters() if p.grad is not None}
    net.clear_gradients()
    return loss.item(), logits.numpy(), labels.numpy(), found


def test_every_models_loss_is_that_of_smoothed_labels(folder, configure):
    options = [OPTION, "runner.train_batch_size=16"]
    if folder.name == "esmm":  # whose gradients are rows
        options.append("hyper_parameters.sparse_gradients=False")
    session, batch = first_batch(folder, configure, *options)
    loss, logits, labels, written = step(session, batch)
    weights = [task.weight for task in session.net.tasks]
    if not session.net.has_own_loss:
        assert loss == pytest.approx(smoothed_loss(logits, labels, weights), rel=1e-5)
        assert abs(loss - smoothed_loss(logits, labels, weights, 0)) > 1e-4
    model, net = session._contract, session.net
    assert (model._step_of(net) is not None) == (code.AVAILABLE and net.writable)
    model._fast = False  # by autograd
    expected, _, _, gradients = step(session, batch)
    assert loss == pytest.approx(expected, rel=1e-6)
    assert written.keys() == gradients.keys()
    for name, gradient in gradients.items():
        np.testing.assert_allclose(written[name], gradient, rtol=1e-4, atol=1e-7, err_msg=name)


def test_rows_that_do_not_count_are_not_smoothed(configure):
    rows = "[{name: click, label_column: 0}, {name: cvr, label_column: 1, rows: click}, "
    tasks = f"hyper_parameters.tasks={rows}{{name: ctcvr, label_column: 1, weight: 0.5}}]"
    options = (OPTION, tasks, "hyper_parameters.sparse_gradients=False")
    session, batch = first_batch("esmm", configure, *options)
    loss, logits, labels, gradients = step(session, batch)
    assert (labels[1] < 0).any()
    assert (labels[1] >= 0).any()
    assert loss == pytest.approx(smoothed_loss(logits, labels, [1, 1, 0.5]), rel=1e-5)
    session._contract._fast = False
    _, _, _, expected = step(session, batch)
    for name, gradient in expected.items():
        np.testing.assert_allclose(gradients[name], gradient, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["mmoe", "esmm"])
def test_static_graph_takes_the_same_steps(name, configure):
    options = [OPTION, "runner.epochs=2", "runner.train_batch_size=100", "runner.shuffle=False"]
    options += ["hyper_parameters.sparse_gradients=False"] if name == "esmm" else []
    config = configure(name, *options)

    def losses(session, first):
        session.load(session.select_parameters(first, "rec"), "rec")
        source = sources.training_source(config)
        session.start_epoch(training=True)
        batches = session.batches(source, 0)
        clock = loop.Clock()
        return [float(np.asarray(session.train_step(b, clock)["loss"])) for b, _ in batches]

    dygraph = DygraphSession(config)
    dygraph.fit_inputs(sources.training_source(config))
    first = {key: np.array(value) for key, value in dygraph.evaluation_parameters().items()}
    expected = losses(dygraph, first)
    paddle.enable_static()
    found = losses(StaticSession(config, True), first)
    np.testing.assert_allclose(found, expected, rtol=2e-4)
    assert len(found) >= 4


def test_metrics_are_those_of_the_labels_as_they_are(configure):
    plain, smooth = (
        first_batch("mmoe", configure, "runner.train_batch_size=64", *given)
        for given in ((), (OPTION,))
    )
    smooth[0].net.set_state_dict(plain[0].net.state_dict())
    found = []
    for session, batch in (plain, smooth):
        session.start_epoch(training=False)
        session.infer_step(batch, loop.Clock())
        predictions = session._contract.predict(session.net, batch)
        labels = session._contract.labels(batch)
        found.append((session.metrics(), {k: v.numpy() for k, v in predictions.items()}, labels))
    assert found[0][0] == found[1][0]
    for task, labels in found[0][2].items():
        np.testing.assert_array_equal(found[0][1][task], found[1][1][task])
        np.testing.assert_array_equal(labels, found[1][2][task])


@pytest.mark.parametrize("value", [1.0, -0.1, "much", True])
def test_a_share_that_is_none_is_an_error(value):
    with pytest.raises(ValueError, match=r"label_smoothing: expected a number in \[0, 1\)"):
        registry.create("binary", 2, None, value)


def test_without_it_the_step_is_as_it_was(configure):
    session, _ = first_batch("mmoe", configure)
    assert session.net.smoothing is None
    assert loading.hyper_parameters(session._config.folder)["label_smoothing"] == 0.0
