"""Exports a trained model for inference.

    python tools/to_static.py -m models/multitask/mmoe/config.yaml --format onnx

Takes the dygraph checkpoint of epoch runner.infer_end_epoch - 1, the best one
(runner.infer_checkpoint: best) or the one in runner.model_init_path, and writes tostatic.* into
the folder of the same name in runner.model_save_path: the graph (.json of Paddle 3, .pdmodel of
Paddle 2), .pdiparams and .meta.json, which names inputs, outputs and tasks; .onnx too, if asked
for. Each is checked against the trained net before it replaces an older one.
"""

from engine import command_line, commands


def main() -> None:
    """Runs the command."""
    parser = command_line.parser(__doc__)
    parser.add_argument(
        "--format",
        choices=("paddle", "onnx"),
        default="paddle",
        help="onnx: ONNX besides Paddle's own (requirements-deploy.txt)",
    )
    arguments = parser.parse_args()
    from engine.deployment.export import dygraph_export

    config = commands.read_config(arguments, dygraph_export.checkpoint_encoding)
    commands.export(config, arguments.format)


if __name__ == "__main__":
    command_line.run(main)
