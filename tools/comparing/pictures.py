"""SVG pictures with a title and a description, and what all plots share: axes, legend, colours.

Text stays text, so that users can search it and screen readers can read it.
"""

from __future__ import annotations

import html
import importlib.util
import io
import re
import warnings
from dataclasses import dataclass
from typing import Any

SIZE = (4.6, 3.9)  # inches: the width of a phone, so that a phone does not shrink the text


@dataclass(frozen=True)
class Picture:
    """A picture of a page.

    Attributes:
        kind: the kind of plot, such as ``curves``.
        title: the title.
        description: what the plot shows, in words and numbers.
        svg: an ``svg`` element with this title and this description.
    """

    kind: str
    title: str
    description: str
    svg: str


def available() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def axes(title: str, x: str, y: str, size: tuple[float, float] = SIZE) -> tuple[Any, Any]:
    """Returns a figure and its axes.

    Args:
        title: the title above the axes.
        x: label of the horizontal axis.
        y: label of the vertical axis.
        size: width and height in inches.
    """
    # Not pyplot: it looks for a display and keeps figures in memory.
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    made = figure.add_subplot()
    made.set_title(title, fontsize=10)
    made.set_xlabel(x)
    made.set_ylabel(y)
    made.grid(color="#dddddd", linewidth=0.6)
    made.set_axisbelow(True)
    return figure, made


def add_legend(figure: Any) -> None:
    """Adds a legend below the axes, where it covers nothing."""
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)


def text_colour(ground: tuple[float, ...]) -> str:
    """Returns ``black`` or ``white``, whichever has more contrast to a colour."""
    light = luminance(ground)
    return "black" if (light + 0.05) / 0.05 > 1.05 / (light + 0.05) else "white"


def luminance(colour: tuple[float, ...]) -> float:
    """Returns the relative luminance of red, green and blue in 0..1, as WCAG 2 defines it."""
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def svg(figure: Any, name: str, title: str, description: str) -> str:
    """Returns a figure as an ``svg`` element.

    Args:
        figure: the figure.
        name: prefix of the element's ids; each figure of a page has another one.
        title: the title.
        description: what the figure shows, for screen readers.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    FigureCanvasSVG(figure)
    buffer = io.StringIO()
    # A fixed salt and no date: the same results make the same file.
    font = {"font.sans-serif": ["DejaVu Sans"]}  # a browser without it takes another font
    options = {"svg.fonttype": "none", "svg.hashsalt": name, **font}
    with matplotlib.rc_context(options), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # the browser has it
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", text)  # a rotation by 0
    text = re.sub(r'\b[dxy]="[^"]*"', lambda at: re.sub(r"(\.\d\d)\d+", r"\1", at[0]), text)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', text)
    opening, _, rest = text.partition(">")
    box = re.search(r'viewBox="[^"]+"', opening)[0]
    labels = f'role="img" aria-labelledby="{name}-title {name}-description"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {box} '
        f'{labels}>\n<title id="{name}-title">{html.escape(title)}</title>\n'
        f'<desc id="{name}-description">{html.escape(description)}</desc>{rest.rstrip()}'
    )
