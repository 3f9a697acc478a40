import io
import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super(RecDataset, self).__init__()
        self.file_list = file_list
        self.window = config.get("hyper_parameters.window_size")
        self.neg_num = config.get("hyper_parameters.neg_num")
        self.vocab = config.get("hyper_parameters.sparse_feature_number")
        self.random = np.random.RandomState(7)

    def context(self, words, idx):
        left = max(0, idx - self.window)
        return words[left:idx] + words[idx + 1:idx + 1 + self.window]

    def __iter__(self):
        self.random.seed(7)
        for file in self.file_list:
            with io.open(file, "r", encoding="utf8") as rf:
                for line in rf:
                    words = [int(w) for w in line.split()]
                    for i, target in enumerate(words):
                        for ctx in self.context(words, i):
                            neg = self.random.randint(0, self.vocab, self.neg_num)
                            yield [np.array([target]).astype('int64'),
                                   np.array([ctx]).astype('int64'), neg.astype('int64')]
