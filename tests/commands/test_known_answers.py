"""A net of every type of task reaches what the made-up table's formulas allow."""

import pytest

from benchmarks import known_answers
from datasets.example_table import typed


@pytest.fixture
def reached(tmp_path, run_command):
    """Trains and evaluates on a table; returns the best possible measures, and the net's."""

    def train(missing=0):
        data, output = tmp_path / f"data-{missing}", tmp_path / f"output-{missing}"
        typed.write(data, 1, (8_000, 4_000), missing)
        saved = tmp_path / f"{missing}.csv"
        options = [
            f"runner.train_data_dir={data / 'train'}",
            f"runner.test_data_dir={data / 'test'}",
            f"runner.model_save_path={output}",
            f"runner.infer_load_path={output}",
            "runner.seed=1",
            "runner.epochs=6",
            "runner.infer_start_epoch=5",
            "runner.infer_end_epoch=6",
        ]
        given = ["-m", known_answers.YAML, "-o", *options]
        for done in (
            run_command("trainer", *given),
            run_command("infer", *given, f"runner.save_predictions={saved}"),
        ):
            assert done.code == 0, done.log
        labels = known_answers.columns_of(data / "test" / "test.csv")
        expected = known_answers.columns_of(data / "test" / "_expected.csv")
        predicted = known_answers.columns_of(saved)
        return known_answers.measures(labels, expected), known_answers.measures(labels, predicted)

    return train


def test_every_type_of_task_comes_near_its_best_possible_value(reached):
    best, found = reached()
    for name in ("watch: R2", "comments: R2"):
        assert 0.95 * best[name] < found[name] < best[name] + 0.01
    assert found["click: AUC"] > best["click: AUC"] - 0.01
    for name in ("click: log loss", "rating: log loss"):
        assert best[name] - 0.003 < found[name] < best[name] + 0.01
    for name in ("watch: mean", "comments: mean", "spend: mean"):
        assert found[name] == pytest.approx(best[name], rel=0.02 if "spend" in name else 0.03)
    _, partial = reached(missing=30)
    assert partial["watch: R2"] == pytest.approx(found["watch: R2"], abs=0.01)


def test_missing_labels_are_of_one_task_only(tmp_path):
    for missing in (0, 30):
        typed.write(tmp_path / str(missing), 1, (2_000, 10), missing)
    full, partial = (
        known_answers.columns_of(tmp_path / name / "train" / "train.csv") for name in ("0", "30")
    )
    absent = partial.pop("watch") == ""
    assert absent.mean() == pytest.approx(0.3, abs=0.03)
    assert all((partial[name] == full[name]).all() for name in partial)
