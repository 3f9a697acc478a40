"""Rates of a table: which rows are counted, what rows of which files see, and what is refused."""

import csv
import datetime
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest

from datasets.readers.table import rows as encoded_rows
from datasets.readers.table.reader import RecDataset
from tests.datasets.table_files import completed, configuration

HEADER = ["click", "seconds", "user", "tab", "day", "x"]
RATES = {"of": ["click", "seconds"], "over": ["user", ["user", "tab"]], "by": "day", "smoothing": 3}
TABLE = {"labels": ["click", "seconds"], "dense": ["x"], "sparse": ["tab"], "rates": RATES}
TASKS = [
    {"name": "click", "label_column": 0, "missing_label": -1},
    {"name": "watch", "label_column": 1, "type": "regression"},
]


def table(rows, seed, days=4):
    """Rows of a few users and days; some labels, keys and days are missing."""
    draw = np.random.default_rng(seed)
    for _ in range(rows):
        yield [
            draw.choice(["0", "1", "1", "", "-1"]),
            draw.choice(["", "0.5", "8", "2.25"]),
            draw.choice(["u1", "u2", "u3", "7", ""]),
            draw.choice(["1", "2", ""], p=[0.5, 0.4, 0.1]),
            draw.choice([*(f"2022-04-{28 + day:02}" for day in range(3)), "2022-05-01", ""][:days]),
            "0",
        ]


def write(path, rows):
    with open(path, "w", newline="") as stream:
        csv.writer(stream).writerows([HEADER, *rows])
    return str(path)


def learned(folder, *paths, table=TABLE, tasks=TASKS):
    return completed(configuration(folder, table=table, tasks=tasks), paths)


def dense(dataset):
    """The dense numbers of all rows."""
    return dataset.take(slice(0, len(dataset)))[0]


def by_a_loop(train, rows, sees):
    """The rates of rows, from the training rows that each of them sees by their days."""
    found = []
    for row in rows:
        numbers = []
        for key in ([2], [2, 3]):
            keyed = [each for each in train if each[4] and all(each[place] for place in key)]
            seen = [each for each in keyed if sees(each[4], row[4])]
            own = [each for each in seen if all(each[place] == row[place] for place in key)]
            numbers.append(np.log1p(len(own)))
            for label in (0, 1):
                of_all = [float(each[label]) for each in seen if each[label] not in ("", "-1")]
                mine = [float(each[label]) for each in own if each[label] not in ("", "-1")]
                mean = np.mean(of_all) if mine else 0
                numbers.append((sum(mine) + 3 * mean) / (len(mine) + 3) - mean)
        found.append(numbers)
    return np.array(found)


def test_training_rows_see_other_days_and_later_rows_earlier_days(tmp_path):
    """Three files; rows of other files see no label of their own file, whatever it is."""
    train = [list(table(30, 0)), list(table(25, 1))]
    paths = [write(tmp_path / f"{name}.csv", rows) for name, rows in zip("ab", train)]
    config = learned(tmp_path, *paths)
    assert config["hyper_parameters.dense_input_dim"] == 7
    train = train[0] + train[1]
    expected = by_a_loop(train, train, lambda its, own: its != own)
    found = dense(RecDataset.for_training(paths, config))
    np.testing.assert_allclose(found[:, 1:], expected, atol=1e-6)
    # The training files read by another command are later rows.
    earlier = by_a_loop(train, train, lambda its, own: not own or its < own)
    np.testing.assert_allclose(dense(RecDataset(paths, config))[:, 1:], earlier, atol=1e-6)
    other = [[*row[:4], row[4].replace("04-28", "05-30"), "0"] for row in table(30, 2, 5)]
    path = write(tmp_path / "c.csv", other)
    expected = by_a_loop(train, other, lambda its, own: not own or its < own)
    np.testing.assert_allclose(dense(RecDataset([path], config))[:, 1:], expected, atol=1e-6)
    turned = [["" if row[0] == "1" else "1", "99", *row[2:]] for row in other]
    write(tmp_path / "d.csv", turned)
    np.testing.assert_array_equal(
        dense(RecDataset([path], config)), dense(RecDataset([str(tmp_path / "d.csv")], config))
    )


