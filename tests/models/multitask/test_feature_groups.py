"""A net that reads groups, a domain and a table of each task: values, both graphs, exports."""

import numpy as np
import paddle
import pytest
from table_models import model_on_table
from trials import (
    assert_equal_states,
    exported_outputs,
    losses_from_one_start,
    resumed_and_whole,
)

from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.system.errors import UserError

NET = '''
from models.common.contract.net import MultiTaskNet
from models.common.layers import ops
from models.common.layers.dense import Linear, Towers


class GroupedNet(MultiTaskNet):
    """A gate of the group "place" scales the features of each task's table; a bias a domain."""

    needs = ("groups", "domain", "tables")

    def __init__(self, feature_size, group_sizes, domain_num, task_num=2, output_sizes=()):
        super().__init__(task_num)
        self.gate = Linear(group_sizes["place"], feature_size)
        self.towers = Towers(task_num, feature_size, [4], 0.0, output_sizes)
        self.bias = self.create_parameter([domain_num, 2])

    def logits(self, features):
        gate = ops.sigmoid(self.gate(features.group("place")))
        own = [ops.multiply(features.table(task), gate) for task in range(self.task_num)]
        return ops.add(self.towers(ops.stack(own)), ops.lookup(features.domain, self.bias, False))
'''
DYGRAPH = """
from net import GroupedNet
from models.common.contract.dygraph import MultiTaskDygraphModel


class DygraphModel(MultiTaskDygraphModel):
    net_class = GroupedNet
"""
READER = "from datasets.readers.table.reader import RecDataset\n"
SETTINGS = {
    "table": {
        "labels": ["click", "like"],
        "dense": ["age", "price"],
        "sparse": [
            "tab",
            {"name": "seen", "separator": "|", "max_len": 2, "pooling": "sum"},
            "city",
        ],
    },
    "feature_groups": {"place": ["city", "price", "tab"]},
    "domain": "tab",
}


