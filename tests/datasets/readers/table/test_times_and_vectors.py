"""Hours, weekdays and ages of times, by Python's datetime; vectors of numbers in a cell."""

import datetime
import json
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from table_files import arrays, assert_equal, completed, configuration, write_parquet, write_text

from datasets.readers.table.reader import RecDataset

UTC, SHANGHAI = datetime.timezone.utc, ZoneInfo("Asia/Shanghai")
INSTANTS = [  # a leap day, the last hour of a Sunday in UTC, before 1970, missing
    datetime.datetime(2024, 2, 29, 7, 5, 9, tzinfo=UTC),
    datetime.datetime(2023, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    datetime.datetime(1969, 7, 20, 20, 17, 40, tzinfo=UTC),
    None,
    datetime.datetime(2024, 2, 29, 7, 30, tzinfo=UTC),
]
HEADER = ["click", "time", "user"]
LABELS = [1, 0, 1, 0, 1]
DERIVED = [{"name": "time", "derive": ["hour", "weekday"]}]
YEAR = datetime.timedelta(days=365.2425)


def since_1970(factor):
    start = datetime.datetime(1970, 1, 1, tzinfo=UTC)
    return [time and round((time - start).total_seconds() * factor) for time in INSTANTS]


def naive():
    return [time and time.replace(tzinfo=None) for time in INSTANTS]


def table(**keys):
    of_time = {**DERIVED[0], **keys}
    return {"labels": ["click"], "dense": [], "sparse": [of_time, "user"]}


def dataset(folder, path, declared):
    return RecDataset([path], completed(configuration(folder, table=declared), [path]))


def rows(cells):
    return [list(row) for row in zip(LABELS, cells, "aabba")]


def texts(data, column):
    """The values that a column's ids stand for; None for the id 0."""
    place = [each.name for each in data._encoding.table.sparse].index(column)
    values = data._encoding.vocabularies[column]
    return [values[each - 1] if each else None for each in arrays(data)[-2][:, place]]


def check(data, times):
    """The derived columns are what Python computes of the clock's times."""
    hours = [time and str(time.hour) for time in times]
    weekdays = [time and str(time.weekday()) for time in times]
    assert texts(data, "time_hour") == hours
    assert texts(data, "time_weekday") == weekdays


PARQUET = {
    "timestamps": (naive(), pa.timestamp("us")),
    "nanoseconds": (naive(), pa.timestamp("ns")),
    "instants": (INSTANTS, pa.timestamp("ms", "America/New_York")),
    "dictionary": ([time and time.isoformat() for time in INSTANTS], None),
}


@pytest.mark.parametrize("kind", PARQUET)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai"])
def test_hours_and_weekdays_of_parquets_times(tmp_path, kind, zone):
    """A time without a zone is what a clock showed; the others are instants."""
    cells, type_ = PARQUET[kind]
    if kind == "dictionary":
        cells = pa.array(cells).dictionary_encode()
        path = str(tmp_path / "a.parquet")
        columns = {"click": LABELS, "time": cells, "user": list("aabba")}
        pa.parquet.write_table(pa.table(columns), path)
    else:
        path = write_parquet(tmp_path / "a.parquet", rows(cells), HEADER, time=type_)
    data = dataset(tmp_path, path, table(timezone=zone))
    is_instant = kind in ("instants", "dictionary") and zone != "UTC"
    expected = [t and t.astimezone(SHANGHAI) for t in INSTANTS] if is_instant else INSTANTS
    check(data, expected)


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000), ("us", 1_000_000)])
def test_integers_have_a_unit(tmp_path, unit, factor):
    cells = since_1970(factor)
    if unit == "s":  # 23:59:59.999 would be rounded to the next day
        cells[1] = cells[1] - 1
    declared = table(unit=unit, timezone="Asia/Shanghai")
    data = dataset(tmp_path, write_text(tmp_path / "a.csv", rows(cells), HEADER), declared)
    check(data, [time and time.astimezone(SHANGHAI) for time in INSTANTS])
    as_floats = [None if cell is None else float(cell) for cell in cells]  # as pandas writes them
    for number, each in enumerate((cells, as_floats)):
        path = write_parquet(tmp_path / f"{number}.parquet", rows(each), HEADER)
        assert_equal(dataset(tmp_path, path, declared), data)


