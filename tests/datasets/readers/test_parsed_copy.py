"""A file is parsed once; its parsed copy serves as long as both are what they were."""

import logging
import os
import re
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from datasets.census.reader import RecDataset
from datasets.readers import cache_folder, text_matrix
from datasets.readers.text_matrix import TextMatrix, WidthError, load

ROOT = Path(__file__).resolve().parents[3]
ROWS = "1,2,3\n4,5,6\n"
VALUES = [[1, 2, 3], [4, 5, 6]]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The folder of the parsed copies."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cache_folder, "_swept", set())
    return tmp_path / "cache" / "paddlemtl"


@pytest.fixture
def write(tmp_path):
    def make(text, name="rows.txt"):
        path = tmp_path / "data" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
        return str(path)

    return make


@pytest.fixture
def parses(monkeypatch):
    """The files that were parsed, in order."""
    found = []
    parse = text_matrix._parse_into

    def counted(temporary, path, *given):
        found.append(os.path.basename(path))
        return parse(temporary, path, *given)

    monkeypatch.setattr(text_matrix, "_parse_into", counted)
    return found


@pytest.fixture
def read_only(monkeypatch):
    """Makes folders count as read-only, also for root, whom no mode keeps out."""
    folders = []
    access = os.access

    def asked(path, mode, **options):
        return str(path) not in folders and access(path, mode, **options)

    monkeypatch.setattr(os, "access", asked)
    return lambda *paths: folders.extend(map(str, paths))


def copies(folder):
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def said(caplog):
    """The messages of the readers, without those about progress."""
    return [each.getMessage() for each in caplog.records if each.name != "progress"]


def only(folder):
    (name,) = os.listdir(folder)
    return Path(folder, name)


def refusal(path, columns=3, cache_dir=None):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is checked by the caller)
        load(path, columns, cache_dir)
    return str(caught.value)


def test_the_copy_is_made_in_the_cache_and_used_again(write, parses, cache):
    path = write(ROWS)
    load(path, 3)
    copy = only(cache)
    assert re.fullmatch(r"\.rows\.txt\.[0-9a-f]{16}\.[0-9a-f]{8}\.12-\d+\.npy", copy.name)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    made = copy.stat()
    assert load(path, 3).tolist() == VALUES
    assert copy.stat().st_ino == made.st_ino
    assert copies(cache) == [copy.name]
    assert os.listdir(os.path.dirname(path)) == ["rows.txt"]
    assert parses == ["rows.txt"]
    assert np.load(copy).tolist() == VALUES  # the checksums after the array do not disturb NumPy


def test_a_link_shares_the_copy_of_its_file(write, parses, tmp_path):
    file = write(ROWS)
    (tmp_path / "link").symlink_to(file)
    for path in (file, str(tmp_path / "link")):
        assert load(path, 3).tolist() == VALUES
    assert parses == ["rows.txt"]


@pytest.mark.parametrize("name", ["n" * 250, "数" * 83, "a b\nc"])
def test_any_file_name(write, parses, name):
    path = write(ROWS, name)
    for _ in range(2):
        assert load(path, 3).tolist() == VALUES
    assert parses == [name]


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_changed_source_is_parsed_anew(write, parses, cache, change):
    path = write(ROWS)
    rows = load(path, 3)
    status, first = os.stat(path), copies(cache)
    write("1,2,3\n4,5,7\n" + "7,8,9\n" * (change == "size"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + (change == "time")))
    expected = [[1, 2, 3], [4, 5, 7], *[[7, 8, 9]] * (change == "size")]
    assert load(path, 3).tolist() == expected
    assert parses == ["rows.txt", "rows.txt"]
    assert len(copies(cache)) == 1  # the stale copy is gone
    assert copies(cache) != first
    assert rows.tolist() == VALUES  # rows in use outlive their source


def test_only_the_stale_copies_of_the_same_file_are_removed(write, cache):
    longer, shorter = write("1,2\n", "rows.txt"), write("3,4\n", "rows")
    load(longer, 2)
    kept = copies(cache)
    (cache / ".rows.mine.npy").write_text("mine")
    load(shorter, 2)
    write("5,6\n7,8\n", "rows")
    load(shorter, 2)
    assert set(kept) < set(copies(cache))
    assert len(copies(cache)) == 3


