"""A trained net becomes an inference model: files that need neither the net's code nor a YAML."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import paddle

from engine.checkpoints import choice, layout, matching, store
from engine.config.config import Config
from engine.data import encoding, sources
from engine.deployment.exported_model import graph_files, model_files, tensors, to_onnx
from engine.deployment.exported_model.model_files import ExportedModel
from engine.deployment.exported_model.tensors import TensorSpec
from engine.deployment.predictors import opening, predictor
from engine.graphs import checkpoint_loading
from engine.graphs.dygraph import DygraphSession
from engine.system import atomic_files
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

FORMATS = ("paddle", "onnx")
TOLERANCE = 1e-5  # between the net and its export
_HYPER = "hyper_parameters."
_ROWS = 64  # of the batch that an export is checked on


def export_checkpoint(config: Config, wanted: str = "paddle") -> ExportedModel:
    """Exports a dygraph checkpoint as ``tostatic.*`` and returns what it wrote.

    The checkpoint is ``runner.model_init_path``, or else epoch ``runner.infer_end_epoch - 1`` of
    ``runner.infer_load_path``, or its ``best`` (``runner.infer_checkpoint``); it is exported to
    the folder of the same name in ``runner.model_save_path``.

    Args:
        config: the model's configuration.
        wanted: one of `FORMATS`; ``onnx`` adds that to Paddle's own.

    Raises:
        UserError: there is no such checkpoint, the model does not declare its inputs, or the
            export does not give the net's numbers.
    """
    source, root, epoch = _places(config)
    if wanted == "onnx":
        to_onnx.check_installed()
    place = store.check_writable(os.path.join(root, epoch))
    session = DygraphSession(config)
    specs = session.input_specs()
    saved, prefix = checkpoint_loading.parameters(session, source)
    matching.check(saved, session.shapes(prefix), source)
    session.load(saved, prefix)
    session.start_epoch(training=False)
    # Hidden beside its place, and below no folder that a failure would leave behind.
    place = root if os.path.isdir(root) else place
    try:
        with tempfile.TemporaryDirectory(prefix=".tostatic.", dir=place) as building:
            path = os.path.join(building, layout.EXPORTS["rec"])
            try:
                paddle.jit.save(session.net, path, input_spec=specs)
            except ValueError as error:  # e.g. an input that no output is computed from
                reason = f"the net cannot be exported with these input_specs: {error}"
                raise UserError(f"{config.folder}/dygraph_model.py: {reason}") from error
            models = [describe(path, session.output_names(), config)]
            if wanted == "onnx":
                with open(f"{path}.onnx", "wb") as file:
                    file.write(to_onnx.convert(models[0]))
                models.append(ExportedModel(f"{path}.onnx", None, models[0].about))
            for model in models:
                _check(session.net, specs, model, config)
            write_about(models, _parameter_file(source, prefix))
            return publish(building, os.path.join(root, epoch), models[-1])
    except OSError as error:
        raise UserError(f"cannot write {place}: {error.strerror or error}") from error


def _parameter_file(folder: str, prefix: str) -> str:
    """Returns the file of a checkpoint's parameters; PaddleRec's are translated to ``rec``."""
    path = layout.path_of(folder, prefix, "pdparams")
    return path if os.path.isfile(path) else layout.path_of(folder, "rec_static", "pdparams")


def checkpoint_encoding(config: Config) -> str:
    """Returns the encoding of the checkpoint that is exported; see `engine.data.encoding`."""
    return encoding.required(_places(config)[0])


def _places(config: Config) -> tuple[str, str, str]:
    """Returns the checkpoint's folder, ``runner.model_save_path`` and the epoch's name in it."""
    root = config.runner("model_save_path")
    given = config.runner("model_init_path")
    if given:
        if not os.path.isdir(given):
            raise config.error("runner.model_init_path", f"there is no folder {given}")
        return given, root, os.path.basename(given)
    epoch = choice.to_export(config)
    folder = os.path.join(config.runner("infer_load_path") or root, epoch)
    if not os.path.isdir(folder):
        name = "infer_checkpoint" if config.runner("infer_checkpoint") else "infer_end_epoch"
        raise UserError(f"there is no checkpoint {folder} (runner.{name} = {config.runner(name)})")
    return folder, root, epoch


def describe(
    path: str, names: Sequence[str] | None, config: Config, tasks: Sequence[str] | None = None
) -> ExportedModel:
    """Returns what Paddle has saved under a path without ending, its outputs named.

    Args:
        path: where it was saved.
        names: the outputs' names; None for ``output_0`` and so on.
        config: the model's configuration.
        tasks: the names in the order of a reader's labels, if the outputs are only some of them
            or in another order.

    Raises:
        UserError: the outputs are not as many as the names.
    """
    graph = next(path + ending for ending in model_files.GRAPHS if os.path.isfile(path + ending))
    inputs, outputs = graph_files.tensors(graph)
    names = names or [f"output_{number}" for number in range(len(outputs))]
    if len(names) != len(outputs):
        raise UserError(
            f"{config.folder}: the net gives {len(outputs)} outputs, named are {', '.join(names)}"
        )
    outputs = [replace(spec, name=name) for spec, name in zip(outputs, names)]
    about = {
        "model": os.path.basename(config.folder),
        "inputs": [asdict(spec) for spec in inputs],
        "outputs": [asdict(spec) for spec in outputs],
        "tasks": list(tasks or names),
        "paddle": paddle.__version__,
        # What a reader needs to know to give the rows that the model was trained on.
        "hyper_parameters": {
            key[len(_HYPER) :]: value for key, value in config.items() if key.startswith(_HYPER)
        },
    }
    return ExportedModel(graph, path + model_files.PARAMETERS, about)


def write_about(models: Sequence[ExportedModel], source: str) -> None:
    """Writes ``<prefix>.meta.json`` for the formats of one model.

    Args:
        models: the model in each of its formats.
        source: the parameters' file that they were made from.
    """
    files = {}
    for model in models:
        files[model.graph] = model_files.GRAPH_FORMATS[os.path.splitext(model.graph)[1]]
        if model.parameters:
            files[model.parameters] = "parameters"
    about = {
        **models[0].about,
        "files": {
            os.path.basename(path): {"format": kind, "sha256": model_files.sha256(path)}
            for path, kind in files.items()
        },
        "source": {"checkpoint": os.path.basename(source), "sha256": model_files.sha256(source)},
    }
    with open(models[0].prefix + model_files.META, "w", encoding="utf-8") as file:
        json.dump(about, file, indent=2, ensure_ascii=False, default=str)


def publish(building: str, folder: str, model: ExportedModel) -> ExportedModel:
    """Moves a finished export to its folder, in place of an older one; returns it there."""
    prefix = os.path.basename(model.prefix)
    try:
        os.makedirs(folder, exist_ok=True)
        made = sorted(os.listdir(building), key=lambda name: name.endswith(model_files.META))
        stale = {prefix + ending for ending in model_files.ENDINGS} - set(made)
        for name in stale & set(os.listdir(folder)):
            os.remove(os.path.join(folder, name))
        for name in made:  # the metadata last: they hold the hashes of the others
            atomic_files.replace(os.path.join(building, name), os.path.join(folder, name))
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror or error}") from error
    return model_files.find(model_file=os.path.join(folder, os.path.basename(model.graph)))


def _check(net: Any, specs: Sequence, model: ExportedModel, config: Config) -> None:
    """Makes sure that an export gives the net's own numbers."""
    runner = opening.open_predictor(model, predictor.Options())
    arrays = _rows(config, runner.inputs)
    rows = [paddle.to_tensor(array) for array in arrays]
    with paddle.no_grad():
        eager = paddle.utils.flatten(net(*paddle.utils.pack_sequence_as(specs, rows)))
    names = [spec.name for spec in model.outputs]
    for name, ours, theirs in zip(names, eager, runner.run(arrays)):
        difference = np.abs(ours.numpy().astype(np.float64) - theirs).max()
        if not difference <= TOLERANCE:
            raise UserError(
                f"{os.path.basename(model.graph)}: output {name} differs by {difference:.1e} from "
                f"the net's, more than {TOLERANCE:.0e}; nothing was exported"
            )
        logger.info("%s: %s is the net's to %.0e", os.path.basename(model.graph), name, difference)


def _rows(config: Config, inputs: Sequence[TensorSpec]) -> list[np.ndarray]:
    """Returns rows to check an export on: of the training data, or random where there are none."""
    try:
        columns = next(sources.training_source(config).blocks())
    except UserError as error:
        logger.warning("no training rows to check the export on (%s): taking random ones", error)
        random = np.random.default_rng(0)
        shapes = [(_ROWS, *(size or 1 for size in spec.shape[1:])) for spec in inputs]
        # Integers are 0 and 1, which every embedding table has.
        columns = [random.integers(0, 2, shape) for shape in shapes]
    return tensors.fit(inputs, [column[:_ROWS] for column in columns])
