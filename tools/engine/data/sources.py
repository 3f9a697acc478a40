"""Which reader, which files and in what order: the batches of a configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.config.config import Config
from engine.data.batches import (
    BlockSource,
    RowSource,
    Source,
    has_blocks,
    open_source,
    reader_errors,
)
from engine.distributed import processes
from engine.distributed.row_shares import Deal
from engine.model_folder import loading


@dataclass(frozen=True)
class ModelSource:
    """Stands for batches that come from the StaticModel's own ``create_data_loader``.

    Attributes:
        batch_size: rows a batch, as configured.
        reader: returns the batches of the reader instead: dygraph has no such loader.
    """

    batch_size: int
    reader: Callable[[], Source]


def training_source(
    config: Config, share: Callable[[Any], Any] = lambda dataset: dataset
) -> Source | ModelSource:
    """Returns the training batches of a configuration.

    Args:
        config: the configuration.
        share: returns the rows of a reader's dataset that are this process's; all if not given.
    """
    return _of_type(config, config.runner("train_batch_size"), lambda: _training(config, share))


def test_source(config: Config) -> Source | ModelSource:
    """Returns the evaluation batches of a configuration, in file order."""
    return _of_type(config, config.runner("infer_batch_size"), lambda: _testing(config))


def validation_source(config: Config) -> Source:
    """Returns the batches that training is evaluated on, in file order.

    Raises:
        UserError: they cannot be read.
    """
    if config.runner("reader_type") == "CustomizeDataLoader":
        reason = "with runner.reader_type = CustomizeDataLoader the model chooses its rows itself"
        raise config.error("runner.valid_data_dir", reason)
    names = (config.runner(f"{kind}_reader_path") for kind in ("valid", "infer", "train"))
    name = next(filter(None, names))
    files = loading.files(config, "valid_data_dir")
    size = config.get("runner.infer_batch_size") or config.runner("train_batch_size")
    return open_reader(config, name, files, size, deal=_deal(whole=True))


def _of_type(config: Config, batch_size: int, reader: Callable[[], Source]) -> Any:
    own = config.runner("reader_type") == "CustomizeDataLoader"
    return ModelSource(batch_size, reader) if own else reader()


def _training(config: Config, share: Callable[[Any], Any]) -> Source:
    name, batch_size = config.runner("train_reader_path"), config.runner("train_batch_size")
    files = loading.files(config, "train_data_dir")
    with reader_errors(name):
        dataset = loading.dataset(config, name, files)
        return _in_order(config, share(dataset), name, batch_size)


def _testing(config: Config) -> Source:
    name = config.runner("infer_reader_path") or config.runner("train_reader_path")
    files = loading.files(config, "test_data_dir")
    size = config.runner("infer_batch_size")
    return open_reader(config, name, files, size, deal=_deal(whole=True))


def _deal(whole: bool = False) -> Deal:
    world = processes.current()
    return Deal(world.rank, world.size, whole)


def _in_order(config: Config, dataset: Any, name: str, batch_size: int) -> Source:
    seed = config.runner("seed") if config.runner("shuffle") else None
    if has_blocks(dataset):
        return BlockSource(dataset, name, batch_size, seed, _deal())
    drop_last = config.runner("drop_last")
    if loading.is_paddlerecs(config):
        # As PaddleRec's trainer has it, so that a folder's metrics stay what they were.
        seed = seed if config.get("runner.shuffle") else None
        drop_last = True if drop_last is None else drop_last
    if config.runner("user_define_reader"):
        return RowSource(dataset, name, None, seed, deal=_deal())
    return RowSource(dataset, name, batch_size, seed, bool(drop_last), _deal())


def open_reader(
    config: Config,
    name: str,
    files: list[str],
    batch_size: int,
    seed: int | None = None,
    folder: str | None = None,
    deal: Deal | None = None,
) -> Source:
    """Returns the batches of some files as a reader module yields them.

    Args:
        config: the configuration, for the reader.
        name: the module's name.
        files: the data's files.
        batch_size: rows a batch.
        seed: draws the order of rows; None keeps the files'.
        folder: where the module is; the configuration's folder if not given.
        deal: which rows of each step are this process's; all if not given.
    """
    with reader_errors(name):
        dataset = loading.dataset(config, name, files, folder)
        if config.runner("user_define_reader") and not has_blocks(dataset):
            return RowSource(dataset, name, None, seed, deal=deal)
        return open_source(dataset, name, batch_size, seed, deal)
