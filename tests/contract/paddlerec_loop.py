"""PaddleRec's training loop, written from its contract: the reference for the engine."""

import os

import numpy as np
import paddle
from paddle.io import DataLoader
from paddle.utils import unique_name

from engine.model_folder import importing
from engine.model_folder.pir_functions import fresh_names


def _loader(config, name, folder, size, drop_last):
    folder = os.path.join(config["config_abs_dir"], folder)
    files = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    dataset = importing.import_module(config.folder, name).RecDataset(files, dict(config))
    if config.get("runner.user_define_reader"):
        return DataLoader(dataset, batch_size=None)
    return DataLoader(dataset, batch_size=size, drop_last=drop_last)


def train_loader(config):
    """Returns training batches in the order of the files, without the last partial batch."""
    name, size = config["runner.train_reader_path"], config["runner.train_batch_size"]
    return _loader(config, name, config["runner.train_data_dir"], size, True)


def test_loader(config):
    """Returns test batches with the last partial one, which PaddleRec leaves out."""
    name = config.get("runner.infer_reader_path") or config["runner.train_reader_path"]
    size = config["runner.infer_batch_size"]
    return _loader(config, name, config["runner.test_data_dir"], size, False)


def train_dygraph(config):
    """Trains in dygraph; returns each epoch's parameters, metrics and last printed tensors."""
    paddle.disable_static()
    paddle.seed(12345)
    settings = dict(config)
    model = importing.import_module(config.folder, "dygraph_model").DygraphModel()
    with unique_name.guard():
        net = model.create_model(settings)
        optimizer = model.create_optimizer(net, settings)
    metrics, names = model.create_metrics()
    epochs = []
    for _ in range(config["runner.epochs"]):
        net.train()
        for metric in metrics:
            metric.reset()
        for batch in train_loader(config):
            loss, metrics, printed = model.train_forward(net, metrics, batch, settings)
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
        state = {name: value.numpy().copy() for name, value in net.state_dict().items()}
        scores = dict(zip(names, (metric.accumulate() for metric in metrics)))
        epochs.append((state, scores, printed or {}))
    return model, net, epochs


def infer_dygraph(config, model, net):
    """Evaluates the net in dygraph; returns the metrics and the last printed tensors."""
    metrics, names = model.create_metrics()
    net.eval()
    with paddle.no_grad():
        for batch in test_loader(config):
            metrics, printed = model.infer_forward(net, metrics, batch, dict(config))
    return dict(zip(names, (metric.accumulate() for metric in metrics))), printed or {}


def train_static(config):
    """Trains an epoch in static graph; returns the last batch's fetches and the parameters."""
    paddle.enable_static()
    paddle.seed(12345)
    main, startup = paddle.static.Program(), paddle.static.Program()
    scope = paddle.static.Scope()
    with (
        paddle.static.program_guard(main, startup),
        fresh_names(),
        paddle.static.scope_guard(scope),
    ):
        model = importing.import_module(config.folder, "static_model").StaticModel(dict(config))
        inputs = model.create_feeds()
        names = [variable.name for variable in inputs]
        fetches = model.net(inputs)
        model.create_optimizer()
        executor = paddle.static.Executor(paddle.CPUPlace())
        executor.run(startup)
        for batch in train_loader(config):
            arrays = batch if isinstance(batch, dict) else dict(zip(names, batch))
            feed = {name: np.array(value) for name, value in arrays.items()}
            values = executor.run(main, feed=feed, fetch_list=list(fetches.values()))
        state = {name: np.array(value) for name, value in main.state_dict("param", scope).items()}
    return dict(zip(fetches, values)), state