def test_a_copy_of_another_width_is_not_used(write):
    path = write(ROWS)
    load(path, 3)
    assert refusal(path, 4) == f"{path}:1: expected 4 numbers, found 3"
    with pytest.raises(WidthError):
        load(path, 4)
    assert load(path, 3).tolist() == VALUES


# Damage


def test_every_flipped_bit_is_noticed(write, parses, cache, caplog):
    """Each byte of a copy in turn; the header, the rows and the checksums."""
    path = write(ROWS)
    load(path, 3)
    copy = only(cache)
    content = copy.read_bytes()
    assert len(content) == 128 + 24 + 4 + 8
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        copy.write_bytes(damaged)
        caplog.clear()
        assert load(path, 3).tolist() == VALUES
        assert said(caplog) == [f"{copy} is damaged: {path} is parsed again"]
        assert copy.read_bytes() == content
    assert len(parses) == 1 + len(content)


def test_a_flipped_bit_far_down_is_noticed(write, parses, cache):
    """In the last block of a mebibyte, which is not full."""
    path = write("1,2,3\n" * 100_000)
    load(path, 3)
    copy = only(cache)
    for place in (10**6, 1_199_000):
        with open(copy, "r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 16]))
        assert (load(path, 3) == [1, 2, 3]).all()
    assert len(parses) == 3


@pytest.mark.parametrize("keep", [0, 10, 130, -1, None])
def test_a_truncated_or_longer_copy_is_not_used(write, parses, cache, keep):
    """After a power failure a file may have its name and lack its content."""
    path = write(ROWS)
    load(path, 3)
    content = only(cache).read_bytes()
    only(cache).write_bytes(content[:keep] if keep is not None else content + b"\0")
    assert load(path, 3).tolist() == VALUES
    assert parses == ["rows.txt", "rows.txt"]
    assert only(cache).read_bytes() == content


def archive(folder):
    np.savez(folder / "x.npz", a=[1])
    return (folder / "x.npz").read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content, folder: archive(folder),
        lambda content, folder: b"PK\3\4",
        lambda content, folder: content[:60].ljust(len(content)),
        lambda content, folder: content.replace(b"(2, 3)", b"(0, 3)"),
        lambda content, folder: content.replace(b"(2, 3)", b"('2',)"),
        lambda content, folder: content.replace(b"(2, 3)", b"(9**9, 3)"),
    ],
)
def test_a_copy_of_another_form_is_made_anew(write, tmp_path, cache, damage):
    path = write(ROWS)
    load(path, 3)
    copy = only(cache)
    copy.write_bytes(damage(copy.read_bytes(), tmp_path))
    assert load(path, 3).tolist() == VALUES


# Parses that do not end


