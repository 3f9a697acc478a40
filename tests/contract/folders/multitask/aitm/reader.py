from __future__ import print_function
import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super(RecDataset, self).__init__()
        self.config = config
        self.file_list = file_list

    def __iter__(self):
        for file in self.file_list:
            with open(file, 'r') as rf:
                for line in rf:
                    values = [int(float(v)) for v in line.strip().split(',')]
                    yield [np.array(values[0]).astype("float32"), np.array(values[1]).astype("float32"),
                           np.array(values[2:])]