TEXTS = {
    "seconds": [time and str(time) for time in naive()],
    "T": [time and time.isoformat() for time in naive()],
    "offset": [time and str(time.astimezone(SHANGHAI)) for time in INSTANTS],
    "Z": [time and f"{time.isoformat()}Z" for time in naive()],
    "nanoseconds": [time and f"{time.isoformat('T', 'microseconds')}999Z" for time in naive()],
    "both": [
        time and (str(time) if place % 2 else f"{time}+00:00") for place, time in enumerate(naive())
    ],
}


@pytest.mark.parametrize("kind", TEXTS)
def test_times_as_texts(tmp_path, kind):
    path = write_text(tmp_path / "a.csv", rows(TEXTS[kind]), HEADER)
    check(dataset(tmp_path, path, table()), INSTANTS)


def test_dates_have_weekdays_and_the_hour_0(tmp_path):
    cells = [time and time.date() for time in INSTANTS]
    expected = [cell and datetime.datetime.combine(cell, datetime.time()) for cell in cells]
    for write, name in ((write_text, "a.csv"), (write_parquet, "a.parquet")):
        check(dataset(tmp_path, write(tmp_path / name, rows(cells), HEADER), table()), expected)


def dense_of(folder, path, *dense):
    declared = {"labels": ["click"], "dense": list(dense), "sparse": ["user"]}
    data = dataset(folder, path, declared)
    return arrays(data)[0], data


@pytest.mark.parametrize(("unit", "length"), [(None, YEAR), ("days", datetime.timedelta(days=1))])
def test_ages_until_a_date(tmp_path, unit, length):
    birth = {"name": "time", "derive": ["age"], "until": datetime.date(2024, 3, 1), "fill": -7}
    birth.update({"age_unit": unit} if unit else {})
    path = write_text(tmp_path / "a.csv", rows(TEXTS["T"]), HEADER)
    found, data = dense_of(tmp_path, path, birth)
    until = datetime.datetime(2024, 3, 1)
    expected = [-7 if time is None else (until - time) / length for time in naive()]
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-6)
    assert data._encoding.table.dense_names == ["time_age"]


def test_ages_until_another_column(tmp_path):
    """The mean replaces an age one of whose times is missing."""
    until = [datetime.datetime(2024, 3, day) for day in (1, 2, 3, 4)] + [None]
    lines = [[*row, end] for row, end in zip(rows(naive()), until)]
    header, birth = [*HEADER, "end"], {"name": "time", "derive": ["age"], "until": "end"}
    ages = [(until[row] - naive()[row]) / YEAR for row in range(3)]
    expected = [*ages, np.mean(ages), np.mean(ages)]
    for write, name in ((write_text, "a.csv"), (write_parquet, "a.parquet")):
        found, _ = dense_of(tmp_path, write(tmp_path / name, lines, header), birth)
        np.testing.assert_allclose(found[:, 0], expected, rtol=1e-6)


VECTORS = [[0.5, -1.0, 2.0], [1.5, 0.0, 4.0], None, [1.0, 1.0, 1e-3], [0.0, 0.0, 0.0]]
PRINTED = {
    "spaces": lambda v: " ".join(map(str, v)),
    "json": json.dumps,
    "numpy": lambda v: str(np.array(v)),
    "separator": lambda v: "|".join(map(str, v)),
}
EMB = {"name": "emb", "vector": 3}


def vector_lines(cells):
    return [
        [label, age, cell, user] for label, age, cell, user in zip(LABELS, range(5), cells, "aabba")
    ]


def vector_data(folder, path, **keys):
    return dense_of(folder, path, {**EMB, **keys}, "age")


