"""The setup of a process before it imports Paddle, each test in a new process."""

import os
import platform
import subprocess
import sys

import pytest

from engine.model_folder import loading
from engine.system import process

TOOLS = f"{loading.REPOSITORY}/tools"


def run_code(code):
    """Returns the output of a new process."""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TOOLS, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def test_it_prints_nothing_and_can_run_twice():
    code = "from engine.system import process\nprocess.prepare(); process.prepare(); print('ready')"
    assert run_code(code) == "ready\n"


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("vendor_id : AuthenticAMD\nflags : fma avx2", "5"),
        ("vendor_id : AuthenticAMD\nflags : avx", None),
        ("vendor_id : GenuineIntel\nflags : fma avx2", None),
    ],
)
def test_mkl_uses_avx2_on_amd(tmp_path, monkeypatch, cpuinfo, expected):
    monkeypatch.setattr(os, "environ", {})
    path = tmp_path / "cpuinfo"
    path.write_text(cpuinfo)
    process._enable_avx2_on_amd(str(path))
    process._enable_avx2_on_amd(str(tmp_path / "absent"))
    assert os.environ.get("MKL_DEBUG_CPU_TYPE") == expected


@pytest.mark.skipif(platform.machine() != "x86_64", reason="MKL is for x86-64")
def test_avx2_kernels_compute_the_same():
    code = (
        "import os\n{}\nfrom engine.system import process; process.prepare()\nimport paddle\n"
        "paddle.seed(1); x = paddle.randn([64, 499]); w = paddle.randn([499, 144])\n"
        "print(float((x @ w).numpy().astype('float64').sum()))"
    )
    plain = float(run_code(code.format("")))
    wide = float(run_code(code.format("os.environ['MKL_DEBUG_CPU_TYPE'] = '5'")))
    assert wide == pytest.approx(plain, rel=1e-4, abs=1e-2)


LIBC = """
import ctypes, platform
from engine.system import process
{before}
if platform.libc_ver()[0] != "glibc":
    print("another")
    raise SystemExit
class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
                .split()]
libc = ctypes.CDLL("libc.so.6")
libc.mallinfo2.restype = Mallinfo
libc.malloc.restype = ctypes.c_void_p
block = libc.malloc(ctypes.c_size_t(200 << 20))
mapped = libc.mallinfo2().hblkhd >> 20
libc.free(ctypes.c_void_p(block))
print(mapped, libc.mallinfo2().fordblks >> 20)
"""


def test_freed_memory_is_kept_for_the_next_batch():
    """By default glibc maps 200 MB separately and returns them to the kernel when freed."""
    try:
        plain = run_code(LIBC.format(before=""))
    except AssertionError as error:  # glibc before 2.33 has no mallinfo2
        pytest.skip(str(error).splitlines()[-1])
    if plain == "another\n":
        pytest.skip("another C library")
    assert [int(number) // 200 for number in plain.split()] == [1, 0]
    kept = run_code(LIBC.format(before="process._keep_memory()"))
    assert [int(number) // 200 for number in kept.split()] == [0, 1]


def test_nothing_is_set_in_another_c_library(monkeypatch):
    from engine.system import process

    def refuse(name):
        raise OSError(name)

    monkeypatch.setattr(process.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(process.ctypes, "CDLL", refuse)
    process._keep_memory()
