"""The content of a results page, without its format: sections of texts, tables and plots."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Union

from comparing import figures, words
from comparing.figures import Record
from comparing.matrix import Matrix
from comparing.pictures import Picture
from comparing.results import FINISHED
from comparing.schema import DataSet, Reference

_NOTHING = "–"
_IN_UNITS = ("mae", "rmse")  # in the label's unit, so of any size


@dataclass(frozen=True)
class Table:
    """A table; the first column contains the names of its rows.

    Attributes:
        caption: the caption.
        header: the names of the columns.
        rows: the cells of each row, one text a column.
    """

    caption: str
    header: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Code:
    """Command lines."""

    lines: list[str]


@dataclass(frozen=True)
class Pictures:
    """Pictures side by side."""

    pictures: list[Picture]


Block = Union[str, Table, Code, Pictures]


@dataclass
class Section:
    """A heading and the blocks below it.

    Attributes:
        title: the heading.
        blocks: paragraphs (with `code` and **bold** as in Markdown), tables, code and pictures.
    """

    title: str
    blocks: list[Block] = field(default_factory=list)


def sections(
    matrix: Matrix,
    records: Mapping[str, Record],
    command: str,
    language: str,
    pictures: Mapping[str, list[Picture]] | None,
) -> list[Section]:
    """Returns the sections of a page; the title of the first is the title of the page.

    Args:
        matrix: the matrix.
        records: the records of its cells by name, without cells that did not run.
        command: the command line that writes the pages.
        language: ``en`` or ``zh``.
        pictures: the plots of each data set; None for a page without plots.
    """
    finished = [record for record in records.values() if record["state"] == FINISHED]
    page = [_summary(matrix, finished, command, language, pictures)]
    for name, data in matrix.data.items():
        of_data = [record for record in finished if record["data"] == name]
        section = Section(data.title[language])
        protocol = words.say(language, "protocol")
        section.blocks.append(f"{protocol} {data.protocol[language]}")
        if of_data:
            section.blocks.append(_main_table(data, of_data, language))
            section.blocks += _quality_tables(of_data, language)
            section.blocks += _slice_table(of_data, language)
        if data.references:
            section.blocks.append(_reference_table(data, language))
        if pictures and pictures.get(name):
            section.blocks.append(Pictures(pictures[name]))
        page.append(section)
    page += _unfinished(matrix, records, language)
    if finished:
        page.append(_runs(matrix, records, language))
    return page


def _summary(matrix, finished, command, language, pictures) -> Section:
    say = partial(words.say, language)
    section = Section(f"{say('title')}: {matrix.name}")
    section.blocks.append(say("made", yaml=os.path.basename(matrix.path)))
    section.blocks.append(Code([command]))
    if not finished:
        section.blocks.append(say("none", all=len(matrix.cells)))
        return section
    starts = sorted(map(_start, finished))
    hours = words.duration(language, sum(record["seconds"] for record in finished))
    counts = {"done": len(finished), "all": len(matrix.cells)}
    section.blocks.append(say("finished", **counts, first=starts[0], last=starts[-1], hours=hours))
    section.blocks.append(say("explained"))
    if pictures is None:
        section.blocks.append(say("pictures"))
    elif not any(pictures.values()):
        section.blocks.append(say("no_pictures"))
    section.blocks.append(_environment(finished, language))
    section.blocks.append(say("changed"))
    return section


def _environment(finished: list[Record], language: str) -> Table:
    say = partial(words.say, language)
    environments = [record["environment"] for record in finished]
    versions = (
        f"Paddle {each.get('paddle', '?')}, Python {each['python']}, {each['os']}"
        for each in environments
    )
    rows = [
        [say("commit"), _distinct(record["commit"] or "?" for record in finished)],
        [say("versions"), _distinct(versions)],
        [say("processor"), _distinct(each["processor"] for each in environments)],
        [say("cores"), _distinct(each["cores"] for each in environments)],
        [say("threads"), _distinct(record["threads"] for record in finished)],
        [say("seeds"), _distinct(record["seed"] for record in finished)],
    ]
    return Table(say("environment"), ["", ""], rows)


def _main_table(data: DataSet, records: list[Record], language: str) -> Table:
    """Returns the main metric of each task, speed and size, by model and by reference."""
    say = partial(words.say, language)
    metrics = figures.main_metrics(records)
    header = [say("model"), *(f"{task}: {metric.upper()}" for task, metric in metrics)]
    header += [say(key) for key in ("epoch", "parameters", "speed", "wall")]
    rows = []
    for model, of_model in figures.by_model(records).items():
        speed = figures.spread(figures.rows_per_second(record) for record in of_model)
        seconds = figures.spread(record["seconds"] for record in of_model)
        row = [
            model,
            *(_figure(of_model, task, metric) for task, metric in metrics),
            _distinct(record["chosen_epoch"] for record in of_model),
            _distinct(f"{record['parameters']:,}" for record in of_model),
            _text(speed, ",.0f"),
            _text(seconds, ",.0f"),
        ]
        rows.append(row)
    for reference in data.references:
        values = [reference.figures(metric).get(task) for task, metric in metrics]
        texts = [_NOTHING if value is None else f"{value:.4g}" for value in values]
        rows.append([_title(reference), *texts, *[_NOTHING] * 4])
    return Table(say("test"), header, rows)


def _quality_tables(records: list[Record], language: str) -> list[Table]:
    """Returns tables of the other metrics, of classes and of numbers, as far as measured."""
    say, tables = partial(words.say, language), []
    for kind, (tasks, metrics) in figures.other_metrics(records).items():
        rows = [
            [model, task, *(_figure(of_model, task, metric) for metric in metrics)]
            for task in tasks
            for model, of_model in figures.by_model(records).items()
            if any(task in record["tasks"] for record in of_model)
        ]
        header = [say("model"), say("task"), *(words.metric(language, name) for name in metrics)]
        tables.append(Table(say(kind), header, rows))
    return tables


def _slice_table(records: list[Record], language: str) -> list[Table]:
    """Returns the table of the main metrics by the values of a column, if there is one."""
    found = figures.slices(records)
    if found is None:
        return []
    column, values = found
    rows = []
    for task, metric in figures.main_metrics(records):
        for model, of_model in figures.by_model(records).items():
            each = (figures.of_slice(of_model, task, metric, value) for value in values)
            texts = [_of_metric(number, metric) for number in each]
            rows.append([model, f"{task}: {metric.upper()}", *texts])
    header = [words.say(language, "model"), words.say(language, "task")]
    caption = words.say(language, "slices", column=column)
    return [Table(caption, header + [f"{column} = {value}" for value in values], rows)]


def _reference_table(data: DataSet, language: str) -> Table:
    say = partial(words.say, language)
    rows = []
    for reference in data.references:
        values = dict(reference.auc)
        for metric in figures.MAIN_METRICS[1:]:
            named = reference.figures(metric).items()
            values.update({f"{task} ({metric})": value for task, value in named})
        text = ", ".join(f"{task} {value:.4g}" for task, value in values.items())
        rows.append([_title(reference), text, reference.source[language]])
    return Table(say("references"), ["", say("figures"), say("source")], rows)


def _title(reference: Reference) -> str:
    model = reference.model
    return reference.name if model is None else f"{reference.name}: {model}"


def _unfinished(matrix: Matrix, records: Mapping[str, Record], language: str) -> list[Section]:
    """Returns the sections of failed cells and of cells that did not run."""
    failed = [record for record in records.values() if record["state"] != FINISHED]
    missing = [cell.name for cell in matrix.cells if cell.name not in records]
    found = []
    if failed:
        problems = [f"`{record['cell']}`: {record['problem']}" for record in failed]
        found.append(Section(words.say(language, "failed"), problems))
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        found.append(Section(words.say(language, "lacking"), [names]))
    return found


def _runs(matrix: Matrix, records: Mapping[str, Record], language: str) -> Section:
    """Returns the section that lists every finished run."""
    say = partial(words.say, language)
    rows = []
    for cell in matrix.cells:
        record = records.get(cell.name)
        if record is None or record["state"] != FINISHED:
            continue
        values = [
            f"{task} {metrics[name]:.4f}"
            for task, metrics in record["tasks"].items()
            if (name := _main_metric(metrics)) is not None
        ]
        commit = record["commit"] or "?"
        rows.append([cell.name, ", ".join(values), commit, _start(record)])
    header = [f"{say('model')}, {say('seed')}", say("figures"), say("commit"), "UTC"]
    return Section(say("runs"), [Table(say("runs"), header, rows)])


def _main_metric(metrics: Mapping[str, Any]) -> str | None:
    """Returns the first of the main metrics that has a number."""
    return next((name for name in figures.MAIN_METRICS if metrics.get(name) is not None), None)


def _start(record: Record) -> str:
    return record["started_at"][:16].replace("T", " ")


def _figure(records: list[Record], task: str, metric: str) -> str:
    return _of_metric(figures.of_task(records, task, metric), metric)


def _of_metric(value: figures.Spread | None, metric: str) -> str:
    form = ".3f" if metric == "calibration" else ".4f"
    if value and metric in _IN_UNITS:
        form = ".4g" if abs(value.mean) < 1e4 else ",.0f"
    return _text(value, form)


def _text(value: figures.Spread | None, form: str) -> str:
    return _NOTHING if value is None else value.text(form)


def _distinct(values: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values))
