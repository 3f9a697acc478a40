"""Tasks of all types in one net: both graphs, the fast step, and losses computed by hand."""

import numpy as np
import paddle
import pytest

from models.common.contract.dygraph import MultiTaskDygraphModel
from models.common.contract.net import MultiTaskNet
from models.common.contract.static import MultiTaskStaticModel
from models.common.fast_step import code
from models.common.layers.dense import Towers, mlp
from models.common.tasks.losses.registry import create

TASKS = [
    {"name": "click", "label_column": 0},
    {"name": "like", "label_column": 1, "positive_weight": 20, "loss": "focal", "weight": 0.5},
    {
        "name": "watch",
        "label_column": 2,
        "type": "regression",
        "loss": "huber",
        "transform": ["log1p", "standardize"],
        "sample_weight": "watch_weight",
        "rows": "click",
    },
    {"name": "rating", "label_column": 3, "type": "multiclass", "class_num": 5},
    {"name": "visits", "label_column": 4, "type": "count"},
    {"name": "spend", "label_column": 5, "type": "regression", "loss": "ziln"},
]
SIZES = [2, 2, 1, 5, 1, 3]
ROWS, FEATURES = 60, 4


class Net(MultiTaskNet):
    """A small net that takes every type."""

    def __init__(self, feature_size, task_num=2, tower_size=3, output_sizes=()):
        super().__init__(task_num)
        self.bottom = mlp(feature_size, [8])
        self.towers = Towers(task_num, 8, tower_size, output_sizes=output_sizes)

    def logits(self, features):
        """Returns the logits."""
        return self.towers(self.bottom(features))


class Dygraph(MultiTaskDygraphModel):
    net_class = Net


class Static(MultiTaskStaticModel):
    net_class = Net


def config(tasks=TASKS, **others):
    settings = {"feature_size": FEATURES, "dense_input_dim": 0, "task_num": len(tasks)}
    settings.update(tasks=tasks, **others)
    return {f"hyper_parameters.{key}": value for key, value in settings.items()}


def rows(count=ROWS, missing=0.2):
    """Inputs, labels of `TASKS` with missing ones, and weights."""
    random = np.random.default_rng(3)
    x = random.normal(size=(count, FEATURES)).astype("f4")
    labels = [
        random.integers(0, 2, (count, 1)),
        random.integers(0, 2, (count, 1)),
        random.exponential(30, (count, 1)).astype("f4"),
        random.integers(0, 5, (count, 1)),
        random.poisson(2, (count, 1)).astype("f4"),
        (random.exponential(9, (count, 1)) * random.integers(0, 2, (count, 1))).astype("f4"),
    ]
    for label in labels:
        absent = random.random((count, 1)) < missing
        label[absent] = np.nan if label.dtype == np.float32 else -100
    return [x, *labels, random.random((count, 1)).astype("f4")]


def built(block, settings=None):
    paddle.seed(5)
    model = Dygraph()
    settings = settings or config()
    net = model.create_model(settings)
    for name, value in model.fit_inputs(net, [block]).items():
        net.state_dict()[name].set_value(value)
    model.create_metrics()
    return model, net


def losses_by_hand(net, block, tasks=TASKS):
    """Each task's weighted mean loss, from the formula in row_weights."""
    weights = block[1 + len(tasks)]
    logits = net.by_task(net.logits(paddle.to_tensor(block[0])))
    found = []
    for place, (entry, z) in enumerate(zip(tasks, logits)):
        label = block[1 + place]
        is_number = label.dtype == np.float32
        count = ~np.isnan(label) if is_number else label >= 0
        if entry.get("rows"):
            count &= block[1] == 1
        target, w = np.where(count, label, 0), count.astype("f8")
        if entry["name"] == "watch":
            logs = np.log1p(label[count].astype("f8"))
            target = np.where(count, (np.log1p(target) - logs.mean()) / logs.std(), 0)
            w = w * weights
        factor = np.where(target == 1, entry.get("positive_weight", 1), 1)
        kind = entry.get("type", "binary")
        loss = create(kind, {"binary": 2}.get(kind, 5), entry.get("loss"))
        target = paddle.to_tensor(target.astype("f4" if is_number else "i8"))
        each = loss.rows(z, target).numpy()
        found.append(entry.get("weight", 1.0) * (w * factor * each).sum() / w.sum())
    return found


