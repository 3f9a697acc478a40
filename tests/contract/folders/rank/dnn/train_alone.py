"""A trainer of the folder's own: it needs the commands' folder on the path and their functions."""
from __future__ import print_function
import argparse
import logging
import os
import sys
import time

import paddle

here = os.path.dirname(os.path.abspath(__file__))
sys.path.append(here)
sys.path.append(os.path.join(here, "..", "..", "..", "tools"))

from utils.utils_single import load_yaml, load_dy_model_class, get_abs_model, create_data_loader
from utils.save_load import load_model, save_model

logging.basicConfig(format="%(asctime)s - %(levelname)s - %(message)s", level=logging.INFO)
logger = logging.getLogger(__name__)


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("-m", "--config_yaml", type=str)
    parser.add_argument("--infer", action="store_true")
    args = parser.parse_args()
    args.abs_dir = os.path.dirname(os.path.abspath(args.config_yaml))
    args.config_yaml = get_abs_model(args.config_yaml)
    return args


def train(config, model_class, place):
    model = model_class.create_model(config)
    optimizer = model_class.create_optimizer(model, config)
    loader = create_data_loader(config=config, place=place)
    for epoch in range(config.get("runner.epochs")):
        model.train()
        begin = time.time()
        metrics, names = model_class.create_metrics()
        assert any(loader()), "no batch"
        for batch_id, batch in enumerate(loader()):
            optimizer.clear_grad()
            loss, metrics, shown = model_class.train_forward(model, metrics, batch, config)
            loss.backward()
            optimizer.step()
        text = "".join("{}: {:.6f},".format(n, m.accumulate()) for n, m in zip(names, metrics))
        logger.info("epoch: {} done, {} epoch time: {:.2f} s".format(
            epoch, text, time.time() - begin))
        save_model(model, optimizer, config["runner.model_save_path"], epoch, prefix="rec")


def infer(config, model_class, place):
    model = model_class.create_model(config)
    loader = create_data_loader(config=config, place=place, mode="test")
    for epoch in range(config["runner.infer_start_epoch"], config["runner.infer_end_epoch"]):
        load_model(os.path.join(config["runner.infer_load_path"], str(epoch)), model)
        model.eval()
        metrics, names = model_class.create_metrics()
        for batch in loader():
            metrics, shown = model_class.infer_forward(model, metrics, batch, config)
        text = "".join("{}: {:.6f}, ".format(n, m.accumulate()) for n, m in zip(names, metrics))
        logger.info("epoch: {} done, {}".format(epoch, text))


if __name__ == "__main__":
    args = options()
    paddle.seed(12345)
    config = load_yaml(args.config_yaml)
    config["config_abs_dir"] = args.abs_dir
    place = paddle.set_device("cpu")
    (infer if args.infer else train)(config, load_dy_model_class(args.abs_dir), place)
