"""Small learnable data for the folders written for PaddleRec, in each folder's format."""

import numpy as np

TRAIN_ROWS, TEST_ROWS = 100, 50  # neither is a multiple of a batch


def _ids(random, number, size=100):
    return random.integers(1, size, number)


def _clicked(random, ids):
    return int(ids[0] + random.normal(0, 15) > 50)


def _criteo(random, part):
    ids, dense = _ids(random, 3), random.random(4)
    pairs = [f"click:{_clicked(random, ids)}", *(f"dense_feature:{x:.4f}" for x in dense)]
    return " ".join([*pairs, *(f"{slot}:{i}" for slot, i in enumerate(ids, 1))])


def _words(random, part):
    ids, dense = _ids(random, 3), random.random(4)
    numbers = ",".join(f"{x:.4f}" for x in dense)
    return f"{_clicked(random, ids)}\t{numbers}\t{','.join(f'w{i}' for i in ids)}"


def _history(random, part):
    items = _ids(random, random.integers(1, 6), 60)
    target = _ids(random, 1, 60)[0]
    texts = [" ".join(map(str, column)) for column in (items, items % 12)]
    return ";".join([*texts, str(target), str(target % 12), str(int(target > items.mean()))])


def _sentence(random, part):
    return " ".join(map(str, _ids(random, 8 if part == "train" else 4, 40)))


def _rating(random, part):
    user, item = random.integers(0, 30), random.integers(0, 40)
    return f"{user},{item},{int(user % 2 == item % 2)}"


def _texts(random, part):
    query = _ids(random, 4, 50)
    documents = [query[:3], *(_ids(random, 4, 50) for _ in range(2))]
    return "\t".join(" ".join(map(str, words)) for words in (query, *documents))


def _tasks(number):
    def row(random, part):
        ids = _ids(random, 4, 30)
        labels = [int(i + random.normal(0, 5) > 15) for i in np.resize(ids, number)]
        return ",".join(map(str, [*labels, *ids]))

    return row


FORMATS = {
    "rank/dnn": _criteo,
    "rank/wide_deep": _words,
    "rank/deepfm": _criteo,
    "rank/din": _history,
    "recall/word2vec": _sentence,
    "recall/ncf": _rating,
    "match/dssm": _texts,
    "multitask/aitm": _tasks(2),
    "multitask/escm2": _tasks(2),
    "multitask/five_tasks": _tasks(5),
}


def write(folder, name):
    """Writes training and test data of the folder ``name``."""
    random = np.random.default_rng(5)
    for part, rows in (("train", TRAIN_ROWS), ("test", TEST_ROWS)):
        (folder / "data" / part).mkdir(parents=True)
        lines = [FORMATS[name](random, part) for _ in range(rows)]
        (folder / "data" / part / "part-0").write_text("\n".join(lines) + "\n")
    if name == "rank/wide_deep":
        vocabulary = "\n".join(["<unknown>", *(f"w{i}" for i in range(1, 100))])
        (folder / "data" / "vocab.txt").write_text(vocabulary)