def test_a_label_changes_no_rates_of_its_day(tmp_path):
    """One label of the training files at a time: which rows' rates change in which command."""
    train = [row for row in table(40, 3) if all(row)]
    later = [row for row in table(40, 4) if row[2]]
    other = write(tmp_path / "later.csv", later)
    before = None
    for place in (None, 0, len(train) // 2, len(train) - 1):
        changed = [[*row] for row in train]
        if place is not None:
            changed[place][1] = "1000"
        folder = tmp_path / str(place)
        folder.mkdir()
        path = write(folder / "train.csv", changed)
        config = learned(folder, path)
        found = [dense(RecDataset.for_training([path], config)), dense(RecDataset([other], config))]
        if before is None:
            before = found
            continue
        user, day = train[place][2], train[place][4]
        of_others = [row[4] != day for row in train]
        of_later = [not row[4] or row[4] > day for row in later]
        for now, then, rows, sees in zip(found, before, (train, later), (of_others, of_later)):
            differs, sees = (now != then).any(axis=1), np.array(sees)
            assert not differs[~sees].any()
            assert differs[sees & np.array([row[2] == user for row in rows])].all()


@pytest.mark.parametrize("kind", ["integer", "date", "timestamp", "text"])
def test_days_of_every_type_give_the_same_rates(tmp_path, kind):
    """Integers, dates and timestamps in Parquet, and texts; the time of day does not count."""
    rows = list(table(40, 5, 5))
    expected = learned(tmp_path, write(tmp_path / "a.csv", rows))
    expected = dense(RecDataset.for_training([str(tmp_path / "a.csv")], expected))
    dates = [datetime.date.fromisoformat(row[4]) if row[4] else None for row in rows]
    hours = [number % 24 for number in range(len(rows))]
    times = [
        date and datetime.datetime.combine(date, datetime.time(hour))
        for date, hour in zip(dates, hours)
    ]
    cells = {
        "integer": pa.array([date and int(f"{date:%Y%m%d}") for date in dates], pa.float64()),
        "date": pa.array(dates, pa.date32()),
        "timestamp": pa.array(times, pa.timestamp("ms")),
        "text": pa.array([time and time.isoformat() for time in times]),
    }[kind]
    columns = dict(zip(HEADER, map(list, zip(*rows))))
    path = str(tmp_path / "b.parquet")
    pa_parquet.write_table(pa.table({**columns, "day": cells}), path)
    config = learned(tmp_path / "b", path)
    np.testing.assert_array_equal(dense(RecDataset.for_training([path], config)), expected)


def test_sums_are_in_a_file_beside_the_vocabulary(tmp_path):
    """It is read for new rows only, found by its hash, and counted anew if it is gone."""
    path = write(tmp_path / "a.csv", table(40, 6))
    config = learned(tmp_path, path)
    expected = dense(RecDataset.for_training([path], config))
    (file,) = (tmp_path / "output").glob("rates-*.npz")
    content = file.read_bytes()
    file.unlink()
    assert (dense(RecDataset.for_training([path], config)) == expected).all()  # a parsed copy
    new = write(tmp_path / "b.csv", table(10, 7))
    with pytest.raises(ValueError, match=rf"the model's rates {re.escape(str(file))} are missing"):
        RecDataset([new], config)
    changed = bytearray(content)
    changed[content.rindex(b"\x93NUMPY") + 128] ^= 1  # the first number of the last array
    for damaged in (content[:-100], b"", bytes(changed)):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"{re.escape(str(file))} is damaged: "):
            RecDataset([new], config)
    again = learned(tmp_path, path)
    assert again["hyper_parameters.encoding"] == config["hyper_parameters.encoding"]
    assert file.read_bytes() == content
    assert len(RecDataset([new], config)) == 10


def test_many_rows_are_counted_in_parts(tmp_path, monkeypatch):
    path = write(tmp_path / "a.csv", table(60, 8))
    whole = learned(tmp_path, path)["hyper_parameters.encoding"]
    monkeypatch.setattr("datasets.readers.table.rates.table_rates._ROWS_AT_ONCE", 0)
    monkeypatch.setattr("datasets.readers.table.files._BLOCK", 200)
    (tmp_path / "b").mkdir()
    assert learned(tmp_path / "b", path)["hyper_parameters.encoding"] == whole


