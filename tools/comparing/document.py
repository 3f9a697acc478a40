"""What the pages say, whichever form they have: sections of paragraphs, tables and pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Union

from comparing import figures, words
from comparing.matrix import DataSet, Matrix
from comparing.plots import Picture
from comparing.running import FINISHED

_NOTHING = "–"
_FORMS = {"logloss": ".4f", "calibration": ".3f", "ece": ".4f", "gauc": ".4f"}


@dataclass(frozen=True)
class Table:
    """A table; the first column names its rows.

    Attributes:
        caption: what it holds.
        header: the columns' names.
        rows: texts, as many as columns each.
    """

    caption: str
    header: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Code:
    """Lines to type."""

    lines: list[str]


@dataclass(frozen=True)
class Pictures:
    """Pictures that stand beside each other."""

    pictures: list[Picture]


Block = Union[str, Table, Code, Pictures]


@dataclass
class Section:
    """A heading and what follows it.

    Attributes:
        title: the heading.
        blocks: paragraphs, which may have `code` in backticks, and more.
    """

    title: str
    blocks: list[Block] = field(default_factory=list)


def sections(
    matrix: Matrix,
    records: Mapping[str, dict[str, Any]],
    command: str,
    language: str,
    pictures: Mapping[str, list[Picture]] | None,
) -> list[Section]:
    """Returns a page's sections; the first one's title is the page's.

    Args:
        matrix: what is shown.
        records: what its cells ended with, by name; those that were not run are not in it.
        command: what writes the pages.
        language: ``en`` or ``zh``.
        pictures: of each data set; None for a page without pictures.
    """
    say = partial(words.say, language)
    done = [record for record in records.values() if record["state"] == FINISHED]
    found = [_summary(matrix, done, command, language, pictures)]
    for name, data in {cell.data.name: cell.data for cell in matrix.cells}.items():
        own = [record for record in done if record["data"] == name]
        section = Section(data.title[language])
        section.blocks.append(f"**{say('protocol')}.** {data.protocol[language]}")
        if own:
            section.blocks += _tables(data, own, language)
        if data.references:
            section.blocks.append(_references(data, language))
        if pictures and pictures.get(name):
            section.blocks.append(Pictures(pictures[name]))
        found.append(section)
    found += _gaps(matrix, records, language)
    if done:
        found.append(_runs(matrix, records, language))
    return found


def _summary(matrix, done, command, language, pictures) -> Section:
    say = partial(words.say, language)
    section = Section(f"{say('title')}: {matrix.name}")
    section.blocks.append(say("made", yaml=os.path.basename(matrix.path)))
    section.blocks.append(Code([command]))
    if not done:
        section.blocks.append(say("none", all=len(matrix.cells)))
        return section
    starts = sorted(record["started_at"][:16].replace("T", " ") for record in done)
    seconds = sum(record["seconds"] for record in done)
    hours = words.duration(language, seconds)
    counts = {"done": len(done), "all": len(matrix.cells)}
    section.blocks.append(say("finished", **counts, first=starts[0], last=starts[-1], hours=hours))
    section.blocks.append(say("explained"))
    if pictures is None:
        section.blocks.append(say("pictures"))
    elif not any(pictures.values()):
        section.blocks.append(say("no_pictures"))
    section.blocks.append(_environment(done, language))
    section.blocks.append(say("changed"))
    return section


def _environment(done, language) -> Table:
    say = partial(words.say, language)

    def every(values) -> str:
        return ", ".join(dict.fromkeys(str(value) for value in values))

    environments = [record["environment"] for record in done]
    versions = every(
        f"Paddle {one.get('paddle', '?')}, Python {one['python']}, {one['os']}"
        for one in environments
    )
    rows = [
        [say("commit"), every(record["commit"] or "?" for record in done)],
        [say("versions"), versions],
        [say("processor"), every(one["processor"] for one in environments)],
        [say("cores"), every(one["cores"] for one in environments)],
        [say("threads"), every(record["threads"] for record in done)],
        [say("seeds"), every(record["seed"] for record in done)],
    ]
    return Table(say("environment"), ["", ""], rows)


def _tables(data: DataSet, records: list[figures.Record], language: str) -> list[Table]:
    say = partial(words.say, language)
    tasks, models = figures.tasks(records), figures.by_model(records)
    metrics = {task: figures.main_metric(records, task) for task in tasks}
    judged = [task for task in tasks if metrics[task]]
    header = [say("model"), *(f"{task}: {metrics[task].upper()}" for task in judged)]
    header += [say(key) for key in ("epoch", "parameters", "speed", "wall")]
    rows = []
    for model, own in models.items():
        main = [_text(figures.of_task(own, task, metrics[task]), ".4f") for task in judged]
        speed = figures.spread(figures.rows_per_second(record) for record in own)
        wall = figures.spread(record["seconds"] for record in own)
        more = [_every(record["chosen_epoch"] for record in own)]
        more.append(_every(f"{record['parameters']:,}" for record in own))
        rows.append([model, *main, *more, _text(speed, ",.0f"), _text(wall, ",.0f")])
    for reference in data.references:
        name = reference.name if reference.model is None else f"{reference.name}: {reference.model}"
        values = [reference.figures(metrics[task]).get(task) for task in judged]
        shown = [_NOTHING if value is None else f"{value:.4g}" for value in values]
        rows.append([name, *shown, *[_NOTHING] * 4])
    found = [Table(say("test"), header, rows)]
    measured = [
        name
        for name in figures.BESIDES
        if any(name in figures_ for record in records for figures_ in record["tasks"].values())
    ]
    rows = [
        [model, task, *(_text(figures.of_task(own, task, m), _FORMS[m]) for m in measured)]
        for task in tasks
        for model, own in models.items()
        if any(task in record["tasks"] for record in own)
    ]
    if measured:
        header = [say("model"), say("task"), *(say(name) for name in measured)]
        found.append(Table(say("quality"), header, rows))
    return found


def _references(data: DataSet, language: str) -> Table:
    say = partial(words.say, language)
    rows = []
    for one in data.references:
        mean_over_processes = {
            **one.auc,
            **{f"{task} (acc)": value for task, value in one.acc.items()},
        }
        values = ", ".join(f"{task} {value:.4g}" for task, value in mean_over_processes.items())
        name = one.name if one.model is None else f"{one.name}: {one.model}"
        rows.append([name, values, one.source[language]])
    return Table(say("references"), ["", say("figures"), say("source")], rows)


def _gaps(matrix: Matrix, records, language: str) -> list[Section]:
    """Returns what failed, and what was not run."""
    failed = [one for one in records.values() if one["state"] != FINISHED]
    found = []
    if failed:
        section = Section(words.say(language, "failed"))
        section.blocks += [f"`{one['cell']}`: {one['problem']}" for one in failed]
        found.append(section)
    lacking = [cell.name for cell in matrix.cells if cell.name not in records]
    if lacking:
        section = Section(words.say(language, "lacking"))
        section.blocks.append(", ".join(f"`{name}`" for name in lacking))
        found.append(section)
    return found


def _runs(matrix: Matrix, records, language: str) -> Section:
    """Returns every finished run on its own."""
    say = partial(words.say, language)
    rows = []
    for cell in matrix.cells:
        record = records.get(cell.name)
        if record is None or record["state"] != FINISHED:
            continue
        main = [
            f"{task} {figures_[metric]:.4f}"
            for task, figures_ in record["tasks"].items()
            if (metric := _first(figures_)) is not None
        ]
        started = record["started_at"][:16].replace("T", " ")
        rows.append([cell.name, ", ".join(main), str(record["commit"] or "?"), started])
    header = [f"{say('model')}, {say('seed')}", say("figures"), say("commit"), "UTC"]
    return Section(say("runs"), [Table(say("runs"), header, rows)])


def _first(found: Mapping[str, Any]) -> str | None:
    """Returns what a task is judged by, where it is a number."""
    return next((name for name in figures.MAIN if found.get(name) is not None), None)


def _text(value: figures.Spread | None, form: str) -> str:
    return _NOTHING if value is None else value.text(form)


def _every(values) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values))
