"""Facts that a checkpoint records about itself and its run, in ``<prefix>.json``.

They contain the CRC-32 of each file of the checkpoint, and of the facts themselves. So a byte that
changed on disk or in a copy is noticed. PaddleRec's checkpoints have no facts.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

from engine.system.errors import UserError

FILES, CRC32 = "files", "crc32"
_SMALL = 1 << 22  # bytes; to start a thread takes longer than the CRC-32 of so few

Kind = tuple[str, Callable[[Any], bool]]  # what is expected, and whether a value is that


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_place(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_count, value))


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_named(value: Any) -> bool:
    """Returns whether a value is a list of mappings with different names."""
    is_list = isinstance(value, list) and all(isinstance(entry, dict) for entry in value)
    names = [entry.get("name") for entry in value] if is_list else [None]
    return _is_texts(names) and len(set(names)) == len(names)


def _is_lists(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_texts, value.values()))


def _is_tables(value: Any) -> bool:
    tables = value.values() if isinstance(value, dict) else [None]
    return all(
        isinstance(table, dict) and _is_count(table.get("id")) and _is_place(table.get("shape"))
        for table in tables
    )


def _is_plateau(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _is_count(value.get(k)) for k in ("reductions", "waited")
    )


def _or_none(kind: Kind) -> Kind:
    return f"{kind[0]} or null", lambda value: value is None or kind[1](value)


_COUNT: Kind = ("an integer of at least 0", _is_count)
_POSITIVE: Kind = ("an integer of at least 1", lambda value: _is_count(value) and value > 0)
_NUMBER: Kind = ("a number", _is_number)
_FLAG: Kind = ("true or false", lambda value: isinstance(value, bool))
_TEXT: Kind = ("a text", lambda value: isinstance(value, str))
_TEXTS: Kind = ("a list of texts", _is_texts)
_NAMED: Kind = ("a list of mappings with different names", _is_named)
_PLACE: Kind = ("two integers of at least 0", _is_place)
_MAPPING: Kind = ("a mapping", lambda value: isinstance(value, dict))

# The types of the facts that commands use. A mapping in place of a type lists the keys in it.
KINDS: dict[str, Any] = {
    "epoch": _COUNT,
    "saved_at": _NUMBER,
    "seed": _COUNT,
    "metrics": _TEXTS,
    "encoding": _TEXT,
    "batches": _COUNT,
    "replay": _FLAG,
    "skipped": _COUNT,
    "length": _or_none(_COUNT),
    "rows": _or_none(_COUNT),
    "ranks": _POSITIVE,
    "first_row": _COUNT,
    "train_batch_size": _POSITIVE,
    "shuffle": _FLAG,
    "tables": ("mappings with id and shape", _is_tables),
    "controls": {
        "steps": _COUNT,
        "schedule": ("counts of plateau", _is_plateau),
        "evaluated": _or_none(_PLACE),
        "early_stopping": {"best": _or_none(_NUMBER), "place": _PLACE, "waited": _COUNT},
        "ema_decay": _NUMBER,
    },
    "run": {"id": _TEXT, "started_at": _NUMBER, "settings": _MAPPING},
    "model": {
        "net": _TEXT,
        "tasks": _NAMED,
        "inputs": _NAMED,
        "columns": ("lists of texts", _is_lists),
        "hyper_parameters": _MAPPING,
    },
    FILES: ("texts", lambda value: isinstance(value, dict) and _is_texts(list(value.values()))),
    CRC32: _TEXT,
}


def read(folder: str, prefix: str) -> dict[str, Any]:
    """Returns the facts of a checkpoint; empty if it has none, as PaddleRec's checkpoints.

    Args:
        folder: the checkpoint's folder.
        prefix: ``rec`` or ``rec_static``.

    Raises:
        UserError: the file is damaged.
    """
    path = _path(folder, prefix)
    if not os.path.isfile(path):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        facts = json.loads(text)
        if not isinstance(facts, dict):
            raise ValueError(f"expected a mapping, found {type(facts).__name__}")
        if "saved_at" not in facts:
            raise ValueError("it has no saved_at")
        check_kinds(facts, KINDS)
        if (FILES in facts or CRC32 in facts) and text != _text(facts):
            raise ValueError("its content does not have the CRC-32 that it names")
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: {error}") from error
    return facts


def check_kinds(content: Mapping[str, Any], kinds: Mapping[str, Any], place: str = "") -> None:
    """Checks the types of facts.

    Args:
        content: the facts.
        kinds: their types, such as `KINDS`.
        place: the key of ``content``, with a dot at its end; empty for the top level.

    Raises:
        ValueError: one has another type.
    """
    for name, value in content.items():
        kind = kinds.get(name)
        if isinstance(kind, dict):
            if not isinstance(value, dict):
                raise ValueError(f"{place}{name}: expected a mapping, found {value!r:.60}")
            check_kinds(value, kind, f"{place}{name}.")
        elif kind and not kind[1](value):
            raise ValueError(f"{place}{name}: expected {kind[0]}, found {value!r:.60}")


def write(folder: str, prefix: str, facts: Mapping[str, Any]) -> None:
    """Writes the facts of a checkpoint whose other files are written.

    Raises:
        OSError: a file cannot be read or written.
    """
    paths = [
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, names in os.walk(folder)
        for name in names
    ]
    own = sorted(path for path in paths if path.startswith(f"{prefix}."))
    files = {path: crc32(os.path.join(folder, path)) for path in own}
    content = json.loads(json.dumps({**facts, FILES: files}))
    with open(_path(folder, prefix), "w", encoding="utf-8") as file:
        file.write(_text(content))


def _path(folder: str, prefix: str) -> str:
    return os.path.join(folder, f"{prefix}.json")


def _text(facts: Mapping[str, Any]) -> str:
    """Returns the content of the file."""
    return json.dumps(_with_checksum(facts), indent=2)


def _with_checksum(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Returns facts with their own CRC-32 at the end."""
    content = {name: value for name, value in facts.items() if name != CRC32}
    checksum = zlib.crc32(json.dumps(content, indent=2).encode())
    return {**content, CRC32: f"{checksum:08x}"}


