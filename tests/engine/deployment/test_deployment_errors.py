"""What cannot be done ends a command with exit code 2 and one line that says what is missing."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import paddle
import pytest

from engine.deployment.export import dygraph_export
from engine.deployment.exported_model import graph_files, model_files
from engine.deployment.predictors import opening, paddle_predictor, predictor
from engine.model_folder import loading
from engine.system.errors import UserError

FOLDER = Path(loading.REPOSITORY) / "models" / "multitask" / "share_bottom"
SAMPLE = Path(loading.REPOSITORY) / "datasets" / "census" / "sample_data"
PADDLE_3 = int(paddle.__version__.split(".")[0]) > 2
GRAPH = "json" if PADDLE_3 else "pdmodel"
on_a_cpu_build = pytest.mark.skipif(
    paddle.is_compiled_with_cuda(), reason="this Paddle is built for the GPU"
)


@pytest.fixture
def model(exported_copy):
    """The folder of an export that a test may damage."""
    return exported_copy(FOLDER, "to_static")


@pytest.fixture
def refusal(run_command, written):
    """Runs a command that must fail, must say why in one line and must leave nothing behind."""

    def run(name, *arguments):
        before = written()
        done = run_command(name, *arguments)
        assert done.code == 2, done.stderr
        assert "Traceback" not in done.stderr
        lines = done.stderr.splitlines()
        assert [line for line in lines if line.startswith("error: ")] == lines[-1:], done.stderr
        assert written() == before
        return lines[-1]

    return run


@pytest.fixture
def infer(refusal, model):
    """Runs paddle_infer.py on the export and share_bottom's test data, in vain."""

    def run(*options, **named):
        chosen = {
            "model_file": model / f"tostatic.{GRAPH}",
            "data_dir": SAMPLE / "test",
            "reader_file": FOLDER / "census_reader.py",
            **named,
        }
        given = [f"--{name}={value}" for name, value in chosen.items() if value is not None]
        return refusal("paddle_infer", *given, *options)

    return run


# Options


@on_a_cpu_build
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--use_gpu=True"],
            "--use_gpu=True: this Paddle is built for the CPU; install requirements-gpu.txt",
        ),
        (
            ["--use_gpu=True", "--enable_tensorRT=True"],
            "--use_gpu=True: this Paddle is built for the CPU; install requirements-gpu.txt",
        ),
        (
            ["--enable_tensorRT=True"],
            "--enable_tensorRT=True needs --use_gpu=True: TensorRT runs on GPUs",
        ),
        (
            ["--use_xpu=True"],
            "--use_xpu=True: this Paddle is built without XPU; "
            "install Paddle's wheel for Kunlun XPU",
        ),
        (
            ["--use_npu=True"],
            "--use_npu=True: this Paddle has no NPU plug-in; install paddle-custom-npu",
        ),
        (
            ["--use_gpu=True", "--use_xpu=True"],
            "--use_gpu and --use_xpu: a model runs on one device",
        ),
        (
            ["--precision=fp16"],
            "--precision fp16 needs --use_gpu=True; on a CPU there are fp32 and bf16",
        ),
    ],
)
def test_what_a_cpu_has_not(infer, options, message):
    assert infer(*options) == f"error: {message}"


@on_a_cpu_build
def test_no_device_is_touched_before_it_is_refused(infer, monkeypatch):
    def touched(*arguments):
        raise AssertionError("the predictor was made")

    monkeypatch.setattr(paddle_predictor.inference, "Config", touched)
    monkeypatch.setattr(paddle_predictor.inference, "create_predictor", touched)
    for device in ("gpu", "xpu", "npu"):
        assert infer(f"--use_{device}=True").startswith(f"error: --use_{device}=True: ")


@on_a_cpu_build
@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_precisions_that_a_cpu_has_only_under_onednn(infer, model, precision):
    if PADDLE_3:
        expected = f"on a CPU takes a .pdmodel of Paddle 2.6, not {model}/tostatic.json"
    else:
        expected = "on a CPU needs --enable_mkldnn=True"
    assert infer(f"--precision={precision}") == f"error: --precision {precision} {expected}"


