"""Invalid input ends a command with exit code 2 and one line: where, what, and which value."""

import os
import re
import shutil
import subprocess
import sys

import paddle
import pytest

from engine.model_folder import loading

TRAINERS = ["trainer", "static_trainer"]
EVALUATORS = ["infer", "static_infer"]


def the_error(code, stderr):
    """Returns the error line with which a command ended; checks that there is only one."""
    assert code == 2, stderr
    assert "Traceback" not in stderr
    lines = stderr.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert errors == lines[-1:], stderr
    return errors[0]


@pytest.fixture
def refusal(command, model, written):
    """Runs a command that must end with one error line and write no files."""

    def run(name, *overrides, yaml=None):
        before = written()
        options = ["-o", *overrides] if overrides else []
        error = the_error(*command(name, "-m", yaml or model / "config.yaml", *options))
        assert written() == before
        return error

    return run


def line_of(path, text):
    """Returns the number of the line that contains a text."""
    lines = path.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def edit(model, old, new):
    """Changes the model's YAML."""
    path = model / "config.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


# Configurations


@pytest.mark.parametrize("name", [*TRAINERS, *EVALUATORS])
def test_no_yaml(refusal, elsewhere, name):
    error = refusal(name, yaml="none.yaml")
    assert error == f"error: {elsewhere / 'none.yaml'}: No such file or directory"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "runner.epoch=3",
            "-o runner.epoch=3: unknown key runner.epoch; did you mean 'runner.epochs'?",
        ),
        (
            "hyper_parameters.experts_num=3",
            "-o hyper_parameters.experts_num=3: unknown key hyper_parameters.experts_num; "
            "did you mean 'hyper_parameters.expert_num'?",
        ),
        (
            "runner.train_batch_size=0",
            "-o: runner.train_batch_size = 0: expected an integer of at least 1",
        ),
        ("runner.epochs=-1", "-o: runner.epochs = -1: expected an integer of at least 1"),
        ("runner.epochs=ten", "-o: runner.epochs = 'ten': expected an integer of at least 1"),
        (
            "hyper_parameters.expert_num=many",
            "-o hyper_parameters.expert_num=many: expected an integer",
        ),
        (
            "runner.save_predictions=foo.txt",
            "-o: runner.save_predictions = 'foo.txt': "
            "expected a file name that ends in .csv, .npy or .parquet",
        ),
        ("runner.epochs", "-o runner.epochs: expected key=value"),
    ],
)
@pytest.mark.parametrize("name", ["trainer", "static_infer"])
def test_a_bad_override(refusal, name, override, message):
    assert refusal(name, override) == f"error: {message}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "epochs: 3",
            "epochs: -1",
            ", line {line}: runner.epochs = -1: expected an integer of at least 1",
        ),
        (
            "train_batch_size: 2",
            "train_batch_size: 0",
            ", line {line}: runner.train_batch_size = 0: expected an integer of at least 1",
        ),
        (
            "  epochs: 3",
            "\tepochs: 3",
            ", line {line}: found character '\\t' that cannot start any token",
        ),
        ("  epochs: 3\n", "", ": runner.epochs is not set"),
    ],
)
def test_a_bad_yaml(refusal, model, old, new, message):
    path = edit(model, old, new)
    message = message.format(line=line_of(path, new) if new else None)
    assert refusal("trainer") == f"error: {path}{message}"


def test_a_message_of_several_lines_is_one_line(refusal, model):
    """PyYAML reports an invalid character in two lines."""
    path = edit(model, "epochs: 3", "epochs: \x00")
    error = refusal("trainer")
    assert error.startswith(f"error: {path}: unacceptable character #x0000")
    assert ", position " in error


def test_an_unknown_key_of_the_yaml_is_refused(refusal, model):
    path = edit(model, "epochs: 3", "epochs: 1\n  shufle: True")
    line = line_of(path, "  shufle: True")
    problem = "unknown key runner.shufle; did you mean 'runner.shuffle'?"
    assert refusal("trainer") == f"error: {path}, line {line}: {problem}"


# Data


def pretend_checkpoints(model, name):
    """Makes files in place of checkpoints, which evaluation looks for before it reads data."""
    for epoch in range(3) if name in EVALUATORS else ():
        folder = model / "output_model_mmoe" / str(epoch)
        folder.mkdir(parents=True)
        for prefix in ("rec", "rec_static"):
            (folder / f"{prefix}.pdparams").touch()


