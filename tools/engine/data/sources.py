"""Opens the training, validation and test batches of a configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Union

from engine.config.config import Config
from engine.data.batch import Columns
from engine.data.block_source import BlockSource
from engine.data.reader_errors import reader_errors
from engine.data.row_order import has_blocks
from engine.data.row_source import RowSource
from engine.distributed import processes
from engine.distributed.row_shares import RowShares
from engine.model_folder import loading

logger = logging.getLogger(__name__)

Source = Union[BlockSource, RowSource]

_MODEL_LOADER = "CustomizeDataLoader"


@dataclass
class ModelSource:
    """Stands for the batches of a StaticModel's ``create_data_loader``, which its session reads.

    Attributes:
        batch_size: rows a batch, as configured; None if that is the loader's own choice.
        open_reader: opens the reader's batches.
    """

    batch_size: int | None
    open_reader: Callable[[], Source]

    def blocks(self) -> Iterator[Columns]:
        """Yields the reader's rows in file order; inputs are fitted to them."""
        return self.open_reader().blocks()


def training_source(
    config: Config,
    graph: str = "dygraph",
    shard: Callable[[Any], Any] = lambda dataset: dataset,
) -> Source | ModelSource:
    """Returns the training batches of a configuration.

    Args:
        config: the configuration.
        graph: ``dygraph`` or ``static``; only a StaticModel can have a data loader of its own.
        shard: returns this process's part of a reader's dataset; by default all of it.

    Raises:
        UserError: the data cannot be read, or the StaticModel has no data loader.
    """
    if _has_model_loader(config, graph):
        size = config.get("runner.train_batch_size")
        return ModelSource(size, lambda: _training(config, shard))
    return _training(config, shard)


def evaluation_source(config: Config, graph: str = "dygraph") -> Source | ModelSource:
    """Returns the test batches of a configuration, in file order; see `training_source`."""
    if _has_model_loader(config, graph):
        return ModelSource(config.get("runner.infer_batch_size"), lambda: _testing(config))
    return _testing(config)


def validation_source(config: Config) -> Source:
    """Returns the validation batches of a configuration, in file order.

    Raises:
        UserError: the data cannot be read.
    """
    if config.runner("reader_type") == _MODEL_LOADER:
        reason = "with runner.reader_type = CustomizeDataLoader the model chooses its rows itself"
        raise config.error("runner.valid_data_dir", reason)
    names = (config.runner(f"{kind}_reader_path") for kind in ("valid", "infer", "train"))
    name = next(filter(None, names))
    files = loading.files(config, "valid_data_dir")
    size = config.get("runner.infer_batch_size") or _batch_size(config, "train_batch_size")
    return open_reader(config, name, files, size, shares=_shares(full_batches=True))


def length(source: Source | ModelSource) -> int | None:
    """Returns the number of batches in an epoch; None if it is unknown, as for a stream."""
    try:
        return len(source)
    except (TypeError, RuntimeError):
        return None


def open_reader(
    config: Config,
    name: str,
    files: list[str],
    batch_size: int | None,
    seed: int | None = None,
    folder: str | None = None,
    shares: RowShares | None = None,
) -> Source:
    """Returns the batches of a reader module over some files.

    Args:
        config: the configuration, which the reader gets.
        name: the module's name.
        files: the data files.
        batch_size: rows a batch; None if the reader yields batches.
        seed: seed of the row order; None keeps the order of the files.
        folder: the module's folder; by default the configuration's folder.
        shares: which rows of each step this process takes; by default all.
    """
    with reader_errors(name):
        dataset = loading.dataset(config, name, files, folder)
        if config.runner("user_define_reader") and not has_blocks(dataset):
            return RowSource(dataset, name, None, seed, shares=shares)
        return open_source(dataset, name, batch_size, seed, shares)


def open_source(
    dataset: Any,
    reader: str,
    batch_size: int | None,
    seed: int | None = None,
    shares: RowShares | None = None,
) -> Source:
    """Returns the batches of a dataset, read in blocks if it offers them."""
    kind = BlockSource if has_blocks(dataset) else RowSource
    return kind(dataset, reader, batch_size, seed, shares=shares)


def _has_model_loader(config: Config, graph: str) -> bool:
    """Returns whether the batches come from the StaticModel's own data loader.

    Raises:
        UserError: they should, but the model has none.
    """
    if graph != "static" or config.runner("reader_type") != _MODEL_LOADER:
        return False
    loading.check_static_member(
        config, "create_data_loader", f"runner.reader_type = {_MODEL_LOADER}"
    )
    return True


def _training(config: Config, shard: Callable[[Any], Any]) -> Source:
    name, batch_size = config.runner("train_reader_path"), _batch_size(config, "train_batch_size")
    files = loading.files(config, "train_data_dir")
    with reader_errors(name):
        dataset = shard(loading.dataset(config, name, files, training=True))
        seed = config.runner("seed") if config.runner("shuffle") else None
        drop_last = config.runner("drop_last")
        if has_blocks(dataset):
            return BlockSource(dataset, name, batch_size, seed, _shares(), bool(drop_last))
        if loading.written_for_paddlerec(config):
            # PaddleRec's defaults, so that the folder's metrics are the same as there.
            seed = seed if config.get("runner.shuffle") else None
            drop_last = True if drop_last is None else drop_last
        if config.runner("user_define_reader"):
            return RowSource(dataset, name, None, seed, shares=_shares())
        return RowSource(dataset, name, batch_size, seed, bool(drop_last), _shares())


def _testing(config: Config) -> Source:
    name = config.runner("infer_reader_path") or config.runner("train_reader_path")
    files = loading.files(config, "test_data_dir")
    size = _batch_size(config, "infer_batch_size")
    return open_reader(config, name, files, size, shares=_shares(full_batches=True))


def _batch_size(config: Config, key: str) -> int | None:
    """Returns ``runner.<key>``; None if it is not set and the reader yields batches.

    Without it PaddleRec takes each item of a reader as a batch, whatever ``user_define_reader`` is.

    Raises:
        UserError: it is not set, and the folder was not written for PaddleRec.
    """
    if config.get(f"runner.{key}") is not None or not loading.written_for_paddlerec(config):
        return config.runner(key)
    if not config.runner("user_define_reader"):
        logger.warning("runner.%s is not set: each item of the reader is taken as a batch", key)
    return None


def _shares(full_batches: bool = False) -> RowShares:
    world = processes.current()
    return RowShares(world.rank, world.size, full_batches)
