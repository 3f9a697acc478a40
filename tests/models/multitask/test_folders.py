"""What every model folder promises, whichever it is."""

import logging
from functools import partial

import numpy as np
import paddle
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score
from trials import assert_equal_states, losses, losses_from_one_start, resumed_and_whole

from engine.config.load import load_config
from engine.data import sources
from engine.evaluation import evaluator
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.model_folder import loading
from engine.training import loop

TIE = 5e-6
# After the sample's few steps: an AUC, or the accuracy of a task with several classes.
USEFUL = {"auc": 0.8, "acc": 0.3}


def first_rows(config, number):
    """Returns the net's inputs for the first test rows."""
    block = next(sources.evaluation_source(config).blocks())
    inputs = len(loading.dygraph_model(config).input_specs(config))
    return [paddle.to_tensor(column[:number]) for column in block[:inputs]]


def labels(config, source, tasks):
    """Returns each task's labels over all rows, ``[tasks, rows]``."""
    blocks = list(source.blocks())
    last = len(blocks[0])
    columns = [np.concatenate([block[i] for block in blocks]) for i in range(last - tasks, last)]
    return np.stack(columns)[:, :, 0]


def expected_metric(name, session, truth, table):
    """Returns a task's metric by scikit-learn, on the rows where it counts."""
    kind, _, task = name.partition("_")
    tasks = [task.name for task in session._contract.tasks]
    place = tasks.index(task)
    labels = session._contract._task_rows.truth_by_task(
        [column[:, None] for column in truth], len(truth[0])
    )
    counted = labels[task] >= 0
    if kind == "auc":
        return roc_auc_score(truth[place][counted], table[task][counted])
    classes = [column for column in table if column.startswith(f"{task}_")]
    chosen = np.stack([table[column] for column in classes]).argmax(axis=0)
    return accuracy_score(truth[place][counted], chosen[counted])


def test_every_yaml_loads_without_a_warning(folder, caplog):
    paths = sorted(folder.glob("*.yaml"))
    assert {"config.yaml", "config_bigdata.yaml"} <= {path.name for path in paths}
    with caplog.at_level(logging.WARNING):
        for path in paths:
            load_config(str(path), [], loading.hyper_parameters)
    assert not caplog.records


def test_the_folder_is_complete(folder, configure):
    expected = ["README.md", "README_CN.md", "dygraph_model.py", "static_model.py", "net.py"]
    assert [name for name in expected if not (folder / name).is_file()] == []
    config = configure(folder)
    for key in ("train_data_dir", "test_data_dir"):
        assert loading.files(config, key)


def test_training_on_the_sample_reaches_a_useful_auc(folder, configure):
    config = configure(folder, "runner.print_interval=1000")
    loop.train(DygraphSession(config), config, sources.training_source(config))
    summary = evaluator.evaluate(DygraphSession(config), config, sources.evaluation_source(config))
    last = summary.metrics[max(summary.metrics)]
    assert len(last) >= 2
    for name, value in last.items():
        assert value > USEFUL[name.split("_")[0]], last


def test_dygraph_and_static_take_the_same_steps(folder, configure, tmp_path):
    # Sparse gradients have lazy moments in dygraph, but not in Paddle 3's static graph.
    options = ["runner.train_batch_size=16", "hyper_parameters.optimizer.learning_rate=0.005"]
    if configure(folder).get("hyper_parameters.sparse_fields"):
        options.append("hyper_parameters.sparse_gradients=False")
    variants = [("dygraph", options), ("static", options)]
    found = losses_from_one_start(partial(configure, folder), tmp_path, variants)
    np.testing.assert_allclose(*found, rtol=0, atol=1e-5)
    assert found[0][-5:].mean() < found[0][:5].mean()


