"""`choose: {by: ..., metric: ...}`: a curve chooses one of the finished epochs."""

import pytest
from matrices import content, rows, write

from comparing import matrix
from comparing.checkpoint_choice import choose_epoch
from engine.system.errors import UserError


@pytest.fixture
def small(tmp_path):
    """A matrix with one model, whose epoch a curve chooses."""
    found = content(rows(tmp_path / "data"), choose={"by": "valid"})
    rows(tmp_path / "other", 16)
    found["data"]["few"]["curves"] = {"valid": "other/test"}
    return found


def load(tmp_path, what):
    (cell,) = matrix.load(write(tmp_path / "matrix.yaml", what), None).cells
    return cell


def chosen(tmp_path, what, curve, epochs=None):
    """Returns the epoch that a curve, metrics by epoch, chooses."""
    trained = {"epochs": {epoch: {} for epoch in (curve if epochs is None else epochs)}}
    return choose_epoch(load(tmp_path, what).data.choose, {"valid": curve}, trained)


AUCS = ((0.5, 0.6, 0.9), (0.8, 0.7, 0.1), (0.6, 0.5, 0.5))  # and a loss
CURVE = {
    str(epoch): {"auc_income": income, "auc_marital": marital, "loss": loss}
    for epoch, (income, marital, loss) in enumerate(AUCS)
}


@pytest.mark.parametrize(
    ("metric", "epoch"),
    [("auc_income", 1), ("loss", 1), ("mean", 1), (None, 1)],
)
def test_a_loss_chooses_its_lowest_value_and_the_mean_is_of_the_aucs(
    tmp_path, small, metric, epoch
):
    small["data"]["few"]["choose"] = {"by": "valid", **({"metric": metric} if metric else {})}
    assert chosen(tmp_path, small, CURVE) == epoch


def test_without_aucs_the_mean_is_of_all_metrics_and_a_loss_is_refused(tmp_path, small):
    curve = {"0": {"hits_a": 0.5, "hits_b": 0.9}, "1": {"hits_a": 0.6, "hits_b": 0.7}}
    assert chosen(tmp_path, small, curve) == 0
    curve["0"]["loss"] = curve["1"]["loss"] = 0.1
    with pytest.raises(
        UserError, match="the mean includes loss, of which less is better; name one metric"
    ):
        chosen(tmp_path, small, curve)


def test_tasks_of_several_types_have_a_mean_without_errors_and_each_its_direction(tmp_path, small):
    curve = {  # the means of acc and xauc are 0.65 and 0.6
        "0": {"acc_a": 0.5, "mae_b": 7.0, "xauc_b": 0.8},
        "1": {"acc_a": 0.6, "mae_b": 5.0, "xauc_b": 0.6},
    }
    assert chosen(tmp_path, small, curve) == 0
    for metric, epoch in [("mae_b", 1), ("xauc_b", 0), ("acc_a", 1)]:
        small["data"]["few"]["choose"] = {"by": "valid", "metric": metric}
        assert chosen(tmp_path, small, curve) == epoch


def test_an_epoch_without_a_checkpoint_is_not_chosen(tmp_path, small):
    best = {**CURVE, "3": {"auc_income": 0.99, "auc_marital": 0.99, "loss": 0.0}}
    assert chosen(tmp_path, small, best, epochs=["0", "1", "2"]) == 1


def test_the_mean_leaves_out_a_metric_that_no_epoch_has(tmp_path, small):
    """The rows of the curve have one label for marital: its AUC is null in every epoch."""
    curve = {epoch: {**metrics, "auc_marital": None} for epoch, metrics in CURVE.items()}
    assert chosen(tmp_path, small, curve) == 1
    curve["1"]["auc_income"] = None
    assert chosen(tmp_path, small, curve) == 2
    for metrics in curve.values():
        metrics["auc_income"] = None
    with pytest.raises(UserError, match="no epoch has a value of mean on curve valid"):
        chosen(tmp_path, small, curve)
