"""The reader of a user's own CSV, TSV or Parquet files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from glob import escape, glob
from typing import Any

import numpy as np

from datasets.readers import progress
from datasets.readers.labelled_table import LabelledTable
from datasets.readers.table import (
    encoding_builder,
    encoding_files,
    grouping,
    rows,
)
from datasets.readers.table.cells import counts as cell_counts
from datasets.readers.table.columns import KEY, Table, table_of
from datasets.readers.table.encoding import Encoding
from datasets.readers.table.files import has_label, place, table_files
from datasets.readers.text_matrix import Rows, TextTable

_HYPER = "hyper_parameters."
_DERIVED = ("dense_input_dim", "sparse_fields", "feature_size", "hash_ids")


class RecDataset(LabelledTable):
    """Rows of dense numbers, ids and one label a task: ``[dense [D], ids [S], label [1], ...]``.

    ``hyper_parameters.table`` describes the columns; docs/table.md explains it. Dense numbers are
    float32, ids and labels int64. A row has no dense array without dense columns, and no ids
    without sparse columns. S is the sum of the sparse columns' ``max_len``. The id 0 is
    out-of-vocabulary, missing, or padding. Files without any of the label columns are rows to
    predict: their rows have no labels.

    Args:
        file_list: files that end in ``.csv``, ``.tsv``, ``.txt`` (also with ``.gz``), ``.parquet``
            or ``.pq``.
        config: the flat configuration, completed by `hyper_parameters_from_data`.

    Raises:
        ValueError: a file, a row or a cell is invalid, or the vocabulary that
            ``hyper_parameters.encoding`` names is missing.
    """

    def __init__(self, file_list: Sequence[str], config):
        table = table_of(config)
        sha256 = config.get(f"{_HYPER}encoding")
        if sha256 is None:
            raise ValueError(
                f"{_HYPER}encoding is not set: use the commands of tools/, which take it from the "
                "checkpoint"
            )
        # Beside an exported model, in the folder above, or where it was during training.
        beside = os.path.dirname(config.get("yaml_path") or "")
        trained = os.path.dirname(config.get(f"{KEY}.vocabulary") or "")
        folders = [beside, os.path.dirname(beside), trained]
        self._encoding, _ = encoding_files.load(_find(sha256, folders), table, sha256)
        table = self._encoding.table
        paths = self._paths = table_files(file_list)
        if not any(has_label(path, table) for path in paths):
            table = replace(table, labels=())
            self._encoding = replace(self._encoding, table=table)
        self.LABELS = table.labels
        self._first_id = len(table.labels) + len(table.dense)
        super().__init__(paths, config, rows.width(self._encoding) - len(table.labels), KEY)

    @classmethod
    def hyper_parameters_from_data(
        cls, config, files: Sequence[str] | None, encoding: str | None
    ) -> Mapping[str, Any]:
        """Returns the hyper-parameters that follow from the training data.

        They are ``sparse_fields`` with their sizes, ``dense_input_dim``, ``encoding``, the path of
        the vocabulary, and ``tasks`` if the YAML has none.

        Args:
            config: the configuration.
            files: the training files; None if the command does not train. A new vocabulary is
                written into ``runner.model_save_path``.
            encoding: the hash of the checkpoint's encoding; None if there is no checkpoint.

        Raises:
            ValueError: a file is invalid, or the checkpoint's vocabulary is missing.
        """
        table = table_of(config)
        for key in _DERIVED:
            if config.get(_HYPER + key) is not None:
                raise ValueError(f"{_HYPER}{key}: it follows from {KEY}, remove it from the YAML")
        root = config.runner("model_save_path")
        if encoding is not None:
            start = config.runner("model_init_path")
            folders = [root, config.runner("infer_load_path")]
            folders += [start, os.path.dirname(start)] if start else []
            path = _find(encoding, folders)
            result, source = encoding_files.load(path, table, encoding)
            if files is not None and os.path.dirname(path) != root:
                path = encoding_files.save(result, root, source)
        else:
            files = table_files(files)
            source = [_stamp(path) for path in files]
            table = table.for_training()
            path, result = _reusable(root, table, source)
            if result is None:
                with progress.titled("building the vocabulary from"):
                    result = encoding_builder.learn(files, table)
                for file, stamp in zip(files, source):
                    if _stamp(file) != stamp:
                        raise ValueError(f"{file}: the file changed while it was read")
                path = encoding_files.save(result, root, source)
        values = {**result.hyper_parameters(), "table.vocabulary": path}
        if config.get(f"{_HYPER}tasks") is None:
            values["tasks"] = [
                {"name": name, "label_column": place} for place, name in enumerate(table.labels)
            ]
        return values

    def groups(self, column: str) -> np.ndarray:
        """Returns the group of each row by a column's value, int64 ``[rows]``; -1 where missing.

        Args:
            column: any column of the files, also one that is no feature.

        Raises:
            ValueError: a file has no such column, or the column holds lists.
        """
        return grouping.groups(self._paths, self._encoding.table, column)

    def _table(self, paths: Sequence[str], columns: int, cache_dir: str | None) -> TextTable:
        self._counts: list[np.ndarray] = []

        def load(path: str) -> np.ndarray:
            stored, counts = rows.load(path, self._encoding, cache_dir)
            self._counts.append(counts)
            return stored

        return TextTable(paths, load, lambda path, row: place(path, self._encoding.table, row))

    def _form(self) -> str:
        return rows.form_of(self._encoding)

    def _column_statistics(self) -> list[dict[str, Any]]:
        return cell_counts.describe(self._encoding, self._counts)

    def _features(self, numbers: Rows) -> list[np.ndarray]:
        first = len(self.LABELS)
        features = []
        if self._first_id > first:
            dense = self._matrix.take(numbers, slice(first, self._first_id))
            features.append(dense.view(np.float32))
        if self._encoding.table.sparse:
            ids = self._matrix.take(numbers, slice(self._first_id, None))
            features.append(ids.astype(np.int64))
        return features


def _find(sha256: str, folders: Sequence[str | None]) -> str:
    """Returns the path of an encoding's file."""
    name = encoding_files.file_name(sha256)
    places = list(dict.fromkeys(os.path.abspath(folder) for folder in folders if folder))
    for folder in places:
        if os.path.isfile(os.path.join(folder, name)):
            return os.path.join(folder, name)
    raise ValueError(
        f"the model's vocabulary {name} is in none of {', '.join(places)}: copy it there from the "
        "folder of its checkpoints"
    )


def _reusable(
    root: str, table: Table, source: encoding_files.Source
) -> tuple[str | None, Encoding | None]:
    """Returns the path and the encoding of an earlier run on the same files, or twice None."""
    for path in sorted(glob(os.path.join(escape(root), "vocabulary-*.json"))):
        try:
            encoding, learned_from = encoding_files.load(path, table)
        except ValueError:  # it has other columns, or is damaged: a new one is built
            continue
        if learned_from == source:
            return path, encoding
    return None, None


def _stamp(path: str) -> list:
    status = os.stat(path)
    return [os.path.abspath(path), status.st_size, status.st_mtime_ns]
