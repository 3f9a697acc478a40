"""Every loss in one net: the fast step, autograd and static graph agree, also over groups."""

import numpy as np
import paddle
import pytest
from test_typed_tasks import ROWS, Dygraph, built, config, rows, run_static

from models.common.tasks.losses import registry

OPTIONS = {"ordinal": {"thresholds": [1.0, 5.0, 20.0]}, "quantile": {"quantile": 0.8}}
COLUMNS = {"binary": 0, "multiclass": 3, "regression": 5, "count": 4}  # of `rows`
TASKS = [
    {
        "name": f"{kind}_{name}",
        "label_column": place,
        "type": kind,
        "loss": {"name": name, **OPTIONS.get(name, {})},
        **({"class_num": 5} if kind == "multiclass" else {}),
    }
    for kind in COLUMNS
    for place, name in enumerate(registry.names(kind))
]


def block_of(tasks, x=None):
    """Inputs and a label for each task; some are missing."""
    made = rows()
    return [*(x or made[:1]), *(made[1 + COLUMNS[task["type"]]] for task in tasks)]


def results(model, net, feeds, step):
    """The loss and the gradients of a step."""
    loss = getattr(model, step)(net, None, feeds, {})[0]
    net.clear_gradients()
    loss.backward()
    trained = [(name, each) for name, each in net.named_parameters() if each.trainable]
    return loss.item(), {name: each.grad.numpy() for name, each in trained}


def check(tasks, block, settings):
    model, net = built(block, settings)
    (feeds,) = model.prepare(net, [array.copy() for array in block], ROWS)  # scaled in place
    loss, gradients = results(model, net, feeds, "train_forward")
    fast, written = results(model, net, feeds, "step_forward")
    np.testing.assert_allclose(fast, loss, rtol=1e-6)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(written[name], gradient, rtol=1e-4, atol=1e-6, err_msg=name)
    assert all(np.abs(gradient).max() > 0 for gradient in gradients.values())
    parameters = {name: value.numpy() for name, value in net.state_dict().items()}
    _, fetched = run_static(block, settings, parameters)
    paddle.disable_static()
    np.testing.assert_allclose(fetched["loss"], loss, rtol=1e-5)
    return model, net, feeds, loss


def test_every_loss_is_the_same_in_every_step():
    assert {task["loss"]["name"] for task in TASKS} == set(registry.BY_NAME)
    check(TASKS, block_of(TASKS), config(TASKS))


@pytest.mark.parametrize("name", ["pairwise", "jrc"])
def test_losses_over_groups_get_the_values_of_their_field(name):
    tasks = [
        {"name": "a", "label_column": 0, "type": "binary", "loss": {"name": name, "within": "user"}}
    ]
    fields = [{"name": "tag", "size": 9, "max_len": 2}, {"name": "user", "size": 7}]
    random = np.random.default_rng(1)
    numbers = random.normal(size=(ROWS, 2)).astype("f4")
    ids = random.integers(1, 7, (ROWS, 3))
    settings = config(tasks, sparse_fields=fields, embedding_size=2)
    settings["hyper_parameters.dense_input_dim"] = 2
    settings["hyper_parameters.feature_size"] = 6
    settings["hyper_parameters.sparse_gradients"] = False
    block = block_of(tasks, [numbers, ids])
    model, net, feeds, loss = check(tasks, block, settings)
    (logits,) = net.by_task(net.logits(net.inputs.joined(feeds.inputs)))
    labels = block[2]
    expected = by_loops(name, logits.numpy(), labels[:, 0], ids[:, 2])
    assert loss == pytest.approx(expected, rel=1e-5)
    predicted = model.predict(net, feeds)["a"].numpy()
    assert predicted.shape == (ROWS,)


def by_loops(name, z, labels, groups):
    """The loss with equal parts of both terms, row by row."""
    counted = [i for i in range(len(labels)) if labels[i] >= 0]
    cross = sum(np.logaddexp(*z[i]) - z[i][labels[i]] for i in counted) / len(counted)
    total = pairs = 0.0
    for i in counted:
        group = [j for j in counted if groups[j] == groups[i]]
        if name == "jrc":
            column = [z[j][labels[i]] for j in group]
            total += np.logaddexp.reduce(column) - z[i][labels[i]]
            pairs += 1
        elif labels[i] == 1:
            lead = [(z[i] - z[j])[1] - (z[i] - z[j])[0] for j in group if labels[j] == 0]
            total += sum(np.logaddexp(0, -each) for each in lead)
            pairs += len(lead)
    return 0.5 * cross + 0.5 * total / pairs


def test_a_group_that_is_no_field_is_one_line():
    loss = {"name": "jrc", "within": "session"}
    tasks = [{"name": "a", "label_column": 0, "loss": loss}]
    with pytest.raises(ValueError, match="within: expected a sparse field of one id"):
        Dygraph().create_model(config(tasks))


@pytest.mark.parametrize(
    ("keys", "label", "reason"),
    [
        ({"loss": "ziln"}, -2, "the loss ziln needs labels of at least 0"),
        ({"type": "count"}, -1, "the loss poisson needs labels of at least 0"),
        ({"transform": "log1p"}, -1.5, "log1p needs labels above -1"),
    ],
)
def test_labels_out_of_a_losss_range_are_one_line_in_both_graphs(keys, label, reason):
    tasks = [{"name": "spend", "label_column": 0, "type": "regression", **keys}]
    block = [rows()[0], np.full([ROWS, 1], 3, np.float32)]
    settings = config(tasks)
    model, net = built(block, settings)
    parameters = {name: value.numpy() for name, value in net.state_dict().items()}
    block[1][[2, 4]] = [[np.nan], [label]]
    expected = f"tasks: spend: found the label {label}; {reason}"
    with pytest.raises(ValueError, match=expected):
        model.prepare(net, block, ROWS)
    static, fetched = run_static(block, settings, parameters)
    metrics, _ = static.create_metrics()
    with pytest.raises(ValueError, match=expected):
        static.update_metrics(metrics, fetched, block)
