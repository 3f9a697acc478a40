"""The checkpoint that is exported, and the files that an export replaces."""

import json
import logging
from pathlib import Path

import numpy as np
import paddle
import pytest

from engine import commands
from engine.data import sources
from engine.deployment.export import dygraph_export
from engine.deployment.exported_model import metadata, model_files
from engine.deployment.predictors import opening, predictor
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.model_folder import loading
from engine.training import loop

FOLDER = Path(loading.REPOSITORY) / "models" / "multitask" / "share_bottom"

PADDLE_3 = int(paddle.__version__.split(".")[0]) > 2

GRAPH = "json" if PADDLE_3 else "pdmodel"


def test_the_hash_of_a_known_file(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert metadata.sha256(str(tmp_path / "file")).startswith("ba7816bf8f01cfea414140de5dae2223")


def test_a_static_checkpoint_is_exported_too(trained, configured, eager, sample_rows):
    root = trained(FOLDER, "static").runner("model_save_path")
    model = dygraph_export.export_checkpoint(configured(infer_load_path=root))
    assert model.metadata["source"]["checkpoint"] == "rec_static.pdparams"
    outputs = opening.open_predictor(model, predictor.Options()).run(sample_rows(FOLDER))
    for ours, theirs in zip(outputs, eager(FOLDER, "static").values()):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


def test_the_export_of_model_init_path_keeps_the_name_of_the_epoch(trained, configured, tmp_path):
    root = trained(FOLDER, "dygraph").runner("model_save_path")
    model = dygraph_export.export_checkpoint(
        configured(model_init_path=f"{root}/0", infer_load_path=tmp_path / "none")
    )
    assert model.graph == str(tmp_path / "output" / "0" / f"tostatic.{GRAPH}")


def listing(folder, *prefixes):
    return sorted(p.name for p in folder.iterdir() if p.name.startswith(tuple(prefixes)))


def test_training_an_epoch_again_removes_the_old_export(configured, train_static):
    """It keeps the export of the other graph."""
    config = configured()
    folder = Path(config.runner("model_save_path")) / "0"

    def train():
        loop.train(DygraphSession(config), config, sources.training_source(config))

    train()
    dygraph_export.export_checkpoint(config)
    train_static()
    made = listing(folder, "tostatic", "rec_inference")
    assert {f"tostatic.{GRAPH}", f"rec_inference.{GRAPH}"} <= set(made)
    model_files.find(str(folder), f"tostatic.{GRAPH}")  # still complete

    train()
    assert listing(folder, "tostatic.") == []
    assert listing(folder, "rec_inference.") == [name for name in made if name[0] == "r"]
    model_files.find(str(folder), f"rec_inference.{GRAPH}")

    dygraph_export.export_checkpoint(config)
    static = configured(use_inference=False)
    loop.train(StaticSession(static, True), static, sources.training_source(static))
    assert listing(folder, "rec_inference.") == []
    assert listing(folder, "tostatic.") == [name for name in made if name[0] == "t"]


def test_an_export_replaces_all_formats_of_an_older_one(configured):
    pytest.importorskip("paddle2onnx")
    pytest.importorskip("onnxruntime")
    config = configured()
    loop.train(DygraphSession(config), config, sources.training_source(config))
    folder = Path(config.runner("model_save_path")) / "0"
    dygraph_export.export_checkpoint(config, "onnx")
    assert (folder / "tostatic.onnx").is_file()
    dygraph_export.export_checkpoint(config)
    assert not (folder / "tostatic.onnx").exists()
    assert "tostatic.onnx" not in json.loads((folder / "tostatic.meta.json").read_text())["files"]


def test_dygraph_training_warns_that_it_exports_nothing(configured, caplog):
    config = configured(use_inference=True)
    with caplog.at_level(logging.WARNING):
        commands.train(config, "dygraph")
    assert [record.getMessage() for record in caplog.records] == [
        "runner.use_inference: dygraph training exports nothing; run to_static.py"
    ]
    assert listing(Path(config.runner("model_save_path")) / "0", "tostatic", "rec_inf") == []
