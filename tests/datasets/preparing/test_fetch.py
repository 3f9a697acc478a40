from __future__ import annotations

import gzip
import hashlib
import io
import os
import sys
import tarfile

import pytest

from datasets.preparing import download, progress
from datasets.preparing.command import DataError
from datasets.preparing.fetch import RawFile, obtain
from datasets.preparing.raw_rows import open_text

NAME = "table.data"
CONTENT = b"".join(b"%d, some row of the table\n" % (number * number) for number in range(5_000))
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PACKED = gzip.compress(CONTENT)
OTHER = gzip.compress(b"not the table\n")


def raw_file(*mirrors, name=NAME, content=CONTENT):
    return RawFile(name, hashlib.sha256(content).hexdigest(), mirrors, "TABLE_URL")


def archive(members):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def content_of(path):
    with open_text(path) as stream:
        return stream.read().encode()


@pytest.fixture
def raw(server):
    server.files[f"/{NAME}.gz"] = PACKED
    return raw_file(f"{server.url}/{{name}}.gz")


def test_download_is_kept_compressed_and_fetched_once(server, raw, tmp_path):
    path = obtain(raw, tmp_path / "new" / "raw")
    assert path == tmp_path / "new" / "raw" / f"{NAME}.gz"
    assert content_of(path) == CONTENT
    assert obtain(raw, path.parent) == path
    assert len(server.requests) == 1
    assert names(path.parent) == [f"{NAME}.gz"]


def test_uncompressed_file(server, tmp_path):
    server.files[f"/{NAME}"] = CONTENT
    path = obtain(raw_file(f"{server.url}/{{name}}"), tmp_path)
    assert path == tmp_path / NAME
    assert content_of(path) == CONTENT


def test_members_of_an_archive_need_one_download(server, tmp_path):
    members = {"Set/readme": b"", f"Set/data/{NAME}": CONTENT, "Set/data/second": b"2\n"}
    server.files["/Set.tar.gz"] = archive(members)
    url = f"{server.url}/Set.tar.gz?download=1"
    server.redirects["/Set.tar.gz?download=1"] = f"{server.url}/Set.tar.gz"
    assert content_of(obtain(raw_file(url), tmp_path)) == CONTENT
    assert content_of(obtain(raw_file(url, name="second", content=b"2\n"), tmp_path)) == b"2\n"
    assert len(server.requests) == 2  # the redirect and the archive
    assert names(tmp_path) == ["Set.tar.gz", "second", NAME]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (archive({"other": CONTENT}), f"no member {NAME}"),
        (archive({NAME: b"other"}), "expected " + SHA256),
        (archive({NAME: os.urandom(200_000)})[:100_000], "truncated or damaged archive"),
        (b"<html>moved</html>", "truncated or damaged archive"),
    ],
)
def test_bad_archive_is_refused_and_removed(server, tmp_path, content, complaint):
    server.files["/set.tgz"] = content
    with pytest.raises(DataError, match=complaint):
        obtain(raw_file(f"{server.url}/set.tgz"), tmp_path)
    assert names(tmp_path) == []


def test_cut_connection_resumes(server, raw, tmp_path):
    server.cuts = [1_000, 2_000]
    assert content_of(obtain(raw, tmp_path)) == CONTENT
    assert [span for _, span in server.requests] == [None, "bytes=1000-", "bytes=3000-"]


def test_next_run_continues_where_the_last_gave_up(server, raw, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PAUSES", ())
    server.cuts = [1_000]
    with pytest.raises(DataError, match=f"cannot fetch {NAME}: {server.url}"):
        obtain(raw, tmp_path)
    assert [name.endswith(".part") for name in names(tmp_path)] == [True]
    assert content_of(obtain(raw, tmp_path)) == CONTENT
    assert server.requests[-1][1] == "bytes=1000-"
    assert names(tmp_path) == [f"{NAME}.gz"]


def test_server_that_ignores_ranges(server, raw, tmp_path):
    server.cuts, server.ignore_range = [1_000], True
    assert content_of(obtain(raw, tmp_path)) == CONTENT
    assert len(server.requests) == 2


def test_tries_are_limited_when_nothing_is_gained(server, raw, tmp_path):
    server.cuts, server.ignore_range = [1_000] * 20, True
    with pytest.raises(DataError, match=r"table\.data\.gz"):
        obtain(raw, tmp_path)
    assert len(server.requests) == 3  # 1,000 bytes gained, then a try after each pause


@pytest.mark.parametrize("spoil", [b"", b"too much"])
def test_part_that_was_complete_or_too_long(server, raw, tmp_path, monkeypatch, spoil):
    monkeypatch.setattr(download, "PAUSES", ())
    server.cuts = [1_000]
    with pytest.raises(DataError):
        obtain(raw, tmp_path)
    (part,) = tmp_path.glob("*.part")
    part.write_bytes(PACKED + spoil)
    monkeypatch.setattr(download, "PAUSES", (0.0,))
    assert content_of(obtain(raw, tmp_path)) == CONTENT
    spans = [span for _, span in server.requests[1:]]
    assert spans == [f"bytes={len(PACKED + spoil)}-", *([None] if spoil else [])]


def test_busy_server_is_asked_again(server, raw, tmp_path):
    server.statuses = [503, 429]
    assert content_of(obtain(raw, tmp_path)) == CONTENT


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        (OTHER, "sha256 of the decompressed content is .*, expected " + SHA256),
        (PACKED[:-20], "truncated gzip file"),
        (b"<html>moved</html>", "damaged gzip file"),
    ],
)
def test_wrong_content_is_refused_and_removed(server, raw, tmp_path, sent, complaint):
    server.files[f"/{NAME}.gz"] = sent
    with pytest.raises(DataError, match=complaint) as caught:
        obtain(raw, tmp_path)
    assert f"{server.url}/{NAME}.gz" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []
    server.files[f"/{NAME}.gz"] = PACKED
    assert content_of(obtain(raw, tmp_path)) == CONTENT


