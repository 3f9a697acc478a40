"""The log lists every key that is set, and the defaults of the other `runner` keys."""

import logging

import pytest
from sample_yaml import BASE, DECLARED

from engine.config import listing


def test_the_log_of_a_configuration(load, caplog):
    text = BASE + "search:\n  trials: 3\n"
    with caplog.at_level(logging.INFO):
        listing.log_config(load("runner.epochs=3", text=text))
    lines = dict(line.split(None, 1) for line in caplog.messages[-1].splitlines()[1:])
    assert lines["runner.epochs"] == "3"
    assert lines["hyper_parameters.sizes"] == "[16, 8]"
    assert lines["runner.seed"] == "12345"
    assert lines["runner.ema_decay"] == "0.0"
    assert "runner.use_gpu" not in lines  # no default
    assert "runner.test_data_dir" not in lines  # required
    assert not any(key.startswith("search.") for key in lines)


@pytest.mark.parametrize("declared", [DECLARED, None])
def test_keys_of_paddlerec_that_mean_nothing_are_one_line(load, caplog, declared):
    caplog.set_level(logging.INFO)
    text = BASE.replace("  epochs", "  num_workers: 4\n  use_auc: False\n  epochs")
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
