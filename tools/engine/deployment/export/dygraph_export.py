"""Exports a dygraph checkpoint as files that need neither the net's code nor a YAML."""

from __future__ import annotations

import logging
import os
from typing import Any

import paddle

from engine.checkpoints import choice, find, layout, matching, runs, store
from engine.checkpoints import facts as facts_of
from engine.config.config import Config
from engine.deployment.export.model_metadata import describe_model
from engine.deployment.export.output_check import check_outputs
from engine.deployment.export.selection import FEEDS, FETCHES, select
from engine.deployment.exported_model import model_files, to_onnx
from engine.deployment.exported_model.metadata import write_metadata
from engine.deployment.exported_model.model import ENDINGS, METADATA_ENDING, ExportedModel
from engine.graphs import checkpoint_loading
from engine.graphs.dygraph import DygraphSession
from engine.system import atomic_files, logs, temporary
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

FORMATS = ("paddle", "onnx")


def export_checkpoint(config: Config, model_format: str = "paddle") -> ExportedModel:
    """Exports a dygraph checkpoint as ``tostatic.*``, in place of an older export.

    The checkpoint is ``runner.model_init_path`` if that is set. Otherwise it is epoch
    ``runner.infer_end_epoch - 1`` of ``runner.infer_load_path``, or ``best`` with
    ``runner.infer_checkpoint``. The export goes to the folder of the same name in
    ``runner.model_save_path``.

    Args:
        config: the model's configuration.
        model_format: one of `FORMATS`; ``onnx`` writes Paddle's format and ONNX.

    Returns:
        The exported model; in ONNX format if that was written.

    Raises:
        UserError: there is no such checkpoint, the model does not declare its inputs, or the
            outputs of the export differ from those of the net.
    """
    source, root, epoch = _locate(config)
    target = os.path.join(root, epoch)
    _check_target(source, target)
    if model_format == "onnx":
        to_onnx.check_installed()
    parent = store.check_writable(target)
    session = DygraphSession(config)
    specs = session.input_specs()
    parameters, prefix = checkpoint_loading.parameters(session, config, source)
    matching.check(parameters, session.shapes(prefix), source)
    session.load(parameters, prefix)
    session.start_epoch(training=False)
    names, net = _selected_outputs(session, config, specs)
    # Hidden, and in a folder that exists already, so that a failure leaves nothing behind.
    parent = root if os.path.isdir(root) else parent
    try:
        with temporary.new_folder(parent, layout.EXPORTS["rec"]) as building:
            path = os.path.join(building, layout.EXPORTS["rec"])
            try:
                paddle.jit.save(net, path, input_spec=specs)
            except ValueError as error:  # e.g. an input that no output depends on
                reason = f"the net cannot be exported with these input_specs: {error}"
                raise UserError(f"{config.folder}/dygraph_model.py: {reason}") from error
            tasks = session.output_names(), session.task_facts()
            models = [describe_model(path, names, config, *tasks)]
            if model_format == "onnx":
                with open(f"{path}.onnx", "wb") as file:
                    file.write(to_onnx.convert(models[0]))
                models.append(ExportedModel(f"{path}.onnx", None, models[0].metadata))
            differences = [check_outputs(net, specs, model, config) for model in models]
            facts = find.facts(source, session.prefix)
            write_metadata(models, _parameter_file(source, prefix), facts)
            exported = _publish(building, target, models[-1])
    except OSError as error:
        raise UserError(f"cannot write {parent}: {error.strerror or error}") from error
    for model, difference in zip(models, differences):
        logger.info(
            "exported checkpoint %s to %s; largest difference from the net %.0e",
            source,
            os.path.join(target, os.path.basename(model.graph)),
            difference,
            extra=logs.RESULT,
        )
    return exported


class _Selected(paddle.nn.Layer):
    """A net with some of its outputs.

    Args:
        net: the net of up to three inputs, which returns a list.
        places: the places of the outputs in the list.
    """

    def __init__(self, net: paddle.nn.Layer, places: list[int]):
        super().__init__()
        self._net, self._places = net, places

    def forward(self, first: Any, second: Any = None, third: Any = None) -> list:
        """Returns the selected outputs; Paddle exports no ``*inputs``."""
        if third is not None:
            outputs = self._net(first, second, third)
        else:
            outputs = self._net(first) if second is None else self._net(first, second)
        return [outputs[place] for place in self._places]


