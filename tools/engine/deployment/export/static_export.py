"""What ``runner.use_inference: True`` adds to static training: an inference model an epoch."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import paddle

from engine.checkpoints import layout
from engine.config.config import Config
from engine.deployment.export.dygraph_export import describe, write_about
from engine.graphs.static import StaticSession
from engine.model_folder import loading
from engine.model_folder.pir_functions import fresh_names
from engine.system.errors import UserError, nearest

logger = logging.getLogger(__name__)

_AUTOMATIC = re.compile(r"\w+_\d+\.tmp_\d+$")  # e.g. clip_0.tmp_0, as Paddle 2 named variables
FEEDS, FETCHES = "save_inference_feed_varnames", "save_inference_fetch_varnames"


class StaticExport:
    """A program that predicts, on the variables of a training program.

    Args:
        config: the model's configuration; names feeds and fetches, or leaves all of both.
        session: the session that trains, whose program has the parameters.

    Raises:
        UserError: a named feed or fetch does not exist, or must be named and is not.
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
        declared = getattr(model, "input_specs", None)
        specs = paddle.utils.flatten(declared(config)) if declared else None
        own = [spec.name for spec in specs] if specs else None
        if own:  # labels are fed as well, but no prediction is computed from them
            inputs = {name: variable for name, variable in inputs.items() if name in own}
        chosen = self._chosen(FEEDS, inputs, own)
        # In the model's order, whatever that of the names: it is the order of a reader's fields.
        self._feeds = {name: chosen[name] for name in inputs if name in chosen}
        names = getattr(model, "output_names", None)
        if names:
            self._tasks = names()
        else:  # infer_net of a model in PaddleRec's form returns metrics
            outputs, self._tasks = self._predictions(model)
        self._fetches = self._chosen(FETCHES, outputs, self._tasks)

    def save(self, folder: str) -> None:
        """Writes ``rec_inference.*`` into a folder that holds the checkpoint."""
        path = os.path.join(folder, layout.EXPORTS["rec_static"])
        feeds, fetches = list(self._feeds.values()), list(self._fetches.values())
        try:
            with self._session.averages_loaded(), self._session.in_scope():
                paddle.static.save_inference_model(
                    path, feeds, fetches, self._session.executor, program=self._program
                )
        except ValueError as error:  # e.g. a label, which no prediction is computed from
            raise UserError(f"runner.{FEEDS} = {list(self._feeds)}: {error}") from error
        model = describe(path, list(self._fetches), self._config, self._tasks)
        write_about([model], layout.path_of(folder, "rec_static", "pdparams"))

    def _chosen(
        self, key: str, variables: Mapping[str, Any], default: Sequence[str] | None
    ) -> dict[str, Any]:
        """Returns the variables that a ``runner`` key names, under the names that count here."""
        wanted = self._config.runner(key) or default
        if not wanted:
            raise UserError(
                f"{self._config.yaml_path}: runner.use_inference = True needs runner.{key} for a "
                "model that declares no input_specs and output_names"
            )
        names = list(variables)
        twice = next((name for name in wanted if wanted.count(name) > 1), None)
        if twice is not None:
            raise self._config.error(f"runner.{key}", f"{twice} stands there twice")
        chosen = {}
        for position, name in enumerate(wanted):
            if name not in variables and _AUTOMATIC.match(name) and position < len(default or ()):
                logger.warning(
                    "runner.%s: %s, a name that Paddle once gave by itself, is taken for %s",
                    key,
                    name,
                    default[position],
                )
                name = default[position]
            if name not in variables:
                raise self._config.error(
                    f"runner.{key}", f"no {name} among {', '.join(names)}{nearest(name, names)}"
                )
            chosen[name] = variables[name]
        return chosen

    def _predictions(self, model: Any) -> tuple[dict[str, Any], list[str] | None]:
        """Returns what can be fetched of a model in PaddleRec's form, and what is by default."""
        target = getattr(model, "inference_target_var", None)
        if target is None:
            target = getattr(model, "infer_target_var", None)
        if target is not None:
            targets = target if isinstance(target, (list, tuple)) else [target]
            named = {f"output_{number}": variable for number, variable in enumerate(targets)}
            own = {} if paddle.framework.in_pir_mode() else self._program.global_block().vars
            return {**own, **named}, list(named)
        if paddle.framework.in_pir_mode():
            raise UserError(
                f"{self._config.folder}/static_model.py: under Paddle 3 variables have no names to "
                "be fetched by: to export it, set self.inference_target_var in infer_net"
            )
        return dict(self._program.global_block().vars), None
