"""Options that parameter servers do not support are errors before a job starts."""

import pytest

from engine.parameter_servers import training
from engine.system.errors import UserError


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("runner.valid_data_dir=data/test", "no trainer has all parameters"),
        ("runner.save_metrics=out.json", "each trainer has only the metrics of its own rows"),
        ("runner.ema_decay=0.9", "parameter servers do not average parameters"),
        ("hyper_parameters.optimizer.schedule=cosine", "the learning rate of the servers' tables"),
        ("hyper_parameters.optimizer.warmup_steps=5", "the learning rate of the servers' tables"),
        ("hyper_parameters.optimizer.weight_decay=0.1", "parameter servers have no weight decay"),
    ],
)
def test_unsupported_options(option, problem, configure):
    with pytest.raises(UserError, match=problem):
        training.check(configure("esmm", option))


def test_the_shipped_configuration_is_supported(configure):
    training.check(configure("esmm"))
