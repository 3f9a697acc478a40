"""Rows of a user's own CSV, TSV or Parquet files, for the models of ``models/multitask``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from glob import escape, glob
from typing import Any

import numpy as np

from datasets.readers.labelled_table import LabelledTable
from datasets.readers.table import grouping, learning, rows, stored
from datasets.readers.table.columns import KEY, table_of
from datasets.readers.table.encoding import Encoding
from datasets.readers.table.files import column_names, place, table_files
from datasets.readers.text_matrix import Rows, TextTable

_HYPER = "hyper_parameters."
_DERIVED = ("dense_input_dim", "sparse_fields", "feature_size", "hash_ids")


class RecDataset(LabelledTable):
    """Rows of dense numbers, ids and one label a task: ``[dense [D], ids [S], label [1], ...]``.

    ``hyper_parameters.table`` says which columns are which; docs/table.md explains it. Dense
    numbers are float32, ids and labels int64. Without dense columns, or without sparse ones, there
    is no such array. S is the sum of the sparse columns' ``max_len``; id 0 is a value that the
    training rows lack, one that is missing, and padding. Files that have none of the label columns
    are rows to predict: no labels come with them.

    Args:
        file_list: files that end in ``.csv``, ``.tsv``, ``.txt`` (also with ``.gz``), ``.parquet``
            or ``.pq``.
        config: the flat configuration, completed by what `learned` returned.

    Raises:
        ValueError: a file, a row or a cell cannot be used, or the vocabulary is not the one that
            ``hyper_parameters.encoding`` names.
    """

    def __init__(self, file_list: Sequence[str], config):
        table = table_of(config)
        sha256 = config.get(f"{_HYPER}encoding")
        if sha256 is None:
            raise ValueError(
                f"{_HYPER}encoding is not set: the commands of tools/ take it from the checkpoint"
            )
        # Beside an exported model, above it, or where it was when the model was trained.
        beside = os.path.dirname(config.get("yaml_path") or "")
        trained = os.path.dirname(config.get(f"{KEY}.vocabulary") or "")
        folders = [beside, os.path.dirname(beside), trained]
        self._encoding, _ = stored.load(_find(sha256, folders), table, sha256)
        paths = self._paths = table_files(file_list)
        if not any(set(table.labels) & set(column_names(path, table)) for path in paths):
            table = replace(table, labels=())
            self._encoding = replace(self._encoding, table=table)
        self.LABELS = table.labels
        self._first_id = len(table.labels) + len(table.dense)
        super().__init__(paths, config, rows.width(self._encoding) - len(table.labels), KEY)

    @classmethod
    def learned(
        cls, config, files: Sequence[str] | None, encoding: str | None
    ) -> Mapping[str, Any]:
        """Returns the hyper-parameters that follow from the training data.

        They are ``sparse_fields`` with their sizes, ``dense_input_dim``, ``encoding``, ``tasks``
        where the YAML names none, and where the vocabulary is.

        Args:
            config: the configuration.
            files: the training files, if this is training: what has not been learned from them yet
                is, and is written into ``runner.model_save_path``.
            encoding: that of the checkpoint which is used, or trained on; None for a new one.

        Raises:
            ValueError: the files cannot be used, or the vocabulary of the checkpoint is not there.
        """
        table = table_of(config)
        for key in _DERIVED:
            if config.get(_HYPER + key) is not None:
                raise ValueError(f"{_HYPER}{key}: it follows from {KEY}, leave it out")
        root = config.runner("model_save_path")
        if encoding is not None:
            start = config.runner("model_init_path")
            folders = [root, config.runner("infer_load_path")]
            folders += [start, os.path.dirname(start)] if start else []
            path = _find(encoding, folders)
            found, source = stored.load(path, table, encoding)
            if files is not None and os.path.dirname(path) != root:
                path = stored.save(found, root, source)
        else:
            files = table_files(files)
            source = [_stamp(path) for path in files]
            path, found = _known(root, table, source)
            if found is None:
                found = learning.learn(files, table)
                for file, stamp in zip(files, source):
                    if _stamp(file) != stamp:
                        raise ValueError(f"{file}: the file changed while it was read")
                path = stored.save(found, root, source)
        values = {**found.hyper_parameters(), "table.vocabulary": path}
        if config.get(f"{_HYPER}tasks") is None:
            values["tasks"] = [
                {"name": name, "label_column": place} for place, name in enumerate(table.labels)
            ]
        return values

    def groups(self, column: str) -> np.ndarray:
        """Returns which of a column's values each row has, int64 ``[rows]``; -1 where missing.

        Args:
            column: any column of the files, be it a feature or not.

        Raises:
            ValueError: a file has no such column, or holds lists in it.
        """
        return grouping.groups(self._paths, self._encoding.table, column)

    def _table(self, paths: Sequence[str], columns: int, cache_dir: str | None) -> TextTable:
        return TextTable(
            paths,
            lambda path: rows.load(path, self._encoding, cache_dir),
            lambda path, row: place(path, self._encoding.table, row),
        )

    def _features(self, wanted: Rows) -> list[np.ndarray]:
        first = len(self.LABELS)
        found = []
        if self._first_id > first:
            dense = self._matrix.take(wanted, slice(first, self._first_id))
            found.append(dense.view(np.float32))
        if self._encoding.table.sparse:
            found.append(self._matrix.take(wanted, slice(self._first_id, None)).astype(np.int64))
        return found


def _find(sha256: str, folders: Sequence[str | None]) -> str:
    """Returns where the file of an encoding is."""
    name = stored.file_name(sha256)
    places = list(dict.fromkeys(os.path.abspath(folder) for folder in folders if folder))
    for folder in places:
        if os.path.isfile(os.path.join(folder, name)):
            return os.path.join(folder, name)
    raise ValueError(
        f"the vocabulary that the model was trained with, {name}, is in none of "
        f"{', '.join(places)}: copy it there from the folder of its checkpoints"
    )


def _known(root: str, table, source) -> tuple[str | None, Encoding | None]:
    """Returns what was learned from the very same files before, in the same folder."""
    for path in sorted(glob(os.path.join(escape(root), "vocabulary-*.json"))):
        try:
            found, learned_from = stored.load(path, table)
        except ValueError:  # of other columns, or damaged: it is not used, and learned anew
            continue
        if learned_from == source:
            return path, found
    return None, None


def _stamp(path: str) -> list:
    status = os.stat(path)
    return [os.path.abspath(path), status.st_size, status.st_mtime_ns]
