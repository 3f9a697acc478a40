"""Pictures with Chinese names use an installed font that has the characters."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib", reason="an extra: requirements-visual.txt")

from comparing import pictures  # noqa: E402
from engine.evaluation import fonts, gates  # noqa: E402

font_manager = pytest.importorskip("matplotlib.font_manager")

WEIGHTS = {"点击": np.array([0.25, 0.75]), "click": np.array([1.0, 0.0])}


def make_font(path, family, characters):
    """Writes a font in which each character is a triangle: no other font draws it so."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    for move, point in ((pen.moveTo, (0, 0)), (pen.lineTo, (900, 0)), (pen.lineTo, (450, 900))):
        move(point)
    pen.closePath()
    names = [".notdef", *(f"uni{ord(each):04X}" for each in characters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(each): f"uni{ord(each):04X}" for each in characters})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(str(path))
    return str(path)


@pytest.fixture(autouse=True)
def installed(monkeypatch, tmp_path):
    """Installs fonts of given families and characters beside matplotlib's own, and no others."""
    manager = font_manager.fontManager
    own = [font for font in manager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(manager, "ttflist", own)
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    monkeypatch.setattr(fonts, "_warned", set())

    def install(family, characters, file="font", listed=True):
        path = make_font(tmp_path / f"{file}.ttf", family, characters)
        if listed:
            manager.addfont(path)
        else:
            monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [path])
        font_manager._get_font.cache_clear()

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of each missing character
        yield install


def chosen(text):
    figure, plane = pictures.axes(text, "x", "y")
    fonts.choose(figure)
    return plane.title.get_fontfamily()


def test_the_first_preferred_font_that_has_all_characters(installed, caplog):
    assert chosen("click") == ["sans-serif"]
    installed("Odd", "点击喜欢", "odd")
    assert chosen("点击") == ["DejaVu Sans", "Odd"]
    installed("SimHei", "点击", "simhei")
    installed("Noto Sans CJK SC", "点", "noto")
    assert chosen("点击 click") == ["DejaVu Sans", "SimHei"]
    assert chosen("点击喜") == ["DejaVu Sans", "Odd"]
    assert chosen("点") == ["DejaVu Sans", "Noto Sans CJK SC"]
    assert not caplog.messages


def test_a_font_that_was_installed_later_is_found(installed):
    installed("Noto Sans SC", "点击", "NotoSansCJK-Regular", listed=False)
    assert chosen("点击") == ["DejaVu Sans", "Noto Sans SC"]


def test_the_picture_of_the_gates_has_the_letters(installed, tmp_path, caplog):
    images = []
    visual = SimpleNamespace(image=lambda name, pixels: images.append(pixels))
    gates.show(WEIGHTS, str(tmp_path), visual)  # with boxes
    installed("SimHei", "点击", "simhei")
    gates.show(WEIGHTS, str(tmp_path), visual)
    assert [message for message in caplog.messages if "font" in message] == [
        "no installed font has 击点: pictures show boxes instead; install a font such as "
        "Noto Sans CJK SC"
    ]
    boxes, letters = images
    assert boxes.shape == letters.shape or not np.array_equal(boxes, letters)
    ink = letters[:, : letters.shape[1] // 8].max(axis=2) < 100  # the labels
    rows = ink[ink.any(axis=1)][:10]  # the upper one: triangles grow from row to row
    widths = rows.sum(axis=1)
    assert widths[-1] >= 2 * widths[1]
    assert (np.diff(widths) >= 0).all()


def test_a_page_of_results_leaves_the_font_to_the_browser():
    """Without a warning, and the same results make the same file on all machines."""
    figure, _ = pictures.axes("点击", "x", "y")
    assert "点击</text>" in pictures.svg(figure, "a", "title", "description")
