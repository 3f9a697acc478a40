"""Describes the machine and the software versions of a measurement."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import Any


def describe() -> dict[str, Any]:
    """Returns the machine with its GPUs, and the versions of Python, Paddle and ONNX Runtime.

    Paddle and ONNX Runtime are listed only if they are imported, that is, if they were used.
    """
    facts = {
        "os": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "memory(MB)": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "python": platform.python_version(),
    }
    cards = gpus()
    if cards:
        facts["gpus"] = "; ".join(cards)
    for name in ("paddle", "onnxruntime"):
        if sys.modules.get(name):
            facts[name] = sys.modules[name].__version__
    return facts


def gpus() -> list[str]:
    """Returns name, compute capability and driver of each NVIDIA GPU; empty without nvidia-smi."""
    query = ["nvidia-smi", "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []


def _processor() -> str:
    if os.path.isfile("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
