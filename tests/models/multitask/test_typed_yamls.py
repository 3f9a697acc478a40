"""The YAMLs with tasks of several types: each learns the generated sample of its data set."""

import re
from pathlib import Path

import pytest

from datasets.adult import sample as adult
from datasets.example_table import sample as example_table
from datasets.example_table import sequences
from datasets.kuairand import sample as kuairand
from engine.model_folder import loading

MODELS = Path(loading.REPOSITORY) / "models" / "multitask"


def table(folder):
    example_table.write(folder, 2022, (4_000, 800))
    return folder / "train_all", folder / "test_all"


def histories(folder):
    arguments = ("--output_dir", folder, "--train_rows", 4_000, "--test_rows", 800)
    assert sequences.main(list(map(str, arguments))) == 0
    return folder / "sequences_all" / "train", folder / "sequences_all" / "test"


def text(sample, train, test):
    def make(folder):
        arguments = ("--output_dir", folder, "--train_rows", train, "--test_rows", test)
        assert sample.main(list(map(str, arguments))) == 0
        return folder / "train", folder / "test"

    return make


# A constant has an AUC and an XAUC of 0.5, an accuracy of 0.36 and these mean absolute errors: 8.0,
# 5.6, 51 and 0.18. The hours differ from what their formula knows by 0 to 8: at least 20 / 9.
CASES = [
    (
        "mmoe/config_tasks.yaml",
        table,
        {"auc_click": 0.88, "auc_like": 0.88, "xauc_watch": 0.77, "acc_rating": 0.45},
        {"mae_watch": 6},
    ),
    (
        "mmoe/config_adult_hours.yaml",
        text(adult, 2_000, 500),
        {"auc_income": 0.9, "xauc_hours": 0.85},
        {"mae_hours": 1.2 * 20 / 9},
    ),
    (
        "mmoe/config_kuairand_all.yaml",
        text(kuairand, 2_000, 400),
        {"auc_click": 0.83, "auc_like": 0.88, "auc_profile_enter": 0.88, "xauc_watch_time": 0.82},
        {"mae_watch_time": 42, "mae_watch_ratio": 0.17},
    ),
    (
        "mmoe/config_kuairand_best.yaml",  # reads the rates, which hold what the labels follow from
        text(kuairand, 2_000, 400),
        {"auc_click": 0.83, "auc_like": 0.86, "auc_profile_enter": 0.78},
        {"mae_watch_time": 42},
    ),
    (
        "mmoe/config_kuairand_din.yaml",
        text(kuairand, 2_000, 400),
        {"auc_click": 0.83, "auc_like": 0.86, "auc_profile_enter": 0.78},
        {"mae_watch_time": 42},
    ),
    # The other label needs more steps of larger batches.
    ("mmoe/config_sequence.yaml", histories, {"auc_recent": 0.95}, {}),
]


@pytest.mark.parametrize(
    ("path", "data", "least", "most"), CASES, ids=[case[0].replace("/", "-") for case in CASES]
)
def test_each_yaml_learns_its_sample(run_command, tmp_path, path, data, least, most):
    train, test = data(tmp_path / "data")
    options = [
        f"runner.train_data_dir={train}",
        f"runner.test_data_dir={test}",
        f"runner.model_save_path={tmp_path / 'output'}",
        f"runner.infer_load_path={tmp_path / 'output'}",
        "runner.train_batch_size=64",
        "runner.infer_batch_size=400",
        "runner.epochs=8",
        "runner.infer_start_epoch=7",
        "runner.infer_end_epoch=8",
        "runner.print_interval=1000",
    ]
    for command in ("trainer", "infer"):
        done = run_command(command, "-m", MODELS / path, "-o", *options)
        assert done.code == 0, done.stderr
    line = next(line for line in reversed(done.log.splitlines()) if " done, " in line)
    found = {name: float(value) for name, value in re.findall(r"(\w+): ([0-9.]+)", line)}
    for name, bound in least.items():
        assert found[name] > bound, line
    for name, bound in most.items():
        assert found[name] < bound, line
