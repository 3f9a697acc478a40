"""The metrics that paddle_infer.py prints for tasks of several kinds in one model."""

import numpy as np
import pytest
from printed_metrics import assert_agree, expected_metrics, printed_metrics, read_columns

YAML = """
runner:
  train_data_dir: data
  train_reader_path: reader
  train_batch_size: 32
  epochs: 1
  test_data_dir: data
  infer_batch_size: 32
  infer_end_epoch: 1
hyper_parameters:
  tasks:
    - {name: like, label_column: 3}
    - {name: like_1, label_column: 4}
    - {name: topic, label_column: 5}
    - {name: buy, label_column: 6, rows: like_1}
    - {name: rating, label_column: 7}
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
            for row in np.loadtxt(name):
                yield [row[:3].astype("float32"), *row[3:, None].astype("int64")]
"""


# like has one column, like_1 and buy have two, topic has three; rating's labels are no classes.
MODEL = """
import paddle
import paddle.nn as nn
import paddle.nn.functional as F
from paddle.static import InputSpec


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.heads = nn.LayerList([nn.Linear(3, size) for size in (1, 2, 3, 2, 3)])

    def forward(self, features):
        like, *others = [head(features) for head in self.heads]
        return [F.sigmoid(like), *[F.softmax(logits) for logits in others]]


class DygraphModel:
    def create_model(self, config):
        return Net()

    def create_optimizer(self, net, config):
        return paddle.optimizer.SGD(0.1, parameters=net.parameters())

    def create_metrics(self):
        return [], []

    def train_forward(self, net, metrics, batch, config):
        like, *others = net(batch[0])
        loss = F.binary_cross_entropy(like, batch[1].astype("float32"))
        return loss, metrics, {"loss": loss}

    def infer_forward(self, net, metrics, batch, config):
        return metrics, None

    def input_specs(self, config):
        return [InputSpec([None, 3], "float32", "features")]

    def output_names(self):
        return ["like", "like_1", "topic", "buy", "rating"]
"""


@pytest.fixture
def folder_of_tasks(tmp_path):
    """A model folder of PaddleRec's form, with data; returns it and the labels by task."""
    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    random = np.random.default_rng(5)
    features = random.normal(size=[200, 3])
    binary = (features + random.normal(size=[200, 3]) > 0).astype(int)
    topic, rating = random.integers(0, 3, 200), random.integers(1, 6, 200)
    labels = {"like": binary[:, 0], "like_1": binary[:, 1], "topic": topic, "buy": binary[:, 2]}
    table = np.column_stack([features, *labels.values(), rating])
    np.savetxt(folder / "data" / "rows.txt", table)
    for name, content in (
        ("config.yaml", YAML),
        ("reader.py", READER),
        ("dygraph_model.py", MODEL),
    ):
        (folder / name).write_text(content)
    return folder, labels


@pytest.mark.parametrize("engine", ["paddle", "onnxruntime"])
def test_tasks_of_several_kinds_in_one_model(folder_of_tasks, run_command, tmp_path, engine):
    """`like_1` and `topic_1` are a task and a class; each task is scored with its own output."""
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("paddle2onnx")
    folder, labels = folder_of_tasks
    path = tmp_path / "predictions.csv"
    for command, *options in (
        ["trainer"],
        ["to_static"],
        ["paddle_infer", f"--engine={engine}", f"--save_predictions={path}"],
    ):
        done = run_command(command, "-m", folder / "config.yaml", *options)
        assert done.code == 0, done.stderr
    columns = read_columns(path)
    topics = np.stack([columns[f"topic_{number}"] for number in range(3)], axis=1)
    bought = labels["like_1"] == 1
    assert_agree(
        printed_metrics(done.stdout),
        {
            "like": expected_metrics(labels["like"], columns["like"]),
            "like_1": expected_metrics(labels["like_1"], columns["like_1"]),
            "topic": expected_metrics(labels["topic"], topics),
            "buy": expected_metrics(labels["buy"][bought], columns["buy"][bought]),
        },
    )
