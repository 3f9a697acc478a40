"""Evaluation of checkpoints through `evaluator.evaluate`."""

import os

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from engine.checkpoints import store
from engine.data import sources
from engine.evaluation import evaluator
from engine.graphs import checkpoint_loading
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession


@pytest.mark.parametrize("graph", ["dygraph", "static"])
@pytest.mark.parametrize("broken", ["income", "marital"])
def test_nan_logits_of_one_task_leave_the_auc_of_the_other(graph, broken, configure, tmp_path):
    table = tmp_path / "predictions.csv"
    options = ["runner.infer_end_epoch=1", f"runner.save_predictions={table}"]
    config = configure("mmoe", *options)
    trained = DygraphSession(config)
    trained.fit_inputs(sources.training_source(config))  # else most probabilities are 0 or 1
    weight = trained.net.towers.output.weight
    values = weight.numpy()
    values[["income", "marital"].index(broken)] = np.nan
    weight.set_value(values)
    facts = checkpoint_loading.facts(trained, config)
    root = config.runner("model_save_path")
    store.save(root, 0, trained.prefix, trained.state(), facts)

    session = trained if graph == "dygraph" else StaticSession(config, training=False)
    metrics = evaluator.evaluate(session, config, sources.evaluation_source(config)).metrics[0]
    assert np.isnan(metrics[f"auc_{broken}"])
    (healthy,) = {"income", "marital"} - {broken}
    predicted = np.genfromtxt(table, delimiter=",", names=True)
    data = os.path.join(config.runner("test_data_dir")[0], "test_data.txt")
    column = {"marital": 0, "income": 1}[healthy]
    labels = np.loadtxt(data, delimiter=",", usecols=column)
    assert np.isnan(predicted[broken]).all()
    expected = roc_auc_score(labels, predicted[healthy])
    assert metrics[f"auc_{healthy}"] == pytest.approx(expected, abs=1e-3)
