"""What commands write to standard output, to standard error and into files."""

import re

import pytest
import yaml

from engine.model_folder import loading

MMOE = f"{loading.REPOSITORY}/models/multitask/mmoe/config.yaml"
DONE = r"epoch: 0 done, auc_income: \d\.\d{6}, auc_marital: \d\.\d{6}, epoch time: \S+ s"


def last(done):
    """Returns the message of the log's last line."""
    return done.stderr.splitlines()[-1].partition(" - INFO - ")[2]


@pytest.mark.parametrize("graph", ["", "static_"])
def test_results_are_on_standard_output(run_command, tmp_path, graph):
    """From training to predictions; `config.yaml` beside the checkpoints works like the YAML."""
    output = tmp_path / "output"

    def run(name, *arguments):
        done = run_command(name, *arguments, "--quiet")
        assert (done.code, done.stderr) == (0, "")
        results = [line.partition(" - INFO - ")[2] or line for line in done.stdout.splitlines()]
        done = run_command(name, *arguments)
        again = [line.partition(" - INFO - ")[2] or line for line in done.stdout.splitlines()]
        mask = re.compile(r"\d+(\.\d+)? (s|rows/s)\b|e[-+]\d\d")
        assert [mask.sub("", line) for line in again] == [mask.sub("", line) for line in results]
        assert not set(done.stdout.splitlines()) & set(done.stderr.splitlines())
        return results, done.stderr

    options = [f"runner.model_save_path={output}", "runner.epochs=1", "runner.infer_end_epoch=1"]
    options.append("runner.resume=True")
    trained = run_command(f"{graph}trainer", "-m", MMOE, "-o", *options)
    assert re.fullmatch(rf".* - INFO - {DONE}\n", trained.stdout)
    assert " - configuration " in trained.stderr
    assert "batch_id: 100" in trained.stderr
    assert last(trained) == f"wrote checkpoint 0 and config.yaml to {output}"
    config = ["-m", output / "config.yaml"]
    (line,), log = run(f"{graph}infer", *config)
    assert re.fullmatch(DONE, line)
    assert f"configuration {output}/config.yaml" in log
    assert "wrote no file: runner.save_predictions and runner.save_metrics" in log.splitlines()[-1]
    original = run_command(
        f"{graph}infer", "-m", MMOE, "-o", *options, f"runner.infer_load_path={output}"
    )
    assert original.stdout.rpartition(", epoch time")[0].endswith(
        line.rpartition(", epoch time")[0]
    )
    if graph:
        return
    (line,), _ = run("to_static", *config)
    place = rf"exported checkpoint {output}/0 to {output}/0/tostatic\.(json|pdmodel)"
    assert re.fullmatch(rf"{place}; largest difference from the net \de[-+]\d\d", line)
    files = [tmp_path / "predictions.csv", tmp_path / "report.json"]
    saved = ["--save_predictions", files[0], "--save_log_path", files[1]]
    (*_, marital), log = run("paddle_infer", *config, *saved)
    assert re.match(r"marital: auc \d\.\d{6}, ", marital)
    assert log.endswith(f" - INFO - wrote predictions to {files[0]}; the report to {files[1]}\n")
    target = ["--checkpoint", output / "0", "--output", tmp_path / "converted", "--to", "paddlemtl"]
    (line,), _ = run("convert", *config, *target)
    path = tmp_path / "converted" / "rec.pdparams"
    assert line == f"converted checkpoint {output}/0 to {path}: 9 parameters"


def test_the_log_file_has_all_lines_of_two_commands(run_command, tmp_path):
    log, output = tmp_path / "log.txt", tmp_path / "output"
    options = [f"runner.log_file={log}", f"runner.model_save_path={output}", "runner.epochs=1"]
    options += [f"runner.infer_load_path={output}", "runner.infer_end_epoch=1"]
    done = [run_command(name, "-m", MMOE, "-o", *options) for name in ("trainer", "infer")]
    done.append(run_command("infer", "-m", MMOE, "-o", *options, "runner.infer_end_epoch=3"))
    assert [each.code for each in done] == [0, 0, 2]
    shown = {line for each in done for line in each.log.splitlines() if "error: " not in line}
    lines = log.read_text().splitlines()
    assert shown <= set(lines)
    assert sum(" - INFO - command: " in line for line in lines) == 3
    assert lines[-1].endswith(
        f" - ERROR - {done[2].stderr.splitlines()[-1].partition('error: ')[2]}"
    )
    missing = run_command("trainer", "-m", MMOE, "-o", f"runner.log_file={tmp_path}/no/log.txt")
    problem = f"there is no folder {tmp_path}/no; make it, or name another file"
    assert (missing.code, missing.stdout) == (2, "")
    assert missing.stderr == f"error: runner.log_file = {tmp_path}/no/log.txt: {problem}\n"
    assert yaml.safe_load((output / "config.yaml").read_text())["runner"]["log_file"] == str(log)