def test_loss_is_the_formula_in_every_step():
    block = rows()
    model, net = built(block)
    expected = sum(losses_by_hand(net, block))
    (feeds,) = model.prepare(net, block, ROWS)
    assert not net.stacked
    loss, _, _ = model.train_forward(net, None, feeds, {})
    np.testing.assert_allclose(loss.item(), expected, rtol=2e-6)
    fast, _, _ = model.step_forward(net, None, feeds, {})
    np.testing.assert_allclose(fast.item(), expected, rtol=2e-6)
    loss.backward()
    by_autograd = {name: p.grad.numpy() for name, p in net.named_parameters() if p.trainable}
    net.clear_gradients()
    fast.backward()
    for name, parameter in net.named_parameters():
        if parameter.trainable:
            np.testing.assert_allclose(
                parameter.grad.numpy(), by_autograd[name], rtol=1e-5, atol=1e-7
            )


def run_static(block, settings, parameters):
    """Loss and training fetches of the static graph, with the net's parameters."""
    paddle.enable_static()
    main, start = paddle.static.Program(), paddle.static.Program()
    with paddle.static.program_guard(main, start):
        model = Static(settings)
        feeds = model.create_feeds()
        fetches = model.net(feeds)
        executor, scope = paddle.static.Executor(), paddle.static.Scope()
        with paddle.static.scope_guard(scope):
            executor.run(start)
            for name, tensor in model.network.state_dict().items():
                variable = scope.find_var(tensor.name).get_tensor()
                variable.set(parameters[name], paddle.CPUPlace())
            feed = dict(zip([each.name for each in feeds], block))
            values = executor.run(main, feed=feed, fetch_list=list(fetches.values()))
    return model, dict(zip(fetches, values))


