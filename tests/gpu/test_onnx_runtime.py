"""ONNX Runtime's CUDA provider against its CPU provider, and what is built on it."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from largest_difference import largest_difference

from engine.deployment.predictors import opening
from engine.deployment.predictors.predictor import Options

pytestmark = pytest.mark.usefixtures("onnx_gpu")

TOLERANCE = 1e-5
ROOT = Path(__file__).resolve().parents[2]
MMOE = ROOT / "models" / "multitask" / "mmoe"


def test_every_model_agrees_with_the_cpu_and_is_captured(folder, exported, batches, caplog):
    model = exported(folder, "onnx")
    cpu = opening.open_predictor(model, Options(engine="onnxruntime"))
    gpu = opening.open_predictor(model, Options(engine="onnxruntime", use_gpu=True))
    found = [
        largest_difference(gpu.run(arrays), cpu.run(arrays)) for arrays in batches(folder, cpu)
    ]
    assert max(found) <= TOLERANCE
    # Batches of 32, 1 and 7 rows come again.
    assert gpu.runtime["CUDA graphs"] == 3, caplog.text


def test_tf32_is_another_precision(exported, batches):
    model = exported(MMOE, "onnx")
    cpu = opening.open_predictor(model, Options(engine="onnxruntime"))
    options = Options(engine="onnxruntime", use_gpu=True, precision="tf32")
    gpu = opening.open_predictor(model, options)
    found = [largest_difference(gpu.run(arrays), cpu.run(arrays)) for arrays in batches(MMOE, cpu)]
    assert 0 < max(found) < 1e-2


def test_paddle_infer_prints_the_metrics_of_the_cpu(exported, run_command):
    model = exported(MMOE, "onnx")
    options = ["--model_file", model.graph, "--engine", "onnxruntime", "--batchsize", 16]
    options += ["--data_dir", ROOT / "datasets" / "census" / "sample_data" / "test"]
    options += ["--reader_file", MMOE / "census_reader.py"]
    lines = []
    for use_gpu in (False, True):
        done = run_command("paddle_infer", *options, "--use_gpu", use_gpu, "--repeat", 2)
        assert done.code == 0
        lines.append(re.findall(r"(?:auc|loss)\S* (\d\.\d+)", done.stdout + done.stderr))
    assert "CUDA graphs" in done.stdout + done.stderr
    assert lines[0]
    np.testing.assert_allclose(*np.array(lines, "float64"), atol=2e-6)


def test_the_server_answers_from_the_gpu(exported, batches, tmp_path):
    pytest.importorskip("uvicorn")
    model = exported(MMOE, "onnx")
    cpu = opening.open_predictor(model, Options(engine="onnxruntime"))
    log = tmp_path / "log"
    command = [sys.executable, ROOT / "tools" / "serve.py", "--model_file", model.graph]
    command += ["--model_name", "mmoe", "--use_gpu", "True", "--port", "0"]
    with log.open("w") as file:
        process = subprocess.Popen(list(map(str, command)), stderr=file)
    try:
        address = _address(process, log)
        for arrays in batches(MMOE, cpu):
            inputs = [
                {
                    "name": spec.name,
                    "shape": list(array.shape),
                    "datatype": "FP32",
                    "data": array.ravel().tolist(),
                }
                for spec, array in zip(cpu.inputs, arrays)
            ]
            answer = httpx.post(f"{address}/v2/models/mmoe/infer", json={"inputs": inputs})
            assert answer.status_code == 200, answer.text
            for output, expected in zip(answer.json()["outputs"], cpu.run(arrays)):
                values = np.array(output["data"]).reshape(output["shape"])
                np.testing.assert_allclose(values, expected, atol=TOLERANCE)
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert "without CUDA graphs" not in log.read_text()


def _address(process, log: Path) -> str:
    """Waits until the server listens; returns its address."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        match = re.search(r"serving on (http://\S+): ", log.read_text())
        if match:
            return match[1]
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(log.read_text())
