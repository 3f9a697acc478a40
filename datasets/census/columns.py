"""The columns of the raw census table and of the 501 prepared columns.

A prepared row has the labels, the numerics and the one-hot blocks, in the order below.
"""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple


class Label(NamedTuple):
    """A task: 1 where ``column`` is ``positive``, otherwise 0. It has ``size`` categories."""

    task: str
    column: str
    positive: str
    size: int


class Block(NamedTuple):
    """A one-hot block: one column for each of ``size`` sorted categories; ``codes`` are numbers."""

    column: str
    size: int
    codes: bool = False


RAW_COLUMNS = (
    "age",
    "class_worker",
    "det_ind_code",
    "det_occ_code",
    "education",
    "wage_per_hour",
    "hs_college",
    "marital_stat",
    "major_ind_code",
    "major_occ_code",
    "race",
    "hisp_origin",
    "sex",
    "union_member",
    "unemp_reason",
    "full_or_part_emp",
    "capital_gains",
    "capital_losses",
    "stock_dividends",
    "tax_filer_stat",
    "region_prev_res",
    "state_prev_res",
    "det_hh_fam_stat",
    "det_hh_summ",
    "instance_weight",
    "mig_chg_msa",
    "mig_chg_reg",
    "mig_move_reg",
    "mig_same",
    "mig_prev_sunbelt",
    "num_emp",
    "fam_under_18",
    "country_father",
    "country_mother",
    "country_self",
    "citizenship",
    "own_or_self",
    "vet_question",
    "vet_benefits",
    "weeks_worked",
    "year",
    "income_50k",
)

# The values keep the space that follows each comma of the raw file.
LABELS = (
    Label("marital", "marital_stat", " Never married", 7),
    Label("income", "income_50k", " 50000+.", 2),
)

NUMERICS = (
    "age",
    "wage_per_hour",
    "capital_gains",
    "capital_losses",
    "stock_dividends",
    "instance_weight",
    "num_emp",
    "own_or_self",
    "vet_benefits",
    "weeks_worked",
    "year",
)

BLOCKS = (
    Block("class_worker", 9),
    Block("det_ind_code", 52, codes=True),
    Block("det_occ_code", 47, codes=True),
    Block("education", 17),
    Block("hs_college", 3),
    Block("major_ind_code", 24),
    Block("major_occ_code", 15),
    Block("race", 5),
    Block("hisp_origin", 10),
    Block("sex", 2),
    Block("union_member", 3),
    Block("unemp_reason", 6),
    Block("full_or_part_emp", 8),
    Block("tax_filer_stat", 6),
    Block("region_prev_res", 6),
    Block("state_prev_res", 51),
    Block("det_hh_fam_stat", 38),
    Block("det_hh_summ", 8),
    Block("mig_chg_msa", 10),
    Block("mig_chg_reg", 9),
    Block("mig_move_reg", 10),
    Block("mig_same", 3),
    Block("mig_prev_sunbelt", 4),
    Block("fam_under_18", 5),
    Block("country_father", 43),
    Block("country_mother", 43),
    Block("country_self", 43),
    Block("citizenship", 5),
    Block("vet_question", 3),
)

FIRST_BLOCK = len(LABELS) + len(NUMERICS)
# The first prepared column of each block, and the width of a row.
STARTS = dict(
    zip(
        (block.column for block in BLOCKS),
        accumulate((block.size for block in BLOCKS[:-1]), initial=FIRST_BLOCK),
    )
)
WIDTH = FIRST_BLOCK + sum(block.size for block in BLOCKS)

# Tables with a header: the labels, then all raw columns except those of the labels.
FEATURES = tuple(column for column in RAW_COLUMNS if column not in {item.column for item in LABELS})
HEADER = (*(label.task for label in LABELS), *FEATURES)


def one_hot(size: int, position: int) -> str:
    """Returns the text of a block: ``0,0,1,0`` is position 2 of 4."""
    return ",".join("1" if index == position else "0" for index in range(size))
