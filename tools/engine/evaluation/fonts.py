"""Chooses fonts for pictures: matplotlib's own has no Chinese, Japanese or Korean characters."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterable
from typing import Any

logger = logging.getLogger(__name__)

_BOXES = "Last Resort"  # matplotlib's font of boxes for all characters
_OWN = "DejaVu Sans"  # matplotlib brings it along
# Fonts with Chinese characters of Linux, Windows and macOS, in order of preference.
_PREFERRED = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Noto Sans CJK JP",  # the first one of the collection, which is all that matplotlib sees
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti TC",
    "Arial Unicode MS",
    "Droid Sans Fallback",
)
_FILES = re.compile(
    r"cjk|sourcehan|wqy|simhei|msyh|pingfang|hiragino|heiti|fallback", re.IGNORECASE
)

_warned: set[str] = set()


def choose(figure: Any) -> None:
    """Gives a figure's texts a font for the characters that matplotlib's own font lacks.

    If no installed font has them, a warning names the characters, once.

    Args:
        figure: a figure of matplotlib, complete but not yet drawn.
    """
    from matplotlib import font_manager
    from matplotlib.text import Text

    texts = figure.findobj(Text)
    characters = {each for text in texts for each in text.get_text()} - {"\n"}
    fonts = font_manager.fontManager
    missing = characters - _characters(fonts.findfont(_OWN))
    if not missing:
        return
    found = _covering(fonts.ttflist, missing)
    if found is None and _add_new_files(font_manager):
        found = _covering(fonts.ttflist, missing)
    if found is None:
        _warn(missing)
        return
    for text in texts:
        text.set_fontfamily([_OWN, found])  # each character takes the first one that has it


def _covering(fonts: Iterable[Any], characters: set[str]) -> str | None:
    """Returns the family of the first font, preferred ones first, that has all characters."""

    def order(font: Any) -> int:
        return _PREFERRED.index(font.name) if font.name in _PREFERRED else len(_PREFERRED)

    for font in sorted(fonts, key=order):
        if not font.name.startswith(_BOXES) and characters <= _characters(font.fname):
            return font.name
    return None


def _characters(path: str) -> set[str]:
    """Returns the characters of a font's file; none if it cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return set(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return set()


def _add_new_files(font_manager: Any) -> bool:
    """Adds fonts that were installed after matplotlib made its list; returns whether it did."""
    known = {font.fname for font in font_manager.fontManager.ttflist}
    paths = [path for path in font_manager.findSystemFonts() if path not in known]
    paths = [path for path in paths if _FILES.search(os.path.basename(path))]
    for path in paths:
        try:
            font_manager.fontManager.addfont(path)
        except (OSError, RuntimeError) as error:
            logger.debug("%s: %s", path, error)
    return bool(paths)


def _warn(missing: set[str]) -> None:
    new = sorted(missing - _warned)
    _warned.update(new)
    if new:
        logger.warning(
            "no installed font has %s: pictures show boxes instead; install a font such as %s",
            "".join(new[:20]),
            _PREFERRED[0],
        )
    warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a warning a character
