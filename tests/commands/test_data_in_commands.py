"""Faulty data on the command line: one error line and exit code 2, or a warning."""

import gzip
import re

import pytest

GRAPHS = [("trainer", "infer"), ("static_trainer", "static_infer")]
COMMANDS = [name for pair in GRAPHS for name in pair]
PARTS = {"trainer": "train", "static_trainer": "train", "infer": "test", "static_infer": "test"}


@pytest.fixture
def lines(model):
    """Returns the path of a data file and its lines."""

    def of(part):
        path = model / "data" / part / f"{part}_data.txt"
        return path, path.read_text().splitlines()

    return of


@pytest.fixture
def unread_checkpoints(model):
    """Makes the files of checkpoints that evaluation looks for; it reads the data before them."""

    def make(name):
        for epoch in range(3 if name.endswith("infer") else 0):
            folder = model / "output_model_mmoe" / str(epoch)
            folder.mkdir(parents=True)
            for prefix in ("rec", "rec_static"):
                (folder / f"{prefix}.pdparams").touch()

    return make


def compress(path):
    """Replaces a file by a gzip file."""
    target = path.with_name(f"{path.name}.gz")
    target.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return target


def cell(line, column, text):
    cells = line.split(",")
    cells[column] = text
    return ",".join(cells)


FAULTS = {
    "no text": (lambda rows: [], ": the file holds no rows"),
    "blank": (lambda rows: ["", " "], ": the file holds no rows"),
    "short": (
        lambda rows: [*rows[:4], rows[4].rpartition(",")[0], *rows[5:]],
        ":5: expected 501 numbers, found 500 (2 labels and hyper_parameters.feature_size = 499)",
    ),
    "long": (
        lambda rows: [*rows[:4], f"{rows[4]},0", *rows[5:]],
        ":5: expected 501 numbers, found 502 (2 labels and hyper_parameters.feature_size = 499)",
    ),
    "text": (
        lambda rows: [*rows[:4], cell(rows[4], 7, "?"), *rows[5:]],
        ":5: column 8: expected a number, found '?'",
    ),
    "nan": (
        lambda rows: [*rows[:4], cell(rows[4], 2, "nan"), *rows[5:]],
        ":5: column 3: expected a number, found 'nan'",
    ),
    "infinity": (
        lambda rows: [*rows[:4], cell(rows[4], 500, "-inf"), *rows[5:]],
        ":5: column 501: expected a number, found '-inf'",
    ),
    "label": (
        lambda rows: [*rows[:4], cell(rows[4], 1, "2"), *rows[5:]],
        ":5: column 2: expected a label 0 or 1, found 2",
    ),
}


@pytest.fixture
def refused(command, model, written):
    """Runs a command that must end with one error line and write no files."""

    def run(name):
        before = written()
        code, stderr = command(name, "-m", model / "config.yaml")
        assert code == 2, stderr
        assert "Traceback" not in stderr
        *_, last = stderr.splitlines()
        assert stderr.count("error: ") == 1
        assert written() == before
        assert not list(model.rglob(".writing.*"))
        return last

    return run


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "label"])
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
def test_a_fault_is_one_line(unread_checkpoints, refused, lines, name, fault, compressed):
    unread_checkpoints(name)
    path, rows = lines(PARTS[name])
    spoil, problem = FAULTS[fault]
    path.write_text("\n".join(spoil(rows)))
    path = compress(path) if compressed else path
    assert refused(name) == f"error: census_reader: {path}{problem}"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_label_is_one_line(command, model, refused, lines, name):
    """It is noticed when its row is evaluated, which needs a checkpoint."""
    if name.endswith("infer"):
        assert command(name.replace("infer", "trainer"), "-m", model / "config.yaml")[0] == 0
    path, rows = lines(PARTS[name])
    spoil, problem = FAULTS["label"]
    path.write_text("\n".join(spoil(rows)))
    assert refused(name).startswith(f"error: census_reader: {path}{problem} (task ")


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("keep", [9, 400, -4])
def test_a_truncated_gzip_file_is_one_line(unread_checkpoints, refused, lines, name, keep):
    unread_checkpoints(name)
    path = compress(lines(PARTS[name])[0])
    path.write_bytes(path.read_bytes()[:keep])
    assert refused(name).startswith(f"error: census_reader: {path}: ")


def last_epoch(stderr):
    """Returns the metrics in the last epoch's log line."""
    line = [line for line in stderr.splitlines() if " done, " in line][-1]
    return re.search(r"done, (.*), epoch time", line)[1]


@pytest.mark.parametrize("graph", GRAPHS, ids=["dygraph", "static"])
def test_other_files_with_the_same_rows_give_the_same_metrics(command, model, lines, graph):
    """One file for each row, some compressed, with CRLF, a BOM, or no newline at the end."""

    def run():
        options = ["-o", "runner.epochs=1", "runner.infer_end_epoch=1"]
        done = [command(name, "-m", model / "config.yaml", *options) for name in graph]
        assert [code for code, _ in done] == [0, 0], done
        return [last_epoch(stderr) for _, stderr in done]

    expected = run()
    for part in ("train", "test"):
        path, rows = lines(part)
        path.unlink()
        for number, row in enumerate(rows):
            end = ("", "\n", "\r\n")[number % 3]
            piece = path.with_name(f"part-{number:03}")
            piece.write_bytes(b"\xef\xbb\xbf" * (number % 2) + f"{row}{end}".encode())
            if number % 4 == 0:
                compress(piece)
    assert run() == expected


@pytest.mark.parametrize("label", ["0", "1"])
@pytest.mark.parametrize("graph", GRAPHS, ids=["dygraph", "static"])
def test_a_label_of_one_class_has_no_auc_and_one_warning(command, model, lines, graph, label):
    for part in ("train", "test"):
        path, rows = lines(part)
        path.write_text("".join(cell(row, 1, label) + "\n" for row in rows))
    for name in graph:
        code, stderr = command(name, "-m", model / "config.yaml")
        assert code == 0, stderr
        assert re.fullmatch(r"auc_income: nan, auc_marital: [01]\.\d{6}", last_epoch(stderr))
        said = [line for line in stderr.splitlines() if " - WARNING - " in line]
        assert len(said) == 1, said  # of three epochs
        assert said[0].endswith(
            " - WARNING - auc_income is nan: it is not defined, all its rows have the label "
            f"{label}: an AUC needs both"
        )


def test_an_exported_model_warns_too(run_command, model, lines):
    path, rows = lines("test")
    path.write_text("".join(cell(row, 1, "0") + "\n" for row in rows))
    yaml = model / "config.yaml"
    options = ["-o", "runner.epochs=1", "runner.infer_end_epoch=1"]
    for name in ("trainer", "to_static", "paddle_infer"):
        done = run_command(name, "-m", yaml, *options)
        assert done.code == 0, done.stderr
    assert "\nincome: auc nan, log loss " in done.stdout
    assert done.stdout.count("income: the AUC is undefined because all counted rows have") == 1
    assert "marital: the AUC" not in done.stdout
