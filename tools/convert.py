r"""Converts a checkpoint of share_bottom, mmoe or ple to PaddleRec's parameter names, or back.

    python tools/convert.py -m models/multitask/mmoe/config.yaml --checkpoint output/2 \
        --output for_paddlerec/2 --to paddlerec

--checkpoint and --output are folders of one epoch. --form selects the graph that will read the
result: dygraph reads rec.pdparams, static reads rec_static.pdparams. Only parameters are
converted, not the optimizer's state. PaddleRec's nets do not standardise their inputs, so the
standardisation is folded into the weights of the first layer.
"""

import os

from engine import command_line, commands
from engine.system.errors import UserError

_FORMS = ("dygraph", "static")


def main() -> None:
    """Runs the command."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("--checkpoint", required=True, metavar="DIR", help="folder of the checkpoint to convert")
    add("--output", required=True, metavar="DIR", help="another folder, for the result")
    add(
        "--to",
        choices=("paddlerec", "paddlemtl"),
        required=True,
        help="the project whose parameter names to write",
    )
    add(
        "--form",
        choices=_FORMS,
        default="dygraph",
        help="the graph that will read the result; default: dygraph",
    )
    arguments = parser.parse_args()
    source, target = map(os.path.abspath, (arguments.checkpoint, arguments.output))
    if os.path.realpath(source) == os.path.realpath(target):
        raise UserError(f"--output {arguments.output}: expected another folder than --checkpoint")
    from engine.checkpoints import choice, layout
    from engine.deployment.export import paddlerec_checkpoint

    config = commands.read_config(
        arguments, lambda config: choice.announce("converting", [source], "rec")
    )
    prefix = layout.PREFIXES[arguments.form]
    paddlerec_checkpoint.convert(config, source, target, arguments.to, prefix)


if __name__ == "__main__":
    command_line.run(main)
