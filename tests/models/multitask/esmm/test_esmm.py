"""ESMM: the chain rule of click and conversion, from log-odds that no product could keep."""

import numpy as np
import paddle
import pytest
from sklearn.metrics import roc_auc_score

from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.model_folder import loading
from engine.system.clock import Clock
from engine.system.errors import UserError
from engine.training import resume
from models.common.contract.dygraph import MultiTaskDygraphModel
from models.common.tasks.declaration import IGNORED

FOLDER = f"{loading.REPOSITORY}/models/multitask/esmm"
CTR, CVR, CTCVR = range(3)
TASKS = [
    {"name": "ctr", "label_column": 0},
    {"name": "cvr", "label_column": 1, "rows": "ctr", "weight": 0},
    {"name": "ctcvr", "label_column": 1},
]


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def layer(**options):
    return loading.load_class(FOLDER, "net", "ESMMLayer")(**options)


def model(**hyper):
    """A DygraphModel and its net of two features, which are click's and conversion's log-odds."""
    values = {"task_num": 3, "ctr_tower_size": [], "cvr_tower_size": [], "tasks": TASKS, **hyper}
    values = {"feature_size": 2, "standardize": False, **values}
    config = {f"hyper_parameters.{name}": value for name, value in values.items()}
    made = type("Model", (MultiTaskDygraphModel,), {"net_class": type(layer(feature_size=2))})()
    net = made.create_model(config)
    net.ctr.output.weight.set_value(np.array([[1.0], [0.0]], "f4"))
    net.cvr.output.weight.set_value(np.array([[0.0], [1.0]], "f4"))
    made.create_metrics()
    return made, net


def batch(odds, clicks, conversions):
    columns = [np.array(column, "int64")[:, None] for column in (clicks, conversions)]
    return [paddle.to_tensor(np.array(odds, "f4")), columns[0], columns[1], columns[1]]


def test_click_and_conversion_multiply():
    net = layer(feature_size=5, ctr_tower_size=[6, 4], cvr_tower_size=7)
    ctr, cvr, ctcvr = (p[:, 1].numpy() for p in net(3 * paddle.randn([200, 5])))
    assert ctr.std() > 0.05
    assert cvr.std() > 0.05
    np.testing.assert_allclose(ctcvr, ctr * cvr, rtol=0, atol=1e-6)


def test_towers_of_any_size_each():
    net = layer(feature_size=5, ctr_tower_size=[6, 4], cvr_tower_size=[])
    # By hand: 5 x 6 + 6, 6 x 4 + 4, 4 + 1 of click; 5 + 1 of conversion.
    assert sum(p.size for p in net.ctr.parameters()) == 36 + 28 + 5
    assert sum(p.size for p in net.cvr.parameters()) == 6