@on_a_cpu_build
@pytest.mark.skipif(PADDLE_3, reason="a .pdmodel is of Paddle 2.6")
def test_int8_of_a_model_that_is_not_quantised(infer, model):
    """Each .pdmodel lists all quantising operators by name, used or not."""
    error = infer("--precision=int8", "--enable_mkldnn=True")
    assert error.startswith(f"error: --precision int8: {model}/tostatic.pdmodel is not quantised; ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--use_gpu=maybe"], "argument --use_gpu: expected True or False, found 'maybe'"),
        (["--batchsize=0"], "argument --batchsize: expected an integer of at least 1, found '0'"),
        (["--batchsize=5.0"], "argument --batchsize: expected an integer of at least 1"),
        (["--cpu_threads=0"], "argument --cpu_threads: expected an integer of at least 1"),
        (["--limit=0"], "argument --limit: expected an integer of at least 1, found '0'"),
        (["--warmup=-1"], "argument --warmup: expected an integer of at least 0, found '-1'"),
        (["--repeat=0"], "argument --repeat: expected an integer of at least 1, found '0'"),
        (["--show=x"], "argument --show: expected an integer of at least 1, found 'x'"),
        (["--precision=fp8"], "argument --precision: invalid choice: 'fp8'"),
        (["--engine=tvm"], "argument --engine: invalid choice: 'tvm'"),
        (["--fast"], "unrecognized arguments: --fast"),
        (["-o", "runner.epochs=1"], "-o changes values of a YAML: give it with -m"),
        (["--save_predictions=a.txt"], "a.txt: expected a name that ends in .csv, .npy, .parquet"),
    ],
)
def test_an_option_that_makes_no_sense(infer, options, message):
    assert infer(*options).startswith(f"error: {message}")


@pytest.mark.parametrize("option", ["use_xpu", "use_npu", "enable_mkldnn"])
def test_an_option_that_is_only_paddles(infer, option):
    error = infer("--engine=onnxruntime", f"--{option}=True")
    assert error == f"error: --{option}=True is for --engine paddle, not for onnxruntime"


def test_a_precision_that_is_only_paddles(infer):
    error = infer("--engine=onnxruntime", "--precision=fp16")
    assert error == "error: --precision fp16 is for --engine paddle: ONNX is fp32"


def test_a_gpu_that_onnx_runtime_has_not(infer):
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has a GPU's")
    assert infer("--engine=onnxruntime", "--use_gpu=True") == (
        "error: --use_gpu=True: this ONNX Runtime has no CUDAExecutionProvider; "
        "install onnxruntime-gpu"
    )


@pytest.mark.parametrize("option", ["save_predictions", "save_log_path"])
def test_a_place_where_nothing_can_be_written(infer, tmp_path, option, monkeypatch):
    """Said before anything is predicted."""
    monkeypatch.setattr(opening, "open_predictor", None)
    (tmp_path / "file").write_text("")
    error = infer(**{option: tmp_path / "file" / "out.csv"})
    assert error.startswith(f"error: cannot save to {tmp_path / 'file'}: ")


# Files that are not there


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"model_file": None}, "which model? give --model_dir, or --model_file and --params_file"),
        ({"model_file": "none.json"}, "there is no model file {here}/none.json"),
        ({"model_file": "none.pdmodel"}, "there is no model file {here}/none.pdmodel"),
        ({"model_file": "none.onnx"}, "there is no model file {here}/none.onnx"),
        (
            {"model_file": "none.bin"},
            "{here}/none.bin: expected a model file that ends in .json, .pdmodel, .onnx",
        ),
        ({"params_file": "none.pdiparams"}, "there is no parameter file {here}/none.pdiparams"),
        ({"model_file": None, "model_dir": "none"}, "there is no model folder {here}/none"),
        (
            {"model_file": None, "model_dir": "."},
            "{here} holds no exported model: make one with tools/to_static.py",
        ),
        ({"reader_file": "none.py"}, "{here}: there is no none.py"),
        ({"reader_file": None}, "which data? give --reader_file, or a YAML with -m"),
        ({"data_dir": "none"}, "--data_dir: there is not a folder {here}/none"),
        ({"data_dir": "."}, "--data_dir: folder {here} holds no files"),
        ({"data_dir": None}, "which data? give --data_dir, or a YAML with -m"),
        ({"config_yaml": "none.yaml"}, "{here}/none.yaml: No such file or directory"),
    ],
)
def test_a_file_that_is_not_there(infer, elsewhere, named, message):
    assert infer(**named) == f"error: {message.format(here=elsewhere)}"


