"""The encoding that a command uses: the checkpoint's, an extended one, or one learned anew."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from glob import escape, glob
from typing import Callable

from datasets.readers import progress
from datasets.readers.table import encoding_builder, encoding_files
from datasets.readers.table.columns import Table
from datasets.readers.table.encoding import Encoding
from datasets.readers.table.targets import is_learned_as, targets_of
from datasets.readers.table.vocabularies import growth
from datasets.readers.table.vocabularies.growth import Change, Eviction

Chosen = tuple  # of the path of a vocabulary's file, and its Encoding


def choose(config, files: Sequence[str] | None, table: Table, sha256: str | None) -> Chosen:
    """Returns the path and the encoding that a command uses.

    Args:
        config: the configuration.
        files: the training files; None if the command does not train.
        table: the columns of the configuration.
        sha256: the hash of the checkpoint's encoding; None if there is no checkpoint.

    Raises:
        ValueError: a file is invalid, or the checkpoint's vocabulary is missing.
    """
    root, extends = config.runner("model_save_path"), config.runner("extend_vocabulary")
    if sha256 is None:
        return _learned(config, files, table.for_training())
    path = find(sha256, _folders(config))
    if files is None or not extends:
        result, source = encoding_files.load(path, table, sha256)
    else:
        result, source = encoding_files.load(path, table, sha256, more_columns=True)
        table = table.as_trained(result.table.meaning)
        if source != _stamps(files) or table.meaning != result.table.meaning:
            return _extended(config, files, table, result)
    if files is not None and os.path.dirname(path) != root:
        path = encoding_files.save(result, root, source)
    return path, result


def find(sha256: str, folders: Sequence[str | None]) -> str:
    """Returns the path of an encoding's file.

    Raises:
        ValueError: it is in none of the folders.
    """
    name = encoding_files.file_name(sha256)
    places = list(dict.fromkeys(os.path.abspath(folder) for folder in folders if folder))
    for folder in places:
        if os.path.isfile(os.path.join(folder, name)):
            return os.path.join(folder, name)
    raise ValueError(
        f"the model's vocabulary {name} is in none of {', '.join(places)}: copy it there from the "
        "folder of its checkpoints"
    )


def changes(config, table: Table, old: str, new: str) -> Mapping[str, Change]:
    """Returns how the training's encoding extends that of a checkpoint, by column.

    Args:
        config: the configuration.
        table: its columns.
        old: the hash of the checkpoint's encoding.
        new: the hash of the training's.

    Raises:
        ValueError: it does not extend it, or a vocabulary is missing.
    """
    folders = _folders(config)
    found, _ = encoding_files.load(find(new, folders), table, new)
    path = find(old, folders)
    return growth.changes(encoding_files.load(path, table, old, more_columns=True)[0], found)


def _folders(config) -> list[str | None]:
    """Returns the folders where a checkpoint's vocabulary may be."""
    start = config.runner("model_init_path")
    folders = [config.runner("model_save_path"), config.runner("infer_load_path")]
    return folders + ([start, os.path.dirname(start)] if start else [])


def _learned(config, files: Sequence[str], table: Table) -> Chosen:
    """Returns the encoding of a training from scratch; that of an earlier run if there is one."""
    targets, keeps = targets_of(config, table), bool(config.runner("extend_vocabulary"))
    learned = {label.task: label for label in targets.labels if label.learned}

    def fits(found: Encoding) -> bool:
        return (
            (found.history is not None) == keeps
            and (not found.history or found.history.extends is None)
            and learned.keys() == found.classes.keys()
            and all(is_learned_as(label, found.classes[task]) for task, label in learned.items())
        )

    def learn() -> Encoding:
        with progress.titled("building the vocabulary from"):
            return encoding_builder.learn(files, table, targets, keeps)

    return _stored(config, files, table, fits, learn)


def _extended(config, files: Sequence[str], table: Table, old: Encoding) -> Chosen:
    """Returns the extension of an encoding; that of an earlier run if there is one."""
    eviction = Eviction(config.runner("evict_after"), config.runner("evict_below"))

    def fits(found: Encoding) -> bool:
        history = found.history
        return (
            history is not None
            and history.extends == old.sha256
            and tuple(history.eviction) == eviction
        )

    def extend() -> Encoding:
        with progress.titled("extending the vocabulary from"):
            targets = targets_of(config, table)
            return growth.extend(old, files, table, targets, eviction)

    return _stored(config, files, table, fits, extend)


def _stored(
    config,
    files: Sequence[str],
    table: Table,
    fits: Callable[[Encoding], bool],
    compute: Callable[[], Encoding],
) -> Chosen:
    """Returns an encoding of an earlier run on the same files, or computes and saves one."""
    root, source = config.runner("model_save_path"), _stamps(files)
    for path in sorted(glob(os.path.join(escape(root), "vocabulary-*.json"))):
        try:
            encoding, learned_from = encoding_files.load(path, table)
            if encoding.rates:
                encoding.rates.loaded()  # its file may be missing
        except ValueError:  # it has other columns, or is damaged: a new one is built
            continue
        if learned_from == source and fits(encoding):
            return path, encoding
    result = compute()
    for file, stamp in zip(files, source):
        if _stamps([file]) != [stamp]:
            raise ValueError(f"{file}: the file changed while it was read")
    return encoding_files.save(result, root, source), result


def _stamps(paths: Sequence[str]) -> list[list]:
    """Returns path, size and time of change of files."""
    found = [(path, os.stat(path)) for path in paths]
    return [[os.path.abspath(path), each.st_size, each.st_mtime_ns] for path, each in found]
