"""Pictures of a data set's results, as SVG that stands inside a page.

Text stays text, so that it can be found and read aloud; colours are at least 4.5 to 1 on white, and
markers tell models apart without them. Every picture comes with a title and a description that
says what it shows in numbers.
"""

from __future__ import annotations

import html
import importlib.util
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np

from comparing import figures
from comparing.matrix import DataSet

_STYLES = [
    ("#0060A8", "o"),
    ("#A83E00", "s"),
    ("#00664D", "^"),
    ("#8A2B6B", "D"),
    ("#5C4A00", "v"),
    ("#333333", "P"),
]
_SIZE = (4.6, 3.9)  # inches: as wide as a phone, so that its text is not made smaller there
_TRAIN = "train"
_MARKS = 20  # on a curve, at most


@dataclass(frozen=True)
class Picture:
    """A figure of a page.

    Attributes:
        kind: which kind of picture, such as ``curves``.
        title: what it is.
        description: what it shows, in words and numbers.
        svg: an ``svg`` element whose title and description are these.
    """

    kind: str
    title: str
    description: str
    svg: str


def available() -> bool:
    """Whether matplotlib is there."""
    return importlib.util.find_spec("matplotlib") is not None


def pictures(data: DataSet, records: list[figures.Record]) -> list[Picture]:
    """Returns the pictures of a data set: those for which there is something to show.

    Args:
        data: the data set.
        records: its finished cells.
    """
    found = []
    for number, (kind, title, description, figure) in enumerate(_figures(data, records)):
        name = f"{data.name}-{number}"
        svg = _svg(figure, re.sub(r"\W", "-", name), title, description)
        found.append(Picture(kind, title, description, svg))
    return found


def _figures(data: DataSet, records: list[figures.Record]) -> Iterator[tuple[str, str, str, Any]]:
    models, tasks = figures.by_model(records), figures.tasks(records)
    style = {model: _STYLES[place % len(_STYLES)] for place, model in enumerate(models)}
    title = data.title["en"]
    for task in tasks:
        yield from _curves(title, models, records, task, style)
    if len(tasks) > 1:
        yield from _seesaw(data, models, records, tasks[:2], style)
    for task in tasks:
        yield from _reliability(title, models, task, style)
    for task in tasks:
        yield from _distance(data, records, task, style)
    for model, own in models.items():
        yield from _gates(title, model, own[0])


def _axes(title: str, x: str, y: str, size: tuple[float, float] = _SIZE) -> tuple[Any, Any]:
    # A figure of its own, not pyplot's: no display is looked for, and nothing stays open.
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _legend(figure: Any) -> None:
    """Says below the axes, where it covers nothing, whose the marks are."""
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)


def _curves(title, models, records, task, style):
    """Learning curves: dotted those of the training itself, solid and dashed what is evaluated."""
    metric = f"{figures.main_metric(records, task)}_{task}"
    figure, axes = _axes(f"{title}: {task} by epoch", "epoch", metric.split("_")[0].upper())
    axes.xaxis.get_major_locator().set_params(integer=True)
    words, drawn = [], 0
    for model, own in models.items():
        colour, marker = style[model]
        names = [name for name in own[0]["curves"] if name != _TRAIN]
        lines = dict(zip(names, cycle(("-", "--", "-."))))
        for name in (_TRAIN, *names):
            epochs, values = figures.curve(own, name, metric)
            if not epochs:
                continue
            look = {"linestyle": lines.get(name, ":")}
            if name in lines or len(epochs) == 1:  # a line of one point is none
                look.update(marker=marker, markersize=4, markevery=1 + len(epochs) // _MARKS)
            axes.plot(epochs, values, color=colour, label=f"{model}, {name}", **look)
            drawn += 1
            words.append(f"{model} on {name} {values[0]:.4f} to {values[-1]:.4f}")
    if drawn:
        _legend(figure)
        first = (
            f"{metric} after each epoch, the mean over seeds, from the first to the last epoch: "
        )
        yield "curves", f"{title}: learning curves of {task}", first + "; ".join(words), figure


def _seesaw(data, models, records, tasks, style):
    """Task A against task B: a model that gains on one at the other's cost moves along a seesaw."""
    metrics = [figures.main_metric(records, task) for task in tasks]
    labels = [f"{metric.upper()} of {task}" for metric, task in zip(metrics, tasks) if metric]
    if len(labels) < 2:
        return
    title = data.title["en"]
    figure, axes = _axes(f"{title}: {tasks[0]} against {tasks[1]}", *labels)
    words = []
    for model, own in models.items():
        colour, marker = style[model]
        points = [
            [record["tasks"].get(task, {}).get(metric) for task, metric in zip(tasks, metrics)]
            for record in own
        ]
        points = np.array([point for point in points if None not in point], float)
        if not len(points):
            continue
        axes.scatter(*points.T, s=18, color=colour, marker=marker, alpha=0.5)
        middle = points.mean(axis=0)
        axes.scatter(*middle, s=70, color=colour, marker=marker, edgecolor="black", label=model)
        words.append(f"{model} {middle[0]:.4f} and {middle[1]:.4f}")
    if not words:
        return
    reference = figures.line(data)
    if reference:
        lines = zip(tasks, metrics, (axes.axvline, axes.axhline))
        for task, metric, draw in lines:
            goal = reference.figures(metric).get(task)
            if goal is None:
                continue
            near = _near(goal, [record["tasks"].get(task, {}).get(metric) for record in records])
            if near:  # one far away would press the models into a point
                draw(goal, color="black", linestyle="--", linewidth=1)
            place = "dashed" if near else "outside the picture"
            words.append(f"{place}: {reference.name} has {goal:.4f} on {task}")
    _legend(figure)
    description = (
        f"Test {labels[0]} across and {labels[1]} upwards; "
        f"small marks are seeds, large ones means: {'; '.join(words)}"
    )
    yield "seesaw", f"{title}: {tasks[0]} against {tasks[1]}, the seesaw", description, figure


def _near(goal: float, values: list[float | None]) -> bool:
    """Whether a number lies no further from others than twice those lie apart, or 0.01."""
    known = [value for value in values if value is not None]
    low, high = min(known), max(known)
    margin = max(2 * (high - low), 0.01)
    return low - margin <= goal <= high + margin


def _reliability(title, models, task, style):
    """What was predicted against what happened, in bins of about equal counts."""
    figure, axes = _axes(f"{title}: {task}, reliability", "predicted", "observed")
    axes.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1, label="calibrated")
    words, highest = [], 0.0
    for model, own in models.items():
        bins = np.array(own[0]["tasks"].get(task, {}).get("reliability") or [])
        if not len(bins):
            continue
        colour, marker = style[model]
        axes.plot(*bins[:, :2].T, color=colour, marker=marker, markersize=4, label=model)
        highest = max(highest, bins[:, :2].max())
        error = own[0]["tasks"][task]["ece"]
        words.append(f"{model}, seed {own[0]['seed']}, expected calibration error {error:.4f}")
    if not words:
        return
    axes.set_xlim(0, min(1.0, 1.05 * highest))
    axes.set_ylim(0, min(1.0, 1.05 * highest))
    _legend(figure)
    first = "Mean label by mean prediction of the test rows in bins of about equal counts: "
    yield "reliability", f"{title}: reliability of {task}", first + "; ".join(words), figure


