"""Writes the pages of a matrix: Markdown in both languages, and HTML with plots."""

from __future__ import annotations

import logging
import os

from comparing import document, pages, pictures, plots
from comparing.matrix import Matrix
from comparing.results import FINISHED, Record, Results
from engine.system import atomic_files

logger = logging.getLogger(__name__)

MARKDOWN = {"en": "RESULTS.md", "zh": "RESULTS_CN.md"}
HTML = "results.html"
_LANGUAGES = {"en": "English", "zh": "中文"}


def write(matrix: Matrix, results: Results, command: str, html: bool = True) -> None:
    """Writes the pages of a matrix, each completely or not at all.

    Args:
        matrix: the matrix.
        results: the results of its cells.
        command: the command line that writes the pages.
        html: whether to write the HTML page too; its plots take some seconds.

    Raises:
        UserError: a page cannot be written.
    """
    atomic_files.check_writable(matrix.reports)
    records = {cell.name: results.read(cell) for cell in matrix.cells}
    records = {name: record for name, record in records.items() if record is not None}
    for language, name in MARKDOWN.items():
        sections = document.sections(matrix, records, command, language, None)
        other = next(each for each in MARKDOWN if each != language)
        link = MARKDOWN[other], _LANGUAGES[other]
        text = pages.markdown(sections, link, _LANGUAGES[language])
        atomic_files.write_text(os.path.join(matrix.reports, name), text)
    if not html:
        return
    sections = document.sections(matrix, records, command, "en", _plot(matrix, records))
    atomic_files.write_text(os.path.join(matrix.reports, HTML), pages.page(sections, "en"))
    logger.info("wrote %s to %s", ", ".join((*MARKDOWN.values(), HTML)), matrix.reports)


def _plot(matrix: Matrix, records: dict[str, Record]) -> dict[str, list[pictures.Picture]]:
    """Returns the plots of each data set that has finished cells."""
    if not pictures.available():
        logger.warning("no plots: pip install -r requirements-visual.txt")
        return {}
    made = {}
    for name, data in matrix.data.items():
        finished = [
            record
            for record in records.values()
            if record["data"] == name and record["state"] == FINISHED
        ]
        made[name] = plots.plot(name, data, finished) if finished else []
    return made
