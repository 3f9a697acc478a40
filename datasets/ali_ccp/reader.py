"""The reader of PaddleRec's prepared Ali-CCP files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.ali_ccp.columns import FIELDS, ID_LIMIT, LABELS, Kept
from datasets.ali_ccp.lines import table_blocks
from datasets.readers import checks, parsed_copy
from datasets.readers.field_matrix import FieldDataset
from datasets.readers.sparse_fields import fields_of
from datasets.readers.text_matrix import TextTable


class RecDataset(FieldDataset):
    """Rows of ids and one label a task: ``[ids [S], label [1], ...]``, all int64.

    ``hyper_parameters.sparse_fields`` lists the fields that are read, out of the 23 of Ali-CCP.
    The first ``max_len`` features of a field are read; fewer are padded with 0. S is the sum of
    ``max_len``. Other fields of the file are skipped. An id that is not below its field's size is
    an error when its row is taken. With ``hyper_parameters.hash_ids`` it becomes
    ``1 + (id - 1) % (size - 1)``.

    Label column 0 is the click, column 1 click-and-buy: buying without a click is no conversion.

    Args:
        file_list: text files of lines ``id,click,buy,field:feature,...``. They are parsed once for
            each choice of fields and ``max_len``.
        config: the flat configuration.

    Raises:
        ValueError: a line is malformed, an id is out of range, or the configuration names a field
            that Ali-CCP does not have.
    """

    LABELS = LABELS
    ID_LIMIT = ID_LIMIT

    def __init__(self, file_list: Sequence[str], config):
        for field in fields_of(config):
            if field.name not in FIELDS:
                expected = f"fields of Ali-CCP, {', '.join(FIELDS)}"
                checks.fail("hyper_parameters.sparse_fields", expected, field.name)
        dense = config.get("hyper_parameters.dense_input_dim")
        if dense:
            expected = "0, because Ali-CCP has no dense numbers"
            checks.fail("hyper_parameters.dense_input_dim", expected, dense)
        super().__init__(file_list, config)

    def _table(self, paths: Sequence[str], columns: int, cache_dir: str | None) -> TextTable:
        fields = [Kept(field.name, field.values) for field in self._fields]

        def parse_into(temporary: str, path: str) -> None:
            blocks = table_blocks(path, fields)
            parsed_copy.write(temporary, path, columns, np.int32, blocks)

        def load(path: str) -> np.ndarray:
            return parsed_copy.load(path, columns, np.int32, parse_into, cache_dir, repr(fields))

        return TextTable(paths, load)

    def _column_name(self, column: int, field: str) -> str:
        return f"field {field}"  # the parsed table does not keep the column of the line
