"""An epoch's batches as a DygraphModel takes them, in lists: one list a block of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import paddle

from engine.config.config import Config
from engine.data.batch import batch_rows, map_arrays
from engine.data.block_source import BlockSource
from engine.data.prefetch import prefetched
from engine.data.sources import Source
from engine.model_folder import loading

Batches = list[tuple[Any, int]]  # batches and their numbers of rows


def batch_lists(
    source: Source,
    epoch: int,
    prepare: Callable[[list, int], list] | None,
    config: Config,
    device: str,
) -> Iterator[Batches]:
    """Yields an epoch's batches in lists.

    Args:
        source: the source of the rows.
        epoch: the epoch.
        prepare: returns a block of rows as batches of a size; None if the model prepares none.
        config: the configuration, for errors.
        device: ``cpu`` or ``gpu``.
    """
    if prepare is None or not isinstance(source, BlockSource):
        for columns in source.batches(epoch):
            yield [(map_arrays(paddle.to_tensor, columns), batch_rows(columns))]
        return
    lists = _prepared(source, epoch, prepare, config)
    # A GPU's batches are prepared here: the device is set for this thread only.
    yield from prefetched(lists) if device == "cpu" else lists


def _prepared(
    source: BlockSource, epoch: int, prepare: Callable[[list, int], list], config: Config
) -> Iterator[Batches]:
    size = source.batch_size
    for block in source.blocks(epoch):
        total = len(block[0])
        with loading.model_errors(config):
            batches = prepare(block, size)
        yield [(batch, min(size, total - n * size)) for n, batch in enumerate(batches)]
