"""A static trainer of the folder's own; it reaches the commands' functions from the root."""
from __future__ import print_function
import os
import sys

import numpy as np
import paddle

here = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.abspath(os.path.join(here, "..", "..", "..")))

from tools.utils.save_load import load_static_model, save_static_model
from tools.utils.utils_single import (create_data_loader, get_all_inters_from_yaml,
                                      load_static_model_class, reset_auc)


def build(config, is_infer):
    model = load_static_model_class(config)
    feeds = model.create_feeds(is_infer=is_infer)
    if is_infer:
        return feeds, model.infer_net(feeds)
    fetches = model.net(feeds)
    model.create_optimizer()
    return feeds, fetches


def main(yaml, is_infer):
    paddle.seed(12345)
    paddle.enable_static()
    config = get_all_inters_from_yaml(yaml, ["runner", "hyper_parameters"])
    config["config_abs_dir"] = os.path.dirname(os.path.abspath(yaml))
    feeds, fetches = build(config, is_infer)
    exe = paddle.static.Executor(paddle.CPUPlace())
    exe.run(paddle.static.default_startup_program())
    program = paddle.static.default_main_program()
    names = [feed.name for feed in feeds]
    mode = "infer" if is_infer else "train"
    loader = create_data_loader(config, paddle.CPUPlace(), mode)
    path = config["runner.model_save_path"]
    for epoch in range(config["runner.epochs"]):
        reset_auc(False, config.get("runner.auc_num", 1))
        if is_infer:
            load_static_model(program, os.path.join(path, str(epoch)), prefix="rec_static")
        for batch in loader():
            values = exe.run(program=program, feed=dict(zip(names, batch)),
                             fetch_list=[var for _, var in fetches.items()])
        text = "".join("{}: {:.6f}, ".format(name, np.asarray(value).item())
                       for name, value in zip(fetches, values))
        print("epoch: {} done, {}epoch time: 0.00 s".format(epoch, text))
        if not is_infer:
            save_static_model(program, path, epoch, prefix="rec_static")


if __name__ == "__main__":
    main(sys.argv[1], len(sys.argv) > 2)
