"""Renders the sections of a results page as Markdown, and as one self-contained HTML file."""

from __future__ import annotations

import os
import re

from comparing.document import Block, Code, Pictures, Section
from engine.system.errors import UserError

try:
    import jinja2
except ImportError as error:
    raise UserError(
        "tools/compare.py needs Jinja2: pip install -r requirements-visual.txt"
    ) from error
from markupsafe import Markup, escape

_TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")


def markdown(sections: list[Section], other_page: tuple[str, str], language: str) -> str:
    """Returns a page in Markdown.

    Args:
        sections: the sections; the title of the first is the title of the page.
        other_page: file and language name of the page in the other language.
        language: the name of this page's language.
    """
    file, name = other_page
    lines = [f"# {sections[0].title}", "", f"{language} | [{name}]({file})", ""]
    for number, section in enumerate(sections):
        if number:
            lines += [f"## {section.title}", ""]
        for block in section.blocks:
            lines += [*_block_lines(block), ""]
    return "\n".join(lines).rstrip() + "\n"


def _block_lines(block: Block) -> list[str]:
    if isinstance(block, Code):
        return ["```sh", *block.lines, "```"]
    if isinstance(block, Pictures):
        return [f"- {picture.title}" for picture in block.pictures]
    if isinstance(block, str):
        return [block]
    rows = [block.header, ["---"] * len(block.header), *block.rows]
    lines = ["| " + " | ".join(map(_table_cell, row)) + " |" for row in rows]
    return [f"**{block.caption}**", "", *lines]


def _table_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def page(sections: list[Section], language: str) -> str:
    """Returns a page in HTML that contains its style and its pictures.

    Args:
        sections: the sections; the title of the first is the title of the page.
        language: language code of the text, such as ``en``; screen readers use it.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["inline"] = _inline
    summary, *rest = sections
    template = environment.get_template("results.html")
    return template.render(summary=summary, sections=rest, language=language) + "\n"


def _inline(text: str) -> Markup:
    """Returns a text in HTML, with Markdown's code and bold type."""
    html = str(escape(text)).replace(" ± ", "\u00a0±\u00a0")  # a figure stays on one line
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", html)
    return Markup(re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html))