@pytest.mark.parametrize("form", [*PRINTED, "lists", "fixed lists"])
@pytest.mark.parametrize("fill", ["mean", 0])
def test_vectors_become_columns_side_by_side(tmp_path, form, fill):
    if form == "fixed lists" and int(pa.__version__.split(".")[0]) < 26:
        pytest.skip("PyArrow 25 cannot read nulls among lists of fixed size that it has written")
    header = ["click", "age", "emb", "user"]
    if form in PRINTED:
        cells = [vector and PRINTED[form](vector) for vector in VECTORS]
        path = write_text(tmp_path / "a.csv", vector_lines(cells), header)
    else:
        kind = pa.list_(pa.float32(), 3) if form == "fixed lists" else pa.list_(pa.float64())
        path = write_parquet(tmp_path / "a.parquet", vector_lines(VECTORS), header, emb=kind)
    found, data = vector_data(tmp_path, path, fill=fill)
    known = np.array([vector for vector in VECTORS if vector])
    missing = known.mean(axis=0) if fill == "mean" else np.zeros(3)
    expected = np.array([missing if vector is None else vector for vector in VECTORS])
    np.testing.assert_allclose(found[:, :3], expected, rtol=1e-6)
    assert found[:, 3].tolist() == [0, 1, 2, 3, 4]
    settings = data._encoding.hyper_parameters()
    assert settings["dense_input_dim"] == 4
    assert settings["dense_columns"] == [{"name": "emb", "size": 3}, "age"]
    (emb, age, *_) = data.column_statistics()["columns"]
    assert (emb["column"], emb["rows"], emb["missing"]) == ("emb", 5, 1)
    assert (emb["least"], emb["most"], age["missing"]) == (-1.0, 4.0, 0)


def test_statistics_of_derived_columns(tmp_path):
    path = write_text(tmp_path / "a.csv", rows(TEXTS["T"]), HEADER)
    declared = {**table(), "dense": [{"name": "time", "derive": ["age"], "until": "2024-03-01"}]}
    age, hour, weekday, _ = dataset(tmp_path, path, declared).column_statistics()["columns"]
    assert [each["column"] for each in (age, hour, weekday)] == [
        *("time_age", "time_hour", "time_weekday")
    ]
    assert [(each["rows"], each["missing"]) for each in (age, hour, weekday)] == [(5, 1)] * 3
    assert hour["ids"] == 3  # 7 twice
    assert weekday["odd"] == []


WRONG_CELLS = [
    ("1709190309", {}, "expected a time such as 2022-04-30 12:34:56, found '1709190309' (for int"
     "egers set unit to s, ms, us; 10 digits look like s)"),
    ("yesterday", {}, "expected a time such as 2022-04-30 12:34:56, found 'yesterday'"),
    ("2023-02-29", {}, "expected a time such as 2022-04-30 12:34:56, found '2023-02-29'"),
    ("2023-02-28", {"unit": "s"}, "expected a number of s since 1970, found '2023-02-28' (remove "
     "unit for times such as 2022-04-30 12:34:56)"),
    ("1709190309000", {"unit": "s"}, "expected s since 1970 in the years 1 to 9998, found "
     "'1709190309000'; 13 digits look like ms"),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "keys", "expected"), WRONG_CELLS)
def test_a_cell_that_is_no_time_is_one_line(tmp_path, cell, keys, expected):
    good = "1709190309" if keys else "2024-02-29 07:05:09"
    path = write_text(tmp_path / "a.csv", rows([good, None, good, cell, good]), HEADER)
    with pytest.raises(ValueError, match=re.escape(f"{path}:5: column time: {expected}")):
        dataset(tmp_path, path, table(**keys))


@pytest.mark.parametrize(
    ("cells", "type_", "keys", "expected"),
    [
        (since_1970(1000), None, {}, "row 1: column time: expected a time .* like ms"),
        (naive(), pa.timestamp("us"), {"unit": "s"}, "unit is for integers, and the column is tim"),
        ([True] * 5, None, {}, "row 1: column time: expected a time .* found 'true'"),
    ],
)
def test_a_parquet_column_without_times_is_one_line(tmp_path, cells, type_, keys, expected):
    path = write_parquet(tmp_path / "a.parquet", rows(cells), HEADER, time=type_)
    with pytest.raises(ValueError, match=rf"\A[^\n]*{expected}[^\n]*\Z"):
        dataset(tmp_path, path, table(**keys))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("1 2", "expected 3 numbers, found 2"),
        ("1 2 3 4", "expected 3 numbers, found 4"),
        ("[]", "expected 3 numbers, found 1"),
        ("1 x 3", "expected 3 numbers, found 'x' among them"),
        ("1 nan 3", "expected 3 numbers, found 'nan' among them"),
        ("1 1e39 3", "expected 3 numbers, found '1e39' among them"),
    ],
)
def test_a_wrong_vector_is_one_line(tmp_path, cell, expected):
    lines = vector_lines(["1 2 3", None, cell, None, "1 2 3"])
    path = write_text(tmp_path / "a.csv", lines, ["click", "age", "emb", "user"])
    with pytest.raises(ValueError, match=re.escape(f"{path}:4: column emb: {expected}")):
        vector_data(tmp_path, path)


