"""tools/search.py: trials survive a kill and an interrupt, and the best YAML is complete."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import optuna
import pytest
import yaml
from optuna.trial import TrialState

from engine.model_folder import loading

optuna.logging.set_verbosity(optuna.logging.ERROR)
BREAKS = """

class Breaks(MMoELayer):
    def logits(self, features):
        found = super().logits(features)
        return found * float("nan") if self.experts.expert_num == 3 else found


MMoELayer = Breaks
"""
SEARCH = os.path.join(loading.REPOSITORY, "tools", "search.py")


def trials_of(path):
    return optuna.load_study(storage=f"sqlite:///{path}", study_name="search").trials


def values_of(trials):
    return [(one.params, one.value) for one in trials if one.state is TrialState.COMPLETE]


@pytest.fixture
def start(model, tmp_path):
    """Starts a search in a process and waits until a trial's folder is there."""

    def run(study, number):
        command = [sys.executable, SEARCH, "-m", model / "search.yaml", "--trials", "2"]
        log = open(tmp_path / "log", "wb")  # noqa: SIM115  (the process writes to it)
        process = subprocess.Popen([*map(str, command), "--study", study], stderr=log)
        place = tmp_path / "other_trials" / str(number) / "log.txt"
        for _ in range(1200):
            if place.is_file() or process.poll() is not None:
                break
            time.sleep(0.05)
        assert place.is_file(), (tmp_path / "log").read_text()
        return process

    return run


def test_a_search_continues_and_its_yaml_trains_to_the_same_value(
    model, run_command, start, tmp_path
):
    study = model / "output_model_mmoe_search" / "study.db"
    done = run_command("search", "-m", model / "search.yaml", "--trials", "2")
    assert done.code == 0, done.stderr
    found = trials_of(study)
    assert [one.state for one in found] == [TrialState.COMPLETE] * 2
    assert len(re.findall(r"trial \d: mean = [\d.]+ in epoch \d, batch_id \d, ", done.stderr)) == 2
    best = max(found, key=lambda one: one.value)
    assert f"mean = {best.value:.6f} in epoch" in done.stdout
    assert [one.name for one in study.parent.iterdir()] == ["study.db"]

    text = (model / "search_tuned.yaml").read_text(encoding="utf-8")
    assert f"trial {best.number}, 2 trials so far" in text
    assert repr(best.value) in text
    content = yaml.safe_load(text)
    assert content["runner"]["train_batch_size"] == best.params["runner.train_batch_size"]
    assert content["runner"]["valid_data_dir"] == "data/valid"
    assert content["runner"]["model_save_path"] == "output_model_mmoe_tuned"
    assert content["runner"]["infer_load_path"] == "output_model_mmoe_tuned"
    assert (
        json.dumps(content["hyper_parameters"]["tower_size"])
        == (best.params["hyper_parameters.tower_size"])
    )
    assert "search" not in content
    trained = run_command("trainer", "-m", model / "search_tuned.yaml")
    assert trained.code == 0, trained.stderr
    output = model / "output_model_mmoe_tuned"
    facts = json.loads((output / "best/rec.json").read_text(encoding="utf-8"))
    assert sum(facts["valid"].values()) / 2 == best.value
    report = tmp_path / "report.json"
    valid = ["runner.test_data_dir=" + str(model / "data/valid"), f"runner.save_metrics={report}"]
    done = run_command("infer", "-m", model / "search_tuned.yaml", "-o", *valid)
    assert done.code == 0, done.stderr
    evaluated = json.loads(report.read_text(encoding="utf-8"))["epochs"]  # the best one, alone
    assert {int(epoch): sum(each["metrics"].values()) / 2 for epoch, each in evaluated.items()} == {
        facts["epoch"]: best.value
    }

    # The same search, killed in its first trial, interrupted in its second, and ended.
    other = tmp_path / "other.db"
    process = start(other, 0)
    process.kill()
    process.wait()
    process = start(other, 2)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    last = (tmp_path / "log").read_text(encoding="utf-8").splitlines()[-1]
    assert last.startswith(
        "error: interrupted after 1 of 2 trials; to continue, run the same command again ("
    )
    assert [one.state.name for one in trials_of(other)] == ["FAIL", "COMPLETE", "FAIL"]
    done = run_command("search", "-m", model / "search.yaml", "--trials", "2", "--study", other)
    assert done.code == 0, done.stderr
    assert f"{other}: continuing after 1 trials" in done.stderr
    assert values_of(trials_of(other)) == values_of(found)
    assert not (tmp_path / "other_trials").exists()


def test_failed_trials_are_stored_also_in_static_graph(model, run_command, tmp_path):
    space = tmp_path / "space.yaml"
    experts = {"choices": [2, 3]}
    space.write_text(yaml.safe_dump({"hyper_parameters.expert_num": experts}))
    with open(model / "net.py", "a", encoding="utf-8") as file:
        file.write(BREAKS)
    options = ("--space", space, "--seed", "3", "--sampler", "random", "--static", "--keep")
    done = run_command("search", "-m", model / "search.yaml", "--trials", "3", *options)
    assert done.code == 0, done.stderr
    found = trials_of(model / "output_model_mmoe_search" / "study.db")
    for one in found:
        failed = one.params["hyper_parameters.expert_num"] == "3"
        assert (one.state is TrialState.FAIL) == failed
        folder = model / "output_model_mmoe_search" / "study_trials" / str(one.number)
        assert (folder / "log.txt").is_file()
        assert (folder / "output/best/rec_static.pdparams").is_file() != failed
        if failed:
            assert "the loss is nan" in one.user_attrs["problem"]
            assert f"trial {one.number}: failed: " in done.stderr
    assert {one.state for one in found} == {TrialState.COMPLETE, TrialState.FAIL}
    # Failed trials count, so no trial is left.
    again = run_command("search", "-m", model / "search.yaml", "--trials", "3", *options)
    assert again.code == 0
    assert len(trials_of(model / "output_model_mmoe_search" / "study.db")) == 3
