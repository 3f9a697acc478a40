"""What parameter servers cannot do is said before a job starts."""

import pytest

from engine.parameter_servers import training
from engine.system.errors import UserError


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("runner.valid_data_dir=data/test", "no trainer has all parameters"),
        ("runner.early_stopping_patience=2", "no trainer evaluates"),
        ("runner.save_metrics=out.json", "each trainer has the metrics of its own rows"),
        ("runner.ema_decay=0.9", "the servers' tables keep no averages"),
        ("hyper_parameters.optimizer.schedule=cosine", "the servers' tables keep their learning"),
        ("hyper_parameters.optimizer.warmup_steps=5", "the servers' tables keep their learning"),
        ("hyper_parameters.optimizer.weight_decay=0.1", "the servers' tables do not decay"),
    ],
)
def test_training_controls_are_refused(option, problem, configure):
    with pytest.raises(UserError, match=problem):
        training.check(configure("esmm", option))


def test_the_shipped_configuration_is_not_refused(configure):
    training.check(configure("esmm"))