@pytest.mark.parametrize("fault", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_parse_leaves_no_copy(write, monkeypatch, cache, fault):
    monkeypatch.setattr(text_matrix, "_TEXT_AT_ONCE", 5)
    path = write(ROWS)
    parse = text_matrix._parse

    def interrupted(path, first, *given):
        if first > 1:
            raise fault
        return parse(path, first, *given)

    with monkeypatch.context() as patch:
        patch.setattr(text_matrix, "_parse", interrupted)
        with pytest.raises(fault):
            load(path, 3)
    assert copies(cache) == []
    assert load(path, 3).tolist() == VALUES


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from datasets.readers import cache_folder
with cache_folder.turn(os.path.join(sys.argv[2], ".copy.npy")) as path:
    open(path, "wb").write(b"half")
    print(path, flush=True)
    if sys.argv[3] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()
"""


def test_the_next_run_sweeps_what_no_living_process_holds(write, cache):
    cache.mkdir(parents=True)
    path = write(ROWS)

    def start(how):
        return subprocess.Popen(
            [sys.executable, "-c", KILLED, ROOT, cache, how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    with start("killed") as killed:
        assert killed.wait() == -9
    remains = only(cache)
    (cache / ".writing.0123456789ab.npy").write_text("older")
    (cache / ".writing.mine.npy").write_text("not ours")
    with start("living") as living:  # it takes the name that the killed one left
        assert living.stdout.readline().strip() == str(remains)
        assert load(path, 3).tolist() == VALUES
        held = copies(cache)
        assert remains.read_bytes() == b"half"
        living.stdin.close()
    assert ".writing.0123456789ab.npy" not in held
    assert {remains.name, ".writing.mine.npy"} < set(held)
    assert not remains.exists()


def test_one_process_parses_and_the_others_wait(write, parses, cache, monkeypatch, caplog):
    """Here threads; the lock belongs to the open file, so it keeps them apart as well."""
    caplog.set_level(logging.INFO)
    path = write(ROWS)
    parse = text_matrix._parse

    def slow(*given):
        time.sleep(0.2)
        return parse(*given)

    monkeypatch.setattr(text_matrix, "_parse", slow)
    found = []
    ranks = [threading.Thread(target=lambda: found.append(load(path, 3))) for _ in range(3)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    assert [rows.tolist() for rows in found] == [VALUES] * 3
    assert parses == ["rows.txt"]
    assert len(copies(cache)) == 1
    assert (
        said(caplog) == [f"waiting for the process that writes the parsed copy {only(cache)}"] * 2
    )


def test_a_full_disk_is_an_error_and_leaves_nothing(write, monkeypatch, cache):
    path = write(ROWS)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert refusal(path).startswith(f"{path}: cannot write {cache}/.rows.txt.")
    expected = ": No space left on device; set runner.cache_dir to a folder with room"
    assert refusal(path).endswith(expected)
    assert copies(cache) == []


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o440])
def test_who_can_read_the_source_can_read_its_copy(write, mode, cache):
    path = write(ROWS)
    os.chmod(path, mode)
    load(path, 3)
    assert stat.S_IMODE(only(cache).stat().st_mode) == mode


# The folder


def test_runner_cache_dir_is_the_folder_where_it_is_set(write, parses, cache, tmp_path):
    path = write(ROWS)
    mine = tmp_path / "mine" / "deep"
    for _ in range(2):
        assert load(path, 3, str(mine)).tolist() == VALUES
    assert parses == ["rows.txt"]
    assert len(copies(mine)) == 1
    assert copies(cache) == []


@pytest.mark.parametrize("beside", [False, True])
def test_the_cache_folder_is_relative_to_the_yaml(write, tmp_path, beside):
    from engine.config.load import load_config
    from engine.model_folder import data_files

    path = write("0,1,5\n")
    yaml = tmp_path / "config.yaml"
    folder = "data" if beside else "parsed"
    yaml.write_text(f"runner: {{cache_dir: {folder}}}\nhyper_parameters: {{feature_size: 1}}\n")
    RecDataset([path], load_config(str(yaml)))
    assert len(copies(tmp_path / folder)) == 1 + beside
    assert data_files.files_of([os.path.dirname(path)]) == [path]  # a copy is no data file


def test_files_of_one_name_have_copies_of_their_own(write, cache):
    first, second = write("1,2\n"), write("3,4\n", "other/rows.txt")
    for _ in range(2):
        assert load(first, 2).tolist() == [[1, 2]]
        assert load(second, 2).tolist() == [[3, 4]]
    assert len(copies(cache)) == 2


HOMES = {  # what the environment says -> where the copy goes, in the test's folder
    "XDG": ({"XDG_CACHE_HOME": "{}/xdg", "HOME": "{}/home"}, "xdg/paddlemtl"),
    "home": ({"HOME": "{}/home"}, "home/.cache/paddlemtl"),
    "relative XDG": ({"XDG_CACHE_HOME": "xdg", "HOME": "{}/home"}, "home/.cache/paddlemtl"),
    "empty XDG": ({"XDG_CACHE_HOME": "", "HOME": "{}/home"}, "home/.cache/paddlemtl"),
    "empty home": ({"HOME": ""}, "user/.cache/paddlemtl"),
    "no home": ({}, "user/.cache/paddlemtl"),
    "root home": ({"HOME": "/"}, f"tmp/paddlemtl-{os.geteuid()}"),
    "relative home": ({"HOME": "home"}, f"tmp/paddlemtl-{os.geteuid()}"),
}


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Sets the variables that name folders, and the entry of the user."""

    def set_variables(values, entry="{}/user"):
        for name in ("HOME", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value.format(tmp_path))
        (tmp_path / "tmp").mkdir()
        monkeypatch.setattr(cache_folder.tempfile, "tempdir", str(tmp_path / "tmp"))
        monkeypatch.chdir(tmp_path / "tmp")

        class Entry:
            pw_dir = entry.format(tmp_path)

        monkeypatch.setattr(cache_folder.pwd, "getpwuid", lambda _: Entry)

    return set_variables


@pytest.mark.parametrize("case", HOMES)
def test_the_user_s_cache_folder(write, environment, tmp_path, case):
    values, folder = HOMES[case]
    environment(values)
    load(write(ROWS), 3)
    assert len(copies(tmp_path / folder)) == 1
    assert set(os.listdir(tmp_path)) <= {"data", "tmp", folder.split("/")[0]}


def test_a_home_that_cannot_be_written(write, environment, read_only, tmp_path, parses, caplog):
    environment({"HOME": "{}/home"})
    cache, temporary = (
        tmp_path / "home/.cache/paddlemtl",
        tmp_path / f"tmp/paddlemtl-{os.geteuid()}",
    )
    read_only(cache)
    path = write(ROWS)
    for _ in range(2):
        assert load(path, 3).tolist() == VALUES
    assert parses == ["rows.txt"]
    assert len(copies(temporary)) == 1
    assert said(caplog) == [f"cannot write {cache}: parsed copies go to {temporary}"]


def test_a_copy_serves_where_nothing_can_be_written(write, read_only, parses, cache):
    path = write(ROWS)
    load(path, 3)
    read_only(cache)
    assert load(path, 3).tolist() == VALUES
    assert parses == ["rows.txt"]


@pytest.mark.parametrize("planted", ["link", "file"])
def test_a_temporary_folder_of_somebody_else_is_not_used(write, environment, tmp_path, planted):
    environment({"HOME": "/"})
    temporary = tmp_path / "tmp" / f"paddlemtl-{os.geteuid()}"
    (tmp_path / "theirs").mkdir()
    temporary.symlink_to(tmp_path / "theirs") if planted == "link" else temporary.write_text("")
    assert "set runner.cache_dir" in refusal(write(ROWS))
    assert copies(tmp_path / "theirs") == []


def test_nowhere_to_write_is_an_error_that_names_the_folders(write, read_only, tmp_path, cache):
    path = write(ROWS)
    mine = tmp_path / "file" / "cache"  # cannot be made: its parent is a file
    (tmp_path / "file").write_text("")
    assert refusal(path, 3, str(mine)) == (
        f"{path}: the parsed copy needs a folder, but {mine} cannot be written: make one writable, "
        "or set runner.cache_dir"
    )
    temporary = cache_folder.folders(None)[1]
    read_only(cache, temporary)
    assert f"but {cache} and {temporary} cannot be written" in refusal(path)


# The limit


def test_the_least_recently_used_copies_make_room(write, cache, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    size = 128 + 24 + 4 + 8
    monkeypatch.setattr(cache_folder, "LIMIT", 3 * size)
    paths = [write(ROWS, f"{name}.txt") for name in "abcd"]
    held = load(paths[0], 3)
    for path in paths[1:3]:
        load(path, 3)
    for age, name in enumerate("abc"):  # a is the oldest, but in use
        (copy,) = cache.glob(f".{name}.*")
        os.utime(copy, ns=(age, age))
    load(paths[3], 3)
    assert [name[1] for name in copies(cache)] == ["a", "c", "d"]
    assert len(said(caplog)) == 1
    assert said(caplog)[0].startswith(f"removed the parsed copy {cache}/.b.txt.")
    (copy,) = cache.glob(".d.*")
    os.utime(copy, ns=(9, 9))  # two times in one tick of the file system's clock are equal
    load(paths[2], 3)  # c is the last one used
    load(paths[1], 3)
    assert [name[1] for name in copies(cache)] == ["a", "b", "c"]
    del held
    (copy,) = cache.glob(".a.*")
    os.utime(copy, ns=(0, 0))
    load(paths[3], 3)
    assert [name[1] for name in copies(cache)] == ["b", "c", "d"]


def test_a_table_read_from_its_file_is_in_use(write, cache, monkeypatch):
    monkeypatch.setattr(cache_folder, "LIMIT", 1)
    monkeypatch.setattr(text_matrix, "_LARGEST_MAP", 0)
    held = TextMatrix([write(ROWS)], 3)
    load(write(ROWS, "other.txt"), 3)
    assert len(copies(cache)) == 2
    del held
    load(write(ROWS, "third.txt"), 3)
    assert [name[1:6] for name in copies(cache)] == ["third"]


def test_runner_cache_dir_has_no_limit(write, monkeypatch, tmp_path):
    monkeypatch.setattr(cache_folder, "LIMIT", 1)
    for name in "abc":
        load(write(ROWS, name), 3, str(tmp_path / "mine"))
    assert len(copies(tmp_path / "mine")) == 3
