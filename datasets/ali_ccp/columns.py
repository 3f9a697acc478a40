"""The lines of PaddleRec's prepared Ali-CCP files: ``id,click,buy,field:feature,...``."""

from __future__ import annotations

from typing import NamedTuple


class Kept(NamedTuple):
    """A field whose features are kept: the first `max_len` of a line."""

    name: str
    max_len: int


LABELS = ("click", "click and buy")  # columns of the parsed table; buy alone does not convert

# In the order of PaddleRec's reader. A field may have several features in a line, or none.
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

VOCABULARY = 737_946  # ids of the features of all fields, 0 included
ID_LIMIT = 1 << 31  # what a parsed table's int32 holds
EXPECTED = "id,click,buy,field:feature,..."
