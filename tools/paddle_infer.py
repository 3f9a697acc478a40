r"""Runs an exported model over a reader's rows: predictions, their quality, their speed.

    python tools/paddle_infer.py --model_dir output_model/2 --data_dir data/test \
        --reader_file census_reader.py --batchsize 32 --benchmark True

    python tools/paddle_infer.py -m models/multitask/mmoe/config.yaml --show 5

Options not given come from the YAML of -m, where there is one: the export of epoch
runner.infer_end_epoch - 1, or of runner.infer_checkpoint, the test data, their reader and batch
size. Paths are relative to the current directory. Reader and model fit each other by what stands
beside the model (.meta.json).
"""

from engine import command_line, commands
from engine.deployment.predictors.predictor import ENGINES, PRECISIONS
from engine.system import logs
from engine.system.errors import UserError


def parse_arguments():
    """Returns the command line's options; PaddleRec's have its names and defaults."""
    parser = command_line.parser(__doc__, config_required=False)
    model = parser.add_argument_group("the model")
    model.add_argument("--model_file", metavar="FILE", help=".json, .pdmodel or .onnx")
    model.add_argument("--params_file", metavar="FILE", help=".pdiparams; default: beside it")
    model.add_argument("--model_dir", metavar="DIR", help="a folder that holds one model")
    model.add_argument("--model_name", metavar="NAME", help="for the report")
    data = parser.add_argument_group("the data")
    data.add_argument("--data_dir", metavar="DIR", help="folder of the data files")
    data.add_argument("--reader_file", metavar="FILE", help="module that defines RecDataset")
    data.add_argument("--batchsize", type=command_line.at_least(1), metavar="N", help="default: 1")
    data.add_argument(
        "--limit", type=command_line.at_least(1), metavar="N", help="only the first N rows"
    )
    how = parser.add_argument_group("how it runs")
    how.add_argument(
        "--engine", choices=ENGINES, help="default: what the model's file is for, ONNX first"
    )
    how.add_argument("--cpu_threads", type=command_line.at_least(1), default=1, metavar="N")
    how.add_argument("--precision", choices=PRECISIONS, default="fp32")
    for name, meaning in (
        ("use_gpu", "on the GPU"),
        ("use_xpu", "on a Kunlun XPU"),
        ("use_npu", "on an Ascend NPU"),
        ("enable_mkldnn", "by oneDNN, on a CPU"),
        ("enable_tensorRT", "by TensorRT, on a GPU"),
    ):
        how.add_argument(
            f"--{name}", type=command_line.boolean, default=False, metavar="BOOL", help=meaning
        )
    out = parser.add_argument_group("what it gives")
    out.add_argument("--save_predictions", metavar="FILE", help=".csv, .npy or .parquet")
    out.add_argument(
        "--show", type=command_line.at_least(1), default=0, metavar="N", help="first N rows"
    )
    out.add_argument(
        "--benchmark",
        type=command_line.boolean,
        default=False,
        metavar="BOOL",
        help="print the report",
    )
    out.add_argument("--save_log_path", metavar="FILE", help="write the report there, as JSON")
    out.add_argument(
        "--warmup", type=command_line.at_least(0), default=10, metavar="N", help="batches"
    )
    out.add_argument(
        "--repeat", type=command_line.at_least(1), default=1, metavar="N", help="timed passes"
    )
    out.add_argument(
        "--compare", action="store_true", help="time every engine and option of this machine"
    )
    return parser.parse_args()


def main() -> None:
    """Runs the command."""
    arguments = parse_arguments()
    from engine.deployment.inference import job as jobs

    if arguments.config_yaml:
        config = commands.read_config(
            arguments, lambda config: jobs.trained_encoding(arguments, config)
        )
    elif arguments.opt:
        raise UserError("-o changes values of a YAML: give it with -m")
    else:
        config = None
        logs.start_logging()
    job = jobs.open_job(arguments, config)
    if arguments.compare:
        from engine.deployment.inference import comparison

        sizes = (arguments.batchsize,) if arguments.batchsize else ()
        comparison.run(job, sizes, arguments.warmup)
        return
    from engine.deployment.inference.run import run

    run(job, arguments)


if __name__ == "__main__":
    command_line.run(main)
