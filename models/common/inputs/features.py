"""What a net with ``needs`` gets in place of one tensor of features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.common.layers import ops
from models.common.layout import Layout

NEEDS = ("groups", "domain", "tables")  # what a net may state


class Features:
    """The features of a batch, whole and by group.

    Tensors are symbols while a fast step is written, so a net uses them by functions of
    `models.common.layers.ops`.

    Args:
        layout: the parts and groups of the features.
        plain: the features as the inputs give them, ``[batch, layout.size]``.
        whole: the features after ``hyper_parameters.bottom``.
        domain: the id of each row's domain, int64 ``[batch]``; None without a domain.
        tables: the features by each table of the fields with ``tables: per_task``.

    Attributes:
        all: the features ``[batch, size]`` after ``hyper_parameters.bottom``.
        domain: the id of each row's domain, int64 ``[batch]``.
    """

    def __init__(self, layout: Layout, plain, whole, domain=None, tables: Sequence[Any] = ()):
        self._layout, self._plain, self._tables = layout, plain, tables
        self.all, self.domain = whole, domain

    def group(self, name: str):
        """Returns the features of a group, ``[batch, size of the group]``, before the bottom.

        Raises:
            ValueError: there is no such group.
        """
        group = self._layout.group(name)
        sizes, kept, end = [], [], 0
        for run in self._layout.runs(group.parts):
            if run.start > end:
                sizes.append(run.start - end)
            kept.append(len(sizes))
            sizes.append(run.stop - run.start)
            end = run.stop
        if end < self._layout.size:
            sizes.append(self._layout.size - end)
        pieces = ops.split(self._plain, sizes) if len(sizes) > 1 else [self._plain]
        chosen = [pieces[place] for place in kept]
        found = ops.concat(chosen, axis=1) if len(chosen) > 1 else chosen[0]
        return ops.stop_gradient(found) if group.stop_gradient else found

    def table(self, place: int):
        """Returns the features ``[batch, size]`` by one table, before the bottom.

        Fields without ``tables: per_task`` have the same embeddings in all of them.
        """
        return self._tables[place if len(self._tables) > 1 else 0]
