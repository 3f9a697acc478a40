"""The pages of a matrix, each written whole."""

from __future__ import annotations

import logging
import os

from comparing import document, pages, plots
from comparing.matrix import Matrix
from comparing.running import FINISHED, Results
from engine.system import atomic_files

logger = logging.getLogger(__name__)

MARKDOWN = {"en": "RESULTS.md", "zh": "RESULTS_CN.md"}
HTML = "results.html"
_LANGUAGES = {"en": "English", "zh": "中文"}


def write(matrix: Matrix, results: Results, command: str, pictures: bool = True) -> None:
    """Writes a matrix' pages from what its cells measured.

    Args:
        matrix: the matrix.
        results: what its cells measured.
        command: what writes the pages.
        pictures: whether the page with pictures is written, too, which takes some seconds.

    Raises:
        UserError: a page cannot be written.
    """
    atomic_files.check_writable(matrix.reports)
    records = {cell.name: results.read(cell) for cell in matrix.cells}
    known = {name: record for name, record in records.items() if record is not None}
    for language, name in MARKDOWN.items():
        sections = document.sections(matrix, known, command, language, None)
        other = next(one for one in MARKDOWN if one != language)
        text = pages.markdown(sections, (MARKDOWN[other], _LANGUAGES[other]), _LANGUAGES[language])
        atomic_files.write_text(os.path.join(matrix.reports, name), text)
    if not pictures:
        return
    sections = document.sections(matrix, known, command, "en", _pictures(matrix, known))
    atomic_files.write_text(os.path.join(matrix.reports, HTML), pages.page(sections, "en"))
    logger.info("wrote %s", ", ".join((*MARKDOWN.values(), f"{HTML} into {matrix.reports}")))


def _pictures(matrix: Matrix, known: dict[str, dict]) -> dict[str, list[plots.Picture]]:
    """Returns the pictures of each data set that has finished cells."""
    if not plots.available():
        logger.warning("no pictures: pip install -r requirements-visual.txt")
        return {}
    found = {}
    for name, data in {cell.data.name: cell.data for cell in matrix.cells}.items():
        own = [one for one in known.values() if one["data"] == name]
        done = [one for one in own if one["state"] == FINISHED]
        found[name] = plots.pictures(data, done) if done else []
    return found
