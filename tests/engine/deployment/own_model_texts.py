"""The files of a small model folder in PaddleRec's form."""

import textwrap

YAML = """
runner:
  train_data_dir: data
  train_reader_path: reader
  train_batch_size: 4
  epochs: 1
  test_data_dir: data
  infer_batch_size: 3
  infer_end_epoch: 1
  print_interval: 1000
"""

READER = """
import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super().__init__()
        self.file_list = file_list

    def __iter__(self):
        for name in self.file_list:
            for line in open(name):
                *features, label = map(float, line.split())
                yield [np.array(features, "float32"), np.array([label], "int64")]
"""

DYGRAPH = """
import paddle
import paddle.nn as nn
import paddle.nn.functional as F
from paddle.static import InputSpec


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def forward(self, features):
        return F.sigmoid(self.linear(features))


class DygraphModel:
    def create_model(self, config):
        return Net()

    def create_optimizer(self, net, config):
        return paddle.optimizer.SGD(0.1, parameters=net.parameters())

    def create_metrics(self):
        return [], []

    def train_forward(self, net, metrics, batch, config):
        features, label = batch
        guess = net(features)
        loss = F.binary_cross_entropy(guess, label.astype("float32"))
        return loss, metrics, {"loss": loss}

    def infer_forward(self, net, metrics, batch, config):
        return metrics, None
"""

STATIC = """
import paddle
import paddle.nn.functional as F


class StaticModel:
    def __init__(self, config):
        pass

    def create_feeds(self, is_infer=False):
        features = paddle.static.data("dense", [None, 3], "float32")
        return [features, paddle.static.data("label", [None, 1], "int64")]

    def net(self, inputs, is_infer=False):
        features, label = inputs
        guess = F.sigmoid(paddle.nn.Linear(3, 1)(features))
        self.inference_target_var = guess
        self.cost = F.binary_cross_entropy(guess, label.astype("float32"))
        return {"cost": self.cost}

    def create_optimizer(self, strategy=None):
        paddle.optimizer.SGD(0.1).minimize(self.cost)

    def infer_net(self, inputs):
        return self.net(inputs, is_infer=True)
"""

DECLARED = """
    def input_specs(self, config):
        return [InputSpec([None, 3], "float32", "dense")]
"""


def net_code(body, specs, more=""):
    """Returns the code of a DygraphModel around the body of a Layer."""
    return DYGRAPH[: DYGRAPH.index("class Net")] + (
        "class Net(nn.Layer):\n"
        + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
        + "\n\n"
        + DYGRAPH[DYGRAPH.index("class DygraphModel") :]
        + f"\n    def input_specs(self, config):\n        return {specs}\n"
        + textwrap.indent(textwrap.dedent(more).strip("\n"), "    ")
        + "\n"
    )