def test_without_a_hash_what_is_whole_is_taken(server, tmp_path):
    raw = RawFile(NAME, None, (f"{server.url}/{{name}}.gz",), "TABLE_URL")
    server.files[f"/{NAME}.gz"] = OTHER[:-5]
    with pytest.raises(DataError, match="truncated gzip file"):
        obtain(raw, tmp_path)
    server.files[f"/{NAME}.gz"] = OTHER
    assert content_of(obtain(raw, tmp_path)) == b"not the table\n"


def test_mirrors_in_order(server, tmp_path):
    server.files[f"/bad/{NAME}.gz"] = OTHER
    server.files[f"/good/{NAME}.gz"] = PACKED
    urls = [f"{server.url}/{place}/{{name}}.gz" for place in ("none", "bad", "good", "spare")]
    assert content_of(obtain(raw_file(*urls), tmp_path)) == CONTENT
    assert [path.split("/")[1] for path, _ in server.requests] == ["none", "bad", "good"]
    assert names(tmp_path) == [f"{NAME}.gz"]


def test_every_failed_mirror_is_named(server, tmp_path):
    urls = (f"{server.url}/a/{{name}}.gz", "http://127.0.0.1:1/{name}.gz")
    with pytest.raises(DataError) as caught:
        obtain(raw_file(*urls), tmp_path)
    assert f"{server.url}/a/{NAME}.gz: HTTP 404; http://127.0.0.1:1/" in str(caught.value)


@pytest.mark.parametrize("ending", ["", "/", "/{name}.gz"])
def test_environment_variable_replaces_the_mirrors(server, tmp_path, monkeypatch, ending):
    server.files[f"/own/{NAME}.gz"] = PACKED
    monkeypatch.setenv("TABLE_URL", f"{server.url}/own{ending}")
    assert content_of(obtain(raw_file("http://127.0.0.1:1/x.gz"), tmp_path)) == CONTENT
    assert server.requests == [(f"/own/{NAME}.gz", None)]


def test_a_folder_holds_plain_files_where_the_first_mirror_does(monkeypatch):
    monkeypatch.setenv("TABLE_URL", "https://host/folder/")
    assert raw_file("https://mirror/{name}").urls() == [f"https://host/folder/{NAME}"]
    assert raw_file("https://mirror/{name}.gz").urls() == [f"https://host/folder/{NAME}.gz"]


def test_environment_variable_may_name_an_archive(monkeypatch):
    monkeypatch.setenv("TABLE_URL", "https://host/set.tar.gz?download=1")
    assert raw_file().urls() == ["https://host/set.tar.gz?download=1"]


def test_environment_variable_that_is_no_address(tmp_path, monkeypatch):
    monkeypatch.setenv("TABLE_URL", "host/folder")
    with pytest.raises(DataError, match="TABLE_URL=host/folder: expected an http"):
        obtain(raw_file(), tmp_path)


def test_damaged_file_in_the_download_folder_is_fetched_again(server, raw, tmp_path, capsys):
    (tmp_path / f"{NAME}.gz").write_bytes(PACKED[:500])
    assert content_of(obtain(raw, tmp_path)) == CONTENT
    assert "truncated gzip file; downloading it again" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "content"), [(NAME, CONTENT), (f"{NAME}.gz", PACKED)])
def test_raw_dir_is_used_and_never_written(tmp_path, name, content):
    own, folder = tmp_path / "own", tmp_path / "raw"
    own.mkdir()
    (own / name).write_bytes(content)
    path = obtain(raw_file("http://127.0.0.1:1/{name}.gz"), folder, own)
    assert path == own / name
    assert content_of(path) == CONTENT
    assert [found.name for found in own.iterdir()] == [name]
    assert not folder.exists()


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({}, f"no file {NAME} or {NAME}.gz there"),
        ({NAME: b"other"}, f"{NAME}: sha256 .* expected {SHA256}"),
        ({f"{NAME}.gz": PACKED[:-300]}, f"{NAME}.gz: truncated gzip file"),
    ],
)
def test_raw_dir_that_cannot_be_used(tmp_path, files, complaint):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=complaint):
        obtain(raw_file(), tmp_path / "raw", tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_progress_line_on_a_terminal(server, raw, tmp_path, monkeypatch, capsys):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    obtain(raw, tmp_path)
    assert f"{NAME}.gz: 100%" in capsys.readouterr().err


def test_progress_lines_elsewhere(monkeypatch, capsys):
    seconds = iter([0.0, 1.0, 2.5, 4.0, 8.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    with progress.shown("raw.gz", total=40_000_000, unit="B", done=10_000_000) as advance:
        for _ in range(4):
            advance(5_000_000)
    assert capsys.readouterr().err.splitlines() == [
        "raw.gz: 20.0 MB of 40.0 MB, 50 %, 5 s left",
        "raw.gz: 30.0 MB of 40.0 MB, 75 %, 4 s left",
    ]
    seconds = iter([0.0, 3.0])
    with progress.shown("writing train/rows.txt") as advance:
        advance(120_000)
    assert capsys.readouterr().err == "writing train/rows.txt: 120,000 rows\n"