def test_both_graphs_agree():
    block = rows()
    model, net = built(block)
    (feeds,) = model.prepare(net, block, ROWS)
    loss = model.train_forward(net, None, feeds, {})[0].item()
    parameters = {name: value.numpy() for name, value in net.state_dict().items()}
    metrics, names = model._scores.metrics, model._scores.names
    dygraph = dict(zip(names, [metric.accumulate() for metric in metrics]))
    static, fetched = run_static(block, config(), parameters)
    np.testing.assert_allclose(fetched["loss"], loss, rtol=1e-6)
    metrics, names = static.create_metrics()
    static.update_metrics(metrics, fetched, block)
    for name, metric in zip(names, metrics):
        np.testing.assert_allclose(metric.accumulate(), dygraph[name], rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("missing", [0.0, 0.3, 1.0])
def test_both_graphs_leave_out_missing_labels_of_equal_tasks(missing):
    """Of two binary tasks one cross-entropy is the loss; -100 counts in no graph."""
    tasks = [TASKS[0], {"name": "like", "label_column": 1, "weight": 0.5}]
    x, *labels = rows(missing=missing)
    block = [x, *labels[:2]]
    model, net = built(block, config(tasks))
    (feeds,) = model.prepare(net, block, ROWS)
    loss = model.step_forward(net, None, feeds, {})[0].item()
    if missing < 1:
        expected = sum(losses_by_hand(net, [*block, None], tasks))
        assert loss == pytest.approx(expected, rel=1e-5)
    parameters = {name: value.numpy() for name, value in net.state_dict().items()}
    assert net.stacked
    assert run_static(block, config(tasks), parameters)[1]["loss"] == pytest.approx(loss, rel=1e-6)


def test_rows_without_labels_are_predicted_and_add_nothing():
    block = rows(missing=0.0)
    model, net = built(block)
    for label in block[1:7]:
        label[:] = np.nan if label.dtype == np.float32 else -100
    (feeds,) = model.prepare(net, block, ROWS)
    loss = model.step_forward(net, None, feeds, {})[0]
    assert loss.item() == 0.0
    loss.backward()
    assert all((p.grad.numpy() == 0).all() for p in net.parameters() if p.trainable)
    assert all(np.isnan(metric.accumulate()) for metric in model._scores.metrics)
    (to_predict,) = model.prepare(net, block[:1], ROWS)
    predicted = model.predict(net, to_predict)
    expected = ["click", "like", "watch", *(f"rating_{n}" for n in range(5)), "visits", "spend"]
    assert list(predicted) == expected


def test_predictions_are_in_the_labels_unit():
    block = rows(missing=0.0)
    model, net = built(block)
    logs = np.log1p(block[3][block[1] == 1].astype("f8"))
    (feeds,) = model.prepare(net, block, ROWS)
    z = net.by_task(net.logits(paddle.to_tensor(block[0])))
    predicted = {name: value.numpy() for name, value in model.predict(net, feeds).items()}
    expected = np.expm1(z[2].numpy()[:, 0] * logs.std() + logs.mean())
    np.testing.assert_allclose(predicted["watch"], expected, rtol=1e-5)
    np.testing.assert_allclose(predicted["visits"], np.exp(z[4].numpy()[:, 0]), rtol=1e-6)
    assert np.isnan(model.labels(feeds)["watch"][block[1][:, 0] == 0]).all()
    np.testing.assert_array_equal(model.weights(feeds)["watch"], block[7][:, 0])
    np.testing.assert_array_equal(model.weights(feeds)["click"], np.ones(ROWS))


def test_a_loss_compares_the_rows_of_a_user_in_both_graphs(caplog):
    """RankNet within users: the mean over all pairs of a positive and a negative of one user."""
    loss = {"name": "pairwise", "weight": 1.0, "within": "user"}
    fields = [{"name": "tag", "size": 4, "max_len": 2}, {"name": "user", "size": 6}]
    tasks = [{"name": "click", "label_column": 0, "loss": loss}, TASKS[3]]
    settings = config(tasks, dense_input_dim=FEATURES, sparse_fields=fields)
    del settings["hyper_parameters.feature_size"]
    random = np.random.default_rng(8)
    ids = np.stack([random.integers(0, size, ROWS) for size in (4, 4, 6)], axis=1)
    x, click, *_ = rows(missing=0.1)
    block = [x, ids, click, random.integers(0, 5, (ROWS, 1))]
    model, net = built(block, settings)
    (feeds,) = model.prepare(net, [x.copy(), *block[1:]], ROWS)  # it may scale in place
    logits = net.logits(net.inputs.joined(feeds.inputs))
    odds = (logits[0][:, 1] - logits[0][:, 0]).numpy().astype("f8")
    y, user = click[:, 0], ids[:, 2]
    pairs = [
        np.log1p(np.exp(odds[j] - odds[i]))
        for i in range(ROWS)
        for j in range(ROWS)
        if y[i] == 1 and y[j] == 0 and user[i] == user[j]
    ]
    z = logits[1].numpy().astype("f8")
    entropy = np.log(np.exp(z).sum(axis=1)) - np.take_along_axis(z, block[3], axis=1)[:, 0]
    expected = np.mean(pairs) + entropy.mean()
    with caplog.at_level("INFO"):
        found = model.step_forward(net, None, feeds, {})[0].item()
    assert found == pytest.approx(expected, rel=1e-5)
    why = "the loss pairwise compares" if code.AVAILABLE else "Paddle"
    assert f"no fast step, gradients by autograd: {why}" in caplog.text
    parameters = {name: value.numpy() for name, value in net.state_dict().items()}
    fetched = run_static(block, settings, parameters)[1]
    assert float(fetched["loss"]) == pytest.approx(expected, rel=1e-5)


def test_a_field_to_compare_within_must_exist():
    tasks = [{"name": "click", "label_column": 0, "loss": {"name": "jrc", "within": "user"}}]
    with pytest.raises(ValueError, match="click: loss: within: expected a sparse field of one id"):
        Dygraph().create_model(config(tasks))


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"type": "rank"}, "type: expected binary, multiclass, regression or count, found 'rank'"),
        ({"type": "multiclass"}, "class_num: a multiclass task needs class_num, or classes"),
        ({"type": "regression", "loss": "focal"}, "loss: focal is for binary and multiclass tasks"),
        ({"type": "count", "transform": "log1p"}, "transform: it has an effect with type"),
        (
            {"type": "multiclass", "class_num": 10**10},
            "class_num: expected an integer from 2 to 1000",
        ),
        ({"positive_weight": 0}, "positive_weight: expected a positive number, found 0"),
        ({"parents": ["b"]}, r"parents: expected earlier tasks \(none: it is the first task\)"),
        ({"classes": ["x", "x"]}, "classes: expected a list of texts"),
    ],
)
def test_wrong_declarations_are_refused(entry, problem):
    tasks = [{"name": "a", "label_column": 0, **entry}, {"name": "b", "label_column": 1}]
    with pytest.raises(ValueError, match=problem):
        Dygraph().create_model(config(tasks))
