r"""Exports a dygraph checkpoint as an inference model, for Paddle Inference or ONNX Runtime.

    python tools/to_static.py -m models/multitask/mmoe/config.yaml --format onnx

The checkpoint is that of epoch runner.infer_end_epoch - 1. To export another one, set
-o runner.infer_checkpoint=best or -o runner.model_init_path=FOLDER.

The export goes to the folder of the same name in runner.model_save_path: tostatic.json (Paddle 3)
or tostatic.pdmodel (Paddle 2), tostatic.pdiparams, and tostatic.meta.json with the names of
inputs, outputs and tasks. The command compares the outputs of each format with those of the
trained net. An older export is replaced only if they agree to 1e-5.
"""

from engine import command_line, commands


def main() -> None:
    """Runs the command."""
    parser = command_line.parser(__doc__)
    parser.add_argument(
        "--format",
        choices=("paddle", "onnx"),
        default="paddle",
        help="onnx also writes tostatic.onnx (needs requirements-deploy.txt); default: paddle",
    )
    arguments = parser.parse_args()
    from engine.deployment.export import dygraph_export

    config = commands.read_config(arguments, dygraph_export.announce)
    commands.export(config, arguments.format)


if __name__ == "__main__":
    command_line.run(main)
