"""The reader of a user's own CSV, TSV or Parquet files."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datasets.readers.labelled_table import LabelledTable
from datasets.readers.labels.label import Label
from datasets.readers.table import encoding_files, grouping, rows
from datasets.readers.table.cells import counts as cell_counts
from datasets.readers.table.columns import KEY, Table, table_of
from datasets.readers.table.files import check_columns, place, present, table_files
from datasets.readers.table.targets import (
    Targets,
    completed_tasks,
    default_tasks,
    targets_of,
)
from datasets.readers.table.vocabularies import choice
from datasets.readers.table.vocabularies.growth import Change
from datasets.readers.text_matrix import Rows, TextTable

logger = logging.getLogger(__name__)

_HYPER = "hyper_parameters."
_DERIVED = ("dense_input_dim", "dense_columns", "sparse_fields", "feature_size", "hash_ids")


class RecDataset(LabelledTable):
    """Rows of dense numbers, ids and one label a task: ``[dense [D], ids [S], label [1], ...]``.

    ``hyper_parameters.table`` describes the columns; docs/table.md explains it. Dense numbers are
    float32, ids int64. A row has no dense array without dense columns, and no ids without sparse
    columns. S is the sum of the sparse columns' ``max_len``. The id 0 is out-of-vocabulary,
    missing, or padding. The weights of ids of weighted columns follow the ids, float32, with 0 for
    padding. `LabelledTable.take` describes labels and weights. A file may lack their
    columns: its rows then have no label and weight 1. If no file has a label column,
    rows have neither.

    Args:
        file_list: files that end in ``.csv``, ``.tsv``, ``.txt`` (also with ``.gz``), ``.parquet``
            or ``.pq``.
        config: the flat configuration, completed by `hyper_parameters_from_data`.
        training: whether they are the training files; see `for_training`.

    Raises:
        ValueError: a file, a row or a cell is invalid, or the vocabulary that
            ``hyper_parameters.encoding`` names is missing.
    """

    def __init__(self, file_list: Sequence[str], config, training: bool = False):
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
        path = choice.find(sha256, folders)
        self._encoding, learned_from = encoding_files.load(path, table, sha256)
        table = self._encoding.table
        self._paths = table_files(file_list)
        if table.rates and not training:
            _warn_of_training_files(self._paths, learned_from)
        targets = targets_of(config, table).learned_from(self._encoding.classes)
        self._training = training
        self._groups: dict[str, tuple[np.ndarray, list[str]]] = {}
        self.LABELS = table.labels
        if not self._has_labels(targets):
            targets, self.LABELS = Targets((), ()), ()
        self._targets = targets
        super().__init__(self._paths, config, rows.width(self._encoding), KEY)

    @classmethod
    def for_training(cls, file_list: Sequence[str], config) -> RecDataset:
        """Returns the dataset of the training files.

        Its rows get rates from the training days other than their own. Rows of other files get them
        from earlier training days only.
        """
        return cls(file_list, config, training=True)

    def _has_labels(self, targets: Targets) -> bool:
        """Returns whether a file has a label; logs columns that only some files have."""
        lacking: dict[str, list[str]] = {name: [] for name in targets.names}
        for path in self._paths:
            found = present(path, self._encoding.table, targets.names)
            for name in lacking.keys() - found:
                lacking[name].append(path)
        if all(len(lacking[name]) == len(self._paths) for name in targets.label_names):
            return False
        for name, paths in lacking.items():
            if paths:
                uses = [f"no label of {each.task}" for each in targets.labels if each.name == name]
                uses += ["weight 1"] * (name in targets.weights)
                some = f"{len(paths)} of {len(self._paths)} files, such as {paths[0]}"
                logger.warning("no column %s in %s: %s", name, some, ", ".join(uses))
        return True

    @classmethod
    def hyper_parameters_from_data(
        cls, config, files: Sequence[str] | None, encoding: str | None
    ) -> Mapping[str, Any]:
        """Returns the hyper-parameters that follow from the training data.

        They are ``sparse_fields`` with their sizes, ``dense_input_dim``, ``encoding``, the path of
        the vocabulary, and ``tasks`` if the YAML has none or if their classes are learned.

        Args:
            config: the configuration.
            files: the training files; None if the command does not train. A new vocabulary is
                written into ``runner.model_save_path``.
            encoding: the hash of the checkpoint's encoding; None if there is no checkpoint.

        Raises:
            ValueError: a file is invalid, or the checkpoint's vocabulary is missing.
        """
        table = table_of(config)
        targets = targets_of(config, table)
        for key in _DERIVED:
            if config.get(_HYPER + key) is not None:
                raise ValueError(f"{_HYPER}{key}: it follows from {KEY}, remove it from the YAML")
        if files is not None:
            files = table_files(files)
            for file in files:
                check_columns(file, table, _training_columns(table, targets))
        path, result = choice.choose(config, files, table, encoding)
        targets = targets_of(config, result.table)
        values = {**result.hyper_parameters(), "table.vocabulary": path}
        if config.get(f"{_HYPER}tasks") is None:
            values["tasks"] = default_tasks(table)
        elif any(label.learned for label in targets.labels):
            values["tasks"] = completed_tasks(config, targets.learned_from(result.classes))
        return values

    @classmethod
    def vocabulary_changes(cls, config, encoding: str) -> Mapping[str, Change]:
        """Returns how the configuration's vocabularies extend those of a checkpoint, by column.

        Args:
            config: the configuration, completed by `hyper_parameters_from_data`.
            encoding: the hash of the checkpoint's encoding.

        Raises:
            ValueError: they do not extend them, or a vocabulary is missing.
        """
        table = table_of(config)
        return choice.changes(config, table, encoding, config[f"{_HYPER}encoding"])

    def groups(self, column: str) -> np.ndarray:
        """Returns the group of each row by a column's value, int64 ``[rows]``; -1 where missing.

        Args:
            column: any column of the files, also one that is no feature.

        Raises:
            ValueError: a file has no such column, or the column holds lists.
        """
        return self._grouped(column)[0]

    def group_names(self, column: str) -> list[str]:
        """Returns the values of a column by the numbers that `groups` gives them."""
        return self._grouped(column)[1]

    def _grouped(self, column: str) -> tuple[np.ndarray, list[str]]:
        if column not in self._groups:  # the files are read once
            self._groups[column] = grouping.groups(self._paths, self._encoding.table, column)
        return self._groups[column]

    def _declared(self, config) -> list[Label]:
        return list(self._targets.labels)

    def _table(self, paths: Sequence[str], columns: int, cache_dir: str | None) -> TextTable:
        self._counts: list[np.ndarray] = []

        def load(path: str) -> np.ndarray:
            stored, counts = rows.load(
                path, self._encoding, self._targets, cache_dir, self._training
            )
            self._counts.append(counts)
            return stored

        return TextTable(paths, load, self._place_in)

    def _place_in(self, path: str, row: int) -> str:
        return place(path, self._encoding.table, row)

    def _form(self) -> str:
        return rows.form_of(self._encoding, self._targets, self._training)

    def _column_statistics(self) -> list[dict[str, Any]]:
        return cell_counts.describe(self._encoding, self._counts)

    def _features(self, numbers: Rows) -> list[np.ndarray]:
        first, table = self._targets.width, self._encoding.table
        first_id = first + sum(table.dense_sizes)
        features = []
        if table.dense_names:
            features.append(self._matrix.take(numbers, slice(first, first_id)).view(np.float32))
        if table.sparse:
            stored = self._matrix.take(numbers, slice(first_id, None))
            weights = rows.weight_width(self._encoding)
            ids = stored[:, : stored.shape[1] - weights]
            features.append(ids.astype(np.int64))
            if weights:
                own = stored[:, ids.shape[1] :].view(np.float32)
                features.append(np.ascontiguousarray(own))
        return features

    def _labels(self, numbers: Rows) -> list[np.ndarray]:
        targets = self._targets
        if not targets.labels:
            return []
        stored = self._matrix.take(numbers, slice(0, targets.width))
        columns = [stored[:, place : place + 1] for place in range(targets.width)]
        found = [
            columns[place].view(np.float32) if label.is_number else columns[place].astype(np.int64)
            for label, place in zip(targets.labels, targets.places)
        ]
        return found + [column.view(np.float32) for column in columns[len(targets.stored) :]]


def _warn_of_training_files(paths: Sequence[str], learned_from: encoding_files.Source) -> None:
    """Logs that training files are read as other rows, whose rates are smaller sums."""
    known = {path for path, *_ in learned_from}
    again = [path for path in paths if os.path.abspath(path) in known]
    if again:
        logger.warning(
            "%d training files, such as %s, are read as other rows: their rates are of earlier "
            "days only, in training they are of all days but the row's own",
            *(len(again), again[0]),
        )


def _training_columns(table: Table, targets: Targets) -> list[str]:
    """Returns the columns that training files must have."""
    rated = table.rates.of if table.rates else ()
    return list(dict.fromkeys([*targets.names, *table.features, *rated]))
