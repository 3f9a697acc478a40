"""Generates a small sample in the 501-column census format.

    python -m datasets.census.sample --output_dir DIR [--seed 2022] [--train_rows 400]
                                     [--test_rows 200]

writes `train/train_data.txt` and `test/test_data.txt` into DIR. No row comes from the census: each
person is drawn with the probabilities below, which resemble the real ones. The labels follow from
the features. Each condition counts 0 or 1, and `noise` is uniform on {-1, 0, 1}:

    marital (never married) = 1  if  3 [age < 30] + 2 [tax filer is single or a nonfiler]
                                     - 2 [householder or spouse] + noise >= 2
    income (over 50,000)    = 1  if  3 [weeks worked >= 40] + 3 [degree] + 2 [dividends > 0]
                                     + 1 [male] + noise >= 6

About 45 % and 25 % of the labels are positive. The same seed gives the same bytes on every
platform and version: all draws are uniform doubles of NumPy's RandomState, whose stream never
changes, and the rest is exact arithmetic.

Errors (one line, exit code 2): an option is out of range; a file cannot be written.
"""

from __future__ import annotations

import sys
from functools import partial

from datasets.census.columns import BLOCKS, NUMERICS, one_hot
from datasets.preparing.sampling import Draw, run_sample, table_of

# Positions refer to the sorted categories of the real table.
DEGREES = (9, 11, 14, 15)  # bachelor, doctorate, master, professional school
SINGLE, NONFILER = 5, 4  # tax_filer_stat
HOUSEHOLDER, SPOUSE, YOUNG_CHILD, GROWN_CHILD = 4, 7, 2, 0  # det_hh_summ
FAMILY = {HOUSEHOLDER: 20, SPOUSE: 37, YOUNG_CHILD: 8, GROWN_CHILD: 2}  # det_hh_fam_stat

# Probabilities in percent, by position.
EDUCATION = (3, 1, 1, 1, 1, 3, 2, 3, 3, 26, 0, 3, 25, 0, 12, 3, 13)
SCHOOLING = (20, 18, 6, 0, 0, 3, 9, 0, 0, 0, 0, 0, 26, 0, 0, 0, 18)  # education under 22
TAX_FILER = (6, 5, 36, 2, 9, 42)
CLASS_WORKER = (6, 8, 1, 0, 71, 3, 8, 3, 0)
# Position and probability of the most frequent category; the others share the rest equally.
USUAL = {
    "hs_college": (2, 94),
    "race": (4, 84),
    "hisp_origin": (0, 86),
    "sex": (0, 52),
    "union_member": (1, 90),
    "unemp_reason": (3, 97),
    "full_or_part_emp": (0, 62),
    "region_prev_res": (3, 92),
    "state_prev_res": (36, 92),
    "mig_chg_msa": (7, 85),
    "mig_chg_reg": (6, 85),
    "mig_move_reg": (7, 85),
    "mig_same": (2, 85),
    "mig_prev_sunbelt": (2, 85),
    "country_father": (40, 80),
    "country_mother": (40, 80),
    "country_self": (40, 89),
    "citizenship": (4, 89),
    "vet_question": (1, 99),
}
# Blocks that describe a job, and their position for people without a job.
JOB = {"det_ind_code": 0, "det_occ_code": 0, "major_ind_code": 14, "major_occ_code": 6}


def person(draw: Draw) -> str:
    """Returns one row, without its newline."""
    age = draw.below(60) if draw.chance(75) else 20 + draw.below(71)
    adult = age >= 15
    works = adult and draw.chance(85 if age < 65 else 15)

    weeks = 0
    if works:
        weeks = 52 if draw.chance(80) else 1 + draw.below(51)
    cents = 3_787 + draw.below(600) * draw.below(1_100)
    numerics = {
        "age": age,
        "wage_per_hour": 400 + draw.below(1_600) if works and draw.chance(12) else 0,
        "capital_gains": draw.heavy_tail(1_000) if adult and draw.chance(5) else 0,
        "capital_losses": 1_300 + draw.below(1_200) if adult and draw.chance(3) else 0,
        "stock_dividends": draw.heavy_tail(50) if adult and draw.chance(30) else 0,
        "instance_weight": f"{cents // 100}.{cents % 100:02d}".rstrip("0").rstrip("."),
        "num_emp": 1 + draw.below(6) if works else 0,
        "own_or_self": draw.share((85, 2, 13)) if adult else 0,
        "vet_benefits": draw.share((0, 1, 99)) if adult else 0,
        "weeks_worked": weeks,
        "year": 94 + draw.below(2),
    }

    sizes = {block.column: block.size for block in BLOCKS}
    places = {column: draw.usual(sizes[column], *usual) for column, usual in USUAL.items()}
    for column, none in JOB.items():
        places[column] = (none + 1 + draw.below(sizes[column] - 1)) % sizes[column]
        if not works:
            places[column] = none
    places["class_worker"] = draw.share(CLASS_WORKER) if works else 3
    places["education"] = draw.share(EDUCATION if age >= 22 else SCHOOLING) if adult else 10
    places["tax_filer_stat"] = draw.share(TAX_FILER) if adult else NONFILER
    if age < 18:
        places["det_hh_summ"] = YOUNG_CHILD
    elif age < 30 and draw.chance(70):
        places["det_hh_summ"] = GROWN_CHILD
    else:
        places["det_hh_summ"] = draw.share((6, 0, 0, 1, 48, 8, 7, 30))
    # Everybody else is a secondary individual.
    places["det_hh_fam_stat"] = FAMILY.get(places["det_hh_summ"], 35)
    places["fam_under_18"] = draw.share((72, 4, 21, 3, 0)) if age < 18 else 4

    marital = 3 * (age < 30) + 2 * (places["tax_filer_stat"] in (SINGLE, NONFILER))
    marital -= 2 * (places["det_hh_summ"] in (HOUSEHOLDER, SPOUSE))
    income = 3 * (weeks >= 40) + 3 * (places["education"] in DEGREES)
    income += 2 * (numerics["stock_dividends"] > 0) + (places["sex"] == 1)
    labels = (marital + draw.below(3) - 1 >= 2, income + draw.below(3) - 1 >= 6)

    fields = [str(int(label)) for label in labels]
    fields += [str(numerics[column]) for column in NUMERICS]
    fields += [one_hot(block.size, places[block.column]) for block in BLOCKS]
    return ",".join(fields)


table = partial(table_of, person)  # takes seed, split, rows


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return run_sample("datasets.census.sample", __doc__, person, (400, 200), arguments)


if __name__ == "__main__":
    sys.exit(main())
