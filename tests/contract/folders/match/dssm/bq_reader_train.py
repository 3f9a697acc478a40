import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super(RecDataset, self).__init__()
        self.file_list = file_list
        self.trigram_d = config.get("hyper_parameters.trigram_d")
        self.neg_num = config.get("hyper_parameters.neg_num")

    def bag(self, text):
        hot = np.zeros(self.trigram_d, "float32")
        for i in text.split():
            hot[int(i)] += 1.0
        return hot

    def __iter__(self):
        for file in self.file_list:
            with open(file, "r") as rf:
                for l in rf:
                    yield [self.bag(part) for part in l.strip().split("\t")][:2 + self.neg_num]
