"""Every target that is fuzzed: what an input of bytes does, and the inputs to begin with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import ali_ccp_lines
import binary_files
import number_rows
import rate_files_fuzzed
import slot_lines
import table_files_fuzzed
import typed_table_files
import yaml_texts


class Target(NamedTuple):
    """One entry into the project.

    Attributes:
        check: tries an input; what it raises is a fault.
        seeds: makes the first inputs.
        tokens: pieces that inputs are made of.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    tokens: list[bytes]


def _checkpoint(ending: str, seeds: Callable[[], list[bytes]]) -> Target:
    check = partial(binary_files.check_checkpoint, ending=ending)
    return Target(check, seeds, binary_files.TOKENS)


def _pairs(name: str) -> Target:
    seeds = partial(binary_files.pair_seeds, name)
    return Target(partial(binary_files.check_pairs, name=name), seeds, binary_files.TOKENS)


TARGETS = {
    "numbers": Target(number_rows.numbers_of, number_rows.number_seeds, number_rows.TOKENS),
    "labels": Target(number_rows.labels_of, number_rows.label_seeds, number_rows.TOKENS),
    "fields": Target(number_rows.fields_of, number_rows.field_seeds, number_rows.TOKENS),
    "ali_ccp": Target(ali_ccp_lines.of_bytes, ali_ccp_lines.seeds, ali_ccp_lines.TOKENS),
    "slots": Target(slot_lines.check, slot_lines.seeds, slot_lines.TOKENS),
    "table": Target(
        table_files_fuzzed.table_of_bytes, table_files_fuzzed.table_seeds, table_files_fuzzed.TOKENS
    ),
    "typed_table": Target(
        typed_table_files.of_bytes, typed_table_files.seeds, typed_table_files.TOKENS
    ),
    "vocabulary": Target(
        table_files_fuzzed.check_vocabulary,
        table_files_fuzzed.vocabulary_seeds,
        table_files_fuzzed.JSON_TOKENS,
    ),
    "rates": Target(rate_files_fuzzed.check, rate_files_fuzzed.seeds, rate_files_fuzzed.TOKENS),
    "yaml": Target(yaml_texts.yaml_of_bytes, yaml_texts.yaml_seeds, yaml_texts.TOKENS),
    "options": Target(
        yaml_texts.options_of_bytes,
        yaml_texts.option_seeds,
        yaml_texts.TOKENS + yaml_texts.OPTIONS,
    ),
    "pickle": _checkpoint("pdparams", binary_files.pickle_seeds),
    "safetensors": _checkpoint("safetensors", binary_files.safetensors_seeds),
    "npz": _checkpoint("npz", binary_files.npz_seeds),
    "copy": Target(binary_files.check_copy, binary_files.copy_seeds, binary_files.TOKENS),
    "pairs_pickle": _pairs("pairs.pickle"),
    "pairs_npz": _pairs("pairs.npz"),
    "pairs_npy": _pairs("x_labels.npy"),
}
