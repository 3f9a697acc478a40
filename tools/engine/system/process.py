"""The process around Paddle: what must be set before it is imported, and the seeds."""

from __future__ import annotations

import ctypes
import os
import platform
import random
import resource
import sys
import warnings

import numpy as np

# Of glibc's malloc.h; its manual is mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT = 1 << 30  # bytes


def prepare() -> None:
    """Sets up the process; call it before the first ``import paddle``."""
    # Paddle advises about a compiler cache whenever it is imported; nothing here compiles.
    warnings.filterwarnings("ignore", message="No ccache found")
    # Paddle's own backward pass in static graph asks for what it warns about.
    warnings.filterwarnings("ignore", message="Tensor do not have 'place' interface")
    # Fleet makes groups for kinds of parallelism that are not used, and warns of each.
    warnings.filterwarnings("ignore", message="Current global rank")
    os.environ.setdefault("GLOG_minloglevel", "2")
    # Slices and transposes as copies, as in Paddle 2.4: as views, which the next operator copies
    # anyway, they made a step 6 % slower.
    os.environ.setdefault("FLAGS_use_stride_kernel", "0")
    # Static graph hands operators to a pool of threads; on small batches the hand-over takes
    # longer than the operators: running them in order made a step 1.2 times faster.
    os.environ.setdefault("FLAGS_new_executor_serial_run", "1")
    os.environ.setdefault("FLAGS_enable_pir_in_executor_trace_run", "1")
    # It also frees each intermediate result as soon as it is used, and keeps account of them for
    # that: a sixth of a step. They are overwritten in the next step.
    os.environ.setdefault("FLAGS_eager_delete_tensor_gb", "-1")
    _widest_kernels()
    _flush_denormals()
    _keep_memory()


def _widest_kernels(cpuinfo: str = "/proc/cpuinfo") -> None:
    """Lets Paddle's MKL use AVX2 on AMD's processors: by itself it does on its maker's alone.

    It made the large matrix products 1.5 times faster there.
    """
    try:
        with open(cpuinfo, encoding="ascii", errors="replace") as file:
            text = file.read()
    except OSError:  # not Linux
        return
    if "AuthenticAMD" in text and "avx2" in text:
        os.environ.setdefault("MKL_DEBUG_CPU_TYPE", "5")


def _keep_memory() -> None:
    """Lets glibc keep freed memory for the next batch instead of giving it back at once.

    It maps every large array anew and unmaps it when it is freed, and the kernel then clears each
    page on its first touch: that took longer than many an operator that fills the array.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL("libc.so.6")
    library.mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
    library.mallopt(_M_TRIM_THRESHOLD, _LARGEST_KEPT)


def _flush_denormals() -> None:
    """Lets the processor take numbers below 1e-38 as 0, in this thread and those it starts.

    A feature that is rarely present has a gradient of 0 most of the time, and after some
    hundred steps Adam's first moment for it is such a number. Arithmetic on them is some
    hundred times slower: on Census-Income they made the whole optimizer step eight times slower.
    """
    if platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc":
        return
    np.finfo(np.float32), np.finfo(np.float64)  # NumPy warns if it first looks afterwards
    math = ctypes.CDLL("libm.so.6")
    environment = (ctypes.c_uint32 * 8)()  # glibc's fenv_t on x86-64; its last word is MXCSR
    math.fegetenv(environment)
    environment[7] |= 0x8040  # flush results to zero, and read operands as zero
    math.fesetenv(environment)


def seed_everything(seed: int, epoch: int = 0, rank: int = 0) -> None:
    """Seeds Paddle, NumPy and ``random`` for an epoch.

    The state is a function of the seed and the epoch alone, so a run that resumes at an epoch
    draws what an undisturbed run would have drawn. Of several processes, all get the same Python
    and NumPy, with which a reader may shuffle, and each its own Paddle, which draws dropout.
    """
    mixed = _mixed(seed, epoch)
    random.seed(mixed)
    np.random.seed(mixed)
    seed_paddle(seed, epoch, rank)


def seed_paddle(seed: int, epoch: int, rank: int) -> None:
    """Seeds Paddle alone, each of several processes with numbers of its own."""
    import paddle

    paddle.seed(_mixed(seed, epoch, rank) if rank else _mixed(seed, epoch))


def _mixed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def peak_memory_mb() -> float:
    """Returns the largest amount of memory that this process has held, in 2^20 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform != "darwin" else peak / 1024**2