def crc32(path: str) -> str:
    """Returns the CRC-32 of a file, in hexadecimal.

    Raises:
        OSError: the file cannot be read.
    """
    value = 0
    with open(path, "rb") as file:
        for part in iter(lambda: file.read(1 << 20), b""):
            value = zlib.crc32(part, value)
    return f"{value:08x}"


def read_checked(path: str, folder: str, facts: Mapping[str, Any], reader: Callable) -> Any:
    """Reads a file of a checkpoint and compares its CRC-32 with the recorded one meanwhile.

    Args:
        path: the file.
        folder: the checkpoint's folder.
        facts: the checkpoint's facts. Without checksums in them nothing is compared.
        reader: takes the path and returns the content.

    Raises:
        UserError: the file is damaged, or not the one that was saved.
    """
    if FILES not in facts or not os.path.isfile(path):
        return reader(path)
    name = os.path.relpath(path, folder)
    expected = facts[FILES].get(name)
    if expected is None:
        raise UserError(f"{path} is not a file of this checkpoint: its .json does not list it")
    if os.path.getsize(path) < _SMALL:
        found, content = crc32(path), reader(path)
    else:  # in a thread: zlib and reading release Python's lock, so that both cores work
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(crc32, path)
            content = reader(path)
        found = future.result()
    if found != expected:
        raise UserError(
            f"{path} is damaged: expected the CRC-32 {expected} of its checkpoint, found "
            f"{found}; take another checkpoint, or remove the .json if the file was "
            "replaced on purpose"
        )
    return content


def check_files(folder: str, facts: Mapping[str, Any]) -> None:
    """Checks all files of a checkpoint that other programs read, such as parameter servers.

    Raises:
        UserError: a file is missing or damaged.
    """
    for name in facts.get(FILES, ()):
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            raise UserError(f"checkpoint {folder} is incomplete: there is no {name}")
        read_checked(path, folder, facts, lambda path: None)
