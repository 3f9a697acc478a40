"""What a process is told before it imports Paddle, each time in a process of its own."""

import os
import platform
import subprocess
import sys

import pytest

from engine.model_folder import loading
from engine.system import process

TOOLS = f"{loading.REPOSITORY}/tools"


def printed(code):
    """What a new process prints."""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TOOLS, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def test_it_prepares_in_silence_and_twice_over():
    code = "from engine.system import process\nprocess.prepare(); process.prepare(); print('ready')"
    assert printed(code) == "ready\n"


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("vendor_id : AuthenticAMD\nflags : fma avx2", "5"),
        ("vendor_id : AuthenticAMD\nflags : avx", None),
        ("vendor_id : GenuineIntel\nflags : fma avx2", None),
    ],
)
def test_mkl_takes_wide_kernels_on_amd(tmp_path, monkeypatch, cpuinfo, expected):
    monkeypatch.setattr(os, "environ", {})
    path = tmp_path / "cpuinfo"
    path.write_text(cpuinfo)
    process._widest_kernels(str(path))
    process._widest_kernels(str(tmp_path / "absent"))
    assert os.environ.get("MKL_DEBUG_CPU_TYPE") == expected


@pytest.mark.skipif(platform.machine() != "x86_64", reason="MKL is for x86-64")
def test_the_wide_kernels_compute_the_same():
    code = (
        "import os\n{}\nfrom engine.system import process; process.prepare()\nimport paddle\n"
        "paddle.seed(1); x = paddle.randn([64, 499]); w = paddle.randn([499, 144])\n"
        "print(float((x @ w).numpy().astype('float64').sum()))"
    )
    plain = float(printed(code.format("")))
    wide = float(printed(code.format("os.environ['MKL_DEBUG_CPU_TYPE'] = '5'")))
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
    """Without the setting glibc maps 200 MB by themselves, and gives them back when freed."""
    try:
        plain = printed(LIBC.format(before=""))
    except AssertionError as error:  # mallinfo2 is of glibc 2.33
        pytest.skip(str(error).splitlines()[-1])
    if plain == "another\n":
        pytest.skip("another C library")
    assert [int(number) // 200 for number in plain.split()] == [1, 0]
    kept = printed(LIBC.format(before="process._keep_memory()"))
    assert [int(number) // 200 for number in kept.split()] == [0, 1]


def test_another_c_library_is_left_alone(monkeypatch):
    from engine.system import process

    def refuse(name):
        raise OSError(name)

    monkeypatch.setattr(process.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(process.ctypes, "CDLL", refuse)
    process._keep_memory()
