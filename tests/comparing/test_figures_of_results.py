"""Means and deviations over seeds, distances and curves, computed by hand."""

import pytest
from matrices import record

from comparing import figures
from comparing.schema import DataSet, Reference, Translations

TEXT = Translations(en="x", zh="y")
LINE = Reference(name="trees", source=TEXT, auc={"income": 0.95})
OWN = Reference(name="theirs", source=TEXT, model="MMoE", auc={"income": 0.99})
DATA = DataSet.model_construct(title=TEXT, protocol=TEXT, models={}, references=[OWN, LINE])
RECORDS = [record("MMoE", 1, 0.94, 0.9), record("PLE", 1, 0.96, 0.8), record("MMoE", 2, 0.92, 0.8)]


def test_mean_and_sample_deviation_over_seeds():
    found = figures.of_task(figures.by_model(RECORDS)["MMoE"], "income", "auc")
    assert (found.mean, found.count) == (pytest.approx(0.93), 2)
    assert found.deviation == pytest.approx(0.02 / 2**0.5)
    assert found.text(".3f") == "0.930 ± 0.014"


def test_one_seed_has_no_deviation():
    found = figures.of_task(figures.by_model(RECORDS)["PLE"], "income", "auc")
    assert found.text(".2f") == "0.96"


def test_a_figure_that_a_seed_lacks_is_none():
    assert figures.spread([0.9, None]) is None
    assert figures.spread([]) is None
    assert figures.of_task(RECORDS, "income", "gauc") is None


def test_the_line_is_the_first_reference_of_all_models():
    reference, found = figures.distances(DATA, RECORDS, "income")
    assert reference is LINE
    assert found["MMoE"].mean == pytest.approx(-0.02)
    assert found["PLE"].mean == pytest.approx(0.01)
    assert figures.distances(DATA, RECORDS, "marital") is None


def test_a_curve_is_the_mean_over_seeds_after_each_epoch():
    own = figures.by_model(RECORDS)["MMoE"]
    epochs, values = figures.curve(own, "valid", "auc_income")
    assert epochs == [0, 1]
    assert values == [pytest.approx(0.83), pytest.approx(0.93)]
    own[0]["curves"]["valid"]["1"] = {"auc_income": None}
    assert figures.curve(own, "valid", "auc_income") == ([0], [pytest.approx(0.83)])
    assert figures.curve(own, "nothing", "auc_income") == ([], [])


def test_accuracy_is_the_main_metric_without_auc():
    other = record("MMoE", 1, 0.9, 0.9)
    other["tasks"] = {"left": {"acc": 0.5}}
    assert figures.main_metric([other], "left") == "acc"
    assert figures.main_metric(RECORDS, "income") == "auc"
    assert figures.main_metric(RECORDS, "left") is None


def typed(seed, xauc, mae):
    """Returns a record of a binary task and a predicted number, by the values of a column."""
    found = record("MMoE", seed, 0.9, 0.9)
    values = {"xauc": xauc, "mae": mae, "r2": 0.5, "calibration": 1.1}
    by_tab = {"1": {"xauc": xauc - 0.1}, "2": {"xauc": xauc - 0.2}}
    slices = {"column": "tab", "values": by_tab}
    found["tasks"] = {"income": found["tasks"]["income"], "watch": {**values, "slices": slices}}
    return found


def test_a_predicted_number_has_its_xauc_with_its_error_beside_it():
    records = [typed(1, 0.7, 20.0), typed(2, 0.8, 18.0)]
    columns = [("income", "auc"), ("watch", "xauc"), ("watch", "mae")]
    assert figures.main_metrics(records) == columns
    assert figures.other_metrics(records) == {
        "classes": (["income"], ["logloss", "calibration", "ece"]),
        "numbers": (["watch"], ["calibration", "r2"]),
    }
    assert figures.of_task(records, "watch", "mae").text(".4g") == "19 ± 1.414"
    assert figures.slices(records) == ("tab", ["1", "2"])
    assert figures.slices(RECORDS) is None
    assert figures.of_slice(records, "watch", "xauc", "2").mean == pytest.approx(0.55)
    assert figures.of_slice(records, "income", "auc", "2") is None


def test_speed_is_that_of_training():
    assert figures.rows_per_second(RECORDS[0]) == 2000
