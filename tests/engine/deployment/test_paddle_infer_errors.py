"""Invalid input ends paddle_infer.py with exit code 2 and an error of one line."""

import json
import shutil
from pathlib import Path

import paddle
import pytest

from engine.deployment.predictors import opening, paddle_predictor
from engine.deployment.predictors.predictor import Options
from engine.model_folder import loading
from engine.system.errors import UserError

FOLDER = Path(loading.REPOSITORY) / "models" / "multitask" / "share_bottom"

PADDLE_3 = int(paddle.__version__.split(".")[0]) > 2

GRAPH = "json" if PADDLE_3 else "pdmodel"

on_a_cpu_build = pytest.mark.skipif(
    paddle.is_compiled_with_cuda(), reason="this Paddle is built for the GPU"
)


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
            "--use_gpu and --use_xpu: expected at most one device",
        ),
        (
            ["--precision=tf32"],
            "--precision tf32 needs --use_gpu=True: only GPUs compute in TF32",
        ),
        (
            ["--precision=fp16"],
            "--precision fp16 needs --use_gpu=True; a CPU supports fp32 and bf16",
        ),
    ],
)
def test_devices_and_precisions_that_a_cpu_build_lacks(infer_error, options, message):
    assert infer_error(*options) == f"error: {message}"


@on_a_cpu_build
def test_a_missing_device_is_reported_before_a_predictor_is_created(infer_error, monkeypatch):
    def touched(*arguments):
        raise AssertionError("the predictor was made")

    monkeypatch.setattr(paddle_predictor.inference, "Config", touched)
    monkeypatch.setattr(paddle_predictor.inference, "create_predictor", touched)
    for device in ("gpu", "xpu", "npu"):
        assert infer_error(f"--use_{device}=True").startswith(f"error: --use_{device}=True: ")


@on_a_cpu_build
@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_precisions_that_need_onednn_on_a_cpu(infer_error, model, precision):
    if PADDLE_3:
        expected = f"on a CPU needs a .pdmodel of Paddle 2.6, found {model}/tostatic.json"
    else:
        expected = "on a CPU needs --enable_mkldnn=True"
    assert infer_error(f"--precision={precision}") == f"error: --precision {precision} {expected}"


@on_a_cpu_build
@pytest.mark.skipif(PADDLE_3, reason="a .pdmodel is of Paddle 2.6")
def test_int8_of_a_model_that_is_not_quantised(infer_error, model):
    """Each .pdmodel lists all quantising operators by name, used or not."""
    error = infer_error("--precision=int8", "--enable_mkldnn=True")
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
        (
            ["--compare", "--precision=tf32", "--use_gpu=True", "--repeat=3", "--cpu_threads=1"],
            "--compare chooses engines and options itself: omit --precision, --use_gpu, --repeat",
        ),
        (["-o", "runner.epochs=1"], "-o changes values of a YAML; give the YAML with -m"),
        (["--save_predictions=a.txt"], "a.txt: expected a name that ends in .csv, .npy, .parquet"),
    ],
)
def test_invalid_options(infer_error, options, message):
    assert infer_error(*options).startswith(f"error: {message}")


@pytest.mark.parametrize("option", ["use_xpu", "use_npu", "enable_mkldnn"])
def test_options_that_need_the_paddle_engine(infer_error, option):
    error = infer_error("--engine=onnxruntime", f"--{option}=True")
    assert error == f"error: --{option}=True needs --engine paddle, not onnxruntime"


def test_a_precision_that_needs_the_paddle_engine(infer_error):
    error = infer_error("--engine=onnxruntime", "--precision=fp16")
    expected = "needs --engine paddle; onnxruntime runs fp32, and tf32 on a GPU"
    assert error == f"error: --precision fp16 {expected}"


def test_an_onnx_runtime_without_a_gpu_provider(infer_error):
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has a GPU's")
    assert infer_error("--engine=onnxruntime", "--use_gpu=True") == (
        "error: --use_gpu=True: this ONNX Runtime has no CUDAExecutionProvider; "
        "install onnxruntime-gpu"
    )


