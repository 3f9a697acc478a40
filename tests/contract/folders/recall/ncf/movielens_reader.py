import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super(RecDataset, self).__init__()
        self.file_list = file_list

    def __iter__(self):
        for path in self.file_list:
            for l in open(path, "r"):
                user, item, label = l.strip().split(",")
                output_list = []
                output_list.append(np.array([int(user)]).astype('int64'))
                output_list.append(np.array([int(item)]).astype('int64'))
                output_list.append(np.array([int(float(label))]).astype('int64'))
                yield output_list
