"""Generates a small sample in Ali-CCP's format.

    python -m datasets.ali_ccp.sample --output_dir DIR [--seed 2022] [--train_rows 2000]
                                      [--test_rows 1000]

writes `train/train_data.txt` and `test/test_data.txt` into DIR. They have lines
`id,click,buy,field:feature,...` with the 23 fields of Ali-CCP, whose features share a vocabulary of
ids below 1,000. No line comes from Ali-CCP. The labels follow from the features. Each condition
counts 0 or 1, features are numbered within their field, and `noise` is uniform on {-1, 0, 1}:

    click      = 1  if  3 [301 is its first] + 3 [121 is even] + 2 [206 is in its first half]
                        + noise >= 6
    conversion = 1  if  3 [122 is in its first half] + 3 [216 is in its first half]
                        + 2 [one of 210 is in its first half] + noise >= 5

About 29 % of the lines have a click, and 38 % of these a conversion. `buy` is 1 for a conversion,
and in 1 % of the lines without a click, which are no conversions. The same seed gives the same
bytes on every platform and version: all draws are uniform doubles of NumPy's RandomState, whose
stream never changes, and the rest is exact arithmetic.

Errors (one line, exit code 2): an option is out of range; a file cannot be written.
"""

from __future__ import annotations

import sys
from functools import partial
from itertools import accumulate

from datasets.ali_ccp.columns import FIELDS
from datasets.preparing.sampling import Draw, run_sample, table_of

# Number of features of each field, in the order of FIELDS.
SIZES = (250, 60, 60, 40, 40, 12, 12, 3, 8, 4, 4, 3, 4, 200, 40, 80, 40, 30, 20, 20, 15, 15, 3)
SIZE = dict(zip(FIELDS, SIZES))
FIRST = dict(zip(FIELDS, accumulate(SIZES[:-1], initial=1)))  # id of each field's first feature
VOCABULARY = 1_000

# Percent of lines with 0, 1, 2 or 3 features of a field; the other fields have one feature.
FREQUENT, RARE = (40, 30, 20, 10), (90, 10)
SELDOM = (90, 4, 3, 3)
COUNTS = {
    **dict.fromkeys(("109_14", "210"), FREQUENT),
    **dict.fromkeys(("110_14", "127_14", "150_14", "853"), SELDOM),
    **dict.fromkeys(("125", "126", "128", "508", "509", "702"), RARE),
}
POSITIONS = (50, 30, 20)  # percent of the features of field 301


def impression(draw: Draw) -> str:
    """Returns one line, without its newline."""
    number = draw.below(10_000)
    places = {}
    for field in FIELDS:
        count = draw.share(COUNTS[field]) if field in COUNTS else 1
        places[field] = [draw.below(SIZE[field]) for _ in range(count)]
    places["301"] = [draw.share(POSITIONS)]

    def in_first_half(field: str) -> bool:
        return any(place < SIZE[field] // 2 for place in places[field])

    click = 3 * (places["301"] == [0]) + 3 * (places["121"][0] % 2 == 0)
    click += 2 * in_first_half("206")
    conversion = 3 * in_first_half("122") + 3 * in_first_half("216") + 2 * in_first_half("210")
    clicked = click + draw.below(3) - 1 >= 6
    converts = conversion + draw.below(3) - 1 >= 5
    bought = converts if clicked else draw.chance(1)

    cells = [str(number), str(int(clicked)), str(int(bought))]
    cells += [f"{field}:{FIRST[field] + place}" for field in FIELDS for place in places[field]]
    return ",".join(cells)


table = partial(table_of, impression)  # takes seed, split, rows


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return run_sample("datasets.ali_ccp.sample", __doc__, impression, (2_000, 1_000), arguments)


if __name__ == "__main__":
    sys.exit(main())