def test_a_parameter_file_that_was_removed(infer, model):
    (model / "tostatic.pdiparams").unlink()
    assert infer() == f"error: there is no parameter file {model}/tostatic.pdiparams"


def test_a_folder_of_several_models(infer, model):
    for name in ("a", "b"):
        for ending in (GRAPH, "pdiparams"):
            shutil.copy(model / f"tostatic.{ending}", model / f"{name}.{ending}")
    (model / f"tostatic.{GRAPH}").unlink()
    assert infer(model_file=None, model_dir=model) == (
        f"error: {model} holds several models, a, b: name one with --model_file"
    )


# Files that are damaged, or of something else


def garbage(content):
    return bytes(range(256)) * 8


def text(content):
    return b"this is no model"


def truncated(content):
    return content[: len(content) * 2 // 3]


def empty(content):
    return b""


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


DAMAGES = [garbage, text, truncated, empty]


def damage(path, change):
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize("engine", predictor.ENGINES)
@pytest.mark.parametrize("change", DAMAGES)
@pytest.mark.parametrize("ending", [GRAPH, "pdiparams"])
def test_a_damaged_file_without_metadata(infer, model, ending, change, engine):
    """Over some of these Paddle 2.6 or paddle2onnx would end the process."""
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("paddle2onnx")
    (model / "tostatic.meta.json").unlink()
    damage(model / f"tostatic.{ending}", change)
    error = infer(f"--engine={engine}")
    place = f"error: {model}/tostatic.{GRAPH} "
    said = "is no readable Paddle model: " if ending == GRAPH else "cannot be loaded: "
    assert error.startswith(place + said)
    assert len(error) > len(place + said)


@pytest.mark.parametrize("change", [flipped, *DAMAGES])
@pytest.mark.parametrize("ending", [GRAPH, "pdiparams", "onnx"])
def test_a_damaged_file_with_metadata(infer, exported_copy, model, ending, change):
    """Paddle itself would load many of these without a word."""
    if ending == "onnx":
        model = exported_copy(FOLDER, "onnx")
    path = model / f"tostatic.{ending}"
    damage(path, change)
    error = infer(model_file=path if ending == "onnx" else model / f"tostatic.{GRAPH}")
    assert error == (
        f"error: {path} is not the file that was exported with tostatic.meta.json: "
        "it is damaged, or of another model"
    )


@pytest.mark.parametrize("change", DAMAGES)
def test_a_damaged_onnx_file(infer, exported_copy, change):
    pytest.importorskip("onnxruntime")
    model = exported_copy(FOLDER, "onnx")
    (model / "tostatic.meta.json").unlink()
    damage(model / "tostatic.onnx", change)
    error = infer(model_file=model / "tostatic.onnx")
    assert error.startswith(f"error: {model}/tostatic.onnx cannot be loaded: ")


@pytest.mark.parametrize("change", [*DAMAGES, lambda content: b"[]", lambda content: b"{}"])
def test_damaged_metadata(infer, model, change):
    damage(model / "tostatic.meta.json", change)
    assert infer().startswith(f"error: {model}/tostatic.meta.json is damaged: ")


@pytest.mark.parametrize("content", ["[]", "{}", '{"program": {}}', '{"program": []}'])
def test_a_json_file_of_something_else(model, content):
    path = model / "other.json"
    path.write_text(content)
    with pytest.raises(UserError, match="is no readable Paddle model"):
        graph_files.tensors(str(path))


def test_parameters_of_another_model(infer, model, exports, tmp_path):
    other = exports(FOLDER.parent / "mmoe", "to_static").parameters
    for name in ("tostatic.pdiparams", "other.pdiparams"):
        path = tmp_path / name
        shutil.copy(other, path)
        assert infer(params_file=path) == (
            f"error: {path} is not the file that was exported with tostatic.meta.json: "
            "it is damaged, or of another model"
        )


def test_the_same_parameters_by_another_name_are_welcome(model, tmp_path):
    path = tmp_path / "other.pdiparams"
    shutil.copy(model / "tostatic.pdiparams", path)
    found = model_files.find(model_file=str(model / f"tostatic.{GRAPH}"), params_file=str(path))
    assert found.parameters == str(path)


def test_parameters_for_an_onnx_file(infer, exported_copy, model):
    path = exported_copy(FOLDER, "onnx") / "tostatic.onnx"
    parameters = model / "tostatic.pdiparams"
    assert infer(model_file=path, params_file=parameters) == (
        f"error: --params_file {parameters}: {path} holds its own parameters"
    )


@pytest.mark.parametrize("engine", predictor.ENGINES)
def test_a_model_of_paddle_3_on_paddle_2(infer, model, monkeypatch, engine):
    """Reading it would be a segmentation fault."""
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("paddle2onnx")
    monkeypatch.setattr(paddle_predictor, "_PADDLE_3", False)
    path = model / "tostatic.json"
    if not PADDLE_3:
        os.rename(model / "tostatic.pdmodel", path)
        (model / "tostatic.meta.json").unlink()
    assert infer(f"--engine={engine}", model_file=path) == (
        f"error: {path} was exported by Paddle 3, this is Paddle {paddle.__version__}: "
        "export it anew here, or install Paddle 3"
    )


# Rows that do not fit

READER = """
import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, files, config):
        super().__init__()

    def __iter__(self):
        for _ in range(5):
            yield {row}
"""


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "[np.zeros(10), np.zeros(1), np.zeros(1)]",
            "input input: the model takes [499] numbers a row, the reader yields [10]",
        ),
        (
            "[np.zeros([499, 2])]",
            "input input: the model takes [499] numbers a row, the reader yields [499, 2]",
        ),
        (
            "[np.array(['a'] * 499)]",
            "input input: the model takes float32, the reader yields <U1",
        ),
        ("[]", "the reader yields 0 fields a row, the model takes 1: input"),
        (
            "[np.zeros(499), np.zeros(1)]",
            "the reader yields 1 labels a row, the model has 2 tasks: income, marital",
        ),
        ("1 / 0", "reader: ZeroDivisionError: division by zero (reader.py, line 12)"),
        ("[np.zeros(499 + _)]", "reader: all input arrays must have the same shape"),
    ],
)
def test_a_reader_whose_rows_do_not_fit(infer, tmp_path, row, message):
    (tmp_path / "reader.py").write_text(READER.format(row=row))
    error = infer("--batchsize=2", reader_file=tmp_path / "reader.py")
    assert error == f"error: {message}"