def _selected_outputs(session: DygraphSession, config: Config, specs: list) -> tuple:
    """Returns the names of the outputs to export, and a net that returns them.

    Raises:
        UserError: ``runner.save_inference_*_varnames`` name an output or an input that does not
            exist, or not all inputs; or the model does not name its outputs.
    """
    names, inputs = session.output_names(), [spec.name for spec in paddle.utils.flatten(specs)]
    given = [key for key in (FEEDS, FETCHES) if config.runner(key)]
    if given and not names:
        logger.warning("runner.%s has no effect: the model has no output_names", given[0])
        return names, session.net
    feeds = select(config, FEEDS, dict.fromkeys(inputs), inputs)
    if set(feeds) != set(inputs):
        raise config.error(f"runner.{FEEDS}", f"the net needs all of {', '.join(inputs)}")
    if not config.runner(FETCHES):
        return names, session.net
    if len(inputs) > 3:
        raise config.error(f"runner.{FETCHES}", "it works for nets of up to three inputs")
    places = select(config, FETCHES, {name: n for n, name in enumerate(names)}, names)
    chosen = _Selected(session.net, list(places.values()))
    chosen.eval()
    return list(places), chosen


def announce(config: Config) -> choice.Used:
    """Logs which checkpoint a configuration exports, and returns it."""
    return choice.announce("exporting", [_locate(config)[0]], "rec")


def _check_target(source: str, target: str) -> None:
    """Checks that an export does not get beside a checkpoint that it was not made from.

    Raises:
        UserError: the folder has other parameters than the checkpoint.
    """
    if os.path.realpath(source) == os.path.realpath(target) or not os.path.isdir(target):
        return
    for prefix in layout.EXPORTS:
        theirs = layout.path_of(target, prefix, "pdparams")
        ours = _parameter_file(source, prefix)
        if not os.path.isfile(theirs) or not os.path.isfile(ours):
            continue
        if facts_of.crc32(theirs) != facts_of.crc32(ours):
            raise UserError(
                f"the export of checkpoint {source} would lie beside another checkpoint, {target} "
                f"({runs.describe(facts_of.read(target, prefix))}): set runner.model_save_path to "
                "another folder, or runner.infer_load_path to this one"
            )


def _locate(config: Config) -> tuple[str, str, str]:
    """Returns the checkpoint's folder, ``runner.model_save_path`` and the folder's name there."""
    root = config.runner("model_save_path")
    initial = config.runner("model_init_path")
    if initial:
        if not os.path.isdir(initial):
            raise config.error("runner.model_init_path", f"there is no folder {initial}")
        return initial, root, os.path.basename(initial)
    epoch = choice.to_export(config)
    folder = os.path.join(config.runner("infer_load_path") or root, epoch)
    if not os.path.isdir(folder):
        name = "infer_checkpoint" if config.runner("infer_checkpoint") else "infer_end_epoch"
        raise UserError(f"there is no checkpoint {folder} (runner.{name} = {config.runner(name)})")
    return folder, root, epoch


def _parameter_file(folder: str, prefix: str) -> str:
    """Returns a checkpoint's parameter file; one of PaddleRec's may be called ``rec_static``."""
    path = layout.path_of(folder, prefix, "pdparams")
    return path if os.path.isfile(path) else layout.path_of(folder, "rec_static", "pdparams")


def _publish(building: str, folder: str, model: ExportedModel) -> ExportedModel:
    """Moves the files of an export to their folder, replacing an older one; returns it there."""
    prefix = os.path.basename(model.prefix)
    try:
        os.makedirs(folder, exist_ok=True)
        new = sorted(os.listdir(building), key=lambda name: name.endswith(METADATA_ENDING))
        stale = {prefix + ending for ending in ENDINGS} - set(new)
        for name in stale & set(os.listdir(folder)):
            os.remove(os.path.join(folder, name))
        for name in new:  # the metadata last, because they contain the hashes of the others
            atomic_files.replace(os.path.join(building, name), os.path.join(folder, name))
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror or error}") from error
    return model_files.find(model_file=os.path.join(folder, os.path.basename(model.graph)))
