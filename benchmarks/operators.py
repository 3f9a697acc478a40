"""Counts the kernel calls of a training step and the parameters of a net.

    python benchmarks/operators.py -m models/multitask/mmoe/config.yaml

A kernel call costs some microseconds whatever it computes. These are most of a step at batch 32.
Each parameter is multiplied once a row in the forward pass and about once in the backward pass.
That is most of a step at batch 1024. The calls are counted in the generated code of the step
(models/common/fast_step); a function of several kernels counts as one. The optimizer adds one
call, or one for each table. tools/benchmark.py measures times.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "tools"), ROOT]

from engine import command_line  # noqa: E402
from engine.config.load import load_config  # noqa: E402
from engine.model_folder import loading  # noqa: E402
from engine.system import process  # noqa: E402
from engine.system.errors import UserError  # noqa: E402


def counted(yaml: str, overrides: list[str]) -> tuple[int, int, int]:
    """Returns the kernel calls of a step, forward and backward, and the number of parameters.

    Raises:
        UserError: the step of the net cannot be generated as code.
    """
    config = load_config(yaml, overrides, loading.hyper_parameters)
    process.prepare()
    from engine.graphs import opening
    from models.common.fast_step.step import written

    net = opening.open_session(config, "dygraph", training=True).net
    try:
        forward, backward = written(net).source.split("def backward():")
    except Exception as error:  # of any operation that cannot be generated
        raise UserError(f"{yaml}: the step cannot be generated as code: {error}") from error
    numbers = sum(int(parameter.size) for parameter in net.parameters() if parameter.trainable)
    return _kernels(forward), _kernels(backward), numbers


def _kernels(code: str) -> int:
    return len(re.findall(r"(?:_C_ops\.\w+|\bc\d+)\(", code))


def main() -> None:
    """Prints a line for each configuration."""
    parser = command_line.Parser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("-m", dest="config_yaml", metavar="YAML", nargs="+", required=True)
    add("-o", dest="opt", metavar="KEY=VALUE", nargs="*", default=[])
    arguments = parser.parse_args()
    print(f"{'forward':>8} {'backward':>8} {'parameters':>10}  configuration")
    for yaml in arguments.config_yaml:
        forward, backward, numbers = counted(yaml, arguments.opt)
        print(f"{forward:8} {backward:8} {numbers:10}  {yaml}")


if __name__ == "__main__":
    command_line.run(main)