def test_a_reader_without_rows(infer, tmp_path):
    path = tmp_path / "reader.py"
    path.write_text(READER.format(row="1").replace("range(5)", "range(0)"))
    assert infer(reader_file=path) == "error: reader: the data hold no rows"
    assert infer("--compare", reader_file=path) == "error: reader: the data hold no rows"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("import no_such_module", "{path}:1 needs module no_such_module, not found"),
        ("def", "reader: SyntaxError: "),
        ("", "{path} defines no class RecDataset"),
    ],
)
def test_a_reader_that_is_none(infer, tmp_path, content, message):
    path = tmp_path / "reader.py"
    path.write_text(content)
    assert infer(reader_file=path).startswith(f"error: {message.format(path=path)}")


def test_a_model_of_another_feature_size_than_the_data(infer, model, tmp_path):
    """The metadata say what size the rows must have, for the reader."""
    about = json.loads((model / "tostatic.meta.json").read_text())
    about["hyper_parameters"]["feature_size"] = 10
    (model / "tostatic.meta.json").write_text(json.dumps(about))
    assert infer().endswith(
        "test_data.txt:1: expected 12 numbers, found 501 "
        "(2 labels and hyper_parameters.feature_size = 10)"
    )


# Extras that are not installed


@pytest.mark.parametrize("absent", ["onnxruntime", "paddle2onnx", "onnx"])
def test_an_extra_that_is_not_installed(infer, monkeypatch, absent):
    pytest.importorskip("onnxruntime")
    monkeypatch.setitem(sys.modules, absent, None)
    error = infer("--engine=onnxruntime")
    assert re.match(r"error: (--engine onnxruntime|ONNX) needs .*: pip install ", error)


def test_an_onnx_file_without_onnx_runtime(infer, exports, monkeypatch):
    model = exports(FOLDER, "onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert infer(model_file=model.graph) == (
        "error: --engine onnxruntime needs ONNX Runtime: pip install -r requirements-deploy.txt"
    )