def test_columns_have_names_and_unseen_keys_are_counted(tmp_path):
    rows = [["1", "1", user, "1", day, "0"] for user, day in zip("aab", ("1", "2", "2"))]
    path = write(tmp_path / "a.csv", rows)
    config = learned(tmp_path, path)
    data = RecDataset.for_training([path], config)
    columns = {each["column"]: each for each in data.column_statistics()["columns"]}
    assert list(columns) == [
        "x",
        *("user_count", "user_click_rate", "user_seconds_rate"),
        *("user_tab_count", "user_tab_click_rate", "user_tab_seconds_rate"),
        "tab",
    ]
    assert config["hyper_parameters.dense_columns"] == list(columns)[:-1]  # for feature_groups
    assert columns["user_count"]["missing"] == 1  # user b has rows on the second day only
    assert columns["user_click_rate"]["missing"] == 0


def test_other_settings_are_not_read_with_a_checkpoint(tmp_path):
    """Rates may neither change nor go, nor come; the table without rates keeps its hash."""
    path = write(tmp_path / "a.csv", table(30, 9))
    config = learned(tmp_path, path)
    sha256 = config["hyper_parameters.encoding"]
    for rates in ({**RATES, "smoothing": 4}, {}, {**RATES, "over": ["user"]}):
        changed = configuration(tmp_path, table={**TABLE, "rates": rates}, tasks=TASKS)
        with pytest.raises(ValueError, match=r"table\.rates: expected \{'of': .* as in .*found"):
            RecDataset.hyper_parameters_from_data(changed, [path], sha256)
    plain = {**TABLE, "rates": {}}
    (tmp_path / "b").mkdir()
    config = learned(tmp_path / "b", path, table=plain)
    changed = configuration(tmp_path / "b", table=TABLE, tasks=TASKS)
    encoding = config["hyper_parameters.encoding"]
    with pytest.raises(ValueError, match=r"table\.rates: expected None as in"):
        RecDataset.hyper_parameters_from_data(changed, [path], encoding)


DAYS = r"hyper_parameters\.table\.rates: by: "


@pytest.mark.parametrize(
    ("days", "problem"),
    [
        (
            ["2022-04-30", "soon"],
            r"a\.csv:3: column day: expected a date such as 2022-04-25, as in",
        ),
        (["soon"], r"a\.csv:2: column day: expected a day: a date such as .*, found 'soon' \("),
        (["2022-02-30"], r"a\.csv:2: column day: expected a day: .*found '2022-02-30'"),
        (["1", "2022-04-30"], r"a\.csv:3: column day: expected an integer, as in other training"),
        (["2022-04-30"] * 2, DAYS + "column day: expected at least two days .*found 2022-04-30: "),
        ([""] * 2, DAYS + "column day: expected at least two days .*found none: "),
        (range(5001), DAYS + r"expected a column of at most 5000 different days, found 'day' \(.*"),
    ],
)
def test_days_that_are_none(tmp_path, days, problem):
    path = write(tmp_path / "a.csv", [["1", "1", "u", "1", day, "0"] for day in days])
    with pytest.raises(ValueError, match=problem):
        learned(tmp_path, path)


def test_a_file_of_another_kind_of_days_or_without_a_column(tmp_path):
    config = learned(tmp_path, write(tmp_path / "a.csv", table(20, 10)))
    path = write(tmp_path / "b.csv", [["1", "1", "u", "1", "20220501", "0"]])
    with pytest.raises(ValueError, match=r"b\.csv:2: column day: expected a date .*'20220501'"):
        RecDataset([path], config)
    Path(path).write_text("user,tab,x\n1,1,0\n")
    with pytest.raises(ValueError, match=r"b\.csv:1: there is no column day among user, tab, x"):
        RecDataset([path], config)


KEY = r"hyper_parameters\.table\.rates"


@pytest.mark.parametrize(
    ("rates", "problem"),
    [
        ("user", f"{KEY}: expected a mapping with of, over, by"),
        ({"of": ["click"], "by": "day"}, f"{KEY}: expected a mapping with of, over, by"),
        ({**RATES, "key": 1}, f"{KEY}: expected keys among of, over, by, smoothing, found 'key'"),
        ({**RATES, "of": ["like"]}, f"{KEY}: of: expected label columns, click, seconds, found"),
        ({**RATES, "of": "click"}, f"{KEY}: of: expected a list of texts, found 'click'"),
        ({**RATES, "of": []}, f"{KEY}: of: expected at least one entry"),
        ({**RATES, "over": "user"}, f"{KEY}: over: expected a list of columns, or of lists"),
        ({**RATES, "over": [["user", 1]]}, f"{KEY}: over: expected columns, or lists"),
        ({**RATES, "over": [["user", "user"]]}, f"{KEY}: over: expected columns, or lists"),
        ({**RATES, "over": ["click"]}, f"{KEY}: over and by: expected columns that are not"),
        (
            {**RATES, "over": [["user", "day"]]},
            f"{KEY}: over: expected columns other than the days",
        ),
        ({**RATES, "by": ["day"]}, f"{KEY}: by: expected the name of a column of days"),
        ({**RATES, "smoothing": -1}, f"{KEY}: smoothing: expected a number of rows from 0"),
        ({**RATES, "smoothing": True}, f"{KEY}: smoothing: expected a number of rows from 0"),
        ({**RATES, "over": ["user", "user"]}, f"{KEY}: expected each name .*'user_count'"),
    ],
)
def test_a_block_that_makes_no_sense(tmp_path, rates, problem):
    path = write(tmp_path / "a.csv", table(20, 11))
    with pytest.raises(ValueError, match=problem):
        learned(tmp_path, path, table={**TABLE, "rates": rates})