@pytest.mark.parametrize(
    ("name", "key"),
    [*((name, "train_data_dir") for name in TRAINERS), *((n, "test_data_dir") for n in EVALUATORS)],
)
def test_no_folder_and_an_empty_one(refusal, model, elsewhere, name, key):
    pretend_checkpoints(model, name)
    absent = elsewhere / "nowhere"
    error = refusal(name, f"runner.{key}=nowhere")
    assert error == f"error: -o: runner.{key} = 'nowhere': there is no folder or file {absent}"
    empty = model / "empty"
    empty.mkdir()
    (empty / ".hidden").write_text("no data")
    part = key.partition("_")[0]
    path = edit(model, f'{key}: "data/{part}"', f"{key}: empty")
    place = f"{path}, line {line_of(path, f'{key}: empty')}"
    error = refusal(name)
    assert error == f"error: {place}: runner.{key} = 'empty': folder {empty} holds no files"


@pytest.mark.parametrize(
    ("name", "part"), [(name, "train") for name in TRAINERS] + [(n, "test") for n in EVALUATORS]
)
def test_a_malformed_line(refusal, model, name, part):
    pretend_checkpoints(model, name)
    path = model / "data" / part / f"{part}_data.txt"
    lines = path.read_text().splitlines()
    for old, new, problem in [
        ("0", "none", "column 1: expected a number, found 'none'"),
        (
            "none,",
            "",
            "expected 501 numbers, found 500 (2 labels and hyper_parameters.feature_size",
        ),
    ]:
        lines[6] = new + lines[6][len(old) :]
        path.write_text("\n".join(lines))
        assert refusal(name).startswith(f"error: census_reader: {path}:7: {problem}")


def test_a_label_that_is_neither_0_nor_1(refusal, model):
    path = model / "data" / "train" / "train_data.txt"
    lines = path.read_text().splitlines()
    lines[4] = "3" + lines[4][1:]
    path.write_text("\n".join(lines))
    error = refusal("trainer")
    assert error == (
        f"error: census_reader: {path}:5: column 1: expected a label 0 or 1, found 3 (task "
        "marital: set its positive or missing_label, or leave cells without a label empty)"
    )


@pytest.mark.parametrize("name", ["trainer", "static_infer"])
def test_another_feature_size_than_the_data_have(refusal, model, name):
    pretend_checkpoints(model, name)
    error = refusal(name, "hyper_parameters.feature_size=100")
    assert error.endswith(
        "_data.txt:1: expected 102 numbers, found 501 "
        "(2 labels and hyper_parameters.feature_size = 100)"
    )


# Models and their hyper-parameters


@pytest.mark.parametrize("name", TRAINERS)
@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("expert_num", 0, "expected an integer of at least 1, found 0"),
        ("expert_size", "[16,0]", "expected an integer of at least 1, found 0"),
        ("dropout", 1.5, "expected a number in [0, 1), found 1.5"),
        ("optimizer.learning_rate", -1.0, "expected a positive number below 1e9, found -1.0"),
        (
            "optimizer.learning_rate",
            "1e10",
            "expected a positive number below 1e9, found 10000000000.0",
        ),
    ],
)
def test_a_hyper_parameter_out_of_range(refusal, name, key, value, expected):
    error = refusal(name, f"hyper_parameters.{key}={value}")
    assert error == f"error: -o: hyper_parameters.{key}: {expected}"


@pytest.mark.parametrize("name", TRAINERS)
def test_no_such_optimizer(refusal, name):
    error = refusal(name, "hyper_parameters.optimizer.class=adamm")
    assert error.startswith("error: -o: hyper_parameters.optimizer.class: ")
    assert "adam" in error
    assert error.endswith(", found 'adamm'")


@pytest.mark.parametrize("name", TRAINERS)
def test_malformed_tasks(refusal, name):
    error = refusal(name, "hyper_parameters.tasks=[{name: income}]")
    assert "hyper_parameters.tasks: expected a list of tasks" in error
    assert error.endswith("found [{'name': 'income'}]")


@pytest.mark.parametrize(
    ("name", "module"), [("trainer", "dygraph_model"), ("static_trainer", "static_model")]
)
def test_a_folder_without_its_model(refusal, model, name, module):
    (model / f"{module}.py").unlink()
    assert refusal(name) == f"error: {model}: there is no {module}.py"


@pytest.mark.parametrize("name", ["trainer", "static_infer"])
def test_no_such_reader(refusal, model, name):
    pretend_checkpoints(model, name)
    part = "train" if name == "trainer" else "infer"
    error = refusal(name, f"runner.{part}_reader_path=census_raeder")
    assert error == f"error: {model}: there is no census_raeder.py"


