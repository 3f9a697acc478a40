"""A document as Markdown, and as one HTML file that needs nothing but itself."""

from __future__ import annotations

import html
import re

from comparing.document import Block, Code, Pictures, Section, Table

# Colours are at least 4.5 to 1 on their ground (WCAG 2, AA); tables scroll in themselves, so that
# a phone need not scroll the page sideways.
_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: #1b1b1b; font: 1rem/1.55 system-ui, sans-serif; }
header, main, footer { max-width: 78rem; margin: 0 auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; }
h2 { font-size: 1.3rem; margin-top: 2.5rem; border-bottom: 1px solid #767676; }
a { color: #0050a0; }
p { max-width: 50rem; overflow-wrap: anywhere; }
code, pre { font: 0.9em/1.4 ui-monospace, monospace; background: #f2f2f2; }
pre { padding: 0.75rem; overflow-x: auto; }
.table { overflow-x: auto; margin: 1rem 0; }
.table:focus, pre:focus { outline: 3px solid #0050a0; }
table { border-collapse: collapse; font-size: 0.92rem; }
caption { text-align: left; font-weight: 600; padding: 0.3rem 0; }
th, td { padding: 0.35rem 0.7rem; border-bottom: 1px solid #c8c8c8; text-align: left;
  vertical-align: top; font-variant-numeric: tabular-nums; }
td { min-width: 5rem; }
thead th { background: #f2f2f2; }
tbody th { font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr));
  gap: 1.5rem; }
figure { margin: 0; }
figure svg { width: 100%; height: auto; display: block; }
figcaption { font-size: 0.85rem; color: #444; overflow-wrap: anywhere; }
figcaption strong { color: #1b1b1b; }
@media (max-width: 40rem) {
  th, td { padding: 0.3rem 0.45rem; }
  tbody th { position: sticky; left: 0; background: #fff; min-width: 6rem; max-width: 9rem;
    overflow-wrap: break-word; }
}
"""


def markdown(sections: list[Section], other: tuple[str, str], own: str) -> str:
    """Returns a page in Markdown.

    Args:
        sections: what it says.
        other: file and name of the page in the other language.
        own: the name of this page's language.
    """
    first, *rest = sections
    links = [own, f"[{other[1]}]({other[0]})"]
    lines = [f"# {first.title}", "", " | ".join(links), ""]
    for section in (first, *rest):
        if section is not first:
            lines += [f"## {section.title}", ""]
        for block in section.blocks:
            lines += [*_markdown(block), ""]
    return "\n".join(lines).rstrip() + "\n"


def _markdown(block: Block) -> list[str]:
    if isinstance(block, Code):
        return ["```sh", *block.lines, "```"]
    if isinstance(block, Pictures):
        return [f"- {picture.title}" for picture in block.pictures]
    if isinstance(block, str):
        return [block]
    rows = [block.header, ["---"] * len(block.header), *block.rows]
    return [
        f"**{block.caption}**",
        "",
        *("| " + " | ".join(map(_cell, row)) + " |" for row in rows),
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def page(sections: list[Section], language: str) -> str:
    """Returns a page in HTML: style and pictures are in it, and nothing is fetched.

    Args:
        sections: what it says.
        language: of its text, for whoever reads it aloud.
    """
    first, *rest = sections
    numbered = [(f"section-{number}", section) for number, section in enumerate(rest, 1)]
    contents = "".join(
        f'<li><a href="#{name}">{html.escape(section.title)}</a></li>' for name, section in numbered
    )
    body = "\n".join(_html(block) for block in first.blocks)
    parts = [
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{html.escape(section.title)}</h2>\n'
        + "\n".join(_html(block) for block in section.blocks)
        + "\n</section>"
        for name, section in numbered
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(first.title)}</title>\n"
        '<link rel="icon" href="data:,">\n'  # else a browser asks for favicon.ico
        f"<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{html.escape(first.title)}</h1>\n"
        f'<nav aria-label="Contents"><ul>{contents}</ul></nav>\n</header>\n'
        f"<main>\n{body}\n" + "\n".join(parts) + "\n</main>\n</body>\n</html>\n"
    )


def _html(block: Block) -> str:
    if isinstance(block, Code):
        text = html.escape("\n".join(block.lines))
        return f'<pre tabindex="0" role="region" aria-label="Command"><code>{text}</code></pre>'
    if isinstance(block, Pictures):
        shown = "\n".join(
            f"<figure>\n{picture.svg}\n<figcaption><strong>{html.escape(picture.title)}.</strong> "
            f"{html.escape(picture.description)}.</figcaption>\n</figure>"
            for picture in block.pictures
        )
        return f'<div class="figures">\n{shown}\n</div>'
    if isinstance(block, str):
        return f"<p>{_inline(block)}</p>"
    return _table(block)


def _table(table: Table) -> str:
    caption = html.escape(table.caption)
    header = "".join(f'<th scope="col">{_inline(text)}</th>' for text in table.header)
    head = f"<thead><tr>{header}</tr></thead>\n" if any(table.header) else ""
    if table.header and not table.header[0]:  # an empty cell heads nothing
        head = head.replace('<th scope="col"></th>', "<td></td>", 1)
    rows = "\n".join(
        f'<tr><th scope="row">{_inline(first)}</th>'
        + "".join(f"<td>{_inline(text)}</td>" for text in rest)
        + "</tr>"
        for first, *rest in table.rows
    )
    # Focus lets a keyboard scroll it.
    return (
        f'<div class="table" role="region" aria-label="{caption}" tabindex="0">\n<table>\n'
        f"<caption>{caption}</caption>\n{head}<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
    )


def _inline(text: str) -> str:
    """Returns a paragraph's text with the little of Markdown that the documents use."""
    text = html.escape(text).replace(" ± ", "\u00a0±\u00a0")  # a figure stays on one line
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
