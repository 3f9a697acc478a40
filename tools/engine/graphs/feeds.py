"""Converts a reader's batches to the inputs of a static program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Callable

import numpy as np
import paddle
from paddle.base.data_feeder import convert_dtype

from engine.data.batch import collate
from engine.data.reader_errors import reader_errors
from engine.system.errors import UserError


class Feeds:
    """The input variables of a program.

    Args:
        variables: the result of a StaticModel's ``create_feeds``.
        complete: adds labels to rows to predict, which have none; None if a model cannot.
    """

    def __init__(
        self, variables: Sequence[Any], complete: Callable[[Sequence], Sequence] | None = None
    ):
        self._complete = complete
        self.names = [variable.name for variable in variables]
        kinds = [convert_dtype(variable.dtype) for variable in variables]
        self._dtypes = dict(zip(self.names, kinds))

    def named(self, batch: Any) -> Mapping[str, Any]:
        """Returns a batch's fields by the names of the inputs, in the inputs' dtypes.

        Fields beyond the inputs are left out: evaluation may not need the labels.

        Raises:
            UserError: the batch has fewer fields than there are inputs.
        """
        if isinstance(batch, Mapping):
            fields = batch
        else:
            if len(batch) < len(self.names) and self._complete is not None:
                batch = self._complete(batch)
            if len(batch) < len(self.names):
                raise UserError(
                    f"the reader yields {len(batch)} fields a row, "
                    f"the model takes {len(self.names)}: {', '.join(self.names)}"
                )
            fields = dict(zip(self.names, batch))
        return {name: self._typed(name, field) for name, field in fields.items()}

    def _typed(self, name: str, field: Any) -> Any:
        """Returns a field in its input's dtype: Python's numbers have 64 bits."""
        dtype = self._dtypes.get(name, "")
        if not isinstance(field, np.ndarray) or field.dtype.name == dtype:
            return field
        kinds = {"float32": "fiub", "float64": "fiub", "int32": "iub", "int64": "iub"}
        return field.astype(dtype) if field.dtype.kind in kinds.get(dtype, "") else field


def loader_batches(loader: Any, owner: str) -> Iterator[Any]:
    """Yields the batches of a data loader that a model created.

    Paddle's DataLoader is read in the main thread: if its dataset raises an error in the loader's
    thread, training hangs (seen on 3.3.1).

    Args:
        loader: the loader: an iterable, or a function that returns one.
        owner: the name of the model's class, for errors.
    """
    is_paddles = isinstance(loader, paddle.io.DataLoader) and hasattr(loader, "dataset")
    name = f"{owner}.create_data_loader"
    with reader_errors(name):
        batches = _read(loader) if is_paddles else iter(loader() if callable(loader) else loader)
    while True:
        with reader_errors(name):
            batch = next(batches, None)
        if batch is None:
            return
        single = isinstance(batch, (list, tuple)) and len(batch) == 1
        yield batch[0] if single and isinstance(batch[0], Mapping) else batch


def _read(loader: Any) -> Iterator[Any]:
    """Yields the batches of Paddle's DataLoader without its threads."""
    join = loader.collate_fn or collate
    if isinstance(loader.dataset, paddle.io.IterableDataset):
        rows, size = iter(loader.dataset), loader.batch_size or 1
        while True:
            batch = list(islice(rows, size))
            if not batch or (loader.drop_last and len(batch) < size):
                return
            yield join(batch) if loader.batch_size else batch[0]
    for numbers in loader.batch_sampler:
        yield join([loader.dataset[number] for number in numbers])
