"""Generates any number of rows in the census format with fewer columns, to measure how cost grows.

    python benchmarks/make_rows.py --output_dir DIR --train_rows 20000000 [--test_rows 50000]
                                   [--features 30] [--seed 2022]

Writes `train/train_data.txt` and `test/test_data.txt` in DIR. A line has two labels and --features
digits, separated by commas. With 30 features it has 64 bytes, so 20 million lines are 1.3 GB; their
parsed copy is 2.6 GB. Digits are uniform on 0 to 9, noise is uniform on -9 to 9:

    first label  = 1  if  digit 1 + digit 2 + digit 3 + noise >= 14
    second label = 1  if  digit 2 + digit 4 + digit 5 + noise >= 20

Rows are generated in blocks, so memory does not grow with their number.

Errors (one line, exit code 2): an option out of range; a folder that cannot be written.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from datasets.preparing.command import Parser, integer_from, run_command
from datasets.readers.atomic_file import replacing

BLOCK = 1 << 18  # rows


def block(draw: np.random.Generator, rows: int, features: int) -> np.ndarray:
    """Returns the text of some rows as bytes, ``[rows, 2 * (features + 2)]``."""
    digits = draw.integers(0, 10, (rows, features), np.int8)
    noise = draw.integers(-9, 10, (rows, 2), np.int8)
    text = np.full((rows, 2 * (features + 2)), ord(","), np.uint8)
    text[:, -1] = ord("\n")
    text[:, 0] = ord("0") + (digits[:, :3].sum(axis=1) + noise[:, 0] >= 14)
    text[:, 2] = ord("0") + (digits[:, [1, 3, 4]].sum(axis=1) + noise[:, 1] >= 20)
    text[:, 4::2] = ord("0") + digits
    return text


def write(output_dir: Path, seed: int, rows: "tuple[int, int]", features: int) -> None:
    """Writes both files, each completely or not at all."""
    for split, (name, count) in enumerate(zip(("train", "test"), rows)):
        target = output_dir / name / f"{name}_data.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        draw = np.random.default_rng([seed, split])
        with replacing(target) as temporary, open(temporary, "wb") as file:
            for start in range(0, count, BLOCK):
                file.write(block(draw, min(BLOCK, count - start), features))
        print(f"wrote {target}: {count} rows, seed {seed}")


def main() -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True, help="folder for the files")
    parser.add_argument("--train_rows", type=integer_from(1), required=True, metavar="N")
    parser.add_argument("--test_rows", type=integer_from(1), default=50_000, metavar="N")
    parser.add_argument("--features", type=integer_from(5), default=30, metavar="N")
    parser.add_argument("--seed", type=integer_from(0), default=2022, metavar="N")
    options = parser.parse_args()
    rows = (options.train_rows, options.test_rows)
    return run_command(lambda: write(options.output_dir, options.seed, rows, options.features))


if __name__ == "__main__":
    sys.exit(main())
