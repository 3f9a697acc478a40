"""Vocabularies that are extended: the expected ids and counts are worked out by hand."""

import json

import pytest
from table_files import arrays, configuration, write_text

from datasets.readers.table.reader import RecDataset

HEADER = ["click", "like", "user", "tags"]
TABLE = {
    "dense": None,
    "sparse": [{"name": "user", "min_count": 2}, {"name": "tags", "separator": "|", "max_len": 2}],
}


def day(folder, number, users, tags):
    rows = [[place % 2, 0, user, tag] for place, (user, tag) in enumerate(zip(users, tags))]
    return write_text(folder / f"day{number}.csv", rows, HEADER)


def extended(config, path, encoding=None, **runner):
    """The configuration of a training on a day, as the engine completes it."""
    values = {f"runner.{key}": value for key, value in runner.items()}
    config = config.completed({"runner.extend_vocabulary": True, **values})
    learned = RecDataset.hyper_parameters_from_data(config, [path], encoding)
    return config.completed({f"hyper_parameters.{key}": value for key, value in learned.items()})


def vocabulary(config):
    with open(config["hyper_parameters.table.vocabulary"], encoding="utf-8") as file:
        return json.load(file)


def sizes(config):
    return [field["size"] for field in config["hyper_parameters.sparse_fields"]]


@pytest.fixture
def config(tmp_path):
    return configuration(tmp_path, table=TABLE)


@pytest.fixture
def first(tmp_path, config):
    """Day 0: a twice, b three times, c and d once."""
    path = day(tmp_path, 0, "abbbacd", ["x", "x|y", "x", "", "", "z", "z|z"])
    return extended(config, path)


def test_ids_keep_their_numbers_and_new_ones_follow(tmp_path, config, first):
    sha = first["hyper_parameters.encoding"]
    assert vocabulary(first)["vocabularies"] == {"user": ["b", "a"], "tags": ["x", "z", "y"]}
    # c occurred once before and once now: twice in all. e is new, f is still too rare.
    path = day(tmp_path, 1, "ceeebf", ["q", "x", "w", "w|q", "w", "x"])
    second = extended(config, path, sha)
    found = vocabulary(second)
    # w three times, q twice; e three times, c twice.
    assert found["vocabularies"] == {
        "user": ["b", "a", "e", "c"],
        "tags": ["x", "z", "y", "w", "q"],
    }
    assert found["history"]["counts"] == {"user": [4, 2, 3, 2], "tags": [5, 3, 1, 3, 2]}
    assert found["history"]["seen"] == {"user": [1, 0, 1, 1], "tags": [1, 0, 0, 1, 1]}
    assert found["history"]["waiting"] == {"user": {"d": [1, 0], "f": [1, 1]}, "tags": {}}
    assert sizes(second) == [5, 6]
    ids, *_ = arrays(RecDataset([path], second))
    assert ids[:, 0].tolist() == [4, 3, 3, 3, 1, 0]
    assert ids[:, 1:].tolist() == [[5, 0], [1, 0], [4, 0], [4, 5], [4, 0], [1, 0]]

    changes = RecDataset.vocabulary_changes(second, sha)
    assert changes["user"][:4] == (2, 2, 0, 2)
    assert changes["tags"][:4] == (3, 2, 0, 0)
    assert changes["user"].reset.tolist() == []
    # The same files again, as a run that resumes reads them, extend nothing.
    again = extended(config, path, second["hyper_parameters.encoding"])
    assert again["hyper_parameters.encoding"] == second["hyper_parameters.encoding"]
    # A run that was killed before its first checkpoint starts from the first one again.
    assert extended(config, path, sha) == second


def test_ids_that_are_long_unseen_or_rare_are_evicted_and_used_again(tmp_path, config, first):
    path = day(tmp_path, 1, "bbgg", ["x", "x", "n", "m"])
    sha = first["hyper_parameters.encoding"]
    second = extended(config, path, sha, evict_after=1)
    # a, y and z did not occur; g takes the number of a; m (1) and n (1) those of z and y.
    assert vocabulary(second)["vocabularies"] == {"user": ["b", "g"], "tags": ["x", "m", "n"]}
    changes = RecDataset.vocabulary_changes(second, sha)
    assert changes["user"][:4] == (1, 1, 1, 0)  # c and d wait no longer
    assert changes["user"].reset.tolist() == [2]
    assert changes["tags"].reset.tolist() == [2, 3]

    third = extended(config, path, sha, evict_below=2)
    # y occurred once in all; a twice, z three times. m takes the number of y, n the next one.
    assert vocabulary(third)["vocabularies"] == {
        "user": ["b", "a", "g"],
        "tags": ["x", "z", "m", "n"],
    }
    path = day(tmp_path, 2, "bb", ["x", "x"])
    fourth = extended(config, path, third["hyper_parameters.encoding"], evict_after=2)
    assert vocabulary(fourth)["vocabularies"] == {
        "user": ["b", "", "g"],
        "tags": ["x", "", "m", "n"],
    }
    ids, *_ = arrays(RecDataset([day(tmp_path, 3, "abg", ["z", "m", "n"])], fourth))
    assert ids[:, :2].tolist() == [[0, 0], [1, 3], [3, 4]]


def test_a_vocabulary_without_counts_is_extended_too(tmp_path, config):
    path = day(tmp_path, 0, "aab", ["x", "y", "x"])
    learned = RecDataset.hyper_parameters_from_data(config, [path], None)
    second = extended(config, day(tmp_path, 1, "bbac", ["x"] * 4), learned["encoding"])
    found = vocabulary(second)
    assert found["vocabularies"] == {"user": ["a", "b"], "tags": ["x", "y"]}
    # A value that has an id counts as min_count rows; b did not have one, and was not counted.
    assert found["history"]["counts"] == {"user": [3, 2], "tags": [5, 1]}


def test_new_columns_and_numbers(tmp_path, config):
    header = [*HEADER, "age", "city"]
    rows = [[1, 0, "a", "x", 20, "Rome"], [0, 1, "a", "y", 40, "Oslo"]]
    dense = configuration(tmp_path, table={**TABLE, "dense": ["age"]})
    first = extended(dense, write_text(tmp_path / "a.csv", rows, header))
    assert vocabulary(first)["fills"] == {"age": 30}
    more = {"dense": ["age"], "sparse": [*TABLE["sparse"], "city"]}
    rows = [[1, 0, "a", "x", 100, "Bern"], [0, 1, "b", "y", None, "Bern"]]
    path = write_text(tmp_path / "b.csv", rows, header)
    sha = first["hyper_parameters.encoding"]
    second = extended(configuration(tmp_path, table={**TABLE, **more}), path, sha)
    found = vocabulary(second)
    assert found["fills"] == {"age": 30}  # the trained parameters know missing ages as 30
    assert found["vocabularies"]["city"] == ["Bern"]
    assert RecDataset.vocabulary_changes(second, sha)["city"][:3] == (0, 1, 0)
    fewer = configuration(tmp_path, table={**TABLE, "dense": ["age"], "sparse": ["user"]})
    with pytest.raises(ValueError, match=r"sparse: expected .*'user', 'tags'.* found .*'user'"):
        extended(fewer, path, sha)


def test_only_an_extension_is_compared(tmp_path, config, first):
    other = extended(config, day(tmp_path, 5, "aabb", "xxyy"))
    with pytest.raises(ValueError, match="does not extend"):
        RecDataset.vocabulary_changes(other, first["hyper_parameters.encoding"])
