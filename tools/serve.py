"""Answers HTTP requests with an exported model, by the Open Inference Protocol (KServe v2).

    python tools/to_static.py -m models/multitask/mmoe/config.yaml
    python tools/serve.py --model_dir models/multitask/mmoe/output_model_mmoe/2

GET /v2/models/NAME says what the model takes, POST /v2/models/NAME/infer runs it, GET /metrics is
for Prometheus. Waiting requests are joined into batches. Ctrl-C or SIGTERM ends the server, with
exit code 0, when it has answered the requests that it is at. Needs requirements-deploy.txt.
"""

import argparse
import logging
import math
import os
from collections.abc import Callable

from engine import command_line
from engine.deployment.exported_model import model_files
from engine.deployment.predictors import opening, predictor
from engine.system import logs
from engine.system.errors import UserError

_LEVELS = ("debug", "info", "warning", "error")


def _port(text: str) -> int:
    port = command_line.at_least(0)(text)
    if port > 65535:
        raise argparse.ArgumentTypeError(f"expected an integer of at most 65535, found {text!r}")
    return port


def _number(lowest: float, highest: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(
                f"expected a number from {lowest:g} to {highest:g}, found {text!r}"
            )
        return value

    return read


def read_arguments() -> argparse.Namespace:
    """Returns the command line's options."""
    parser = command_line.Parser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--model_dir", metavar="DIR", help="a folder that holds one exported model")
    add("--model_file", metavar="FILE", help="the model's .json, .pdmodel or .onnx")
    add("--params_file", metavar="FILE", help="its .pdiparams; default: beside it")
    add("--engine", choices=predictor.ENGINES, help="default: the one that the file is for")
    add("--model_name", metavar="NAME", help="in the paths; default: the model folder's name")
    add("--model_version", metavar="TEXT", default="1", help="in the paths; default: 1")
    add("--host", default="127.0.0.1", help="default: 127.0.0.1; 0.0.0.0 for other machines too")
    add("--port", type=_port, metavar="N", default=8000, help="0: any; default: 8000")
    add(
        "--cpu_threads",
        type=command_line.at_least(1),
        metavar="N",
        default=1,
        help="of the model; default: 1",
    )
    add(
        "--enable_mkldnn",
        type=command_line.boolean,
        metavar="BOOL",
        default=False,
        help="run by oneDNN",
    )
    add(
        "--max_batch_size",
        type=command_line.at_least(1),
        metavar="ROWS",
        default=1024,
        help="rows of requests joined; a longer request is run alone, in parts; default: 1024",
    )
    add(
        "--max_delay_ms",
        type=_number(0, 60_000),
        metavar="MS",
        default=0.0,
        help="how long a request waits for others; default: 0, those join it that wait anyway",
    )
    add(
        "--max_body_mb",
        type=_number(0.001, 4096),
        metavar="MB",
        default=16.0,
        help="of a request, else 413; default: 16",
    )
    add(
        "--max_rows",
        type=command_line.at_least(1),
        metavar="N",
        default=65536,
        help="of a request, else 400",
    )
    add(
        "--max_pending",
        type=command_line.at_least(1),
        metavar="N",
        default=256,
        help="inference requests at once, read, waiting or run; more are answered 503",
    )
    add("--log_level", choices=_LEVELS, default="info", help="default: info")
    add("--example_request", metavar="FILE", help="write a request's body there, and end")
    add("--example_rows", type=command_line.at_least(1), metavar="N", default=8, help="default: 8")
    return parser.parse_args()


def main() -> None:
    """Runs the command."""
    arguments = read_arguments()
    try:
        from engine.serving import app, example, protocol, server
    except ModuleNotFoundError as error:
        raise UserError(
            f"serving needs {error.name}: pip install -r requirements-deploy.txt"
        ) from error
    logs.start_logging()
    found = model_files.find(
        arguments.model_dir, arguments.model_file, arguments.params_file, arguments.engine
    )
    # A port in use shows before the model is loaded.
    writes_example = arguments.example_request is not None
    listener = None if writes_example else server.bind(arguments.host, arguments.port)
    options = predictor.Options(
        engine=arguments.engine,
        cpu_threads=arguments.cpu_threads,
        enable_mkldnn=arguments.enable_mkldnn,
    )
    opened = opening.open_predictor(found, options)
    logs.start_logging()  # once more: Paddle 2.6 silences the log when it is imported
    logging.getLogger().setLevel(arguments.log_level.upper())
    name = arguments.model_name or found.about.get("model") or os.path.basename(found.prefix)
    model = protocol.ServedModel(
        name, arguments.model_version, opened.engine, opened.inputs, opened.outputs
    )
    if writes_example:
        example.write_request(model, arguments.example_rows, arguments.example_request)
        return
    limits = app.Limits(
        max_batch_size=arguments.max_batch_size,
        max_delay_ms=arguments.max_delay_ms,
        max_body_mb=arguments.max_body_mb,
        max_rows=arguments.max_rows,
        max_pending=arguments.max_pending,
    )
    address = server.address(listener, arguments.host)
    greeting = [
        f"serving on {address}: {model.summary()}",
        f"try: {example.curl(model, address)}",
    ]
    server.serve(app.create_app(model, opened.run, limits), listener, greeting)


if __name__ == "__main__":
    command_line.run(main)