def write_rows(path, rows, seed):
    random = np.random.default_rng(seed)
    path.parent.mkdir()
    lines = ["click,like,age,price,tab,seen,city"]
    for _ in range(rows):
        age, price = random.integers(18, 70), round(random.random(), 3)
        tab, city = random.choice(["x", "y", "z"]), random.choice(["a", "b"])
        seen = "|".join(random.choice(["p", "q", "r"], random.integers(0, 4)))
        click, like = random.integers(0, 2, 2)
        lines.append(f"{click},{like},{age},{price},{tab},{seen},{city}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def grouped(tmp_path):
    """Returns configurations of the net."""
    for name, rows in (("train", 50), ("test", 20)):
        write_rows(tmp_path / name / "rows.csv", rows, len(name))
    source = tmp_path / "source" / "grouped"
    source.mkdir(parents=True)
    (source / "net.py").write_text(NET)
    (source / "dygraph_model.py").write_text(DYGRAPH)
    static = DYGRAPH.replace("dygraph", "static").replace("Dygraph", "Static")
    (source / "static_model.py").write_text(static)
    (source / "table_reader.py").write_text(READER)

    def make(**settings):
        return model_on_table(source, tmp_path, {**SETTINGS, **settings})

    return make


def own_tables(*names):
    """The table with ``tables: per_task`` for some columns."""
    columns = [
        each if isinstance(each, dict) else {"name": each} for each in SETTINGS["table"]["sparse"]
    ]
    sparse = [{**each, "tables": "per_task"} if each["name"] in names else each for each in columns]
    return {**SETTINGS["table"], "sparse": sparse}


def expected_logits(net, scaled, ids):
    """The logits by NumPy; ``ids`` are columns tab, seen, seen, city."""
    own = net.inputs.embedding.own_tables.weight.numpy()
    shared = net.inputs.embedding.table.weight.numpy()
    cities = len(shared) - 4  # tab has 4 ids: three values, and the id 0
    assert cities == 3
    results = []
    for task in range(2):
        seen_table = own[:, task * 3 : task * 3 + 3]
        seen = sum(np.where(ids[:, [k]] > 0, seen_table[ids[:, k]], 0) for k in (1, 2))
        tab, city = shared[ids[:, 0]], shared[4 + ids[:, 3]]
        place = np.concatenate([scaled[:, 1:2], tab, city], axis=1)
        gate = 1 / (1 + np.exp(-(place @ net.gate.weight.numpy() + net.gate.bias.numpy())))
        x = np.concatenate([scaled, tab, seen, city], axis=1) * gate
        (hidden,) = net.towers.hidden.layers
        h = np.maximum(x @ hidden.weight.numpy()[task] + hidden.bias.numpy()[task], 0)
        out = net.towers.output
        results.append(h @ out.weight.numpy()[task] + out.bias.numpy()[task])
    return np.stack(results) + net.bias.numpy()[ids[:, 0]]


def test_groups_domain_and_tables_are_those_of_the_configuration(grouped):
    config = grouped(table=own_tables("seen"))()
    session = DygraphSession(config)
    source = sources.training_source(config)
    session.fit_inputs(source)
    block = next(iter(source.blocks()))
    dense, ids = block[0].astype("f8"), block[1]
    scale = session.net.inputs.scale
    assert not scale.logarithmic.numpy().any()
    scaled = (dense - scale.mean.numpy()) / scale.deviation.numpy()
    features = session.net.features(*map(paddle.to_tensor, block[:2]))
    found = session.net.logits(features).numpy()
    np.testing.assert_allclose(
        found, expected_logits(session.net, scaled, ids), rtol=1e-4, atol=1e-6
    )
    record = session._contract.checkpoint_record(config)["features"]
    assert record["parts"] == [
        *({"name": name, "size": 1} for name in ("age", "price")),
        *({"name": name, "size": 3} for name in ("tab", "seen", "city")),
    ]
    assert record["groups"] == {
        "place": {"fields": ["price", "tab", "city"], "stop_gradient": False}
    }


@pytest.mark.parametrize("names", [(), ("seen",), ("tab", "city"), ("tab", "seen", "city")])
def test_both_graphs_and_the_fast_step_take_the_same_steps(grouped, tmp_path, names):
    make = grouped(table=own_tables(*names))
    variants = [("dygraph", []), ("dygraph", ["runner.fast_step=False"]), ("static", [])]
    sparse = ["hyper_parameters.sparse_gradients=False"]
    variants = [(graph, options + sparse) for graph, options in variants]
    written, by_autograd, static = losses_from_one_start(make, tmp_path, variants)
    np.testing.assert_allclose(written, by_autograd, rtol=1e-6, atol=0)
    np.testing.assert_allclose(written, static, rtol=1e-5, atol=0)


def test_a_resumed_run_is_bit_equal_and_exports_give_the_outputs(grouped):
    make = grouped(table=own_tables("seen", "tab"))
    assert_equal_states(*resumed_and_whole(make, "dygraph"))
    for engine, found, eager in exported_outputs(grouped(table=own_tables("seen"))):
        for task, output in eager.items():
            np.testing.assert_allclose(found[task], output, atol=1e-5, err_msg=engine)


def test_a_group_may_stop_gradients(grouped):
    gradients = []
    for stops in (False, True):
        group = {"fields": ["city"], "stop_gradient": stops}
        config = grouped(feature_groups={"place": group})()
        net = DygraphSession(config).net
        # The gate alone: only the group's embeddings can have a gradient.
        features = net.features(paddle.ones([2, 2]), paddle.to_tensor([[1, 1, 2, 1], [2, 0, 0, 2]]))
        net.gate(features.group("place")).sum().backward()
        gradients.append(net.inputs.embedding.table.weight.grad)
    assert gradients[0] is not None
    assert gradients[1] is None


FAULTS = {
    "feature_groups.place: expected features of dense, age, price, tab, seen, city, found 'town'": {
        "feature_groups": {"place": ["town"]}
    },
    "feature_groups: expected a group place, which the net reads, found user": {
        "feature_groups": {"user": ["age"]}
    },
    "feature_groups: it is not set, and the net reads groups": {"feature_groups": {}},
    "feature_groups.place.stop_gradient: expected True or False, found 1": {
        "feature_groups": {"place": {"fields": ["age"], "stop_gradient": 1}}
    },
    "domain: expected a sparse field of one id (tab, city), found 'seen'": {"domain": "seen"},
    "bottom: expected none, found 'mlp': this net reads the features of each task's table, "
    "which do not go through a bottom": {"bottom": "mlp"},
}


@pytest.mark.parametrize("problem", FAULTS)
def test_a_wrong_declaration_is_one_line(grouped, problem):
    with pytest.raises(UserError) as caught:
        DygraphSession(grouped(**FAULTS[problem])())
    assert str(caught.value).endswith(f"hyper_parameters.{problem}")


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        (
            "feature_groups={user: [tab]}",
            "feature_groups: it has no effect: this net reads no groups",
        ),
        ("domain=tab", "domain: it has no effect: this net reads no domain"),
    ],
)
def test_what_a_net_does_not_read_is_refused(configure, option, problem):
    with pytest.raises(UserError, match=problem):
        DygraphSession(configure("mmoe", f"hyper_parameters.{option}"))
