"""Rows of PaddleRec's prepared Ali-CCP files, for the models of ``models/multitask``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from datasets.ali_ccp.columns import FIELDS, ID_LIMIT, LABELS, Kept
from datasets.ali_ccp.lines import table_blocks
from datasets.readers import parsed_copy
from datasets.readers.field_matrix import FieldDataset
from datasets.readers.sparse_fields import SparseField, fields_of
from datasets.readers.text_matrix import TextTable


class RecDataset(FieldDataset):
    """Rows of ids and one label a task: ``[ids [S], label [1], ...]``, all int64.

    ``hyper_parameters.sparse_fields`` says which of the 23 fields are read, in which order, and
    ``max_len`` how many features of each: of more in a line the first are kept, fewer are padded
    with 0. S is the sum of ``max_len``. Fields that the configuration leaves out are skipped,
    which is how one does without them, and so are fields of the file that are none of the 23.
    With ``hyper_parameters.hash_ids`` an id beyond its field's size becomes
    ``1 + (id - 1) % (size - 1)``; without, it is an error when its row is taken.

    Label column 0 is click, 1 is click and buy: a purchase without a click does not convert.

    Args:
        file_list: text files of lines ``id,click,buy,field:feature,...``, parsed once for every
            choice of fields and ``max_len``.
        config: the flat configuration.

    Raises:
        ValueError: a line is malformed, an id is out of range, or the configuration names a field
            that Ali-CCP does not have.
    """

    LABELS = LABELS
    ID_LIMIT = ID_LIMIT

    def __init__(self, file_list: Sequence[str], config):
        _check(fields_of(config))
        if config.get("hyper_parameters.dense_input_dim"):
            raise ValueError(
                "hyper_parameters.dense_input_dim: expected 0, Ali-CCP has no dense numbers; found "
                f"{config.get('hyper_parameters.dense_input_dim')!r}"
            )
        super().__init__(file_list, config)

    def _table(self, paths: Sequence[str], columns: int, cache_dir: str | None) -> TextTable:
        fields = [Kept(field.name, field.max_len) for field in self._fields]
        form = hashlib.sha256(repr(fields).encode()).hexdigest()[:8]

        def parse_into(cached: str, path: str) -> np.ndarray:
            blocks = table_blocks(path, fields)
            return parsed_copy.write(cached, path, columns, np.int32, blocks)

        def load(path: str) -> np.ndarray:
            return parsed_copy.load(path, columns, np.int32, parse_into, cache_dir, form)

        return TextTable(paths, load)

    def _column_name(self, column: int, field: str) -> str:
        return f"field {field}"  # the parsed table does not keep the column of the line


def _check(fields: Sequence[SparseField]) -> None:
    for field in fields:
        if field.name not in FIELDS:
            raise ValueError(
                f"hyper_parameters.sparse_fields: expected fields of Ali-CCP, {', '.join(FIELDS)}; "
                f"found {field.name!r}"
            )
