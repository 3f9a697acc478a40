"""The commit that figures were measured with."""

from __future__ import annotations

import subprocess


def commit(folder: str) -> str | None:
    """Returns the Git commit of a folder, with ``+`` if files have changed; None without Git."""
    head = _git(folder, "rev-parse", "--short=12", "HEAD")
    if head is None:
        return None
    return head + ("+" if _git(folder, "status", "--porcelain", "-uno") else "")


def _git(folder: str, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", folder, *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):  # no Git, or no repository
        return None
    return done.stdout.strip()