@pytest.mark.parametrize("option", ["save_predictions", "save_log_path"])
def test_an_output_file_that_cannot_be_written(infer_error, tmp_path, option, monkeypatch):
    """The error comes before the model is loaded."""
    monkeypatch.setattr(opening, "open_predictor", None)
    (tmp_path / "file").write_text("")
    error = infer_error(**{option: tmp_path / "file" / "out.csv"})
    assert error.startswith(f"error: cannot save to {tmp_path / 'file'}: ")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (
            {"model_file": None},
            "no model is named: give --model_dir, or --model_file and --params_file",
        ),
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
            "{here} holds no exported model; export one with tools/to_static.py",
        ),
        ({"reader_file": "none.py"}, "{here}: there is no none.py"),
        ({"reader_file": None}, "--reader_file is missing: give it, or a YAML with -m"),
        ({"data_dir": "none"}, "--data_dir: there is no folder or file {here}/none"),
        ({"data_dir": "."}, "--data_dir: folder {here} holds no files"),
        ({"data_dir": None}, "--data_dir is missing: give it, or a YAML with -m"),
        ({"config_yaml": "none.yaml"}, "{here}/none.yaml: No such file or directory"),
    ],
)
def test_missing_files(infer_error, elsewhere, named, message):
    assert infer_error(**named) == f"error: {message.format(here=elsewhere)}"


def test_a_parameter_file_that_was_removed(infer_error, model):
    (model / "tostatic.pdiparams").unlink()
    assert infer_error() == f"error: there is no parameter file {model}/tostatic.pdiparams"


def test_a_folder_of_several_models(infer_error, model):
    for name in ("a", "b"):
        for ending in (GRAPH, "pdiparams"):
            shutil.copy(model / f"tostatic.{ending}", model / f"{name}.{ending}")
    (model / f"tostatic.{GRAPH}").unlink()
    assert infer_error(model_file=None, model_dir=model) == (
        f"error: {model} holds several models, a, b; name one with --model_file"
    )


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
            "input input: expected shape [499] per row, the reader yields [10]",
        ),
        (
            "[np.zeros([499, 2])]",
            "input input: expected shape [499] per row, the reader yields [499, 2]",
        ),
        (
            "[np.array(['a'] * 499)]",
            "input input: expected float32, the reader yields <U1",
        ),
        (
            "[]",
            "the reader yields 0 fields per row, expected at least the model's 1 inputs: input",
        ),
        (
            "[np.zeros(499), np.zeros(1)]",
            "the reader yields 1 labels per row, expected one for each of the model's 2 tasks: "
            "income, marital",
        ),
        ("1 / 0", "reader: ZeroDivisionError: division by zero (reader.py, line 12)"),
        ("[np.zeros(499 + _)]", "reader: all input arrays must have the same shape"),
    ],
)
def test_a_reader_whose_rows_do_not_fit(infer_error, tmp_path, row, message):
    (tmp_path / "reader.py").write_text(READER.format(row=row))
    error = infer_error("--batchsize=2", reader_file=tmp_path / "reader.py")
    assert error == f"error: {message}"


def test_a_reader_without_rows(infer_error, tmp_path):
    path = tmp_path / "reader.py"
    path.write_text(READER.format(row="1").replace("range(5)", "range(0)"))
    assert infer_error(reader_file=path) == "error: reader: the data contain no rows"
    assert infer_error("--compare", reader_file=path) == "error: reader: the data contain no rows"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("import no_such_module", "{path}:1 needs module no_such_module, not found"),
        ("def", "{path}:1: invalid syntax"),
        ("", "{path} defines no class RecDataset"),
    ],
)
def test_a_module_that_is_not_a_reader(infer_error, tmp_path, content, message):
    path = tmp_path / "reader.py"
    path.write_text(content)
    assert infer_error(reader_file=path).startswith(f"error: {message.format(path=path)}")


def test_a_model_of_another_feature_size_than_the_data(infer_error, model, tmp_path):
    """The reader gets feature_size from the metadata."""
    about = json.loads((model / "tostatic.meta.json").read_text())
    about["hyper_parameters"]["feature_size"] = 10
    (model / "tostatic.meta.json").write_text(json.dumps(about))
    assert infer_error().endswith(
        "test_data.txt:1: expected 12 numbers, found 501 "
        "(2 labels and hyper_parameters.feature_size = 10)"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "tvm"}, "--engine tvm: expected one of paddle, onnxruntime"),
        ({"precision": "fp8"}, "--precision fp8: expected one of fp32, tf32, fp16, bf16, int8"),
        (
            {"precision": "tf32", "use_gpu": True, "enable_tensorrt": True},
            "--precision tf32 with --enable_tensorRT=True: TensorRT itself chooses where it uses "
            "TF32; give --precision fp32",
        ),
        ({"cpu_threads": 0}, "--cpu_threads 0: expected at least 1"),
        (
            {"use_xpu": True, "use_npu": True},
            "--use_xpu and --use_npu: expected at most one device",
        ),
    ],
)
def test_options_that_contradict(options, message):
    with pytest.raises(UserError) as caught:
        Options(**options)
    assert str(caught.value) == message
