"""What a measurement says about its machine."""

import pytest

from engine.system import environment

CARD = "NVIDIA H100 80GB HBM3, 9.0, 580.65.06"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (f"echo '{CARD}'; echo '{CARD}'", f"{CARD}; {CARD}"),
        ("echo 'NVIDIA-SMI has failed'; exit 9", None),
        (None, None),
    ],
)
def test_the_cards_are_named(tmp_path, monkeypatch, script, expected):
    if script:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.describe().get("gpus") == expected