@pytest.mark.parametrize(
    ("cell", "expected"), [([1.0, None, 3.0], "found nothing among them"), ([], "found 0")]
)
def test_a_wrong_list_is_one_line(tmp_path, cell, expected):
    lines = vector_lines([[1.0, 2.0, 3.0], None, cell, None, None])
    path = write_parquet(tmp_path / "a.parquet", lines, ["click", "age", "emb", "user"])
    with pytest.raises(
        ValueError, match=re.escape(f"row 3: column emb: expected 3 numbers, {expected}")
    ):
        vector_data(tmp_path, path)


REFUSED = [
    ("sparse", {"derive": ["age"]},
     "a list among hour, weekday, found 'age' (age belongs under dense)"),
    ("dense", {"derive": ["hour"]},
     "expected a list among age, found 'hour' (hour belongs under sparse)"),
    ("sparse", {"derive": "hour"}, "time: derive: expected a list of texts, found 'hour'"),
    ("sparse", {"derive": []}, "time: derive: expected a list among hour, weekday, found ''"),
    ("sparse", {"derive": ["hour"], "unit": "min"},
     "time: unit: expected s, ms or us, found 'min'"),
    ("sparse", {"derive": ["hour"], "timezone": "Paris"},
     "time: timezone: expected a time zone such"),
    ("sparse", {"unit": "s"}, "time: unit: expected no value without derive, found 's'"),
    ("sparse", {"derive": ["hour"], "separator": "|"},
     "separator: expected no value, because derive is set"),
    ("sparse", {"derive": ["hour"], "until": "x"}, "expected keys among"),
    ("dense", {"derive": ["age"]},
     "time: until: expected a date such as 2022-04-30, or a column of times, found None (an "
     "age until today would change from day to day)"),
    ("dense", {"derive": ["age"], "until": "click"},
     "expected columns that are not labels, found 'click'"),
    ("dense", {"derive": ["age"], "until": "2022-04-30", "age_unit": "months"},
     "expected years or days"),
    ("dense", {"derive": ["age"], "until": "2022-04-30T00:00+01:00"},
     "expected a date without an offset"),
    ("dense", {"derive": ["age"], "until": "2022-04-30", "vector": 2},
     "no value, because derive is set"),
    ("dense", {"vector": 0}, "time: vector: expected an integer from 1 to 65536, found 0"),
    ("dense", {"until": "2022-04-30"}, "time: until: expected no value without derive"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "settings", "expected"), REFUSED)
def test_what_cannot_be_declared_is_one_line(tmp_path, key, settings, expected):
    declared = {"labels": ["click"], "dense": [], "sparse": [], key: [{"name": "time", **settings}]}
    path = write_text(tmp_path / "a.csv", rows(TEXTS["T"]), HEADER)
    pattern = rf"\Ahyper_parameters.table.{key}[^\n]*{re.escape(expected)}[^\n]*\Z"
    with pytest.raises(ValueError, match=pattern):
        dataset(tmp_path, path, declared)


def test_the_declarations_are_part_of_the_encoding(tmp_path):
    """Another time zone or size is another encoding; old encodings have none of the keys."""
    path = write_text(tmp_path / "a.csv", rows(TEXTS["Z"]), HEADER)
    first = dataset(tmp_path, path, table(timezone="UTC"))
    other = dataset(tmp_path, path, table(timezone="Asia/Shanghai"))
    assert first._encoding.sha256 != other._encoding.sha256
    assert first._encoding.sha256 == dataset(tmp_path, path, table())._encoding.sha256
    config = configuration(tmp_path, table=table(timezone="Asia/Shanghai"))
    trained, configured = (  # only what differs
        f"{{'name': 'time_hour', 'derived': {{[^}}]*'{zone}'[^}}]*}}}}"
        for zone in ("UTC", "Asia/Shanghai")
    )
    problem = f"{trained} as in .*with which the checkpoint was trained, found {configured}"
    with pytest.raises(ValueError, match=problem):
        completed(config, [path], first._encoding.sha256)
    plain = dataset(tmp_path, path, {**table(), "sparse": ["user"], "dense": []})
    (saved,) = Path(tmp_path / "output").glob(f"vocabulary-{plain._encoding.sha256[:12]}*")
    assert "derive" not in saved.read_text()
