"""Opens the batches of a configuration: which reader, which files, in which order."""

from __future__ import annotations

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

Source = Union[BlockSource, RowSource]


@dataclass(frozen=True)
class ModelSource:
    """Batches that come from the StaticModel's own ``create_data_loader``.

    Attributes:
        batch_size: rows a batch, as configured.
        reader: opens the batches of the reader instead, because dygraph has no such loader.
    """

    batch_size: int
    reader: Callable[[], Source]

    def blocks(self) -> Iterator[Columns]:
        """Yields the reader's rows in file order, to fit the inputs on."""
        return self.reader().blocks()


def training_source(
    config: Config, share: Callable[[Any], Any] = lambda dataset: dataset
) -> Source | ModelSource:
    """Returns the training batches of a configuration.

    Args:
        config: the configuration.
        share: returns this process's part of a reader's dataset; the whole dataset if not given.
    """
    return _of_type(config, config.runner("train_batch_size"), lambda: _training(config, share))


def test_source(config: Config) -> Source | ModelSource:
    """Returns the evaluation batches of a configuration, in file order."""
    return _of_type(config, config.runner("infer_batch_size"), lambda: _testing(config))


def validation_source(config: Config) -> Source:
    """Returns the batches for evaluation during training, in file order.

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
    return open_reader(config, name, files, size, shares=_shares(whole=True))


def length(source: Source | ModelSource) -> int | None:
    """Returns the number of batches in an epoch; None for a stream."""
    try:
        return len(source)
    except (TypeError, RuntimeError):  # a stream does not know it
        return None


def open_reader(
    config: Config,
    name: str,
    files: list[str],
    batch_size: int,
    seed: int | None = None,
    folder: str | None = None,
    shares: RowShares | None = None,
) -> Source:
    """Returns the batches that a reader module yields for some files.

    Args:
        config: the configuration, for the reader.
        name: the module's name.
        files: the data files.
        batch_size: rows a batch.
        seed: seed of the row order; None keeps the order of the files.
        folder: the module's folder; the configuration's folder if not given.
        shares: which rows of each step this process takes; all if not given.
    """
    with reader_errors(name):
        dataset = loading.dataset(config, name, files, folder)
        if config.runner("user_define_reader") and not has_blocks(dataset):
            return RowSource(dataset, name, None, seed, shares=shares)
        return open_source(dataset, name, batch_size, seed, shares)


def open_source(
    dataset: Any,
    reader: str,
    batch_size: int,
    seed: int | None = None,
    shares: RowShares | None = None,
) -> Source:
    """Returns the fastest source of batches that a dataset allows."""
    kind = BlockSource if has_blocks(dataset) else RowSource
    return kind(dataset, reader, batch_size, seed, shares=shares)


def _of_type(config: Config, batch_size: int, reader: Callable[[], Source]) -> Any:
    own = config.runner("reader_type") == "CustomizeDataLoader"
    return ModelSource(batch_size, reader) if own else reader()


def _training(config: Config, share: Callable[[Any], Any]) -> Source:
    name, batch_size = config.runner("train_reader_path"), config.runner("train_batch_size")
    files = loading.files(config, "train_data_dir")
    with reader_errors(name):
        dataset = share(loading.dataset(config, name, files))
        seed = config.runner("seed") if config.runner("shuffle") else None
        if has_blocks(dataset):
            return BlockSource(dataset, name, batch_size, seed, _shares())
        drop_last = config.runner("drop_last")
        if loading.is_paddlerecs(config):
            # As PaddleRec's trainer does, so that a folder's metrics stay what they were.
            seed = seed if config.get("runner.shuffle") else None
            drop_last = True if drop_last is None else drop_last
        if config.runner("user_define_reader"):
            return RowSource(dataset, name, None, seed, shares=_shares())
        return RowSource(dataset, name, batch_size, seed, bool(drop_last), _shares())


def _testing(config: Config) -> Source:
    name = config.runner("infer_reader_path") or config.runner("train_reader_path")
    files = loading.files(config, "test_data_dir")
    size = config.runner("infer_batch_size")
    return open_reader(config, name, files, size, shares=_shares(whole=True))


def _shares(whole: bool = False) -> RowShares:
    world = processes.current()
    return RowShares(world.rank, world.size, whole)
