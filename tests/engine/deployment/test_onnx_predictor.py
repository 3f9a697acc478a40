"""ONNX Runtime on a GPU, with stand-ins: its own CPU provider, or a recorded session."""

import numpy as np
import pytest

from engine.deployment.exported_model.model import ExportedModel
from engine.deployment.predictors import cuda_graphs, onnx_predictor, opening
from engine.deployment.predictors.predictor import Options
from engine.system.errors import UserError

onnxruntime = pytest.importorskip("onnxruntime")

CUDA = "CUDAExecutionProvider"
WEIGHTS = np.array([[0.5, -1.0], [2.0, 0.25], [-1.5, 1.0]], "float32")


@pytest.fixture
def model(tmp_path):
    """An ONNX model of two inputs: ``out`` is x W plus the row's id, ``half`` is x / 2."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("Cast", ["ids"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["product", "numbers"], ["out"]),
        helper.make_node("Mul", ["x", "two"], ["half"]),
    ]
    constants = {"w": WEIGHTS, "two": np.array(0.5, "float32")}
    graph = helper.make_graph(
        nodes,
        "model",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3]),
            helper.make_tensor_value_info("ids", TensorProto.INT64, ["rows", 1]),
        ],
        [
            helper.make_tensor_value_info("out", TensorProto.FLOAT, ["rows", 2]),
            helper.make_tensor_value_info("half", TensorProto.FLOAT, ["rows", 3]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    path = tmp_path / "m.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return ExportedModel(str(path), None)


@pytest.fixture
def cuda(monkeypatch):
    """Lets the CPU provider answer for CUDA's; returns the options of each opened session."""
    opened, real = [], onnxruntime.InferenceSession

    def session(content, settings, providers, enable_fallback):
        ((name, options),) = providers
        assert (name, enable_fallback) == (CUDA, 0)
        opened.append(options)
        names = ["CPUExecutionProvider"]
        stand_in = real(content, settings, providers=names, enable_fallback=enable_fallback)
        stand_in.get_providers = lambda: [CUDA, "CPUExecutionProvider"]
        return stand_in

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA])
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    monkeypatch.setattr(onnx_predictor, "_MEMORY", "cpu")
    return opened