def test_labels_of_classes_and_of_no_task(tmp_path):
    """Classes have no mean; a label that no task reads is a number; weights are no keys."""
    path = write(tmp_path / "a.csv", [row for row in table(30, 12) if "" not in row[:1]])
    tasks = [{"name": "c", "label_column": 0, "type": "multiclass", "class_num": 3}]
    tasks[0]["missing_label"] = -1
    with pytest.raises(ValueError, match=rf"{KEY}: of: expected labels of tasks that are not mul"):
        learned(tmp_path, path, tasks=tasks)
    alone = learned(tmp_path, path, table={**TABLE, "rates": {**RATES, "of": ["seconds"]}})
    both = learned(tmp_path, path)
    names = [0, 1, 3, 4, 6]  # the same numbers but those of click
    first = dense(RecDataset.for_training([path], both))[:, names]
    np.testing.assert_array_equal(dense(RecDataset.for_training([path], alone)), first)
    no_task = learned(
        *(tmp_path, path),
        table={**TABLE, "rates": {**RATES, "of": ["seconds"]}},
        tasks=TASKS[:1],
    )
    np.testing.assert_array_equal(dense(RecDataset.for_training([path], no_task)), first)
    weighted = [{**TASKS[0], "sample_weight": "user"}]
    with pytest.raises(
        ValueError, match=r"dense, sparse and rates: expected columns that are no w"
    ):
        learned(tmp_path, path, tasks=weighted)


def test_the_copy_of_training_rows_is_another_one(tmp_path):
    path = write(tmp_path / "a.csv", table(30, 13))
    data = RecDataset([path], learned(tmp_path, path))
    forms = {encoded_rows.form_of(data._encoding, data._targets, each) for each in (True, False)}
    assert len(forms) == 2


def test_a_day_by_day_training_counts_each_day_once(tmp_path):
    """The extended sums are those of all files at once; a day that is counted is refused."""
    rows = sorted((row for row in table(60, 14) if row[4]), key=lambda row: row[4])
    last = rows[-1][4]
    parts = [[row for row in rows if (row[4] == last) == late] for late in (False, True)]
    first, second, both = (
        write(tmp_path / f"{name}.csv", part) for name, part in zip("abc", (*parts, rows))
    )

    def config_of(folder, **runner):
        (tmp_path / folder).mkdir(exist_ok=True)
        config = configuration(tmp_path / folder, table=TABLE, tasks=TASKS)
        return config.completed({f"runner.{key}": value for key, value in runner.items()})

    before = completed(config_of("days"), [first])["hyper_parameters.encoding"]
    days = config_of("days", extend_vocabulary=True)
    after = completed(days, [second], before)
    at_once = completed(config_of("once"), [both])
    later = [write(tmp_path / "d.csv", table(30, 15))]
    np.testing.assert_array_equal(
        dense(RecDataset(later, after))[:, 1:], dense(RecDataset(later, at_once))[:, 1:]
    )
    found = dense(RecDataset.for_training([second], after))[:, 1:]
    expected = by_a_loop(rows, parts[1], lambda its, own: its < own)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    problem = rf"expected days that are not counted yet, found {parts[0][0][4]} to .* \(train on"
    with pytest.raises(ValueError, match=problem):
        completed(days, [both], before)
    # Without an extension new training files see the days that were counted.
    warm = completed(config_of("days"), [second], before)
    found = dense(RecDataset.for_training([second], warm))[:, 1:]
    expected = by_a_loop(parts[0], parts[1], lambda its, own: its < own)
    np.testing.assert_allclose(found, expected, atol=1e-6)
