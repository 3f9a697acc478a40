import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super(RecDataset, self).__init__()
        self.file_list = file_list
        self.fields = 3

    def __iter__(self):
        full_lines = []
        self.data = []
        for file in self.file_list:
            with open(file, "r") as rf:
                for l in rf:
                    pairs = [p.split(":") for p in l.strip().split(" ")]
                    ids = [int(v) for k, v in pairs if k.isdigit()][:self.fields]
                    out = [np.array([int(v)]).astype("int64") for k, v in pairs if k == "click"]
                    out += [np.array([i]) for i in ids]
                    out.append(np.array([v for k, v in pairs if k == "dense_feature"]).astype("float32"))
                    yield out
