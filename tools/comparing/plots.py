"""The plots of a data set's results: curves, seesaw, reliability, distances and gate weights.

Markers tell models apart without colours. The description of each plot contains its numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np

from comparing import figures
from comparing.pictures import SIZE, Picture, add_legend, axes, svg, text_colour
from comparing.schema import DataSet

STYLES = [  # colours with a contrast of at least 4.5 to 1 on white, and markers
    ("#0060A8", "o"),
    ("#A83E00", "s"),
    ("#00664D", "^"),
    ("#8A2B6B", "D"),
    ("#5C4A00", "v"),
    ("#333333", "P"),
]
_TRAIN = "train"
_MARKS = 20  # largest number of markers on a curve


def plot(name: str, data: DataSet, records: list[figures.Record]) -> list[Picture]:
    """Returns the plots of a data set for which there are results.

    Args:
        name: the name of the data set.
        data: the data set.
        records: the records of its finished cells.
    """
    pictures = []
    for number, (kind, title, description, figure) in enumerate(_plots(data, records)):
        prefix = re.sub(r"\W", "-", f"{name}-{number}")
        pictures.append(Picture(kind, title, description, svg(figure, prefix, title, description)))
    return pictures


def _plots(data: DataSet, records: list[figures.Record]) -> Iterator[tuple[str, str, str, Any]]:
    """Yields the kind, title, description and figure of each plot."""
    models, tasks = figures.by_model(records), figures.tasks(records)
    style = {model: STYLES[number % len(STYLES)] for number, model in enumerate(models)}
    title = data.title["en"]
    for task in tasks:
        yield from _curves(title, models, records, task, style)
    if len(tasks) > 1:
        yield from _seesaw(data, models, records, tasks[:2], style)
    for task in tasks:
        yield from _reliability(title, models, task, style)
    for task in tasks:
        yield from _distance(data, records, task, style)
    for model, of_model in models.items():
        yield from _gates(title, model, of_model[0])


def _curves(title, models, records, task, style):
    """Learning curves: dotted on the training rows, solid and dashed on other rows."""
    metric = f"{figures.main_metric(records, task)}_{task}"
    figure, plane = axes(f"{title}: {task} by epoch", "epoch", metric.split("_")[0].upper())
    plane.xaxis.get_major_locator().set_params(integer=True)
    words = []
    for model, of_model in models.items():
        colour, marker = style[model]
        names = [name for name in of_model[0]["curves"] if name != _TRAIN]
        lines = dict(zip(names, cycle(("-", "--", "-."))))
        for name in (_TRAIN, *names):
            epochs, values = figures.curve(of_model, name, metric)
            if not epochs:
                continue
            options = {"linestyle": lines.get(name, ":")}
            if name in lines or len(epochs) == 1:  # a line of one point is invisible
                options.update(marker=marker, markersize=4, markevery=1 + len(epochs) // _MARKS)
            plane.plot(epochs, values, color=colour, label=f"{model}, {name}", **options)
            words.append(f"{model} on {name} {values[0]:.4f} to {values[-1]:.4f}")
    if words:
        add_legend(figure)
        first = f"{metric} after each epoch, mean over seeds, from the first to the last epoch: "
        yield "curves", f"{title}: learning curves of {task}", first + "; ".join(words), figure


def _seesaw(data, models, records, tasks, style):
    """Task A against task B: a model that gains on one task often loses on the other."""
    metrics = [figures.main_metric(records, task) for task in tasks]
    labels = [f"{metric.upper()} of {task}" for metric, task in zip(metrics, tasks) if metric]
    if len(labels) < 2:
        return
    title = data.title["en"]
    figure, plane = axes(f"{title}: {tasks[0]} against {tasks[1]}", *labels)
    words = []
    for model, of_model in models.items():
        colour, marker = style[model]
        points = [
            [record["tasks"].get(task, {}).get(metric) for task, metric in zip(tasks, metrics)]
            for record in of_model
        ]
        points = np.array([point for point in points if None not in point], float)
        if not len(points):
            continue
        plane.scatter(*points.T, s=18, color=colour, marker=marker, alpha=0.5)
        mean = points.mean(axis=0)
        plane.scatter(*mean, s=70, color=colour, marker=marker, edgecolor="black", label=model)
        words.append(f"{model} {mean[0]:.4f} and {mean[1]:.4f}")
    if not words:
        return
    reference = figures.reference_line(data)
    if reference:
        for task, metric, draw in zip(tasks, metrics, (plane.axvline, plane.axhline)):
            goal = reference.figures(metric).get(task)
            if goal is None:
                continue
            values = [record["tasks"].get(task, {}).get(metric) for record in records]
            is_near = _is_near(goal, values)
            if is_near:  # a line far away would press all models into one point
                draw(goal, color="black", linestyle="--", linewidth=1)
            place = "dashed line" if is_near else "outside the plot"
            words.append(f"{place}: {reference.name} has {goal:.4f} on {task}")
    add_legend(figure)
    description = (
        f"Test {labels[0]} (horizontal) and {labels[1]} (vertical); "
        f"small marks are seeds, large marks are means: {'; '.join(words)}"
    )
    yield "seesaw", f"{title}: {tasks[0]} against {tasks[1]}, the seesaw", description, figure


def _is_near(goal: float, values: list[float | None]) -> bool:
    """Whether a number is within twice the range of values, or 0.01 if that is more."""
    known = [value for value in values if value is not None]
    low, high = min(known), max(known)
    margin = max(2 * (high - low), 0.01)
    return low - margin <= goal <= high + margin


def _reliability(title, models, task, style):
    """Mean label by mean prediction, in bins of about equal counts."""
    figure, plane = axes(f"{title}: {task}, reliability", "predicted", "observed")
    plane.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1, label="calibrated")
    words, highest = [], 0.0
    for model, of_model in models.items():
        record = of_model[0]
        bins = np.array(record["tasks"].get(task, {}).get("reliability") or [])
        if not len(bins):
            continue
        colour, marker = style[model]
        plane.plot(*bins[:, :2].T, color=colour, marker=marker, markersize=4, label=model)
        highest = max(highest, bins[:, :2].max())
        error = record["tasks"][task]["ece"]
        words.append(f"{model}, seed {record['seed']}, expected calibration error {error:.4f}")
    if not words:
        return
    plane.set_xlim(0, min(1.0, 1.05 * highest))
    plane.set_ylim(0, min(1.0, 1.05 * highest))
    add_legend(figure)
    first = "Mean label by mean prediction of the test rows, in bins of about equal counts: "
    yield "reliability", f"{title}: reliability of {task}", first + "; ".join(words), figure


def _distance(data, records, task, style):
    """How far above or below the reference line each model is."""
    measured = figures.distances(data, records, task)
    if measured is None:
        return
    reference, distances = measured
    title, metric = data.title["en"], figures.main_metric(records, task).upper()
    figure, plane = axes(f"{title}: {task}", f"{metric} minus that of {reference.name}", "")
    words = []
    for row, (model, distance) in enumerate(distances.items()):
        colour, marker = style[model]
        options = {"color": colour, "marker": marker, "capsize": 4}
        plane.errorbar(distance.mean, row, xerr=distance.deviation, **options)
        deviation = distance.deviation
        spread = "" if deviation is None else f", standard deviation {deviation:.4f}"
        words.append(f"{model} {distance.mean:+.4f}{spread}")
    plane.axvline(0, color="black", linestyle="--", linewidth=1)
    plane.set_yticks(range(len(distances)), list(distances))
    plane.set_ylim(len(distances) - 0.5, -0.5)
    goal = reference.figures(metric.lower())[task]
    description = f"Test {metric} minus the {goal:.4f} of {reference.name}: {'; '.join(words)}"
    yield "distance", f"{title}: distance of {task} to {reference.name}", description, figure


def _gates(title, model, record):
    """Mean gate weights over the experts by task, of one seed: experts have no common order."""
    from matplotlib import colormaps

    if not record["gates"]:
        return
    names, weights = list(record["gates"]), np.array(list(record["gates"].values()))
    size = (SIZE[0], 1.4 + 0.45 * len(names))
    figure, plane = axes(f"{title}: gates of {model}", "expert", "", size)
    plane.grid(False)
    colours = colormaps["Blues"]
    plane.pcolormesh(weights, cmap=colours, vmin=0.0, vmax=1.0)
    plane.set_xticks(np.arange(weights.shape[1]) + 0.5, range(weights.shape[1]))
    plane.set_yticks(np.arange(len(names)) + 0.5, names)
    plane.set_ylim(len(names), 0)
    for (row, column), weight in np.ndenumerate(weights):
        colour = text_colour(colours(weight)[:3])
        options = {"ha": "center", "va": "center", "fontsize": 7, "color": colour}
        plane.text(column + 0.5, row + 0.5, f"{weight:.2f}", **options)
    words = [
        f"{task}: " + ", ".join(f"expert {n} {weight:.2f}" for n, weight in enumerate(of_task))
        for task, of_task in zip(names, weights)
    ]
    first = f"Mean weight of every expert over the test rows, seed {record['seed']}. "
    yield "gates", f"{title}: gates of {model}", first + "; ".join(words), figure
