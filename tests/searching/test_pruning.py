"""Pruning, failed and killed trials, and the YAML of each new best trial."""

import itertools
import os
import time

import optuna
import pytest
import yaml
from optuna.trial import TrialState
from search_models import change

from benchmarking import provenance
from engine.config.load import load_config
from engine.model_folder import loading
from engine.system import interrupts
from searching import search, space, studies, trials

optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture
def make(model, tmp_path, monkeypatch):
    """Returns a function that makes a search and its study."""
    monkeypatch.setattr(provenance, "commit", lambda folder: None)  # Git is slow

    def build(pruner="median", lower=False, overrides=()):
        path = str(model / "search.yaml")
        config = load_config(path, list(overrides), loading.hyper_parameters)
        found = space.read(config, None, [])
        output = str(model / "search_tuned.yaml")
        made = search.Search(
            config, list(overrides), found, "dygraph", str(tmp_path / "t"), output, False
        )
        settings = made.settings(1, "tpe", pruner)
        return made, studies.Study(str(tmp_path / "s.db"), settings, lower)

    return build


def curves(values, ended):
    """Returns a stand-in for trials.run; a trial has the same value in each of five epochs."""
    found = iter(values)

    def run(yaml_path, options, graph, log, check=False):
        value = next(found)
        epoch = -1
        try:
            for epoch in range(4):
                yield {"epoch": epoch, "value": value}
            yield {"best": value, "epoch": 4, "batches": 3}
            epoch = 4
        finally:
            ended.append(epoch)

    return run


@pytest.mark.parametrize(
    ("pruner", "lower"), [("median", False), ("median", True), ("none", False)]
)
def test_a_trial_below_the_median_of_five_is_pruned(pruner, lower, make, monkeypatch):
    ended, sign = [], -1 if lower else 1
    values = [sign * value for value in (5.0, 6.0, 7.0, 8.0, 9.0, 1.0, 9.5)]
    monkeypatch.setattr(trials, "run", curves(values, ended))
    made, study = make(pruner, lower)
    made.run(study, 7)
    pruned = pruner == "median"
    assert ended == [4, 4, 4, 4, 4, 0 if pruned else 4, 4]
    assert [one.state is TrialState.PRUNED for one in study.ended].index(pruned) == (5 * pruned)
    assert study.best.value == sign * 9.5
    if not pruned:
        importances = study.importances()
        assert importances.keys() == made.space.keys()
        assert sum(importances.values()) == pytest.approx(1)


def test_the_yaml_is_of_the_best_trial_so_far(make, monkeypatch):
    made, study = make()
    monkeypatch.setattr(trials, "run", curves([0.5, 0.7, 0.6], []))
    for count in (1, 2, 3):
        made.run(study, count)
        with open(made.output, encoding="utf-8") as file:
            text = file.read()
        assert f"mean = {[0.5, 0.7, 0.7][count - 1]!r} on the validation set" in text
        values = study.values(study.best)
        rate = values["hyper_parameters.optimizer.learning_rate"]
        assert yaml.safe_load(text)["hyper_parameters"]["optimizer"]["learning_rate"] == rate


def test_the_yaml_has_whole_blocks(make, model, monkeypatch):
    """A space and ``-o`` may name a key inside a block; the YAML keeps the rest of the block."""
    key = "hyper_parameters.bottom.layers"

    def with_block(content):
        content["hyper_parameters"]["bottom"] = "mlp"
        content["search"] = {key: {"choices": [3]}}

    change(model, with_block)
    monkeypatch.setattr(trials, "run", curves([0.5], []))
    made, study = make(
        overrides=["hyper_parameters.bottom.type=dcn_v2", "hyper_parameters.bottom.rank=2"]
    )
    made.run(study, 1)
    with open(made.output, encoding="utf-8") as file:
        bottom = yaml.safe_load(file)["hyper_parameters"]["bottom"]
    assert bottom == {"type": "dcn_v2", "rank": 2, "layers": 3}


def test_if_all_trials_fail_the_error_has_the_last_problem(make, monkeypatch):
    def run(*order, **options):
        raise trials.TrialError("the loss is nan")
        yield

    made, study = make()
    monkeypatch.setattr(trials, "run", run)
    with pytest.raises(
        trials.UserError, match="none of 2 trials has a value; the last one: the loss"
    ):
        made.run(study, 2)
    assert not os.path.exists(made.output)


def test_a_signal_ends_the_trial_and_it_does_not_count(make, monkeypatch):
    def run(*order, **options):
        yield {"epoch": 0, "value": 0.5}
        raise interrupts.Interrupted(2)

    made, study = make()
    monkeypatch.setattr(trials, "run", run)
    with pytest.raises(interrupts.Interrupted):
        made.run(study, 2)
    assert study.ended == []


def test_closing_a_trial_kills_its_process(model, tmp_path):
    log = str(tmp_path / "log")
    options = ["runner.epochs=100000", f"runner.model_save_path={tmp_path / 'out'}"]
    options.append("runner.keep_checkpoints=1")
    running = trials.run(str(model / "search.yaml"), options, "dygraph", log)
    assert list(map(sorted, itertools.islice(running, 2))) == [["epoch", "value"]] * 2
    running.close()
    before = sorted(os.listdir(tmp_path / "out"))
    time.sleep(0.5)
    assert sorted(os.listdir(tmp_path / "out")) == before


def test_a_process_that_dies_is_a_failed_trial(tmp_path, model, monkeypatch):
    (model / "net.py").write_text("import os; print('gone'); os._exit(7)\n", encoding="utf-8")
    running = trials.run(str(model / "search.yaml"), [], "dygraph", str(tmp_path / "log"))
    with pytest.raises(trials.TrialError, match="the process ended with exit code 7: "):
        list(running)
