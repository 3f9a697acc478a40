import os

import numpy as np
from paddle.io import Dataset


class RecDataset(Dataset):
    """every sample is a dict, the vocabulary lies beside the yaml"""

    def __init__(self, file_list, config):
        super().__init__()
        path = os.path.join(config["config_abs_dir"], config.get("hyper_parameters.vocab_path"))
        with open(path) as f:
            self.vocab = {w.strip(): i for i, w in enumerate(f)}
        self.samples = []
        for name in file_list:
            for line in open(name):
                label, dense, words = line.rstrip("\n").split("\t")
                self.samples.append((int(label), [float(x) for x in dense.split(",")],
                                     [self.vocab.get(w, 0) for w in words.split(",")]))

    def __getitem__(self, idx):
        label, dense, ids = self.samples[idx]
        return {"ids": np.array(ids, "int64"), "dense": np.array(dense, dtype="float32"),
                "label": np.array([label])}

    def __len__(self):
        return len(self.samples)
