"""Extends an encoding with the values of further training files; ids keep their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from datasets.readers.table import encoding_builder
from datasets.readers.table.columns import Table
from datasets.readers.table.encoding import FREE, Encoding
from datasets.readers.table.rates import table_rates
from datasets.readers.table.targets import Targets
from datasets.readers.table.vocabularies.history import History


class Eviction(NamedTuple):
    """Which ids lose their values.

    Attributes:
        after: extensions in a row whose files lack the value; None for no limit.
        below: training rows in all; a value with fewer goes if these files lack it, too. None for
            no limit.
    """

    after: int | None = None
    below: int | None = None


class Change(NamedTuple):
    """How an extension changed the ids of a column.

    Attributes:
        kept: ids that keep their value.
        added: values that got an id.
        evicted: values that lost their id.
        waiting: values that are still too rare for an id.
        reset: the old ids whose value is another one now, or none, ``[n]`` int64.
    """

    kept: int
    added: int
    evicted: int
    waiting: int
    reset: np.ndarray


def extend(
    old: Encoding, paths: Sequence[str], table: Table, targets: Targets, eviction: Eviction
) -> Encoding:
    """Returns an encoding of further training files whose ids continue those of an old one.

    A value gets an id when it has occurred in ``min_count`` training rows in all. It takes the
    number of an evicted value, or else the next one. Fills and classes stay as they are, because
    the trained parameters belong to them. Columns that the old encoding lacks are learned afresh.

    Args:
        old: the encoding to extend. Without a history each of its values counts as ``min_count``
            rows.
        paths: the files.
        table: the columns: those of the old encoding, and any new ones.
        targets: the labels and weights.
        eviction: which ids lose their values.

    Raises:
        ValueError: a file, a cell or a column is invalid.
    """
    old_classes = {task: c for task, c in old.classes.items() if task in _tasks(targets)}
    found = encoding_builder.scan(paths, table, targets.learned_from(old_classes, all_tasks=False))
    fills = {
        column.name: old.fills[column.name]
        if column.name in old.fills
        else encoding_builder.fill(column, found)
        for column in table.dense
    }
    past = old.history or _assumed(old)
    vocabularies: dict = {}
    history = History(past.number + 1, old.sha256, {}, {}, {}, tuple(eviction))
    for column in encoding_builder.owners(table):
        if column.name not in old.vocabularies:
            vocabularies[column.name] = encoding_builder.vocabulary(column, found)
            encoding_builder.add_history(history, column, found, vocabularies[column.name])
            continue
        vocabularies[column.name] = _extended(
            column.name, old, past, found.counts[column.name], history, column.min_count, eviction
        )
    classes = {**old_classes, **found.classes(targets)}
    rates = table_rates.extended(old.rates.loaded(), paths, table, targets) if table.rates else None
    return Encoding(table, fills, vocabularies, classes, history, rates)


def changes(old: Encoding, new: Encoding) -> dict[str, Change]:
    """Returns how an extension changed the ids of each column that has a vocabulary.

    Raises:
        ValueError: ``new`` does not extend ``old``.
    """
    if new.history is None or new.history.extends != old.sha256:
        raise ValueError(f"the vocabulary {new.sha256} does not extend {old.sha256}")
    found = {}
    for name, values in new.vocabularies.items():
        before = np.array(old.vocabularies.get(name, ()), object)
        after = np.array(values, object)
        other = before != after[: len(before)]
        kept = int(np.count_nonzero(~other & (before != FREE)))
        evicted = int(np.count_nonzero(before != FREE)) - kept
        added = int(np.count_nonzero(after != FREE)) - kept
        waiting = len(new.history.waiting[name])
        found[name] = Change(kept, added, evicted, waiting, 1 + np.flatnonzero(other))
    return found


def _tasks(targets: Targets) -> set[str]:
    return {label.task for label in targets.labels if label.learned}


def _assumed(old: Encoding) -> History:
    """Returns the history of an encoding that was learned without one."""
    least = {column.name: column.min_count for column in old.table.sparse}
    sizes = {name: len(values) for name, values in old.vocabularies.items()}
    return History(
        counts={name: [least[name]] * size for name, size in sizes.items()},
        seen={name: [0] * size for name, size in sizes.items()},
        waiting={name: {} for name in sizes},
    )


def _extended(
    name: str,
    old: Encoding,
    past: History,
    found: Counter,
    history: History,
    min_count: int,
    eviction: Eviction,
) -> list[str]:
    """Returns a column's extended vocabulary and adds its counts to ``history``."""
    values = list(old.vocabularies[name])
    counts, seen = list(past.counts[name]), list(past.seen[name])
    waiting = {text: list(entry) for text, entry in past.waiting[name].items()}
    now, places = history.number, dict(zip(values, range(len(values))))
    for text, count in found.items():
        place = places.get(text)
        if place is None:
            waiting[text] = [count + waiting.get(text, (0,))[0], now]
        else:
            counts[place] += count
            seen[place] = now
    _evict(values, counts, seen, now, eviction)
    if eviction.after is not None:
        waiting = {k: entry for k, entry in waiting.items() if now - entry[1] < eviction.after}
    entering = [text for text, (count, _) in waiting.items() if count >= min_count]
    entering.sort(key=lambda text: (-waiting[text][0], text))
    free = [place for place, text in enumerate(values) if text == FREE]
    more = len(entering) - len(free)
    for column, filler in ((values, FREE), (counts, 0), (seen, 0)):
        column.extend([filler] * max(more, 0))
    for place, text in zip([*free, *range(len(values) - max(more, 0), len(values))], entering):
        values[place] = text
        counts[place], seen[place] = waiting.pop(text)
    history.counts[name], history.seen[name], history.waiting[name] = counts, seen, waiting
    return values


def _evict(
    values: list[str], counts: list[int], seen: list[int], now: int, eviction: Eviction
) -> None:
    """Frees the places of values that are rare or long unseen."""
    times, numbers = np.array(seen, np.int64), np.array(counts, np.int64)
    gone = np.zeros(len(values), bool)
    if eviction.after is not None:
        gone |= now - times >= eviction.after
    if eviction.below is not None:
        gone |= (numbers < eviction.below) & (times < now)
    for place in np.flatnonzero(gone):
        values[place], counts[place], seen[place] = FREE, 0, 0