@pytest.mark.parametrize("click", [-80.0, -3.0, 0.0, 80.0])
@pytest.mark.parametrize("conversion", [-80.0, -3.0, 0.0, 80.0])
def test_the_log_odds_of_both_are_exact_where_the_product_underflows(click, conversion):
    """log p/(1-p) of the product, in 64 bits from log1p, where 32 bits would give log 0."""
    _, net = model()
    found = net.logits(paddle.to_tensor([[click, conversion]]))[CTCVR, 0].numpy()
    log_p = -np.logaddexp(0, -click) - np.logaddexp(0, -conversion)
    expected = log_p - np.log(-np.expm1(log_p))
    assert found[1] - found[0] == pytest.approx(expected, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("odds", [(-80.0, -80.0), (80.0, 80.0), (-80.0, 80.0), (80.0, -80.0)])
def test_loss_and_gradients_stay_finite(odds, label):
    made, net = model()
    loss, *_ = made.train_forward(net, [], batch([odds], [label], [label]), None)
    loss.backward()
    assert np.isfinite(loss.item())
    for name, parameter in net.named_parameters():
        assert np.isfinite(parameter.grad.numpy()).all(), name


def test_an_unlikely_conversion_still_teaches():
    """Both rates are e^-80 at first, and their product is 0 in 32 bits; its label says 1."""
    made, net = model()
    loss, *_ = made.train_forward(net, [], batch([(-80.0, -80.0)], [1], [1]), None)
    loss.backward()
    # -log p has slope -1 in each log-odds. Click has a loss of its own, of slope -1 too.
    assert net.ctr.output.bias.grad.item() == pytest.approx(-2.0)
    assert net.cvr.output.bias.grad.item() == pytest.approx(-1.0)


ODDS = [(0.4, -0.7), (-1.1, 0.3), (0.9, 0.2), (-0.2, -1.6)]
CLICKS, CONVERSIONS = [1, 0, 1, 0], [0, 0, 1, 0]


def entropy(p, labels):
    return -np.where(np.array(labels) == 1, np.log(p), np.log(1 - p))


def test_the_loss_is_click_and_click_and_convert_over_all_impressions():
    """Equation 3 of the paper; conversion has no loss of its own."""
    made, net = model()
    loss, *_ = made.train_forward(net, [], batch(ODDS, CLICKS, CONVERSIONS), None)
    ctr, cvr = sigmoid(ODDS).T
    expected = (entropy(ctr, CLICKS) + entropy(ctr * cvr, CONVERSIONS)).mean()
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_conversion_learns_from_the_product_alone():
    """What `weight: 0` of cvr leaves: on a row without a click its odds are pushed down still."""
    made, net = model()
    made.train_forward(net, [], batch(ODDS, CLICKS, CONVERSIONS), None)[0].backward()
    ctr, cvr = sigmoid(ODDS).T
    p, labels = ctr * cvr, np.array(CONVERSIONS)
    # d entropy / d p, and d p / d log-odds of conversion = p (1 - cvr).
    slopes = ((1 - labels) / (1 - p) - labels / p) * p * (1 - cvr) / len(labels)
    assert net.cvr.output.bias.grad.item() == pytest.approx(slopes.sum(), rel=1e-4)


def test_a_conversion_loss_of_ones_own_is_on_clicked_rows():
    """With a weight, cvr is learned where it is defined: `rows: ctr`."""
    weighted = [TASKS[0], {**TASKS[1], "weight": 0.5}, TASKS[2]]
    losses = []
    for tasks in (TASKS, weighted):
        made, net = model(tasks=tasks)
        losses.append(made.train_forward(net, [], batch(ODDS, CLICKS, CONVERSIONS), None)[0])
    cvr = sigmoid(ODDS)[:, 1]
    clicked = entropy(cvr, CONVERSIONS) * np.array(CLICKS)
    expected = 0.5 * clicked.sum() / sum(CLICKS)  # the mean is over the rows that count
    assert (losses[1] - losses[0]).item() == pytest.approx(expected, rel=1e-4)


def test_both_graphs_have_the_loss_of_a_task_with_rows(configure):
    tasks = "[{name: ctr, label_column: 0}, {name: cvr, label_column: 1, rows: ctr, weight: 2},"
    tasks += " {name: ctcvr, label_column: 1}]"
    config = configure("esmm", f"hyper_parameters.tasks={tasks}")
    source, found = sources.training_source(config), []
    for make in (DygraphSession, lambda config: StaticSession(config, training=True)):
        session = make(config)
        resume.start(session, config, source)
        if not found:
            state = session.state()["pdparams"]
            start = {name: np.array(value.numpy()) for name, value in state.items()}
        session.load(start, "rec")
        session.start_epoch(training=True)
        step, _ = next(session.batches(source, 0))
        found.append(float(np.asarray(session.train_step(step, Clock())["loss"]).item()))
    assert found[0] == pytest.approx(found[1], abs=1e-5)


def test_labels_that_do_not_count_are_those_of_rows_without_a_click():
    made, _ = model()
    labels = np.array([CLICKS, CONVERSIONS, CONVERSIONS])
    found = made._task_rows.truth_by_task([column[:, None] for column in labels], len(CLICKS))
    expected = [CLICKS, [0, IGNORED, 1, IGNORED], CONVERSIONS]
    assert [column.tolist() for column in found.values()] == expected
    assert labels[CVR].tolist() == CONVERSIONS  # the reader's own array stays as it is


def test_auc_of_conversion_is_over_clicked_rows_and_the_others_over_all():
    rng = np.random.default_rng(0)
    odds = rng.normal(size=(3000, 2)) - [1, 1]
    clicks = rng.random(3000) < sigmoid(odds[:, 0])
    conversions = clicks & (rng.random(3000) < sigmoid(odds[:, 1]))
    made, net = model()
    metrics, names = made.create_metrics()
    for start in range(0, 3000, 500):
        rows = slice(start, start + 500)
        made.infer_forward(net, metrics, batch(odds[rows], clicks[rows], conversions[rows]), {})
    found = dict(zip(names, (metric.accumulate() for metric in metrics)))
    ctr, cvr = sigmoid(odds).T
    expected = {
        "auc_ctr": roc_auc_score(clicks, ctr),
        "auc_cvr": roc_auc_score(conversions[clicks], cvr[clicks]),
        "auc_ctcvr": roc_auc_score(conversions, ctr * cvr),
    }
    assert found == pytest.approx(expected, abs=1e-4)
    over_all = roc_auc_score(conversions, cvr)
    assert abs(over_all - expected["auc_cvr"]) > 0.001  # so that the test could tell them apart


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("clicks", "cvr: rows: expected the name of another task, found 'clicks'"),
        ("cvr", "cvr: rows: expected the name of another task, found 'cvr'"),
        ("1", "cvr: rows: expected the name of a task, found 1"),
    ],
)
def test_rows_of_no_other_task_are_named(configure, rows, problem):
    tasks = f"[{{name: ctr, label_column: 0}}, {{name: cvr, label_column: 1, rows: {rows}}},"
    tasks += " {name: ctcvr, label_column: 1}]"
    with pytest.raises(UserError, match=f"hyper_parameters.tasks: {problem}"):
        DygraphSession(configure("esmm", f"hyper_parameters.tasks={tasks}"))


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("task_num=2", "task_num: ESMM has 3 outputs, ctr, cvr, ctcvr; found 2"),
        ("ctr_tower_size=[8, 0]", "ctr_tower_size: expected an integer of at least 1, found 0"),
        ("cvr_tower_size=0", "cvr_tower_size: expected an integer of at least 1, found 0"),
        ("tasks=[{name: a, label_column: 0}]", "the net is for 3 tasks, but tasks are a"),
        ("feature_size=499", "feature_size: the inputs give 184 features, found 499"),
        ("optimizer.class=momentum", "momentum takes no sparse gradients: choose adam"),
    ],
)
def test_a_bad_hyper_parameter_is_named(configure, override, problem):
    with pytest.raises(UserError, match=problem):
        DygraphSession(configure("esmm", f"hyper_parameters.{override}"))