def test_a_parquet_file_without_pyarrow(infer, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    error = infer("--save_predictions=out.parquet")
    assert error.startswith(
        "error: out.parquet needs pyarrow: pip install -r requirements-deploy.txt"
    )


def test_a_model_of_paddles_format_without_paddle(model, monkeypatch):
    found = model_files.find(str(model))
    monkeypatch.setitem(sys.modules, "paddle", None)
    with pytest.raises(UserError, match=r"tostatic\.\w+ needs Paddle: pip install -r require"):
        opening.open_predictor(found, predictor.Options())


# Exports


@pytest.fixture
def to_static(refusal, trained, tmp_path):
    """Runs to_static.py on the trained share_bottom, in vain; the target is below tmp_path."""

    def run(*options, **runner):
        chosen = {
            "model_save_path": tmp_path / "target",
            "infer_load_path": trained(FOLDER, "dygraph").runner("model_save_path"),
            "infer_end_epoch": 1,
            **runner,
        }
        overrides = [f"runner.{name}={value}" for name, value in chosen.items()]
        return refusal("to_static", "-m", FOLDER / "config.yaml", *options, "-o", *overrides)

    return run


def test_no_checkpoint_to_export(to_static, trained):
    root = trained(FOLDER, "dygraph").runner("model_save_path")
    assert to_static(infer_end_epoch=8) == (
        f"error: there is no checkpoint {root}/7 (runner.infer_end_epoch = 8)"
    )


def test_no_such_folder_to_export(to_static, elsewhere):
    assert to_static(model_init_path="none") == (
        f"error: -o: runner.model_init_path = 'none': there is not a folder {elsewhere / 'none'}"
    )


def test_a_folder_without_a_checkpoint(to_static, elsewhere):
    assert to_static(model_init_path=elsewhere) == (
        f"error: there is no checkpoint {elsewhere}/rec.pdparams"
    )


def test_a_checkpoint_of_another_shape(to_static, trained):
    root = trained(FOLDER, "dygraph").runner("model_save_path")
    error = to_static("-o", "hyper_parameters.bottom_size=7")
    assert error == (
        f"error: {root}/0 does not fit the model: bottom.layers.0.weight has shape (499, 117) "
        "there, (499, 7) here"
    )


def test_a_damaged_checkpoint(to_static, trained, tmp_path):
    root = tmp_path / "checkpoints"
    shutil.copytree(trained(FOLDER, "dygraph").runner("model_save_path"), root)
    damage(root / "0" / "rec.pdparams", truncated)
    error = to_static(infer_load_path=root)
    assert error.startswith(f"error: {root}/0/rec.pdparams is damaged: ")


@pytest.mark.parametrize("place", ["file", "file/below", "root"])
def test_a_target_that_cannot_be_written(to_static, tmp_path, place):
    (tmp_path / "file").write_text("")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "0").write_text("no folder")  # where the epoch's would be
    error = to_static(model_save_path=tmp_path / place)
    obstacle = tmp_path / ("root/0" if place == "root" else "file")
    assert error.startswith(f"error: cannot save to {tmp_path / place}")
    assert error.endswith(f": {obstacle} is not a folder")


def test_a_full_disk(to_static, monkeypatch):
    def full(layer, path, **options):
        Path(f"{path}.pdiparams").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(paddle.jit, "save", full)
    error = to_static()
    assert error.startswith("error: cannot write ")
    assert error.endswith(": No space left on device")


@pytest.mark.parametrize("absent", ["paddle2onnx", "onnx"])
def test_onnx_without_its_extras(to_static, monkeypatch, absent):
    monkeypatch.setitem(sys.modules, absent, None)
    assert re.match(r"error: ONNX needs .*: pip install ", to_static("--format=onnx"))


def test_an_unknown_format(to_static):
    assert to_static("--format=tflite").startswith(
        "error: argument --format: invalid choice: 'tflite'"
    )


def test_an_export_with_other_numbers_is_none(to_static, monkeypatch):
    monkeypatch.setattr(dygraph_export, "TOLERANCE", -1.0)
    error = to_static()
    assert error.startswith(f"error: tostatic.{GRAPH}: output income differs by ")
    assert error.endswith("; nothing was exported")


def test_an_older_export_outlives_a_failed_one(to_static, model, tmp_path, monkeypatch):
    shutil.copytree(model, tmp_path / "target" / "0")
    before = {path.name: path.read_bytes() for path in (tmp_path / "target" / "0").iterdir()}
    monkeypatch.setattr(dygraph_export, "TOLERANCE", -1.0)
    to_static()
    after = {path.name: path.read_bytes() for path in (tmp_path / "target" / "0").iterdir()}
    assert after == before
