"""Measures how long it takes to start from a checkpoint whose vocabulary is extended, and memory.

    python benchmarks/extend_table.py --rows 5000000 --added 100000

A checkpoint of one field with many ids is made up: its parameters, Adam's moments and its
vocabulary. Then a process starts from it as a warm start does, once with the same vocabulary and
once with an extended one, and prints the CPU seconds and the largest memory of both.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

YAML = {
    "train_reader_path": "table_reader",
    "use_gpu": False,
    "train_batch_size": 100,
    "epochs": 1,
    "extend_vocabulary": True,
}


def write_yaml(folder: Path, size: int) -> Path:
    """Writes the configuration of a net with one sparse column."""
    content = {
        "config_abs_dir": str(ROOT / "models" / "multitask" / "mmoe"),
        "runner": {**YAML, "train_data_dir": str(folder / "a.csv")},
        "hyper_parameters": {
            "table": {"labels": ["click", "like"], "sparse": ["user"]},
            "gate_num": 2,
            "expert_num": 2,
            "expert_size": 8,
            "tower_size": 4,
            "embedding_size": size,
            "optimizer": {"class": "adam", "learning_rate": 0.001},
        },
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(content))
    return path


def write_rows(path: Path, users: range) -> None:
    """Writes a row a user."""
    lines = (f"{user % 2},{user % 3 % 2},u{user}\n" for user in users)
    path.write_text("click,like,user\n" + "".join(lines))


def start(yaml: str, options: list[str]) -> None:
    """Starts a training as trainer.py does, up to its first batch; prints what it took."""
    from engine.config.load import load_config
    from engine.data import encoding, sources
    from engine.graphs import opening
    from engine.model_folder import loading
    from engine.training import resume

    began = time.process_time()
    config = load_config(yaml, options, loading.hyper_parameters)
    config = encoding.complete_config(config)
    learned = time.process_time()
    source = sources.training_source(config)
    session = opening.open_session(config, "dygraph", training=True)
    opened = time.process_time()
    resume.start(session, config, source)
    ended = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    fields = config["hyper_parameters.sparse_fields"]
    print(
        f"{fields[0]['size']} rows: vocabulary {learned - began:.1f} CPU s, "
        f"parameters and moments {ended - opened:.1f} CPU s, peak {peak:.2f} GiB"
    )


def train(yaml: str, options: list[str]) -> None:
    """Trains an epoch and saves the checkpoint."""
    from engine import commands
    from engine.config.load import load_config
    from engine.data import encoding
    from engine.model_folder import loading

    config = load_config(yaml, options, loading.hyper_parameters)
    commands.train(encoding.complete_config(config), "dygraph")


def main() -> None:
    """Runs the steps in processes of their own, so that memory is that of one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000, help="ids of the checkpoint")
    parser.add_argument("--added", type=int, default=100_000, help="new ids")
    parser.add_argument("--size", type=int, default=16, help="size of an embedding")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        step, yaml, *options = arguments.step
        {"train": train, "start": start}[step](yaml, options)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yaml = write_yaml(folder, arguments.size)
        write_rows(folder / "a.csv", range(arguments.rows))
        write_rows(folder / "b.csv", range(arguments.rows, arguments.rows + arguments.added))
        first, environment = folder / "first", {**os.environ, "XDG_CACHE_HOME": name}
        large = [f"runner.model_save_path={first}", "runner.train_batch_size=1000000"]
        large += ["runner.print_interval=1000000"]
        warm = [f"runner.model_init_path={first / '0'}"]
        steps = [["train", yaml, *large]]
        for data in ("a", "b"):
            saved = [f"runner.model_save_path={folder / data}"]
            files = [f"runner.train_data_dir={folder / f'{data}.csv'}"]
            steps.append(["start", yaml, *warm, *saved, *files])
        for step in steps:
            command = [sys.executable, __file__, "--step", *map(str, step)]
            quiet = subprocess.DEVNULL if step[0] == "train" else None
            subprocess.run(command, env=environment, check=True, stdout=quiet, stderr=quiet)


if __name__ == "__main__":
    main()
