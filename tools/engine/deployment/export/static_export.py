"""Exports an inference model with each checkpoint of static training (``runner.use_inference``)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import paddle

from engine.checkpoints import layout
from engine.config.config import Config
from engine.deployment.export.model_metadata import describe_model
from engine.deployment.export.selection import FEEDS, FETCHES, select
from engine.deployment.exported_model.metadata import write_metadata
from engine.graphs.static import StaticSession
from engine.model_folder import loading
from engine.model_folder.pir_functions import fresh_names
from engine.system.errors import UserError


class StaticExport:
    """The inference program of a model, which shares the parameters of a training program.

    Args:
        config: the model's configuration, with the names of feeds and fetches; default: all.
        session: the training session, whose program has the parameters.

    Raises:
        UserError: a named feed or fetch does not exist, or the model needs their names and the
            configuration has none.
    """

    def __init__(self, config: Config, session: StaticSession):
        self._config = config
        self._session = session
        self._program = paddle.static.Program()
        building = paddle.static.program_guard(self._program, paddle.static.Program())
        with building, fresh_names(), loading.model_errors(config):
            model = loading.static_model(config)
            feeds = loading.call(model.create_feeds, is_infer=True)
            inputs = {variable.name: variable for variable in feeds}
            outputs = model.infer_net(list(inputs.values()))
        input_specs = getattr(model, "input_specs", None)
        specs = paddle.utils.flatten(input_specs(config)) if input_specs else None
        declared = [spec.name for spec in specs] if specs else None
        if declared:  # create_feeds also returns labels, which no prediction depends on
            inputs = {name: variable for name, variable in inputs.items() if name in declared}
        selected = self._select(FEEDS, inputs, declared)
        # In the model's order, not the YAML's: a reader yields its fields in this order.
        self._feeds = {name: selected[name] for name in inputs if name in selected}
        output_names = getattr(model, "output_names", None)
        if output_names:
            self._tasks = output_names()
        else:  # infer_net of a model in PaddleRec's form returns metrics
            outputs, self._tasks = self._find_predictions(model)
        self._fetches = self._select(FETCHES, outputs, self._tasks)

    def save(self, folder: str) -> None:
        """Writes ``rec_inference.*`` into a folder that holds the checkpoint.

        Raises:
            UserError: no prediction depends on one of the feeds.
        """
        path = os.path.join(folder, layout.EXPORTS["rec_static"])
        feeds, fetches = list(self._feeds.values()), list(self._fetches.values())
        try:
            with self._session.averages_loaded(), self._session.in_scope():
                paddle.static.save_inference_model(
                    path, feeds, fetches, self._session.executor, program=self._program
                )
        except ValueError as error:  # e.g. a label, which no prediction depends on
            raise UserError(f"runner.{FEEDS} = {list(self._feeds)}: {error}") from error
        model = describe_model(
            path, list(self._fetches), self._config, self._tasks, self._session.task_facts()
        )
        write_metadata([model], layout.path_of(folder, "rec_static", "pdparams"))

    def _select(
        self, key: str, variables: Mapping[str, Any], default: Sequence[str] | None
    ) -> dict[str, Any]:
        """Returns the variables that a ``runner`` key names, by their names in the export."""
        if not (self._config.runner(key) or default):
            raise UserError(
                f"{self._config.yaml_path}: runner.use_inference = True needs runner.{key} for a "
                "model that declares no input_specs and output_names"
            )
        return select(self._config, key, variables, default or [])

    def _find_predictions(self, model: Any) -> tuple[dict[str, Any], list[str] | None]:
        """Returns the variables that can be fetched from a model in PaddleRec's form.

        Also returns the names of those that are fetched by default; None if there are none.
        """
        target = getattr(model, "inference_target_var", None)
        if target is None:
            target = getattr(model, "infer_target_var", None)
        if target is not None:
            targets = target if isinstance(target, (list, tuple)) else [target]
            outputs = {f"output_{number}": variable for number, variable in enumerate(targets)}
            pir = paddle.framework.in_pir_mode()
            named = {} if pir else self._program.global_block().vars
            return {**named, **outputs}, list(outputs)
        if paddle.framework.in_pir_mode():
            raise UserError(
                f"{self._config.folder}/static_model.py: Paddle 3 cannot fetch variables by name; "
                "set self.inference_target_var in infer_net to export this model"
            )
        return dict(self._program.global_block().vars), None
