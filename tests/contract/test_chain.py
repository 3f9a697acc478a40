"""Training, export and prediction with the command lines of PaddleRec's integration tests."""

import json

import numpy as np
import pytest

MODELS = "models/multitask"
SAMPLE = "../../datasets/census/sample_data"  # from MODELS
TRAIN = ["runner.use_gpu=False", "runner.epochs=2", "runner.CE=true", "runner.train_batch_size=8"]
TRAIN += ["runner.print_interval=50"]  # each line computes AUCs, which takes longer than a step


@pytest.fixture
def typed(checkout, run_command, monkeypatch, elsewhere):
    """Runs commands in the repository's root, or elsewhere with absolute paths."""

    def start(place):
        monkeypatch.chdir(checkout if place == "root" else elsewhere)
        here = checkout if place == "root" else elsewhere
        prefix = "" if place == "root" else f"{checkout}/"

        def run(name, *arguments):
            done = run_command(name, *arguments)
            assert done.code == 0, done.stderr
            return done

        return run, f"{prefix}{MODELS}", here

    return start


@pytest.mark.parametrize(
    ("folder", "place"),
    [("share_bottom", "root"), ("mmoe", "elsewhere"), ("ple", "root")],
)
def test_dygraph(typed, place, folder):
    run, models, here = typed(place)
    yaml, out = f"{models}/{folder}/config.yaml", f"./test/output/{folder}"
    # a pretrained model for runner.model_init_path
    run("trainer", "-m", yaml, "-o", *TRAIN, f"runner.model_save_path={out}/first")
    first, second = f"{out}/first/1", f"{out}/second"
    options = [f"runner.model_save_path={second}", f"runner.model_init_path={first}"]
    done = run("trainer", "-m", yaml, "-o", *TRAIN, *options)
    assert "warm start: " in done.stderr
    assert sorted(path.name for path in (here / second).iterdir() if path.is_dir()) == ["0", "1"]
    options = ["runner.CE=true", f"runner.model_init_path={second}/1"]
    run("to_static", "-m", yaml, "-o", *options, f"runner.model_save_path={second}")
    predictions = []
    for mkldnn, benchmark in (("True", "False"), ("False", "True")):
        log = here / "test" / f"infer_{mkldnn}.log"
        done = run(
            *["paddle_infer", "--use_gpu=False", "--enable_mkldnn", mkldnn, "--cpu_threads=2"],
            *[f"--model_dir={second}/1", "--batchsize=16", "--precision", "fp32"],
            *[f"--reader_file={models}/{folder}/census_reader.py"],
            *[f"--data_dir={models}/{SAMPLE}/train", "--benchmark", benchmark],
            *[f"--save_log_path={log}", f"--model_name={folder}"],
            *["--save_predictions", f"{mkldnn}.npy"],
        )
        assert done.stdout.startswith("400 rows, ")
        assert "income: auc 0.9" in done.stdout
        assert ("p99: " in done.stdout) == (benchmark == "True")
        assert json.loads(log.read_text())
        predictions.append(np.load(here / f"{mkldnn}.npy"))
    assert predictions[0].shape == (400, 2)
    np.testing.assert_allclose(*predictions, rtol=0, atol=1e-5)


def test_static(typed):
    run, models, _ = typed("elsewhere")
    yaml, out = f"{models}/mmoe/config.yaml", "./output/static"
    options = [f"runner.model_save_path={out}", "runner.use_inference=True"]
    run("static_trainer", "-m", yaml, "-o", *TRAIN, *options)
    again = [f"runner.model_save_path={out}_2", f"runner.model_init_path={out}/1"]
    done = run("static_trainer", "-m", yaml, "-o", *TRAIN, *again)
    assert "warm start: " in done.stderr
    options = [f"runner.infer_load_path={out}_2", "runner.infer_end_epoch=2", "runner.CE=true"]
    options += ["runner.infer_batch_size=50"]
    done = run("static_infer", "-m", yaml, "-o", *options)
    assert done.log.count(" done, auc_income: ") == 2
    done = run(
        *["paddle_infer", f"--model_dir={out}/1", "--batchsize=7", "--enable_mkldnn=False"],
        *[f"--reader_file={models}/mmoe/census_reader.py", "--benchmark=False"],
        *[f"--data_dir={models}/{SAMPLE}/test", "--precision=fp32", "--cpu_threads=1"],
    )
    assert done.stdout.startswith("200 rows, ")