@pytest.mark.skipif(paddle.is_compiled_with_cuda(), reason="this Paddle is built for the GPU")
@pytest.mark.parametrize("name", [*TRAINERS, *EVALUATORS])
def test_a_gpu_that_this_build_cannot_use(refusal, model, name):
    pretend_checkpoints(model, name)
    error = refusal(name, "runner.use_gpu=True")
    assert error.startswith("error: runner.use_gpu = True: this Paddle is built for the CPU")


# Checkpoints


@pytest.mark.parametrize("name", EVALUATORS)
def test_no_checkpoint(refusal, model, name):
    error = refusal(name)
    assert error == (
        f"error: there is no checkpoint {model / 'output_model_mmoe' / '0'} "
        "(runner.infer_start_epoch = 0, runner.infer_end_epoch = 3)"
    )


@pytest.mark.parametrize("name", EVALUATORS)
def test_no_epoch_to_evaluate(refusal, name):
    error = refusal(name, "runner.infer_start_epoch=2", "runner.infer_end_epoch=1")
    assert error == (
        "error: -o: runner.infer_end_epoch = 1: expected more than runner.infer_start_epoch = 2"
    )


@pytest.mark.parametrize(("trainer", "evaluator"), list(zip(TRAINERS, EVALUATORS)))
def test_checkpoints_that_do_not_fit_or_are_damaged(command, refusal, model, trainer, evaluator):
    code, stderr = command(trainer, "-m", model / "config.yaml", "-o", "runner.epochs=1")
    assert code == 0, stderr
    folder = model / "output_model_mmoe" / "0"
    one = "runner.infer_end_epoch=1"
    error = refusal(evaluator, one, "hyper_parameters.expert_size=8")
    trained = f"error: checkpoint {folder} was trained with hyper_parameters.expert_size 16; "
    advice = "use the values of the checkpoint, or train again"
    assert error == f"{trained}{model / 'config.yaml'} has 8; {advice}"
    error = refusal(evaluator, one, "hyper_parameters.expert_size=[16,8]")
    assert error == f"{trained}{model / 'config.yaml'} has [16, 8]; {advice}"
    for facts in folder.glob("*.json"):  # a checkpoint of PaddleRec has none: shapes are compared
        facts.rename(facts.with_suffix(".kept"))
    error = refusal(evaluator, one, "hyper_parameters.expert_size=8")
    assert re.fullmatch(
        rf"error: {re.escape(str(folder))} does not fit the model: "
        r"\S+ has shape \([\d, ]+\) there, \([\d, ]+\) here",
        error,
    )
    for facts in folder.glob("*.kept"):
        facts.rename(facts.with_suffix(".json"))

    (parameters,) = folder.glob("*.pdparams")
    parameters.write_bytes(parameters.read_bytes()[:5000])
    assert refusal(evaluator, one).startswith(f"error: {parameters} is damaged: ")
    parameters.unlink()
    assert refusal(evaluator, one).startswith(f"error: there is no checkpoint {folder}")
    shutil.rmtree(folder)
    assert refusal(evaluator, one).startswith(f"error: there is no checkpoint {folder} ")


@pytest.mark.parametrize("name", TRAINERS)
def test_no_checkpoint_to_start_from(refusal, elsewhere, name):
    error = refusal(name, "runner.model_init_path=saved/3")
    assert str(elsewhere / "saved" / "3") in error
    assert "there is no checkpoint" in error


# Commands in their own processes


def started(elsewhere, name, *arguments):
    path = os.path.join(loading.REPOSITORY, "tools", f"{name}.py")
    return subprocess.Popen(
        [sys.executable, path, *map(str, arguments)],
        cwd=elsewhere,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("trainer", [], "the following arguments are required: -m/--config_yaml"),
        ("trainer", ["-m", "{yaml}", "-o"], "argument -o/--opt: expected at least one argument"),
        ("static_trainer", ["-m", "{yaml}", "-o", "runner.epochs=-1"], "runner.epochs = -1"),
        ("infer", ["-m", "{yaml}"], "there is no checkpoint"),
        ("static_infer", ["-m", "none.yaml"], "none.yaml: No such file or directory"),
        ("benchmark", ["-m", "{yaml}", "--batch_size", "0"], "--batch_size"),
        ("benchmark", ["-m", "{yaml}", "--batches", "0"], "--batches"),
    ],
)
def test_a_process_ends_the_same_way(model, elsewhere, written, name, arguments, message):
    before = written()
    yaml = model / "config.yaml"
    process = started(elsewhere, name, *(text.format(yaml=yaml) for text in arguments))
    stdout, stderr = process.communicate()
    assert message in the_error(process.returncode, stderr)
    assert stdout == ""
    assert written() == before
