r"""Serves an exported model over HTTP, with the Open Inference Protocol (KServe v2).

    python tools/to_static.py -m models/multitask/mmoe/config.yaml
    python tools/serve.py --model_dir models/multitask/mmoe/output_model_mmoe/2

GET  /v2/models/NAME        returns the model's inputs and outputs
POST /v2/models/NAME/infer  returns predictions
GET  /metrics               returns metrics for Prometheus

The server joins waiting requests into batches. On Ctrl-C or SIGTERM it answers the requests that
have begun, and ends with exit code 0. It needs the packages of requirements-deploy.txt.
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
    """Returns the type of an option that takes a number in a range."""

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


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's options."""
    parser = command_line.Parser(__doc__)
    at_least_1 = command_line.at_least(1)
    add = parser.add_argument_group("model").add_argument
    add("--model_dir", metavar="DIR", help="folder with one exported model")
    add("--model_file", metavar="FILE", help="graph: .json, .pdmodel or .onnx")
    add("--params_file", metavar="FILE", help="parameters; default: the .pdiparams of model_file")
    add(
        "--model_name",
        metavar="NAME",
        help="name in the URL paths; default: the name of the folder it was trained in",
    )
    add("--model_version", metavar="TEXT", default="1", help="in the URL paths; default: 1")
    add = parser.add_argument_group("engine").add_argument
    add(
        "--engine",
        choices=predictor.ENGINES,
        help="default: the engine of the model file; in a folder, ONNX Runtime if possible",
    )
    add(
        "--cpu_threads",
        type=at_least_1,
        metavar="N",
        default=1,
        help="threads of the math library; default: 1",
    )
    add(
        "--enable_mkldnn",
        type=command_line.boolean,
        metavar="BOOL",
        default=False,
        help="use oneDNN; default: False",
    )
    add(
        "--use_gpu",
        type=command_line.boolean,
        metavar="BOOL",
        default=False,
        help="run on the GPU; default: False",
    )
    add(
        "--precision",
        choices=predictor.PRECISIONS,
        default="fp32",
        help=predictor.PRECISION_HELP,
    )
    add = parser.add_argument_group("server").add_argument
    add(
        "--host",
        default="127.0.0.1",
        help="address to listen on; default: 127.0.0.1; 0.0.0.0 accepts other machines",
    )
    add(
        "--port",
        type=_port,
        metavar="N",
        default=8000,
        help="port to listen on; default: 8000; 0 selects a free port",
    )
    add(
        "--max_batch_size",
        type=at_least_1,
        metavar="ROWS",
        default=1024,
        help="most rows in a batch; a larger request is run alone, in parts; default: 1024",
    )
    add(
        "--max_delay_ms",
        type=_number(0, 60_000),
        metavar="MS",
        default=0.0,
        help="how long a request waits for others to join its batch; "
        "default: 0, a batch takes only requests that are already waiting",
    )
    add(
        "--max_body_mb",
        type=_number(0.001, 4096),
        metavar="MB",
        default=16.0,
        help="largest request body; a larger one gets status 413; default: 16",
    )
    add(
        "--max_rows",
        type=at_least_1,
        metavar="N",
        default=65536,
        help="most rows in a request; one with more gets status 400; default: 65536",
    )
    add(
        "--max_pending",
        type=at_least_1,
        metavar="N",
        default=256,
        help="most inference requests at once; further ones get status 503; default: 256",
    )
    add("--log_level", choices=_LEVELS, default="info", help="default: info")
    add = parser.add_argument_group("example").add_argument
    add(
        "--example_request",
        metavar="FILE",
        help="write the body of an example request to FILE, and do not serve",
    )
    add(
        "--example_rows",
        type=at_least_1,
        metavar="N",
        default=8,
        help="rows in the example; default: 8",
    )
    return parser.parse_args()


def main() -> None:
    """Runs the command."""
    arguments = parse_arguments()
    try:
        from engine.serving import app, example, protocol, server
    except ModuleNotFoundError as error:
        raise UserError(
            f"serving needs {error.name}: pip install -r requirements-deploy.txt"
        ) from error
    logs.start_logging(arguments.quiet)
    exported = model_files.find(
        arguments.model_dir, arguments.model_file, arguments.params_file, arguments.engine
    )
    model_files.announce("serving", exported)
    # Bound first: a port in use is reported before the model is loaded.
    writes_example = arguments.example_request is not None
    listener = None if writes_example else server.bind(arguments.host, arguments.port)
    options = predictor.Options(
        engine=arguments.engine,
        cpu_threads=arguments.cpu_threads,
        enable_mkldnn=arguments.enable_mkldnn,
        use_gpu=arguments.use_gpu,
        precision=arguments.precision,
    )
    opened = opening.open_predictor(exported, options)
    logs.start_logging(arguments.quiet)  # again: importing Paddle 2.6 silences the root logger
    logging.getLogger().setLevel(arguments.log_level.upper())
    name = (
        arguments.model_name or exported.metadata.get("model") or os.path.basename(exported.prefix)
    )
    model = protocol.ServedModel(
        name,
        arguments.model_version,
        opened.engine,
        opened.inputs,
        opened.outputs,
        exported.task_facts,
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