@pytest.mark.parametrize("trained", ["dygraph", "static"])
def test_each_graph_evaluates_the_other_ones_checkpoint(folder, configure, trained):
    config = configure(folder, "runner.epochs=1", "runner.infer_end_epoch=1")
    source, test = sources.training_source(config), sources.evaluation_source(config)
    make = {
        "dygraph": lambda: DygraphSession(config),
        "static": lambda: StaticSession(config, training=True),
    }
    loop.train(make[trained](), config, source)
    in_dygraph = evaluator.evaluate(DygraphSession(config), config, test).metrics[0]
    in_static = evaluator.evaluate(StaticSession(config, training=False), config, test).metrics[0]
    # Rounding may untie two rows. In the smallest sample a tied pair is worth 5e-6 of an AUC, and
    # a row a thousandth of an accuracy.
    assert in_dygraph == pytest.approx(in_static, abs=2 * TIE)


@pytest.mark.parametrize("graph", ["dygraph", "static"])
def test_every_row_is_predicted_and_auc_is_scikit_learns(folder, configure, tmp_path, graph):
    """Batches of 7 rows leave a last one that is smaller."""
    path = tmp_path / "predictions.csv"
    options = ["runner.epochs=1", "runner.infer_end_epoch=1", "runner.infer_batch_size=7"]
    config = configure(folder, *options, f"runner.save_predictions={path}")
    loop.train(DygraphSession(config), config, sources.training_source(config))
    source = sources.evaluation_source(config)
    session = (
        DygraphSession(config) if graph == "dygraph" else StaticSession(config, training=False)
    )
    summary = evaluator.evaluate(session, config, source)
    names = path.read_text().splitlines()[0].split(",")
    table = dict(zip(names, np.loadtxt(path, delimiter=",", skiprows=1).T))
    truth = labels(config, source, len(session.metric_names))
    assert summary.rows == truth.shape[1]
    assert all(len(column) == truth.shape[1] for column in table.values())
    for name, found in summary.metrics[0].items():
        assert found == pytest.approx(expected_metric(name, session, truth, table), abs=1e-4)


@pytest.mark.parametrize("graph", ["dygraph", "static"])
def test_a_resumed_run_reaches_the_numbers_of_an_undisturbed_one(folder, configure, graph):
    """Dropout is on, so that the random state counts too."""
    options = ["runner.train_batch_size=16", "hyper_parameters.dropout=0.2"]
    assert_equal_states(*resumed_and_whole(partial(configure, folder, *options), graph))


def test_one_seed_gives_one_result_and_another_seed_another(folder, configure):
    def run(seed):
        config = configure(folder, f"runner.seed={seed}")
        return losses(DygraphSession(config), sources.training_source(config))

    first = run(7)
    np.testing.assert_array_equal(first, run(7))
    assert not np.array_equal(first, run(8))


def test_the_order_of_rows_changes_by_epoch_and_evaluation_keeps_it(folder, configure):
    config = configure(folder, "runner.train_batch_size=10000", "runner.infer_batch_size=200")
    training, test = sources.training_source(config), sources.evaluation_source(config)
    orders = [next(training.batches(epoch))[0] for epoch in (0, 1)]
    assert not np.array_equal(*orders)
    np.testing.assert_array_equal(*(np.sort(order, axis=0) for order in orders))
    np.testing.assert_array_equal(next(test.batches(0))[0], next(test.blocks())[0][:200])


def test_the_net_keeps_its_contract(folder, configure):
    """``forward`` gives a list of [batch, classes] probabilities a task, whose rows sum to 1."""
    config = configure(folder)
    session = DygraphSession(config)
    outputs = session.net(*first_rows(config, 5))
    assert isinstance(outputs, list)
    for head, output in zip(session.net.heads, outputs):
        assert output.shape == [5, head.size]
        np.testing.assert_allclose(output.numpy().sum(axis=1), 1.0, rtol=1e-6)


def test_experts_do_not_start_alike(folder, configure):
    for name, value in DygraphSession(configure(folder)).net.state_dict().items():
        matrix = value.numpy()
        if matrix.ndim >= 2 and not name.endswith("bias"):
            columns = matrix.reshape(-1, matrix.shape[-1]).T
            assert len(np.unique(columns, axis=0)) == len(columns), name
