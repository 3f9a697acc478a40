"""Measures training: rows a second, where a step's time goes, and peak memory.

    python tools/benchmark.py -m models/multitask/mmoe/config_bigdata.yaml --batch_size 32 1024

Each combination of batch size, graph and threads trains in a process of its own: a few batches
to warm up, then --epochs epochs, or the first --batches of each, with reading, metrics and log
lines as in tools/trainer.py, but no checkpoints. rows/s is the steady state over those; the phases
are milliseconds a step (in static graph one call does forward, backward and optimizer, shown as
forward); the process's whole time includes imports and, where the data have not been parsed
before, parsing. rows/cpu s are rows a second of processor time, which other work on the machine
hardly changes.
"""

import argparse
import itertools
import json
import logging
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor

from engine import cli
from engine.clock import PHASES
from engine.errors import UserError
from engine.sessions import GRAPHS

_WARM_UP = 50  # batches
_ROW = "{:>6} {:>8} {:>8} {:>10} {:>9}" + " {:>9}" * len(PHASES) + " {:>9} {:>9} {:>10}"


def measure(arguments: argparse.Namespace, graph: str, threads: int, batch_size: int) -> dict:
    """Trains in this process and returns what it measured."""
    started = time.perf_counter()
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)
    from engine import runtime

    runtime.prepare()
    from engine import loop, sessions
    from engine.clock import Clock
    from engine.report import Report

    arguments.opt.append(f"runner.train_batch_size={batch_size}")
    config = cli.read_config(arguments)
    logging.disable(logging.INFO)
    source = loop.training_source(config)
    session = sessions.open_session(config, graph, training=True)
    session.fit_inputs(source)
    session.start_epoch(training=True)
    clock = Clock()
    report = Report(clock, config.runner("print_interval"), None, None)
    report.start_epoch(0)
    warm_up = itertools.islice(session.batches(source, 0), _WARM_UP)
    loop.visit(session, warm_up, session.train_step, clock, report)
    clock.restart()
    rows, steps, busy = 0, 0, time.process_time()
    for epoch in range(1, arguments.epochs + 1):
        session.start_epoch(training=True)
        report.start_epoch(epoch)
        batches = itertools.islice(session.batches(source, epoch), arguments.batches)
        rows += loop.visit(session, batches, session.train_step, clock, report)
        steps += report.batches
    busy = time.process_time() - busy
    return {
        "batch_size": batch_size,
        "graph": graph,
        "threads": threads,
        "rows_per_second": rows / clock.total(),
        "rows_per_processor_second": rows / busy,
        "ms_per_step": 1e3 * clock.total() / steps,
        "phases_ms": {name: 1e3 * clock.seconds[name] / steps for name in PHASES},
        "peak_memory_mb": runtime.peak_memory_mb(),
        "whole_process_seconds": time.perf_counter() - started,
        "rows": rows,
    }


def main() -> None:
    """Runs the command."""
    parser = cli.parser(__doc__)
    parser.add_argument("--batch_size", nargs="+", type=int, metavar="N", default=[32, 1024])
    parser.add_argument("--graph", nargs="+", choices=GRAPHS, default=["dygraph"])
    parser.add_argument("--threads", nargs="+", type=int, metavar="N", default=[1])
    parser.add_argument("--epochs", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument(
        "--batches", type=int, metavar="N", help="only so many of each epoch; default: all"
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    limit = 1 if arguments.batches is None else arguments.batches
    if min([arguments.epochs, limit, *arguments.batch_size, *arguments.threads]) < 1:
        raise UserError(
            "--epochs, --batches, --batch_size and --threads take integers of at least 1"
        )
    cli.read_config(arguments)  # bad input shows here, once
    print(
        _ROW.format(
            "batch", "graph", "threads", "rows/s", "ms/step", *PHASES, "MB", "whole s", "rows/cpu s"
        )
    )
    results = []
    for graph, threads, batch_size in itertools.product(
        arguments.graph, arguments.threads, arguments.batch_size
    ):
        # A new process each: peak memory never falls, and threads are set before Paddle starts.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            result = pool.submit(measure, arguments, graph, threads, batch_size).result()
        results.append(result)
        phases = [f"{result['phases_ms'][name]:.3f}" for name in PHASES]
        print(
            _ROW.format(
                batch_size,
                graph,
                threads,
                f"{result['rows_per_second']:.0f}",
                f"{result['ms_per_step']:.3f}",
                *phases,
                f"{result['peak_memory_mb']:.0f}",
                f"{result['whole_process_seconds']:.1f}",
                f"{result['rows_per_processor_second']:.0f}",
            ),
            flush=True,
        )
        if arguments.json:
            with open(arguments.json, "w", encoding="utf-8") as file:
                json.dump(results, file, indent=2)


if __name__ == "__main__":
    cli.run(main)
