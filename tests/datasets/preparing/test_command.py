from __future__ import annotations

import subprocess
import sys

from raw_table import ROOT

from datasets.preparing.command import exclusive


def test_second_run_waits_for_the_first(tmp_path):
    program = (
        "import sys; from pathlib import Path; from datasets.preparing.command import exclusive\n"
        "with exclusive(Path(sys.argv[1])): print('mine')"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with exclusive(tmp_path):
        second = subprocess.Popen(
            command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert "waiting for another run" in second.stderr.readline()
        assert second.poll() is None
    assert second.communicate(timeout=20) == ("mine\n", "")
