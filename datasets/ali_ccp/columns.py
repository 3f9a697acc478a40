"""The format of PaddleRec's prepared Ali-CCP files: ``id,click,buy,field:feature,...``."""

from __future__ import annotations

from typing import NamedTuple


class Kept(NamedTuple):
    """A field that is read: the first ``max_len`` features of each line."""

    name: str
    max_len: int


LABELS = ("click", "click and buy")  # columns of the parsed table; buy alone is no conversion

# In the order of PaddleRec's reader. A line may have several features of a field, or none.
FIELDS = (
    "101",
    "109_14",
    "110_14",
    "127_14",
    "150_14",
    "121",
    "122",
    "124",
    "125",
    "126",
    "127",
    "128",
    "129",
    "205",
    "206",
    "207",
    "210",
    "216",
    "508",
    "509",
    "702",
    "853",
    "301",
)

VOCABULARY = 737_946  # number of ids of all fields together, including 0
ID_LIMIT = 1 << 31  # the parsed table is int32
EXPECTED = "id,click,buy,field:feature,..."