def _distance(data, records, task, style):
    """How far above or below the reference line each model is."""
    found = figures.distances(data, records, task)
    if found is None:
        return
    reference, values = found
    title, metric = data.title["en"], figures.main_metric(records, task).upper()
    figure, axes = _axes(f"{title}: {task}", f"{metric} minus that of {reference.name}", "")
    words = []
    for place, (model, value) in enumerate(values.items()):
        colour, marker = style[model]
        axes.errorbar(
            value.mean, place, xerr=value.deviation, color=colour, marker=marker, capsize=4
        )
        spread = "" if value.deviation is None else f", deviation {value.deviation:.4f}"
        words.append(f"{model} {value.mean:+.4f}{spread}")
    axes.axvline(0, color="black", linestyle="--", linewidth=1)
    axes.set_yticks(range(len(values)), list(values))
    axes.set_ylim(len(values) - 0.5, -0.5)
    goal = reference.figures(metric.lower())[task]
    description = f"Test {metric} less the {goal:.4f} of {reference.name}: {'; '.join(words)}"
    yield "distance", f"{title}: distance of {task} to {reference.name}", description, figure


def _gates(title, model, record):
    """Each task's mean weights over the experts; of one seed, since experts have no order."""
    from matplotlib import colormaps

    if not record["gates"]:
        return
    table = np.array(list(record["gates"].values()))
    names = list(record["gates"])
    size = (_SIZE[0], 1.4 + 0.45 * len(names))
    figure, axes = _axes(f"{title}: gates of {model}", "expert", "", size)
    axes.grid(False)
    colours = colormaps["Blues"]
    axes.pcolormesh(table, cmap=colours, vmin=0.0, vmax=1.0)
    axes.set_xticks(np.arange(table.shape[1]) + 0.5, range(table.shape[1]))
    axes.set_yticks(np.arange(len(names)) + 0.5, names)
    axes.set_ylim(len(names), 0)
    for (row, column), value in np.ndenumerate(table):
        look = {"ha": "center", "va": "center", "fontsize": 7, "color": ink(colours(value)[:3])}
        axes.text(column + 0.5, row + 0.5, f"{value:.2f}", **look)
    words = [
        f"{task}: " + ", ".join(f"expert {n} {value:.2f}" for n, value in enumerate(row))
        for task, row in zip(names, table)
    ]
    first = f"Mean weight of every expert over the test rows, seed {record['seed']}. "
    yield "gates", f"{title}: gates of {model}", first + "; ".join(words), figure


def ink(colour: tuple[float, ...]) -> str:
    """Returns whichever of black and white is easier to read on a colour."""
    brightness = luminance(colour)
    return "black" if (brightness + 0.05) / 0.05 > 1.05 / (brightness + 0.05) else "white"


def luminance(colour: tuple[float, ...]) -> float:
    """Returns the relative luminance of red, green and blue in 0..1, as WCAG 2 defines it."""
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _svg(figure: Any, name: str, title: str, description: str) -> str:
    """Returns a figure as an element whose ids no other figure of the page has."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    FigureCanvasSVG(figure)
    buffer = io.StringIO()
    # A fixed salt: the same results make the same file.
    one = {"font.sans-serif": ["DejaVu Sans"]}  # the browser's own where it is not installed
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, **one}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", text)  # which turns nothing
    text = re.sub(r'\b[dxy]="[^"]*"', lambda at: re.sub(r"(\.\d\d)\d+", r"\1", at[0]), text)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', text)
    opening, _, rest = text.partition(">")
    box = re.search(r'viewBox="[^"]+"', opening)[0]
    spoken = f'role="img" aria-labelledby="{name}-title {name}-description"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {box} '
        f'{spoken}>\n<title id="{name}-title">{html.escape(title)}</title>\n'
        f'<desc id="{name}-description">{html.escape(description)}</desc>{rest.rstrip()}'
    )
