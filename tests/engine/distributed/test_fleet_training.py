"""Two processes train as one process with batches twice as large."""

import json
import os
import re
import signal
import time

import numpy as np
import pytest
from fleet_runs import assert_same_lines, parse_log

from engine.checkpoints import find, formats

FLEET = "runner.use_fleet=True"
SOME_ROWS = "[{name: income, label_column: 1, rows: marital}, {name: marital, label_column: 0}]"


def settings(output, *more, batch=8, epochs=2):
    root = f"runner.model_save_path={output}"
    size = f"runner.train_batch_size={batch}"
    return ["-o", root, size, f"runner.epochs={epochs}", "runner.print_interval=1", *more]


def assert_same_parameters(one, two, tolerance):
    one, two = (formats.read(f"{folder}/rec.pdparams") for folder in (one, two))
    assert one.keys() == two.keys()
    for name, value in one.items():
        np.testing.assert_allclose(value, two[name], rtol=0, atol=tolerance, err_msg=name)


def assert_same_ranks(run):
    """Checks that parameters and optimizer state of both ranks are bit-identical."""
    one, two = (np.load(run.notes / f"state.{rank}.npz") for rank in (0, 1))
    assert set(one.files) == set(two.files)
    assert any(name.startswith("optimizer.") for name in one.files)
    for name in one.files:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)


