"""The pages: their content, no other files, and accessibility."""

import importlib
import re
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from matrices import content, record, rows, write

from comparing import document, matrix, pages, pictures, plots
from engine.system.errors import UserError

COMMAND = "python tools/compare.py -m matrix.yaml --matrix small"
REFERENCE = {"name": "trees <1>", "source": "here", "auc": {"income": 0.95}}
VOID = {"meta", "link", "br", "hr", "img", "input"}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Returns a function that makes the sections of a page, with plots if requested."""
    folder = tmp_path_factory.mktemp("pages")
    what = content(rows(folder / "data"), references=[REFERENCE])
    models = what["data"]["few"]["models"]
    models["MMoE"] = models["ShareBottom"]
    what["seeds"] = [1, 2]
    small = matrix.load(write(folder / "matrix.yaml", what), None)

    def make(language="en", with_pictures=False, records=None):
        if records is None:
            records = [
                record("ShareBottom", 1, 0.91, 0.97, gates=None),
                record("ShareBottom", 2, 0.93, 0.98, gates=None),
                record("MMoE", 1, 0.96, 0.99),
            ]
            failed = {"cell": "few/MMoE/2", "data": "few", "model": "MMoE", "state": "failed"}
            records.append({**failed, "problem": "train: exit code 2: error: <no> rows"})
        by_name = {each["cell"]: each for each in records}
        plotted = None
        if with_pictures:
            finished = [each for each in records if each["state"] == "finished"]
            plotted = {"few": plots.plot("few", small.data["few"], finished)}
        return document.sections(small, by_name, COMMAND, language, plotted)

    return make


class Outline(HTMLParser):
    """Checks that elements are closed in order, and collects what the tests ask for."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.addresses, self.headings = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes, list(self.open)))
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        for name in ("src", "href", "xlink:href", "action", "poster", "data"):
            if name in attributes:
                self.addresses.append(attributes[name])

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def named(self, tag):
        return [attributes for name, attributes, _ in self.tags if name == tag]


@pytest.fixture(scope="module")
def outline(shown):
    pytest.importorskip("matplotlib", reason="matplotlib is an extra: requirements-visual.txt")
    text = pages.page(shown(with_pictures=True), "en")
    return text, Outline(text)


def test_markdown_has_means_deviations_references_and_gaps(shown):
    text = pages.markdown(shown(), ("RESULTS_CN.md", "中文"), "English")
    assert text.startswith("# Results: small\n\nEnglish | [中文](RESULTS_CN.md)\n")
    assert "| ShareBottom | 0.9200 ± 0.0141 | 0.9750 ± 0.0071 | 1 | 12,345 | 2,000 ± 0 |" in text
    assert "| MMoE | 0.9600 | 0.9900 | 1 | 12,345 | 2,000 | 21 |" in text
    assert "| trees <1> | 0.95 | – | – | – | – | – |" in text
    assert "| MMoE | marital | 0.3000 | 1.050 | 0.0200 |" in text
    assert "24 rows train, 24 test." in text
    assert COMMAND in text
    assert "`few/MMoE/2`: train: exit code 2: error: <no> rows" in text
    assert "0123456789ab" in text
    assert "3 of 4 runs are finished" in text


def test_both_languages_have_the_same_figures(shown):
    english, chinese = shown(), shown("zh")
    numbers = [
        re.findall(r"\d+\.\d+", pages.markdown(each, ("x", "y"), "z"))
        for each in (english, chinese)
    ]
    assert numbers[0] == numbers[1]
    text = pages.markdown(chinese, ("RESULTS.md", "English"), "中文")
    assert "## 几行" in text
    assert "协议" in text


def test_markdown_tables_have_as_many_cells_in_every_row(shown):
    text = pages.markdown(shown(), ("x", "y"), "z")
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.M):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_numbers_have_tables_of_their_own(shown):
    """Beside the XAUC is the error, in the label's unit; a column's values have a table."""
    one = record("MMoE", 1, 0.96, 0.99)
    of_tab = {
        "column": "tab",
        "values": {"main": {"xauc": 0.61}, "other": {"xauc": 0.5, "mae": 21}},
    }
    number = {"rows": 90, "xauc": 0.7, "mae": 1234.6, "rmse": 20000.7, "spearman": 0.4}
    one["tasks"] = {"income": one["tasks"]["income"], "watch": {**number, "slices": of_tab}}
    text = pages.markdown(shown(records=[one]), ("x", "y"), "z")
    assert "| model | income: AUC | watch: XAUC | watch: MAE | tested epoch |" in text
    assert "| MMoE | 0.9600 | 0.7000 | 1235 | 1 |" in text
    assert "| MMoE | income | 0.3000 | 1.050 | 0.0200 |" in text
    assert "Further metrics of numbers on the test set" in text
    assert "| MMoE | watch | 0.4000 | 20,001 |" in text
    assert "Test set by the values of tab" in text
    assert "| MMoE | watch: XAUC | 0.6100 | 0.5000 |" in text
    assert "| MMoE | watch: MAE | – | 21 |" in text
    assert "测试集，按 tab 的值" in pages.markdown(shown("zh", records=[one]), ("x", "y"), "z")
    assert shown(with_pictures=True, records=[one])


