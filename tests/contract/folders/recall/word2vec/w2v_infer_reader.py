import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super(RecDataset, self).__init__()
        self.file_list = file_list

    def __iter__(self):
        for file in self.file_list:
            for line in open(file):
                # plain python numbers, and one field more than the net takes
                yield [int(w) for w in line.split()] + [0]
