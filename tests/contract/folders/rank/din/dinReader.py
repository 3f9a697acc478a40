from __future__ import print_function
import random

import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super(RecDataset, self).__init__()
        self.file_list = file_list
        self.batch_size = config.get("runner.train_batch_size")
        self.group_size = self.batch_size * 4

    def read_lines(self):
        for path in self.file_list:
            with open(path) as f:
                for line in f:
                    hist, cats, item, cat, label = line.strip().split(";")
                    yield ([int(i) for i in hist.split()], [int(i) for i in cats.split()],
                           int(item), int(cat), float(label))

    def pad(self, rows):
        max_len = max(len(r[0]) for r in rows)
        hist = np.array([r[0] + [0] * (max_len - len(r[0])) for r in rows]).astype("int64")
        cats = np.array([r[1] + [0] * (max_len - len(r[1])) for r in rows]).astype("int64")
        mask = np.array([[0] * len(r[0]) + [-1000000000] * (max_len - len(r[0])) for r in rows])
        item = np.array([r[2] for r in rows]).astype("int64")
        cat = np.array([r[3] for r in rows])
        label = np.array([[r[4]] for r in rows]).astype("float32")
        return [hist, cats, item, cat, label, mask.astype("float32").reshape([-1, max_len, 1])]

    def __iter__(self):
        rows = sorted(self.read_lines(), key=lambda r: len(r[0]))
        for i in range(0, len(rows), self.batch_size):
            yield self.pad(rows[i:i + self.batch_size])
