"""Generates a small sample in the format of the prepared Adult table.

    python -m datasets.adult.sample --output_dir DIR [--seed 2022] [--train_rows 1000]
                                    [--test_rows 500]

writes `train/train_data.txt` and `test/test_data.txt` into DIR. No row comes from Adult: each
person is drawn with the probabilities below, which resemble the real ones. The labels follow from
the features. Each condition counts 0 or 1, and `noise` is uniform on {-1, 0, 1}:

    income (over 50,000)       = 1  if  3 [husband or wife] + 3 [education_num >= 13]
                                        + 2 [executive or professional] + 2 [capital_gain > 0]
                                        + 1 [hours_per_week > 40] + noise >= 6
    marital (has been married) = 1  if  4 [husband or wife] + 3 [age >= 33] + 1 [unmarried]
                                        - 2 [own child] + noise >= 2
    hours_per_week             = 24 + 12 [executive or professional] + 8 [male] + 4 [age >= 30]
                                 + an integer from 0 to 8

About 18 % and 72 % of the labels are positive. A capital gain or loss of 0 has the id 1; the id of
any other amount follows from its remainder. The same seed gives the same bytes on every platform
and version: all draws are uniform doubles of NumPy's RandomState, whose stream never changes, and
the rest is exact arithmetic.

Errors (one line, exit code 2): an option is out of range; a file cannot be written.
"""

from __future__ import annotations

import sys
from functools import partial

from datasets.adult.columns import FIELDS, NUMBER_LABEL, NUMERICS
from datasets.preparing.sampling import Draw, run_sample, table_of

# Positions refer to the sorted values of the real table; an id is the position plus one.
HUSBAND, NOT_IN_FAMILY, OTHER_RELATIVE, OWN_CHILD, UNMARRIED, WIFE = range(6)
EXECUTIVE, PROFESSIONAL = 4, 10
MALE = 1

# Probabilities in percent, by position.
WORKCLASS = (6, 3, 6, 0, 70, 3, 8, 4, 0)
EDUCATION = (3, 4, 1, 0, 1, 2, 2, 3, 4, 16, 1, 33, 5, 0, 2, 23)
EDUCATION_NUM = (6, 7, 8, 2, 3, 4, 5, 12, 11, 13, 16, 9, 14, 1, 15, 10)  # of each education
OCCUPATION = (6, 12, 0, 13, 13, 3, 4, 6, 10, 0, 13, 2, 11, 2, 5)
RACE = (1, 3, 9, 1, 86)
SINGLE = (0, 40, 6, 32, 22, 0)  # relationship of people who are not husband or wife
YOUNG = (0, 30, 10, 60, 0, 0)  # the same for people under 25
UNITED_STATES, COUNTRIES = 38, 42


def person(draw: Draw) -> str:
    """Returns one row, without its newline."""
    age = 17 + draw.below(24) if draw.chance(50) else 30 + draw.below(45)
    male = draw.chance(67)
    relationship = draw.share(YOUNG if age < 25 else SINGLE)
    if age >= 22 and draw.chance(55):
        relationship = HUSBAND if male else WIFE
    education = draw.share(EDUCATION)
    numerics = {
        "age": age,
        "fnlwgt": 20_000 + draw.below(600) * draw.below(700),
        "education_num": EDUCATION_NUM[education],
        "capital_gain": draw.heavy_tail(2_000) if draw.chance(8) else 0,
        "capital_loss": 1_300 + draw.below(1_200) if draw.chance(5) else 0,
    }
    places = {
        "workclass": draw.share(WORKCLASS),
        "education": education,
        "occupation": draw.share(OCCUPATION),
        "relationship": relationship,
        "race": draw.share(RACE),
        "sex": MALE if male else 1 - MALE,
        "native_country": draw.usual(COUNTRIES, UNITED_STATES, 90),
    }

    leads = places["occupation"] in (EXECUTIVE, PROFESSIONAL)
    hours = 24 + 12 * leads + 8 * male + 4 * (age >= 30) + draw.below(9)
    numerics["hours_per_week"] = hours

    couple = relationship in (HUSBAND, WIFE)
    income = 3 * couple + 3 * (numerics["education_num"] >= 13)
    income += 2 * leads + 2 * (numerics["capital_gain"] > 0) + (hours > 40)
    marital = 4 * couple + 3 * (age >= 33) + (relationship == UNMARRIED)
    marital -= 2 * (relationship == OWN_CHILD)
    labels = (income + draw.below(3) - 1 >= 6, marital + draw.below(3) - 1 >= 2)

    row = [*map(int, labels), numerics[NUMBER_LABEL]]
    row += [numerics[column] for column in NUMERICS]
    for field in FIELDS:
        amount = numerics.get(field.column)
        place = places[field.column] if amount is None else _place(amount, field.size)
        row.append(place + 1)
    return ",".join(map(str, row))


def _place(amount: int, size: int) -> int:
    return 1 + amount % (size - 2) if amount else 0


table = partial(table_of, person)  # takes seed, split, rows


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return run_sample("datasets.adult.sample", __doc__, person, (1_000, 500), arguments)


if __name__ == "__main__":
    sys.exit(main())
