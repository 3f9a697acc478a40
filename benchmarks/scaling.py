"""Measures the data exchange of two processes, and calculates the speed of more workers.

    python benchmarks/scaling.py -m models/multitask/mmoe/config.yaml --batch_size 32 1024

Prints the bytes that a process sends in a step. Then prints rows/s of one and of two processes,
measured alternately with the training loop. Then prints a calculation, not a measurement, for more
workers, each with its own network link:

    step = compute + fixed + all-reduce + gather + rows
    all-reduce = 2 (n-1)/n dense bytes / bandwidth + 2 ceil(log2 n) latency
    gather     = (n-1) sparse bytes / bandwidth + ceil(log2 n) latency, with sparse tables only
    rows       = (n-1) sparse rows x time a row

compute is the measured processor time of a step with one process. fixed is the processor time of
the exchange: that of a step with two processes minus compute. Processor time is used because
elapsed time means little on a machine that other programs use too. Every worker is assumed to have
its own core. The time a row is that of updating a row of a table. All values except compute are
options.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "tools"), ROOT]

from engine import command_line, commands  # noqa: E402
from engine.system.errors import UserError  # noqa: E402

_WARM_UP = 30  # steps


def work(arguments: argparse.Namespace) -> None:
    """Trains as one of the measured processes; rank 0 writes the measurements."""
    config = commands.read_config(arguments, graph="dygraph")
    import logging

    import paddle

    from engine.data import sources
    from engine.distributed import processes
    from engine.evaluation import steps
    from engine.evaluation.progress import RunLog
    from engine.graphs import opening
    from engine.system.clock import Clock
    from engine.training import resume

    logging.disable(logging.INFO)
    world = processes.current()
    with world.main_process_first():
        source = sources.training_source(config)
    size = config.runner("train_batch_size") * world.size
    if source.rows is not None and source.rows < size:
        raise UserError(f"expected at least {size} rows for a step, found {source.rows}")
    session = opening.open_session(config, "dygraph", training=True)
    resume.start(session, config, source)
    batches = _endless(session, source)
    session.start_epoch(training=True)
    clock, rows = Clock(), 0
    report = RunLog(clock, config.runner("print_interval"), None)
    report.start_epoch(0)
    for count in (_WARM_UP, arguments.steps):
        clock.restart()
        started = time.process_time()
        some = (next(batches) for _ in range(count))
        rows = steps.run_steps(session, some, session.train_step, clock, report)
    seconds, busy = clock.total(), time.process_time() - started
    volume = _exchanged(session, next(batches)[0], paddle) if world.size == 1 else {}
    if world.rank == 0:
        facts = {
            "step": seconds / arguments.steps,
            "busy": busy / arguments.steps,
            "rows_per_second": rows / seconds,
            **volume,
        }
        with open(arguments.result, "w", encoding="utf-8") as file:
            json.dump(facts, file)


def _endless(session, source):
    epoch = 0
    while True:
        yield from session.batches(source, epoch)
        epoch += 1


def _exchanged(session, batch, paddle) -> dict:
    """Returns the bytes that this process would send in a step; runs a backward pass."""
    loss, *_ = session._contract.train_forward(session.net, [], batch, session._settings)
    loss.backward()
    dense = rows = sparse = 0
    for parameter in session.net.parameters():
        gradient = parameter.grad
        if parameter.stop_gradient or gradient is None:
            continue
        if not gradient.is_selected_rows():
            dense += gradient.size * 4
            continue
        distinct = len(set(gradient.rows()))
        rows += distinct
        sparse += distinct * (parameter.shape[1] + 2) * 4  # with an int64 row number
    return {"dense_bytes": dense, "sparse_rows": rows, "sparse_bytes": sparse}


def measure(arguments: argparse.Namespace, yaml: str, batch_size: int, processes: int) -> dict:
    """Trains in new processes and returns the measurements of rank 0.

    Args:
        arguments: the command line.
        yaml: path of the configuration.
        batch_size: rows of a batch of each process.
        processes: number of processes.

    Raises:
        UserError: a process failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = os.path.join(folder, "result.json")
        command = [os.path.abspath(__file__), "-m", os.path.abspath(yaml), "--result", result]
        command += ["--steps", str(arguments.steps), "-o", "runner.print_interval=100"]
        command += arguments.opt
        command += [f"runner.train_batch_size={batch_size}", "runner.use_fleet=True"]
        command += [f"runner.model_save_path={folder}/out"]
        if processes > 1:
            launch = ["-m", "paddle.distributed.launch", "--nproc_per_node", str(processes)]
            command = [*launch, "--log_dir", os.path.join(folder, "log"), *command]
        threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", **os.environ}
        done = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, check=False, env=threads
        )
        if done.returncode or not os.path.exists(result):
            lines = (done.stderr + done.stdout).strip().splitlines()
            errors = [line for line in lines if line.startswith("error: ")]
            last = (errors or lines or ["no output"])[-1]
            raise UserError(f"{yaml}: {processes} processes: {last}")
        with open(result, encoding="utf-8") as file:
            return json.load(file)


