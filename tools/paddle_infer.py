r"""Predicts the rows of a reader with an exported model; prints metrics and speed.

    python tools/paddle_infer.py -m models/multitask/mmoe/config.yaml --show 5

    python tools/paddle_infer.py --model_dir output_model/2 --data_dir data/test \
        --reader_file census_reader.py --batchsize 32 --benchmark True

If the reader yields labels, the command prints the AUC (or accuracy) and log loss of each task.

With -m, options that are not given come from the YAML: the test data, their reader and batch
size, and the model. The model is the export of epoch runner.infer_end_epoch - 1, or of
runner.infer_checkpoint. Without -m, the reader gets the hyper-parameters in the model's
.meta.json. Paths on the command line are relative to the current directory.
"""

from engine import command_line, commands
from engine.deployment.predictors.predictor import ENGINES, PRECISION_HELP, PRECISIONS
from engine.system import logs
from engine.system.errors import UserError

_DEVICES = (
    ("use_gpu", "run on the GPU"),
    ("use_xpu", "run on a Kunlun XPU"),
    ("use_npu", "run on an Ascend NPU"),
    ("enable_mkldnn", "use oneDNN on the CPU"),
    ("enable_tensorRT", "use TensorRT on the GPU"),
)
# Options without effect on --compare.
_NOT_COMPARED = (
    *("engine", "cpu_threads", "precision", *dict(_DEVICES)),
    *("limit", "save_predictions", "show", "benchmark", "save_log_path", "repeat"),
)


def parse_arguments():
    """Returns the options; those of PaddleRec have the same names and defaults."""
    parser = command_line.parser(__doc__, config_required=False)
    model = parser.add_argument_group("model")
    model.add_argument("--model_file", metavar="FILE", help="graph: .json, .pdmodel or .onnx")
    model.add_argument(
        "--params_file", metavar="FILE", help="parameters; default: the .pdiparams of model_file"
    )
    model.add_argument("--model_dir", metavar="DIR", help="folder with one exported model")
    model.add_argument("--model_name", metavar="NAME", help="name in the report")
    data = parser.add_argument_group("data")
    data.add_argument("--data_dir", nargs="+", metavar="DIR", help="data folders and files")
    data.add_argument("--reader_file", metavar="FILE", help="Python file that defines RecDataset")
    data.add_argument(
        "--batchsize",
        type=command_line.at_least(1),
        metavar="N",
        help="rows per batch; default: the YAML's runner.infer_batch_size, or 1",
    )
    data.add_argument(
        "--limit",
        type=command_line.at_least(1),
        metavar="N",
        help="use only the first N rows; default: all",
    )
    run = parser.add_argument_group("engine and device")
    run.add_argument(
        "--engine",
        choices=ENGINES,
        help="default: the engine of the model file; in a folder, ONNX Runtime if possible",
    )
    run.add_argument(
        "--cpu_threads",
        type=command_line.at_least(1),
        default=1,
        metavar="N",
        help="threads of the math library; default: 1",
    )
    run.add_argument("--precision", choices=PRECISIONS, default="fp32", help=PRECISION_HELP)
    for name, meaning in _DEVICES:
        run.add_argument(
            f"--{name}",
            type=command_line.boolean,
            default=False,
            metavar="BOOL",
            help=f"{meaning}; default: False",
        )
    output = parser.add_argument_group("output")
    output.add_argument(
        "--save_predictions",
        metavar="FILE",
        help="write all predictions to a .csv, .npy or .parquet file",
    )
    output.add_argument(
        "--show",
        type=command_line.at_least(1),
        default=0,
        metavar="N",
        help="print the predictions of the first N rows",
    )
    output.add_argument(
        "--benchmark",
        type=command_line.boolean,
        default=False,
        metavar="BOOL",
        help="print the benchmark report; default: False",
    )
    output.add_argument("--save_log_path", metavar="FILE", help="write the report as JSON")
    output.add_argument(
        "--warmup",
        type=command_line.at_least(0),
        default=10,
        metavar="N",
        help="untimed batches before the measurement; default: 10",
    )
    output.add_argument(
        "--repeat",
        type=command_line.at_least(1),
        default=1,
        metavar="N",
        help="timed passes over the rows; default: 1",
    )
    output.add_argument(
        "--compare",
        action="store_true",
        help="instead, time every engine and option that this machine supports",
    )
    arguments = parser.parse_args()
    if arguments.compare:
        defaults = {name: parser.get_default(name) for name in _NOT_COMPARED}
        unused = [f"--{name}" for name, value in defaults.items() if vars(arguments)[name] != value]
        if unused:
            parser.error(f"--compare chooses engines and options itself: omit {', '.join(unused)}")
    return arguments


def main() -> None:
    """Runs the command."""
    arguments = parse_arguments()
    from engine.deployment.inference import job as jobs

    if arguments.config_yaml:
        config = commands.read_config(arguments, lambda config: jobs.used_export(arguments, config))
    elif arguments.opt:
        raise UserError("-o changes values of a YAML; give the YAML with -m")
    else:
        config = None
        logs.start_logging(arguments.quiet)
    job = jobs.open_job(arguments, config)
    if arguments.compare:
        from engine.deployment.inference import comparison

        sizes = (arguments.batchsize,) if arguments.batchsize else ()
        comparison.compare_runners(job, sizes, arguments.warmup)
        return
    from engine.deployment.inference import command

    command.run_job(job, arguments)


if __name__ == "__main__":
    command_line.run(main)
