import numpy as np
import paddle


class RecDataset(paddle.io.Dataset):
    def __init__(self, file_list, config):
        self.rows = np.concatenate([np.loadtxt(f, delimiter=",", dtype="int64") for f in file_list])

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i, 5:], self.rows[i, :5]
