"""What scripts in folders written for PaddleRec import from its tools, done by the engine.

The names of packages, modules and functions are PaddleRec's. Nothing in this project imports them.
"""

import os
import sys

_TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if _TOOLS not in map(os.path.abspath, sys.path):  # imported as tools.utils
    sys.path.append(_TOOLS)

from engine import command_line  # noqa: E402  (it lies in the folder that was just added)
from engine.system import process  # noqa: E402

process.prepare()
sys.excepthook = command_line.except_hook(sys.excepthook)
