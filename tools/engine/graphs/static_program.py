"""Builds the program of a model folder's StaticModel, on Paddle 3 (PIR) and on 2.6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

import paddle

from engine.config.config import Config
from engine.model_folder import loading, running_auc, seeds
from engine.model_folder.pir_functions import fresh_names
from engine.system import device


class Built(NamedTuple):
    """A model in static graph.

    Attributes:
        model: the folder's StaticModel.
        program: the program of one step.
        startup: the program that initialises the parameters.
        inputs: the program's input variables.
        fetches: the variables to fetch, by name.
        counters: the names of variables in which AUCs in the graph count rows.
        device: ``cpu`` or ``gpu``.
    """

    model: Any
    program: Any
    startup: Any
    inputs: list
    fetches: Mapping[str, Any]
    counters: list[str]
    device: str


def build(
    config: Config, training: bool, optimize: Callable[[Any], None], use_gpu: bool | None
) -> Built:
    """Builds the StaticModel of a configuration's folder.

    Args:
        config: the configuration.
        training: whether to build loss and optimizer; else the program only evaluates.
        optimize: adds the model's optimizer to the program.
        use_gpu: ``runner.use_gpu``; see `device.select_device`.
    """
    paddle.enable_static()
    device_name = device.select_device(use_gpu)
    seeds.before_building(config)
    program, startup = paddle.static.Program(), paddle.static.Program()
    guard = paddle.static.program_guard(program, startup)
    recorded_auc = running_auc.recorded()
    with guard, fresh_names(), loading.model_errors(config), recorded_auc as counters:
        model = loading.static_model(config)
        create_feeds = model.create_feeds
        inputs = loading.call(create_feeds, is_infer=True) if not training else create_feeds()
        if training:
            fetches = model.net(inputs)
            optimize(model)
            # A Fleet optimizer replaces the default programs.
            program = paddle.static.default_main_program()
            startup = paddle.static.default_startup_program()
        else:
            fetches = model.infer_net(inputs)
    return Built(model, program, startup, inputs, fetches, counters, device_name)


def remember_program(executor: paddle.static.Executor) -> None:
    """Makes an executor prepare each program, with its fetches, only once.

    Under PIR, Paddle prints the program in every call and uses the text as the key of its cache.
    This takes a third of a step. Here the objects themselves are the key, so a program must not
    change after its first run.
    """
    cache = executor._executor_cache
    prepare = getattr(cache, "get_pir_program_and_executor", None)
    if prepare is None:
        return
    prepared = {}

    def remembered(program, feed, fetch_list, *others):
        objects = (program, *fetch_list, *others)
        key = (*map(id, objects), *feed)
        if key not in prepared:
            # The cache keeps the objects alive: another object could else get the same id.
            prepared[key] = prepare(program, feed, fetch_list, *others), objects
        return prepared[key][0]

    cache.get_pir_program_and_executor = remembered