@pytest.mark.parametrize(("name", "rows"), [("mmoe", 57), ("esmm", 201)])
def test_two_processes_equal_one_with_twice_the_batch(launch, alone, model, tmp_path, name, rows):
    """Loss and AUC of every step are equal; MMoE's last step has one row for two processes.

    ESMM has sparse gradients and lazy Adam. In MMoE one task counts in some rows only, so the
    processes divide its loss by different numbers. Each run then resumes with the other number of
    processes.
    """
    yaml = model(name, rows)
    tasks = ["hyper_parameters.tasks=" + SOME_ROWS] if name == "mmoe" else []
    two = settings(tmp_path / "two", FLEET, *tasks, batch=4)
    run = launch(2, "trainer", "-m", yaml, *two)
    one = alone("trainer", "-m", yaml, *settings(tmp_path / "one", *tasks))
    assert run.end() == 0, run.log(0)
    assert not parse_log(run.log(1)), "only rank 0 logs"
    assert_same_lines(run.log(0), one, 2e-5)
    steps = [values for values in parse_log(one) if values[1][0] == "batch_id"]
    assert len(steps) == 2 * -(-rows // 8)
    assert "avg_samples: 8.00000" in run.log(0), "rows of all processes"
    assert_same_ranks(run)
    assert_same_parameters(tmp_path / "two" / "1", tmp_path / "one" / "1", 1e-5)
    if name == "esmm":
        return
    more = launch(
        2,
        "trainer",
        "-m",
        yaml,
        *settings(tmp_path / "one", FLEET, "runner.resume=True", *tasks, batch=4, epochs=3),
    )
    options = settings(tmp_path / "two", "runner.resume=True", *tasks, epochs=3)
    alone("trainer", "-m", yaml, *options)
    assert more.end() == 0, more.log(0)
    assert len(parse_log(more.log(0))) == 1 + -(-rows // 8)
    assert_same_parameters(tmp_path / "two" / "2", tmp_path / "one" / "2", 1e-5)


def test_an_interrupted_run_resumes_with_other_processes(launch, alone, model, tmp_path):
    """Two processes, then one launched process, are stopped in an epoch; a third run ends it."""
    yaml, place = model("mmoe", 121), 2
    for ranks, batch in ((2, 4), (1, 8)):
        options = settings(tmp_path / "parts", FLEET, "runner.resume=True", batch=batch)
        run = launch(ranks, "trainer", "-m", yaml, *options, slow=0.25, launcher=True)
        run.wait_for(f"epoch: 1, batch_id: {place},")
        run.terminate()
        assert run.end() != 0
        assert "error: interrupted in epoch 1, " in run.log(0), run.log(0)
        with open(tmp_path / "parts" / "interrupted" / "rec.json", encoding="utf-8") as file:
            facts = json.load(file)
        if ranks == 2:
            place, taken = 0, facts["batches"]
            assert 3 <= taken < 16
    assert facts["first_row"] == 8 * taken
    assert facts["batches"] >= 1
    rest = alone("trainer", "-m", yaml, *settings(tmp_path / "parts", "runner.resume=True"))
    whole = alone("trainer", "-m", yaml, *settings(tmp_path / "whole"))
    assert_same_parameters(tmp_path / "parts" / "1", tmp_path / "whole" / "1", 1e-5)
    # The epoch's metrics count the rows of all three runs once.
    assert parse_log(rest)[-1] == parse_log(whole)[-1]


def test_a_killed_process_ends_the_job(launch, model, tmp_path):
    yaml = model("mmoe", 57)
    options = settings(tmp_path / "out", FLEET, epochs=10**6)
    run = launch(2, "trainer", "-m", yaml, *options, slow=0.02, launcher=True)
    run.wait_for("epoch: 3 done")
    os.kill(run.pid(1), signal.SIGKILL)
    began = time.monotonic()
    assert run.end() != 0
    assert time.monotonic() - began < 30
    for rank in (0, 1):
        with pytest.raises(ProcessLookupError):
            os.kill(run.pid(rank), 0)
    found = find.newest(str(tmp_path / "out"), "rec")
    assert found[1]["epoch"] >= 2
    state = formats.read(f"{found[0]}/rec.pdparams")
    find.state(found[0], "rec", {name: value.shape for name, value in state.items()})


def test_resuming_with_as_many_processes_is_bit_identical(launch, model, tmp_path):
    """Each process continues its own sequence of dropout."""
    yaml, more = model("mmoe", 57), [FLEET, "hyper_parameters.dropout=0.1"]
    parts = settings(tmp_path / "parts", *more, "runner.resume=True", batch=4)
    whole = launch(2, "trainer", "-m", yaml, *settings(tmp_path / "whole", *more, batch=4))
    run = launch(2, "trainer", "-m", yaml, *parts, slow=0.3)
    run.wait_for("epoch: 1, batch_id: 2,")
    run.terminate()
    run.end()
    assert (tmp_path / "parts" / "interrupted").exists(), run.log(0)
    run = launch(2, "trainer", "-m", yaml, *parts)
    assert run.end() == 0, run.log(0)
    assert whole.end() == 0, whole.log(0)
    assert_same_ranks(run)
    assert_same_parameters(tmp_path / "parts" / "1", tmp_path / "whole" / "1", 0)
    assert parse_log(run.log(0))[-1] == parse_log(whole.log(0))[-1]


BREAKS = """

class Breaks(MMoELayer):
    def logits(self, features):
        income, marital = paddle.unbind(super().logits(features))
        bad = (features[:, 20:21] == 7.0).expand_as(marital)
        nothing = paddle.full_like(marital, float("nan"))
        return paddle.stack([income, paddle.where(bad, nothing, marital)])


MMoELayer = Breaks
"""
LINE = 30  # of the row with a NaN loss: in rank 1's fourth step


def breaking(lines):
    cells = lines[LINE - 1].split(",")
    lines[LINE - 1] = ",".join([*cells[:22], "7", *cells[23:]])
    return lines


def test_a_nan_loss_in_one_process_stops_or_is_skipped_in_all(launch, alone, model, tmp_path):
    yaml = model("mmoe", 57, breaking)
    net = yaml.parent / "net.py"
    text = net.read_text().replace("from __future__ import annotations\n", "")
    net.write_text(f"import paddle\n{text}{BREAKS}")
    plain = ["hyper_parameters.standardize=False", "runner.shuffle=False"]
    skip = [*plain, "runner.on_nan=skip"]
    stopped = launch(2, "trainer", "-m", yaml, *settings(tmp_path / "no", FLEET, *plain, batch=4))
    skipped = launch(2, "trainer", "-m", yaml, *settings(tmp_path / "two", FLEET, *skip, batch=4))
    one = alone("trainer", "-m", yaml, *settings(tmp_path / "one", *skip))
    assert stopped.end() != 0
    data = yaml.parent / "data" / "train" / "train_data.txt"
    problem = (
        "error: epoch: 0, batch_id: 3: the loss is nan, of task marital, "
        f"in 1 of 4 rows: {data}:{LINE} (runner.on_nan = stop)"
    )
    assert all(problem in stopped.log(rank).splitlines() for rank in (0, 1))
    assert not (tmp_path / "no").exists()
    assert skipped.end() == 0, skipped.log(0)
    assert "skipped: 1 batches" in skipped.log(0)
    ends = [
        "\n".join(line for line in log.splitlines() if " done, " in line)
        for log in (skipped.log(0), one)
    ]
    assert_same_lines(*ends, 2e-5)
    assert_same_parameters(tmp_path / "two" / "1", tmp_path / "one" / "1", 1e-5)


def test_evaluation_during_training(launch, alone, model, tmp_path):
    """In the last step only one process has a row; the best checkpoint is saved once."""
    yaml = model("mmoe", 57)
    rows = f"runner.valid_data_dir={yaml.parent / 'data' / 'test'}"
    more = (rows, "runner.infer_batch_size=3", "runner.valid_interval=5")
    run = launch(2, "trainer", "-m", yaml, *settings(tmp_path / "two", FLEET, *more, batch=4))
    one = alone("trainer", "-m", yaml, *settings(tmp_path / "one", *more))
    assert run.end() == 0, run.log(0)
    assert_same_ranks(run)
    found, expected = (
        [re.findall(r"[\w.]+", line.partition(", valid time")[0]) for line in lines]
        for lines in (re.findall("valid: .*", run.log(0)), re.findall("valid: .*", one))
    )
    assert len(found) == len(expected) == 4
    for ours, theirs in zip(found, expected):
        assert ours[:5] == theirs[:5]
        assert ours[5::2] == theirs[5::2]
        np.testing.assert_allclose(
            [*map(float, ours[6::2])], [*map(float, theirs[6::2])], atol=2e-3
        )
    assert_same_parameters(tmp_path / "two" / "best", tmp_path / "one" / "best", 1e-5)