def calculated(facts: dict, fixed: float, workers: int, arguments: argparse.Namespace) -> float:
    """Returns the seconds of a step with a number of workers, by the formula of this module."""
    if workers == 1:
        return facts["busy"]
    bandwidth = arguments.bandwidth * 1e9 / 8  # bytes a second
    latency, rounds = arguments.latency * 1e-6, math.ceil(math.log2(workers))
    step = facts["busy"] + fixed + 2 * rounds * latency
    step += 2 * (workers - 1) / workers * facts["dense_bytes"] / bandwidth
    if facts["sparse_bytes"]:
        others = workers - 1
        step += others * facts["sparse_bytes"] / bandwidth + rounds * latency
        step += others * facts["sparse_rows"] * arguments.row * 1e-6
    return step


def compare(arguments: argparse.Namespace, yaml: str, batch_size: int) -> None:
    """Prints the measurements and the calculation of one model at one batch size."""
    runs: dict[int, list[dict]] = {1: [], 2: []}
    for _ in range(arguments.repeats):  # alternately: the load of the machine may change
        for processes, measured in runs.items():
            measured.append(measure(arguments, yaml, batch_size, processes))
    medians = {
        processes: {
            name: statistics.median(each[name] for each in measured)
            for name in ("step", "busy", "rows_per_second")
        }
        for processes, measured in runs.items()
    }
    facts, two = {**runs[1][0], **medians[1]}, medians[2]
    ratios = sorted(
        pair["rows_per_second"] / single["rows_per_second"] for single, pair in zip(*runs.values())
    )
    exchange = max(0.0, two["busy"] - facts["busy"])
    fixed = exchange if arguments.fixed is None else arguments.fixed * 1e-6
    print(f"\n{os.path.relpath(yaml)}, batch {batch_size} of each process")
    print(
        f"  sent in a step: {facts['dense_bytes']:,} bytes dense, {facts['sparse_bytes']:,} "
        f"sparse ({facts['sparse_rows']:,} rows)"
    )
    for processes, figures in medians.items():
        print(
            f"  measured, {processes} process{'es' if processes > 1 else ''}: "
            f"{figures['rows_per_second']:,.0f} rows/s, {1e3 * figures['step']:.2f} ms a step, "
            f"{1e3 * figures['busy']:.2f} ms of processor time"
        )
    ratio = statistics.median(ratios)
    print(f"  ratio of two to one: {ratio:.2f}, from {ratios[0]:.2f} to {ratios[-1]:.2f}")
    print(f"  calculated, with fixed = {1e6 * fixed:.0f} us a step:")
    for workers in arguments.workers:
        step = calculated(facts, fixed, workers, arguments)
        print(
            f"  {workers:>6} workers: {1e3 * step:9.2f} ms a step, "
            f"{workers * batch_size / step:>13,.0f} rows/s, "
            f"{100 * facts['busy'] / step:5.1f} % of linear"
        )


def _arguments() -> argparse.Namespace:
    parser = command_line.parser(__doc__)
    number = command_line.at_least(1)
    add = parser.add_argument
    add(
        "--batch_size",
        nargs="+",
        type=number,
        default=[32, 1024],
        metavar="N",
        help="default: 32 1024",
    )
    add("--steps", type=number, default=200, metavar="N", help="measured steps; default: 200")
    add("--repeats", type=number, default=3, metavar="N", help="runs of each; default: 3")
    add(
        "--workers",
        nargs="+",
        type=number,
        default=[8, 64, 512],
        metavar="N",
        help="default: 8 64 512",
    )
    add("--bandwidth", type=float, default=10.0, help="Gbit/s of a worker's link; default: 10")
    add("--latency", type=float, default=50.0, help="us between two workers; default: 50")
    add("--row", type=float, default=0.5, help="us to update a row of a table; default: 0.5")
    add("--fixed", type=float, help="us; default: measured with two processes")
    add("--result", help=argparse.SUPPRESS)  # set in the measured processes
    arguments = parser.parse_args()
    if min(arguments.bandwidth, arguments.latency, arguments.row, arguments.fixed or 0.0) < 0:
        raise UserError("--bandwidth, --latency, --row, --fixed: expected at least 0")
    if arguments.bandwidth == 0:
        raise UserError("--bandwidth: expected more than 0, found 0")
    return arguments


def main() -> None:
    """Runs the command."""
    arguments = _arguments()
    if arguments.result:
        work(arguments)
        return
    print(
        f"assumed: {arguments.bandwidth:g} Gbit/s and {arguments.latency:g} us between workers, "
        f"{arguments.row:g} us a row"
    )
    for batch_size in arguments.batch_size:
        compare(arguments, arguments.config_yaml, batch_size)


if __name__ == "__main__":
    command_line.run(main)
