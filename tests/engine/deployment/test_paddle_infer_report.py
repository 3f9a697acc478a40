"""The report of paddle_infer.py, and its comparison of runners."""

import json
import re
from pathlib import Path

import paddle
import pytest

from engine.deployment.inference import benchmark_report, comparison
from engine.deployment.predictors import paddle_predictor
from engine.model_folder import loading

FOLDER = Path(loading.REPOSITORY) / "models" / "multitask" / "share_bottom"
SAMPLE = Path(loading.REPOSITORY) / "datasets" / "census" / "sample_data"

TASKS = ["income", "marital"]

BLOCKS = ["runtime", "data", "model", "tasks", "environment", "performance"]


@pytest.fixture
def report(infer, tmp_path):
    """Runs paddle_infer.py and returns the report that it wrote."""

    def run(*options, **keywords):
        path = tmp_path / "reports" / "report.json"
        infer(f"--save_log_path={path}", *options, **keywords)
        return json.loads(path.read_text(encoding="utf-8"))

    return run


@pytest.mark.parametrize(("option", "on"), [("True", True), ("False", False), (None, False)])
def test_onednn_runs_only_if_enabled(report, exports, monkeypatch, option, on):
    """Paddle enables it by default."""
    exports(FOLDER, "to_static")  # before the recording: an export runs its model too
    configs = []
    create = paddle_predictor.inference.create_predictor

    def recorded(config):
        configs.append(config)
        return create(config)

    monkeypatch.setattr(paddle_predictor.inference, "create_predictor", recorded)
    options = [f"--enable_mkldnn={option}"] if option else []
    assert report(*options)["runtime"]["oneDNN"] is on
    assert [config.mkldnn_enabled() for config in configs] == [on]


def test_the_number_of_cpu_threads(report):
    assert report("--cpu_threads=2")["runtime"]["CPU threads"] == 2
    assert report()["runtime"]["CPU threads"] == 1


@pytest.mark.parametrize("engine", ["paddle", "onnxruntime"])
def test_the_report_describes_the_run(report, exports, engine):
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("paddle2onnx")
    options = ["--batchsize=64", "--warmup=3", "--repeat=2", "--model_name=mine"]
    blocks = report(f"--engine={engine}", *options)
    assert list(blocks) == BLOCKS
    name = {"paddle": "Paddle Inference", "onnxruntime": "ONNX Runtime"}[engine]
    assert blocks["runtime"]["engine"].startswith(name)
    assert blocks["runtime"]["device"] == "cpu"
    assert blocks["runtime"]["precision"] == "fp32"
    assert blocks["data"]["rows"] == 200
    assert blocks["data"]["batch_size"] == 64
    assert blocks["data"]["inputs"].keys() == {"input"}
    model = exports(FOLDER, "to_static")
    assert blocks["model"]["model_name"] == "mine"
    assert blocks["model"]["files"] == [model.graph, model.parameters]
    assert list(blocks["model"]["outputs"]) == TASKS
    assert blocks["model"]["checkpoint_sha256"] == model.metadata["source"]["sha256"]
    environment = blocks["environment"]
    assert environment["paddle"] == paddle.__version__
    assert environment["processor"]
    assert environment["memory(MB)"] > 0


def test_the_reports_figures_are_consistent(report):
    blocks = report("--batchsize=64", "--warmup=3", "--repeat=2")
    figures = blocks["performance"]
    assert figures["warmup_batches"] == 3
    assert figures["passes"] == 2
    phases = [figures[f"{phase}_time(ms)"] for phase in ("preprocess", "inference", "postprocess")]
    batch = figures["batch_time(ms)"]
    for summary in (*phases, batch):
        assert list(summary) == ["mean", "p50", "p90", "p99"]
        assert 0 < summary["p50"] <= summary["p90"] <= summary["p99"]
    assert batch["mean"] == pytest.approx(sum(phase["mean"] for phase in phases), abs=1e-3)
    batches = 2 * 4  # 200 rows in 64s, twice
    assert figures["total_time(s)"] == pytest.approx(batches * batch["mean"] / 1e3, abs=2e-4)
    speed = 2 * 200 / (batches * batch["mean"] / 1e3)
    assert figures["rows/s"] == pytest.approx(speed, rel=1e-2)
    assert figures["cpu_rss(MB)"] > 0
    assert "gpu_rss(MB)" not in figures


def test_the_report_is_printed_with_benchmark(infer):
    lines = infer("--benchmark=True", "--model_name=mine").splitlines()
    titles = [line.strip("- ") for line in lines if line.startswith("-----")]
    assert titles == BLOCKS
    assert "model_name: mine" in lines
    assert "batch_size: 1" in lines
    assert any(
        re.match(r"inference_time\(ms\): mean: [\d.]+, p50: [\d.]+, ", line) for line in lines
    )
    assert "-----" not in infer()


@pytest.fixture
def hurried(monkeypatch):
    """Measures each runner only briefly; these tests are about the table."""
    monkeypatch.setattr(comparison, "_SECONDS", 0.01)


def table(stdout):
    """Returns the comparison's rows: (batch size, runner, difference, whether it is fastest)."""
    found = re.findall(
        r"^ +(\d+)  (\S.*?) +([\d.]+) +([\d.]+) +(\d+) +(\de[-+]\d\d)(  <- fastest)?$",
        stdout,
        re.MULTILINE,
    )
    return [(int(row[0]), row[1], float(row[5]), bool(row[6])) for row in found]


def test_compare_prints_a_row_for_each_runner_and_marks_the_fastest(infer, hurried):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("paddle2onnx")
    rows = table(infer("--compare", "--batchsize=4", "--warmup=1"))
    assert {size for size, *_ in rows} == {4}
    runners = [name.partition(" thread")[0] for _, name, *_ in rows]
    assert {"Paddle, 1", "Paddle, oneDNN, 1", "ONNX Runtime, 1"} <= set(runners)
    assert len(set(runners)) == len(runners)
    assert sum(marked for *_, marked in rows) == 1
    assert all(difference <= 1e-5 for *_, difference, marked in rows if marked)


def test_compare_uses_three_batch_sizes_by_default(infer, hurried):
    rows = table(infer("--compare", "--warmup=0"))
    assert sorted({size for size, *_ in rows}) == [1, 32, 1024]
    for size in (1, 32, 1024):
        assert sum(marked for found, *_, marked in rows if found == size) == 1


@pytest.mark.skipif(paddle.is_compiled_with_cuda(), reason="this Paddle is built for the GPU")
def test_compare_prints_the_reason_for_a_missing_runner(run_command, exports, hurried):
    done = run_command(
        "paddle_infer",
        f"--model_file={exports(FOLDER, 'to_static').graph}",
        f"--data_dir={SAMPLE / 'test'}",
        f"--reader_file={FOLDER / 'census_reader.py'}",
        "--compare",
        "--batchsize=4",
        "--warmup=0",
    )
    assert done.code == 0
    for name in ("Paddle, GPU", "Paddle, GPU fp16", "Paddle, TensorRT", "Paddle, TensorRT fp16"):
        assert (
            f"not available: {name}: --use_gpu=True: this Paddle is built for the CPU"
            in done.stderr
        )


def test_the_reports_summary_of_known_times():
    found = benchmark_report._statistics([float(number) for number in range(1, 102)])
    assert found == {"mean": 51.0, "p50": 51.0, "p90": 91.0, "p99": 100.0}
