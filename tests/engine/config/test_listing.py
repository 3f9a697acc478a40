"""The log lists every key that is set, and the defaults of the other `runner` keys."""

import logging

from sample_yaml import BASE

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
