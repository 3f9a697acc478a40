"""Sets up the process for Paddle: environment variables, memory, floating-point mode, seeds."""

from __future__ import annotations

import ctypes
import os
import platform
import random
import resource
import sys
import warnings

import numpy as np

# From glibc's malloc.h; see mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT = 1 << 30  # bytes


def prepare() -> None:
    """Sets up the process. Call this before the first ``import paddle``."""
    # `import paddle` recommends a compiler cache, but this project compiles nothing.
    warnings.filterwarnings("ignore", message="No ccache found")
    # Paddle's own backward pass in static graph causes this warning.
    warnings.filterwarnings("ignore", message="Tensor do not have 'place' interface")
    # Fleet creates groups for unused kinds of parallelism, with a warning for each.
    warnings.filterwarnings("ignore", message="Current global rank")
    os.environ.setdefault("GLOG_minloglevel", "2")
    # Slices and transposes are copies, as in Paddle 2.4. Views made a step 6 % slower, because the
    # next operator copies them anyway.
    os.environ.setdefault("FLAGS_use_stride_kernel", "0")
    # Static graph runs operators in a thread pool. For small batches the scheduling takes longer
    # than the operators: serial execution made a step 1.2 times faster.
    os.environ.setdefault("FLAGS_new_executor_serial_run", "1")
    os.environ.setdefault("FLAGS_enable_pir_in_executor_trace_run", "1")
    # It also tracks intermediate results to free them early, which takes a sixth of a step. Without
    # it the next step overwrites them.
    os.environ.setdefault("FLAGS_eager_delete_tensor_gb", "-1")
    _enable_avx2_on_amd()
    _flush_denormals()
    _keep_memory()


def _enable_avx2_on_amd(cpuinfo: str = "/proc/cpuinfo") -> None:
    """Makes Paddle's MKL use AVX2 on AMD processors too; by default it does so only on Intel's.

    This made large matrix products 1.5 times faster there.
    """
    try:
        with open(cpuinfo, encoding="ascii", errors="replace") as file:
            text = file.read()
    except OSError:  # not Linux
        return
    if "AuthenticAMD" in text and "avx2" in text:
        os.environ.setdefault("MKL_DEBUG_CPU_TYPE", "5")


def _keep_memory() -> None:
    """Makes glibc keep freed memory for the next batch instead of returning it to the kernel.

    By default glibc maps memory for every large array and unmaps it afterwards. The kernel clears
    each new page at its first access, which took longer than many operators that fill the array.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL("libc.so.6")
    library.mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
    library.mallopt(_M_TRIM_THRESHOLD, _LARGEST_KEPT)


def _flush_denormals() -> None:
    """Makes the processor treat numbers below 1e-38 as 0, in this thread and those it starts.

    A rare feature has a gradient of 0 in most steps, so Adam's first moment for it falls below
    1e-38 after some hundred steps. Arithmetic with such numbers is about a hundred times slower:
    on Census-Income it made the optimizer step eight times slower.
    """
    if platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc":
        return
    np.finfo(np.float32), np.finfo(np.float64)  # cached; NumPy warns if it computes them later
    math = ctypes.CDLL("libm.so.6")
    environment = (ctypes.c_uint32 * 8)()  # glibc's fenv_t on x86-64; its last word is MXCSR
    math.fegetenv(environment)
    environment[7] |= 0x8040  # flush-to-zero and denormals-are-zero
    math.fesetenv(environment)


def seed_everything(seed: int, epoch: int = 0, rank: int = 0) -> None:
    """Seeds Paddle, NumPy and ``random`` for an epoch.

    The seeds depend only on ``seed`` and ``epoch``, so a resumed run draws the same numbers as an
    uninterrupted one. In a distributed run, all processes have the same seeds of ``random`` and
    NumPy, with which readers may shuffle. Paddle, which draws dropout, has another seed per rank.

    Args:
        seed: ``runner.seed``.
        epoch: the epoch's number.
        rank: the process's number in a distributed run.
    """
    combined = _combine(seed, epoch)
    random.seed(combined)
    np.random.seed(combined)
    seed_paddle(seed, epoch, rank)


def seed_paddle(seed: int, epoch: int, rank: int) -> None:
    """Seeds only Paddle; see `seed_everything`."""
    import paddle

    paddle.seed(_combine(seed, epoch, rank) if rank else _combine(seed, epoch))


def _combine(*numbers: int) -> int:
    """Returns one seed that depends on several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def peak_memory_mb() -> float:
    """Returns the peak memory of this process in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform != "darwin" else peak / 1024**2
