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
        program: what takes a step.
        startup: what makes the parameters.
        inputs: the program's inputs.
        fetches: the variables to fetch, by name.
        counters: the variables that AUCs in the graph count in.
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
        training: with loss and optimizer, or for evaluation.
        optimize: adds the optimizer of the model that it is given.
        use_gpu: as `device.select_device` takes it.
    """
    paddle.enable_static()
    chosen = device.select_device(use_gpu)
    seeds.before_building(config)
    program, startup = paddle.static.Program(), paddle.static.Program()
    building = paddle.static.program_guard(program, startup)
    auc = running_auc.recorded()
    with building, fresh_names(), loading.model_errors(config), auc as counters:
        model = loading.static_model(config)
        create_feeds = model.create_feeds
        inputs = loading.call(create_feeds, is_infer=True) if not training else create_feeds()
        if training:
            fetches = model.net(inputs)
            optimize(model)
            # Fleet puts other programs in their place.
            program = paddle.static.default_main_program()
            startup = paddle.static.default_startup_program()
        else:
            fetches = model.infer_net(inputs)
    return Built(model, program, startup, inputs, fetches, counters, chosen)


def remember_program(executor: paddle.static.Executor) -> None:
    """Lets an executor prepare a program, and what is fetched of it, once.

    Under PIR Paddle looks up what it prepared by the program's text, which it writes anew in every
    call: a third of a step. Here it is looked up by the objects, so a program that has run must
    not be changed.
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
            # The objects live on beside it, so that no other one gets their id.
            prepared[key] = prepare(program, feed, fetch_list, *others), objects
        return prepared[key][0]

    cache.get_pir_program_and_executor = remembered
