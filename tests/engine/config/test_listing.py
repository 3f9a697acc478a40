"""The log lists what differs from the defaults; config.yaml beside the checkpoints has all keys."""

import logging
from pathlib import Path

import pytest
import sample_yaml
import yaml

from engine.config import listing
from engine.config.load import load_config
from engine.config.runner_key import REQUIRED
from engine.config.runner_keys import RUNNER
from engine.system.errors import UserError


def test_the_log_has_the_values_that_differ_from_the_defaults(load, caplog):
    text = sample_yaml.BASE + "search:\n  trials: 3\n"
    config = load("runner.epochs=3", "runner.seed=12345", "runner.ema_decay=0.5", text=text)
    with caplog.at_level(logging.INFO):
        listing.log_config(config, {**sample_yaml.DECLARED, "rate": 0.25})
    title, *lines = caplog.messages[-1].splitlines()
    assert title == f"configuration {config.yaml_path}; other keys have their default values"
    assert dict(line.split(None, 1) for line in lines) == {
        "hyper_parameters.rate": "0.5",
        "runner.ema_decay": "0.5",
        "runner.epochs": "3",
        "runner.train_batch_size": "4",
        "runner.train_data_dir": "data/train",
        "runner.train_reader_path": "some_reader",
    }


ODD = """\
runner:
  epochs: 2
  train_data_dir: data/1e5
  model_init_path: "012"
  init_scope: [emb*, "no", "1e5"]
hyper_parameters:
  name: "012"
  table: {columns: {user.id: {min_count: 3}}, empty: {}}
  tasks: [{name: 点击, label_column: 0}]
search: {trials: 3}
"""


def test_the_saved_configuration_is_the_same_one(load, tmp_path):
    """Also for texts that look like numbers, names with dots and values that follow from data."""
    config = load("runner.seed=7", "runner.save_metrics=m.json", text=ODD, declared=None)
    config = config.completed({"hyper_parameters.feature_size": 499})
    output = tmp_path / "output"
    path = listing.save(config, str(output), sample_yaml.DECLARED)
    assert path == str(output / "config.yaml")
    saved = load_config(path)
    assert (saved.folder, saved.yaml_path) == (config.folder, path)
    moved = {
        "runner.model_init_path": str(tmp_path / "model" / "012"),
        "runner.train_data_dir": str(tmp_path / "model" / "data" / "1e5"),
        "runner.save_metrics": str(tmp_path / "here" / "m.json"),
        "runner.model_save_path": str(output),
        "runner.infer_load_path": str(output),
    }
    left_out = {"hyper_parameters.feature_size", "yaml_path"}
    expected = {key: config[key] for key in config if key not in left_out}
    expected = {key: each for key, each in expected.items() if not key.startswith("search.")}
    assert {key: saved[key] for key in saved if key != "yaml_path"} == {**expected, **moved}
    comments = yaml.safe_load(
        "\n".join(
            line[2:]
            for line in Path(path).read_text().splitlines()
            if line.startswith("# ") and ": " in line and "," not in line
        )
    )
    assert comments["runner.print_interval"] == 100
    assert comments["hyper_parameters.feature_size"] == 499
    unset = {
        f"runner.{name}" for name, key in RUNNER.items() if key.default not in (None, REQUIRED)
    }
    assert unset - set(saved) <= set(comments)


@pytest.mark.parametrize("value", ["nowhere", "3"])
def test_a_folder_that_is_no_folder_is_refused(load, value):
    with pytest.raises(UserError, match=r"config_abs_dir = .*: expected the model's folder"):
        load(text=f"config_abs_dir: {value}\n{sample_yaml.BASE}")


@pytest.mark.parametrize("declared", [sample_yaml.DECLARED, None])
def test_keys_of_paddlerec_that_mean_nothing_are_one_line(load, caplog, declared):
    caplog.set_level(logging.INFO)
    text = sample_yaml.BASE.replace("  epochs", "  num_workers: 4\n  use_auc: False\n  epochs")
    config = load("runner.thread_num=2", text=text + "    strategy: async\n", declared=declared)
    assert config["runner.num_workers"] == 4
    listing.log_without_effect(config)
    assert caplog.messages == [
        "keys of PaddleRec without effect here: "
        "runner.num_workers (one thread reads the rows), "
        "runner.thread_num (one thread reads the rows), "
        "hyper_parameters.optimizer.strategy (runner.sync_mode selects how parameter servers "
        "train), runner.use_auc (metrics restart in every epoch)"
    ]


def test_without_such_keys_there_is_no_line(load, caplog):
    caplog.set_level(logging.INFO)
    listing.log_without_effect(load("runner.use_auc=True"))
    assert not caplog.messages
