r"""Rewrites a checkpoint of share_bottom, mmoe or ple under PaddleRec's names, or from them.

    python tools/convert.py -m models/multitask/mmoe/config.yaml --checkpoint output/2 \
        --output for_paddlerec/2 --to paddlerec

Both folders are an epoch's; --form says which graph reads the result: rec.pdparams for dygraph,
rec_static.pdparams for static graph. Only parameters are written: no optimizer's state. What
standardises the inputs is folded into PaddleRec's first layer, which has nothing for it.
"""

import os

from engine import command_line, commands
from engine.system.errors import UserError

_PREFIXES = {"dygraph": "rec", "static": "rec_static"}


def main() -> None:
    """Runs the command."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("--checkpoint", required=True, metavar="DIR", help="folder of the checkpoint to rewrite")
    add("--output", required=True, metavar="DIR", help="folder for the result, another one")
    add("--to", choices=("paddlerec", "paddlemtl"), required=True, help="whose names to write")
    add("--form", choices=tuple(_PREFIXES), default="dygraph", help="default: dygraph")
    arguments = parser.parse_args()
    source, target = map(os.path.abspath, (arguments.checkpoint, arguments.output))
    if os.path.realpath(source) == os.path.realpath(target):
        raise UserError(f"--output {arguments.output}: that is the checkpoint to rewrite")
    config = commands.read_config(arguments)
    from engine.deployment.export import paddlerec_checkpoint

    paddlerec_checkpoint.convert(config, source, target, arguments.to, _PREFIXES[arguments.form])


if __name__ == "__main__":
    command_line.run(main)