def batch(rows, seed):
    """Returns the inputs of a batch, and its outputs as NumPy computes them."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3)).astype("float32")
    ids = random.integers(0, 9, (rows, 1))
    return [x, ids], [x @ WEIGHTS + ids, x / 2]


def check(outputs, expected):
    for output, other in zip(outputs, expected):
        np.testing.assert_allclose(output, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("precision", "tf32"), [("fp32", 0), ("tf32", 1)])
def test_tf32_is_off_unless_it_is_asked_for(cuda, model, precision, tf32):
    runner = opening.open_predictor(model, Options(use_gpu=True, precision=precision))
    assert cuda == [{"use_tf32": tf32, "enable_cuda_graph": 1}]
    assert runner.runtime["precision"] == precision
    assert runner.runtime["device"] == "gpu"


def test_shapes_that_repeat_are_captured_once_and_replayed(cuda, model, monkeypatch):
    captured, real = [], cuda_graphs._Graph

    def graph(runs, number, arrays, outputs):
        captured.append((number, len(arrays[0])))
        return real(runs, number, arrays, outputs)

    monkeypatch.setattr(cuda_graphs, "_Graph", graph)
    runner = opening.open_predictor(model, Options(use_gpu=True))
    kept = []
    # Full batches, the last one of 5 rows, and the same once more.
    for seed, rows in enumerate([32, 32, 32, 5, 32, 32, 32, 5, 1]):
        arrays, expected = batch(rows, seed)
        kept.append((runner.run(arrays), expected))
    # Compared at the end: a later batch must not write into earlier outputs.
    for outputs, expected in kept:
        check(outputs, expected)
    assert captured == [(1, 32), (2, 5)]
    assert runner.runtime["CUDA graphs"] == 2
    assert len(cuda) == 1


def test_the_number_of_graphs_is_bounded(cuda, model, monkeypatch):
    monkeypatch.setattr(cuda_graphs, "_LARGEST_NUMBER", 2)
    runner = opening.open_predictor(model, Options(use_gpu=True))
    for seed, rows in enumerate([1, 2, 3, 4] * 3):
        arrays, expected = batch(rows, seed)
        check(runner.run(arrays), expected)
    assert runner.runtime["CUDA graphs"] == 2


def fails(graph, arrays):
    raise RuntimeError("CUDA error 900: operation not permitted when\nstream is capturing")


def replays_old_inputs(graph, arrays):
    """A graph that does not read its new inputs, as if their memory were another."""
    graph._session.run_with_iobinding(graph._binding, graph._options)
    return [value.numpy() for value in graph._outputs]


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (fails, "CUDA error 900: operation not permitted when stream is capturing"),
        (replays_old_inputs, "output out of the graph differs from an ordinary run"),
    ],
)
def test_a_graph_that_fails_is_given_up_with_one_line(
    cuda, model, monkeypatch, caplog, run, reason
):
    monkeypatch.setattr(cuda_graphs._Graph, "run", run)
    runner = opening.open_predictor(model, Options(use_gpu=True))
    for seed in range(4):
        arrays, expected = batch(8, seed)
        check(runner.run(arrays), expected)
    assert [each.getMessage() for each in caplog.records] == [
        f"ONNX Runtime runs without CUDA graphs: {reason}"
    ]
    assert cuda == [{"use_tf32": 0, "enable_cuda_graph": 1}, {"use_tf32": 0}]
    assert runner.runtime["CUDA graphs"] == 0


def test_a_model_that_cuda_graphs_cannot_run_is_opened_without(cuda, model, monkeypatch, caplog):
    stand_in = onnxruntime.InferenceSession

    def session(content, settings, providers, **options):
        if "enable_cuda_graph" in providers[0][1]:
            raise RuntimeError("This session cannot use the graph capture feature")
        return stand_in(content, settings, providers, **options)

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    runner = opening.open_predictor(model, Options(use_gpu=True))
    for seed in range(3):
        arrays, expected = batch(8, seed)
        check(runner.run(arrays), expected)
    assert "without CUDA graphs" in caplog.text
    assert cuda == [{"use_tf32": 0}]


def test_a_batch_that_does_not_fit_is_one_line_and_no_failed_graph(cuda, model, caplog):
    runner = opening.open_predictor(model, Options(use_gpu=True))
    (x, ids), expected = batch(4, 0)
    with pytest.raises(UserError, match=r"cannot run a batch of x \[4, 2\], ids \[4, 1\]: "):
        runner.run([x[:, :2].copy(), ids])
    for _ in range(3):
        check(runner.run([x, ids]), expected)
    assert caplog.text == ""
    assert runner.runtime["CUDA graphs"] == 1


def test_a_gpu_that_does_not_start_is_refused(cuda, model, monkeypatch):
    stand_in = onnxruntime.InferenceSession

    def session(*arguments, **options):
        opened = stand_in(*arguments, **options)
        opened.get_providers = lambda: ["CPUExecutionProvider"]
        return opened

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    with pytest.raises(UserError, match=f"{CUDA} did not start, so ONNX Runtime would use the CPU"):
        opening.open_predictor(model, Options(use_gpu=True))


# With its fallback, ONNX Runtime prints an error of the GPU and goes on with the CPU.


def test_a_gpu_that_cannot_be_opened_does_not_become_the_cpu(model, monkeypatch, capfd):
    def fails(*arguments):
        raise RuntimeError(
            "/src/cuda_call.cc:154 std::conditional_t<THRW, void, Status> CudaCall(ERRTYPE) "
            "CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=vm ; line=1"
        )

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA])
    monkeypatch.setattr(onnxruntime.InferenceSession, "_create_inference_session", fails)
    with pytest.raises(
        UserError, match=r"cannot be loaded: CUDA failure 100: no CUDA-capable device is detected$"
    ):
        opening.open_predictor(model, Options(use_gpu=True))
    assert capfd.readouterr().out == ""


def test_a_gpu_that_fails_at_a_batch_does_not_become_the_cpu(cuda, model, capfd):
    state = onnxruntime.capi.onnxruntime_pybind11_state

    class Failing:
        def run(self, *arguments):
            raise state.EPFail("CUDA failure 700: an illegal memory access was encountered")

        def is_webgpu_graph_capture_enabled(self):
            return False

    runner = opening.open_predictor(model, Options(use_gpu=True))
    runner._session._sess = Failing()
    with pytest.raises(UserError, match=r"cannot run a batch of x \[4, 3\].*CUDA failure 700"):
        runner.run(batch(4, 0)[0])
    assert capfd.readouterr().out == ""


def test_a_cpu_run_has_no_graphs(model):
    runner = opening.open_predictor(model, Options())
    arrays, expected = batch(8, 0)
    for _ in range(3):
        check(runner.run(arrays), expected)
    assert "CUDA graphs" not in runner.runtime
