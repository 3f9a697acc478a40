"""The page in headless Chromium, opened from the disk, in the sizes of a desktop and a phone."""

import io
import shutil

import numpy as np
import pytest
from matrices import content, record, rows, write

from comparing import document, matrix, pages, plots

BROWSERS = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "chrome")
# The contrast (WCAG 2) of each text to the ground behind it.
CONTRAST = """
() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const part = [r, g, b].map((c) => c / 255).map((c) =>
      c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || e.closest("svg")) continue;
    const pair = [light(parse(getComputedStyle(e).color)), light(ground(e))].sort((a, b) => b - a);
    found.push([(pair[0] + 0.05) / (pair[1] + 0.05), e.textContent.slice(0, 40)]);
  }
  return found;
}
"""


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: requirements-dev.txt"
    )
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with playwright.sync_playwright() as started:
        try:
            found = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no browser: install Chromium ({str(error).splitlines()[0]})")
        yield found
        found.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    pytest.importorskip("matplotlib", reason="matplotlib is an extra: requirements-visual.txt")
    folder = tmp_path_factory.mktemp("page")
    reference = {"name": "trees", "source": "x" * 200, "auc": {"income": 0.95}}
    what = content(rows(folder / "data"), references=[reference])
    what["data"]["few"]["models"]["MMoE"] = what["data"]["few"]["models"]["ShareBottom"]
    found = matrix.load(write(folder / "matrix.yaml", what), None)
    records = [record("ShareBottom", 1, 0.91, 0.97), record("MMoE", 1, 0.96, 0.99)]
    pictures = {"few": plots.plot("few", found.data["few"], records)}
    known = {one["cell"]: one for one in records}
    sections = document.sections(found, known, "python tools/compare.py", "en", pictures)
    page = folder / "results.html"
    page.write_text(pages.page(sections, "en"), encoding="utf-8")
    return page


@pytest.fixture(params=[(1280, 900), (360, 740)], ids=["desktop", "phone"])
def opened(request, browser, path):
    """The page in a window without a network, its requests and its console messages."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True)
    page, requests, messages = context.new_page(), [], []
    page.on("request", lambda one: requests.append(one.url))
    page.on("console", lambda one: messages.append(one.text))
    page.on("pageerror", lambda one: messages.append(str(one)))
    page.goto(path.as_uri())
    yield page, requests, messages
    context.close()


def test_it_opens_from_the_disk_and_requests_nothing(opened, path):
    page, requests, messages = opened
    assert page.title() == "Results: small"
    assert [one for one in requests if not one.startswith("data:")] == [path.as_uri()]
    assert messages == []


def test_the_page_never_scrolls_sideways(opened):
    page, *_ = opened
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for box in page.locator("div.table").all():
        assert box.bounding_box()["width"] <= width


def test_every_picture_is_visible_and_its_text_is_not_tiny(opened):
    page, *_ = opened
    width = page.viewport_size["width"]
    pictures = page.locator("figure svg").all()
    assert len(pictures) >= 7
    for picture in pictures:
        box = picture.bounding_box()
        assert 250 < box["width"] <= width
        assert box["height"] > 80
    smallest = page.evaluate(
        """() => Math.min(...[...document.querySelectorAll("figure svg text")].map(
             (t) => [t.getScreenCTM(), parseFloat(getComputedStyle(t).fontSize)]).map(
             ([m, size]) => size * Math.hypot(m.a, m.b)))"""
    )
    assert smallest >= 6


def test_pictures_have_names_for_screen_readers(opened):
    page, *_ = opened
    named = page.get_by_role("img").all()
    assert len(named) == page.locator("figure").count()
    assert page.get_by_role("img", name="A few rows: gates of MMoE").count() == 1
    assert page.get_by_role("heading", level=1).count() == 1


def test_text_can_be_read(opened):
    page, *_ = opened
    found = page.evaluate(CONTRAST)
    assert len(found) > 50
    assert [one for one in found if one[0] < 4.5] == []


def test_the_contents_lead_to_their_sections(opened):
    page, *_ = opened
    page.get_by_role("link", name="A few rows").click()
    assert page.url.endswith("#section-1")
    top = page.locator("#section-1").bounding_box()["y"]
    assert -1 < top < page.viewport_size["height"]


def test_it_is_not_blank(opened):
    image = pytest.importorskip("matplotlib.image")
    page, *_ = opened
    pixels = image.imread(io.BytesIO(page.locator("figure svg").first.screenshot()))
    assert len(np.unique(pixels[..., :3].reshape(-1, 3), axis=0)) > 10
