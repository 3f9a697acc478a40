import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super(RecDataset, self).__init__()
        self.file_list = file_list
        self.num_field = config.get("hyper_parameters.num_field")

    def __iter__(self):
        for file in self.file_list:
            with open(file, "r") as rf:
                for l in rf:
                    v = [int(float(x)) for x in l.strip().split(",")]
                    yield [np.array([i]) for i in v[2:2 + self.num_field]] + [np.array([v[0]]), np.array([v[0] * v[1]])]
