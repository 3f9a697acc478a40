"""Encodings on the disk, beside the checkpoints whose ids they explain.

A file is called ``vocabulary-<name>.json``, and the name is of the content: files of several
trainings lie side by side, none is ever changed, and a checkpoint, which keeps the whole hash,
finds its own or none.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from typing import Any

from datasets.readers.table.columns import KEY, Table
from datasets.readers.table.encoding import Encoding

Source = Sequence[Sequence]  # name, size and time of change of each training file


def file_name(sha256: str) -> str:
    """Returns what the file of an encoding is called."""
    return f"vocabulary-{sha256[:12]}.json"


def save(encoding: Encoding, folder: str, source: Source) -> str:
    """Writes an encoding into a folder, whole or not at all; returns the file's path.

    Raises:
        ValueError: it cannot be written.
    """
    path = os.path.join(folder, file_name(encoding.sha256))
    content = {
        "encoding": encoding.sha256,
        "learned_from": source,
        "table": encoding.table.meaning,
        "fills": encoding.fills,
        "vocabularies": encoding.vocabularies,
    }
    temporary = None
    try:
        os.makedirs(folder, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".vocabulary.", text=True)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=0)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.remove(temporary)
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def load(path: str, table: Table, expected: str | None = None) -> tuple[Encoding, Source]:
    """Returns the encoding of a file and the training files that it was learned from.

    Args:
        path: the file.
        table: the columns that it must be of.
        expected: the hash that it must have; None for any.

    Raises:
        ValueError: the file is damaged, or another one, or its columns are not those of the
            configuration.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        _check_form(content, table)
        learned_for, source, sha256 = (
            content[key] for key in ("table", "learned_from", "encoding")
        )
        encoding = Encoding(table, content["fills"], content["vocabularies"])
        whole = encoding.sha256 == sha256
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {type(error).__name__}: {error}") from error
    for key, given in table.meaning.items():
        if learned_for.get(key) != given:
            there, here = _first_difference(learned_for.get(key), given)
            raise ValueError(
                f"{KEY}.{key} is not what the checkpoint was trained with: {there} in {path}, "
                f"{here} here"
            )
    if not whole:
        raise ValueError(f"{path} is damaged: it is not as it was written")
    if expected not in (None, sha256):
        raise ValueError(f"{path}: expected the vocabulary {expected}, found {sha256}")
    return encoding, source


def _check_form(content: Any, table: Table) -> None:
    """Makes sure that a file's content has the types that `save` writes."""
    kinds = {"encoding": str, "learned_from": list, "table": dict, "fills": dict}
    for key, kind in {**kinds, "vocabularies": dict}.items():
        if not isinstance(content[key], kind):
            raise TypeError(f"{key}: found {type(content[key]).__name__}")
    for values in content["vocabularies"].values():
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise TypeError("vocabularies: expected lists of texts")


def _first_difference(old: Any, new: Any) -> tuple[Any, Any]:
    if not isinstance(old, list) or len(old) != len(new):
        return _names(old), _names(new)
    return next(pair for pair in zip(old, new) if pair[0] != pair[1])


def _names(entries: Any) -> Any:
    if not isinstance(entries, list):
        return entries
    return [entry.get("name") if isinstance(entry, dict) else entry for entry in entries]
