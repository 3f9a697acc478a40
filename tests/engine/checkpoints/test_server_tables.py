"""Tables that parameter servers wrote, read without servers."""

import gzip

import numpy as np
import pytest

from engine.checkpoints import find, server_tables, store
from engine.system.errors import UserError

TABLES = {"embedding_0.w_0": {"id": 0, "shape": [5, 3]}}


def line(row, embedding):
    """Returns a table's row as Paddle 2.6.2 writes it: counts, first number, Adam's state, ..."""
    first, *rest = embedding
    text = [row, 0, 0, 20.4, 204, 0, first, 0.1, 0.2, 0.3, 0.4]
    if rest:
        text += [*rest, *[0.5] * len(rest), *[0.6] * len(rest), 0.7, 0.8]
    return " ".join(map(str, text)) + "\n"


def shards(folder, *texts):
    place = folder / "000"
    place.mkdir(parents=True)
    for number, text in enumerate(texts):
        with gzip.open(place / f"part-000-{number:05d}.gz", "wt") as file:
            file.write(text)


def test_rows_of_all_shards_are_joined_and_others_are_0(tmp_path):
    shards(tmp_path, line(0, (1, 2, 3)) + line(4, (-1e-3, 5, 6)), line(2, (7, 8, 9)), "")
    found = server_tables.read(str(tmp_path), TABLES)["embedding_0.w_0"]
    assert found.dtype == np.float32
    expected = [[1, 2, 3], [0, 0, 0], [7, 8, 9], [0, 0, 0], [-1e-3, 5, 6]]
    np.testing.assert_array_equal(found, np.array(expected, np.float32))


def test_a_row_without_an_update_has_one_number(tmp_path):
    shards(tmp_path, line(3, (0.5,)))
    assert server_tables.read(str(tmp_path), TABLES)["embedding_0.w_0"][3].tolist() == [0.5, 0, 0]


@pytest.mark.parametrize("text", ["9 0", line(5, (1, 2, 3)), line(1, (1, 2)), "a b c"])
def test_a_damaged_shard_is_named(tmp_path, text):
    shards(tmp_path, text)
    with pytest.raises(UserError, match=r"part-000-00000\.gz is damaged"):
        server_tables.read(str(tmp_path), TABLES)


def test_a_truncated_shard_is_named(tmp_path):
    shards(tmp_path, line(0, (1, 2, 3)) * 100)
    path = tmp_path / "000" / "part-000-00000.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match="is damaged"):
        server_tables.read(str(tmp_path), TABLES)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(UserError, match=r"there is no table embedding_0\.w_0 in"):
        server_tables.read(str(tmp_path), TABLES)


def save(root, epoch, prefix="rec_static"):
    """Saves a checkpoint as a trainer does; as a dygraph run if the prefix is ``rec``."""

    def write(folder):
        shards(tmp_folder(folder), line(1, (epoch, 2, 3)))

    def tmp_folder(folder):
        from pathlib import Path

        return Path(server_tables.folder_of(folder, prefix))

    parts = {"pdparams": {"linear_0.b_0": np.ones(2, np.float32)}}
    servers = prefix == "rec_static"
    about = {"tables": TABLES} if servers else {}
    return store.save(root, epoch, prefix, parts, about, write if servers else None)


def test_a_checkpoint_contains_its_tables(tmp_path):
    found, prefix = find.parameters(save(str(tmp_path), 7), "rec_static")
    assert prefix == "rec_static"
    assert found["linear_0.b_0"].tolist() == [1, 1]
    assert found["embedding_0.w_0"][1].tolist() == [7, 2, 3]
    assert find.parameters(str(tmp_path / "7"), "rec")[1] == "rec_static"


def test_tables_are_removed_with_their_own_checkpoint(tmp_path):
    root = str(tmp_path)
    for epoch in (0, 1):
        save(root, epoch)
    save(root, 0, "rec")
    assert find.parameters(f"{root}/0", "rec_static")[0]["embedding_0.w_0"][1, 0] == 0
    store.prune(root, "rec_static", 1)
    assert sorted(path.name for path in (tmp_path / "0").iterdir()) == ["rec.json", "rec.pdparams"]
    assert (tmp_path / "1" / "rec_static.tables").is_dir()
