"""Saves encodings beside the checkpoints that need them, and loads them.

A file is named ``vocabulary-<hash>.json`` after its content. So the files of several runs can be
in one folder, and none ever changes. A checkpoint keeps the full hash and so finds its own file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from datasets.readers import atomic_file
from datasets.readers.table.columns import KEY, Table
from datasets.readers.table.encoding import Encoding
from datasets.readers.table.rates import rate_files
from datasets.readers.table.rates.rate_files import StoredRates
from datasets.readers.table.vocabularies import history as histories

Source = Sequence[Sequence]  # path, size and time of change of each training file


def file_name(sha256: str) -> str:
    """Returns the name of an encoding's file."""
    return f"vocabulary-{sha256[:12]}.json"


def save(encoding: Encoding, folder: str, source: Source) -> str:
    """Writes an encoding into a folder and returns the path of its file.

    Raises:
        ValueError: the file cannot be written.
    """
    path = os.path.join(folder, file_name(encoding.sha256))
    content = {
        "encoding": encoding.sha256,
        "learned_from": source,
        "table": encoding.table.meaning,
        "fills": encoding.fills,
        "vocabularies": encoding.vocabularies,
        **({"classes": encoding.classes} if encoding.classes else {}),
        **({"history": encoding.history.content} if encoding.history else {}),
        **({"rates": encoding.rates.sha256} if encoding.rates else {}),
    }
    try:
        os.makedirs(folder, exist_ok=True)
        if encoding.rates:
            rate_files.save(encoding.rates.loaded(), folder)
        with atomic_file.replacing(path, concurrent=True) as temporary:
            with open(temporary, "w", encoding="utf-8") as file:
                file.write(json.dumps(content, ensure_ascii=False))  # json.dump is slower
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def load(
    path: str, table: Table, expected: str | None = None, more_columns: bool = False
) -> tuple[Encoding, Source]:
    """Returns the encoding in a file and the training files that it was built from.

    Args:
        path: the file.
        table: the columns of the configuration, which must be those of the file. Settings that are
            not set are taken from the file.
        expected: the hash that the encoding must have; None for any.
        more_columns: whether the configuration may have more columns than the file. The encoding
            is that of the file's columns.

    Raises:
        ValueError: the file is damaged, has another hash, or has other columns.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        _check_form(content, table)
        learned_for, source, sha256 = (
            content[key] for key in ("table", "learned_from", "encoding")
        )
        table = table.as_trained(learned_for)
        if more_columns:
            table = _restricted(table, learned_for)
        classes = content.get("classes", {})
        vocabularies = content["vocabularies"]
        history = histories.of_content(content.get("history"), vocabularies)
        rates = None
        if table.rates and "rates" in content:
            rates = StoredRates(content["rates"], os.path.dirname(path))
        encoding = Encoding(table, content["fills"], vocabularies, classes, history, rates)
        complete = encoding.sha256 == sha256
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {type(error).__name__}: {error}") from error
    for key, setting in {"rates": None, **table.meaning}.items():
        if learned_for.get(key) != setting:
            trained, configured = _first_difference(learned_for.get(key), setting)
            raise ValueError(
                f"{KEY}.{key}: expected {trained} as in {path}, with which the checkpoint was "
                f"trained, found {configured}"
            )
    if not complete:
        raise ValueError(f"{path} is damaged: its content does not have the hash that it names")
    if expected not in (None, sha256):
        raise ValueError(f"{path}: expected the vocabulary {expected}, found {sha256}")
    return encoding, source


def _check_form(content: Any, table: Table) -> None:
    """Raises a TypeError if the content does not have the types that `save` writes."""
    kinds = {"encoding": str, "learned_from": list, "table": dict, "fills": dict}
    for key, kind in {**kinds, "vocabularies": dict}.items():
        if not isinstance(content[key], kind):
            found = type(content[key]).__name__
            raise TypeError(f"{key}: expected {kind.__name__}, found {found}")
    if not isinstance(content.get("rates", ""), str):
        raise TypeError("rates: expected the hash of a file")
    classes = content.get("classes", {})
    if not isinstance(classes, dict) or not all(isinstance(c, dict) for c in classes.values()):
        raise TypeError("classes: expected a mapping of mappings")
    for values in [*content["vocabularies"].values(), *(c.get("names") for c in classes.values())]:
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise TypeError("vocabularies and classes: expected lists of texts")


def _restricted(table: Table, meaning: Mapping[str, Any]) -> Table:
    """Returns a table with the columns of a saved meaning only."""
    known = {key: [entry["name"] for entry in meaning[key]] for key in ("dense", "sparse")}
    return replace(
        table,
        labels=tuple(name for name in table.labels if name in meaning["labels"]),
        dense=tuple(column for column in table.dense if column.name in known["dense"]),
        sparse=tuple(column for column in table.sparse if column.name in known["sparse"]),
    )


def _first_difference(old: Any, new: Any) -> tuple[Any, Any]:
    if not (isinstance(old, list) and isinstance(new, list)) or len(old) != len(new):
        return _names(old), _names(new)
    trained, configured = next(pair for pair in zip(old, new) if pair[0] != pair[1])
    if not (isinstance(trained, dict) and isinstance(configured, dict)):
        return trained, configured
    return _changed(trained, configured), _changed(configured, trained)


def _changed(entry: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a column that differ from another's, and its name."""
    return {
        key: value
        for key, value in entry.items()
        if key == "name" or key not in other or other[key] != value
    }


def _names(entries: Any) -> Any:
    if not isinstance(entries, list):
        return entries
    return [entry.get("name") if isinstance(entry, dict) else entry for entry in entries]