def test_a_page_without_finished_cells(shown):
    text = pages.page(shown(records=[]), "en")
    Outline(text)
    assert "None of 4 runs is finished." in text
    assert "few/MMoE/2" in text


def test_the_page_needs_no_other_file(outline):
    text, found = outline
    assert not found.named("script")
    assert not found.named("img")
    assert all(one.startswith(("#", "data:")) for one in found.addresses)
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text


def test_ids_are_unique_and_references_to_them_resolve(outline):
    text, found = outline
    assert len(found.ids) == len(set(found.ids)) > 20
    named = [one[1:] for one in found.addresses if one.startswith("#")]
    named += re.findall(r"url\(#([^)]+)\)", text)
    labels = [a["aria-labelledby"] for _, a, _ in found.tags if "aria-labelledby" in a]
    named += [one for label in labels for one in label.split()]
    assert set(named) <= set(found.ids)


def test_language_viewport_and_headings(outline):
    _, found = outline
    assert found.named("html") == [{"lang": "en"}]
    views = [one for one in found.named("meta") if one.get("name") == "viewport"]
    assert views == [{"name": "viewport", "content": "width=device-width, initial-scale=1"}]
    assert found.headings[0] == 1
    assert found.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(found.headings, found.headings[1:]))


def test_every_picture_has_a_title_and_a_description_with_numbers(outline):
    text, _ = outline
    svgs = re.findall(r"<svg.*?</svg>", text, re.S)
    kinds = re.findall(r"<figcaption><strong>(.*?)</strong>", text)
    assert kinds == [
        "A few rows: learning curves of income.",
        "A few rows: learning curves of marital.",
        "A few rows: income against marital, the seesaw.",
        "A few rows: reliability of income.",
        "A few rows: reliability of marital.",
        "A few rows: distance of income to trees &lt;1&gt;.",
        "A few rows: gates of MMoE.",
    ]
    assert len(svgs) == len(kinds)
    space = "{http://www.w3.org/2000/svg}"
    for picture in svgs:
        tree = ElementTree.fromstring(picture)
        assert tree.get("role") == "img"
        assert len(tree.findtext(f"{space}title")) > 10
        assert re.search(r"\d\.\d\d", tree.findtext(f"{space}desc"))
        assert tree.find(f".//{space}path") is not None
    assert "ShareBottom -0.0300, standard deviation 0.0141; MMoE +0.0100" in text


def test_tables_have_captions_and_heads(outline):
    _, found = outline
    tables = len(found.named("table"))
    assert tables == len(found.named("caption")) >= 4
    assert all(one["scope"] in ("col", "row") for one in found.named("th"))
    for tag, _, within in found.tags:
        if tag == "table":
            assert within[-1] == "div"  # which scrolls, so that the page need not


def test_text_of_records_is_escaped(outline):
    text, _ = outline
    assert "Linux &lt;test&gt; &amp; more" in text
    assert "<no>" not in text


def contrast(one, other):
    lighter, darker = sorted((pictures.luminance(one), pictures.luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def parsed(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    return [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]


def test_contrast_by_hand():
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    assert contrast(parsed("#777777"), parsed("#fff")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colour", [colour for colour, _ in plots.STYLES])
def test_lines_stand_out_from_white(colour):
    assert contrast(parsed(colour), (1, 1, 1)) >= 4.5


def test_numbers_in_heat_maps_can_be_read():
    colormaps = pytest.importorskip(
        "matplotlib", reason="an extra: requirements-visual.txt"
    ).colormaps
    inks = {"black": (0, 0, 0), "white": (1, 1, 1)}
    for value in range(101):
        ground = colormaps["Blues"](value / 100)[:3]
        assert contrast(inks[pictures.text_colour(ground)], ground) >= 4.5


def test_the_same_results_make_the_same_page(shown, outline):
    assert pages.page(shown(with_pictures=True), "en") == outline[0]


def test_without_matplotlib_the_page_says_what_to_install(shown, monkeypatch):
    sections = shown()
    assert "pip install -r requirements-visual.txt" not in pages.page(sections, "en")
    monkeypatch.setattr(plots, "plot", lambda name, data, records: [])
    found = shown(with_pictures=True)
    assert "pip install -r requirements-visual.txt" in pages.page(found, "en")


def test_without_jinja_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.delitem(sys.modules, "comparing.pages")
    with pytest.raises(UserError, match=r"needs Jinja2: pip install -r requirements-visual\.txt"):
        importlib.import_module("comparing.pages")
