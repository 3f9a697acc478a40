import paddle
from net import Shared
from table_reader import RecDataset

import os

TASKS = ["a", "b", "c", "d", "e"]


class StaticModel:
    def __init__(self, config):
        self.config = config
        self._cost = None

    def create_feeds(self, is_infer=False):
        self.ids = paddle.static.data("ids", [-1, 4], "int64")
        self.labels = paddle.static.data("labels", [-1, len(TASKS)], "int64")
        return [self.ids, self.labels]

    def create_data_loader(self, is_infer=False):
        part = self.config.get("runner.test_data_dir" if is_infer else "runner.train_data_dir")
        folder = os.path.join(self.config["config_abs_dir"], part)
        files = [os.path.join(folder, f) for f in sorted(os.listdir(folder))]
        return paddle.io.DataLoader(
            RecDataset(files, self.config), batch_size=self.config.get("runner.train_batch_size"),
            drop_last=not is_infer, return_list=True)

    def net(self, inputs, is_infer=False):
        outs = Shared(101, self.config.get("hyper_parameters.dim"), 4, len(TASKS))(inputs[0])
        labels = [paddle.slice(inputs[1], [1], [i], [i + 1]) for i in range(len(TASKS))]
        fetch = {}
        for task, out, label in zip(TASKS, outs, labels):
            auc, batch_auc, states = paddle.static.auc(out, label)
            fetch["auc_" + task] = auc
        fetch["mean_auc"] = sum(fetch.values()) / float(len(TASKS))
        if is_infer:
            return fetch
        losses = [paddle.mean(paddle.nn.functional.cross_entropy(o, l, use_softmax=False))
                  for o, l in zip(outs, labels)]
        self._cost = paddle.add_n(losses)
        fetch["cost"] = self._cost
        return fetch

    def create_optimizer(self, strategy=None):
        paddle.optimizer.Adam(0.02).minimize(self._cost)

    def infer_net(self, inputs):
        return self.net(inputs, True)
