"""The report in a real browser."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

pytestmark = pytest.mark.browser

PHONE, DESKTOP = {"width": 400, "height": 844}, {"width": 1280, "height": 900}
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        message = "Chromium isn't installed: install the package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        # containers lack the namespaces that the sandbox needs and have little shared memory
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield launched
        launched.close()


def board_page(report: Path) -> str:
    """The board with three models."""
    return next(p for p in (report / "boards").glob("*.html") if "cnn" in p.read_text("utf-8")).relative_to(report).as_posix()


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """The page of a board; the test fails on console messages, page errors, dialogs and network requests."""
    yield from _watched(browser, report, color_scheme="light", viewport=DESKTOP)


def _watched(browser: Browser, report: Path, **context: object) -> Iterator[Page]:
    problems: list[str] = []
    browser_context = browser.new_context(**context)
    page = browser_context.new_page()
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: (problems.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else problems.append(r.url))
    page.goto((report / board_page(report)).as_uri())
    yield page
    browser_context.close()
    assert problems == []


def models(page: Page) -> list[str]:
    cells = page.locator(".board tbody tr:visible th a, .board tbody tr.baseline:visible th")
    return [text.split()[0] for text in cells.all_inner_texts()]


def test_sorting(page: Page) -> None:
    board = page.locator(".board").first
    assert models(page) == ["mfcc", "svm", "cnn", "uniform", "training-prior"]
    header = board.get_by_role("button", name="fit s")
    header.click()
    assert models(page)[:3] == ["svm", "mfcc", "cnn"]  # rows without a time stay last
    expect(board.locator("th[aria-sort]")).to_have_text("fit s")
    expect(board.locator("th[aria-sort]")).to_have_attribute("aria-sort", "ascending")
    header.click()
    assert models(page)[:3] == ["cnn", "mfcc", "svm"]
    expect(board.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")
    board.get_by_role("button", name="log loss").press("Enter")  # by keyboard
    assert models(page)[0] == "mfcc"
    assert board.locator("th[aria-sort]").count() == 1


def test_filtering(page: Page) -> None:
    board = page.locator(".board").first
    board.get_by_label("Filter").fill("CNN")
    assert models(page) == ["cnn"]
    expect(board.locator("output")).to_have_text("1 of 5 rows")
    board.get_by_label("Filter").fill("")
    board.get_by_label("baselines").uncheck()
    assert models(page) == ["mfcc", "svm", "cnn"]


def test_opening_a_run_and_a_comparison(page: Page) -> None:
    page.get_by_role("link", name="cnn", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("cnn")
    expect(page.get_by_role("rowheader", name="<script>alert(1)</script>").first).to_be_visible()
    expect(page.get_by_role("img", name="Values over the epochs of the training")).to_be_visible()
    expect(page.get_by_role("img", name="What <b>it</b> learned")).to_be_visible()
    cell = page.locator(".confusion td:not(.right) a").first
    tracks, support = re.match(r"(\d+) of (\d+)", cell.get_attribute("aria-label")).groups()
    cell.press("Enter")
    opened = page.locator("section.cell:has(:target)")
    expect(opened.get_by_role("heading")).to_contain_text(f"{tracks} of {support} tracks")
    expect(opened.locator("tbody tr")).to_have_count(int(tracks))
    expect(opened.locator("audio").first).to_be_visible()
    page.get_by_role("link", name="music, split artist").click()
    page.get_by_text("comparisons").first.click()
    page.get_by_role("link", name="mfcc and cnn").click()
    expect(page.locator("p.summary")).to_contain_text("this run of mfcc has a lower log loss than this run of cnn, by")


def test_keyboard_navigation_reaches_content_and_headers(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('thead') !== null"):
            break
    else:
        pytest.fail("no header can be reached by Tab")


@pytest.mark.parametrize(("theme", "viewport"), [("light", PHONE), ("dark", DESKTOP)], ids=["light-phone", "dark-desktop"])
def test_pages_fit_the_screen_and_are_accessible(browser: Browser, report: Path, theme: str, viewport: dict[str, int]) -> None:
    comparison = next((report / "compare").glob("*.html")).relative_to(report).as_posix()
    pages = ("index.html", board_page(report), "runs/cnn-0.html", "runs/cnn-0/tracks.html", comparison)
    for page in _watched(browser, report, color_scheme=theme, viewport=viewport):
        for address in pages:
            page.goto((report / address).as_uri())
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address
            page.evaluate(AXE.read_text("utf-8"))
            violations = page.evaluate("axe.run({preload: false})")["violations"]
            summary = [(v["id"], v["impact"], [node["html"][:200] for node in v["nodes"]][:3]) for v in violations]
            assert [v for v in summary if v[1] in ("serious", "critical")] == [], address


def test_boards_are_readable_without_scripts(browser: Browser, report: Path) -> None:
    for page in _watched(browser, report, java_script_enabled=False):
        expect(page.get_by_role("rowheader", name="mfcc genrebench-mfcc")).to_be_visible()
        expect(page.get_by_label("Filter").first).to_be_hidden()


def test_a_board_on_a_phone_says_which_columns_are_out_of_sight(browser: Browser, report: Path) -> None:
    for page in _watched(browser, report, viewport=PHONE):
        note = page.locator(".board .more")
        expect(note).to_contain_text("Scroll to the right for: ")
        expect(note).to_contain_text("memory MB")
        page.locator(".board .scroll").evaluate("region => region.scrollTo(region.scrollWidth, 0)")
        expect(note).to_have_text("← Scroll back to the left")


BROKEN = r"""() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement.closest("script, svg, .hidden, .skip")) continue;
    for (const match of node.data.matchAll(/[a-z][a-z0-9]*(?:-[a-z0-9]+)*-[0-9a-f]+|[±−+-]?[\d.,]*\d(?:\u00a0[%s])?/g)) {
      const range = document.createRange();
      range.setStart(node, match.index);
      range.setEnd(node, match.index + match[0].length);
      if (new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1) found.push(match[0]);
    }
  }
  return found;
}"""
"""Ids, and numbers with their signs and units, that are on more than one line."""


def test_nothing_breaks_between_a_number_and_its_sign_or_inside_an_id(browser: Browser, report: Path) -> None:
    long = "runs/svm-with-a-long-name-20260101-000000-0abc.html"
    for page in _watched(browser, report, viewport=PHONE):
        for address in (board_page(report), "runs/cnn-0.html", long, long.replace(".html", "/tracks.html")):
            page.goto((report / address).as_uri())
            assert page.evaluate(BROKEN) == [], address
        narrow = "(p) => Object.assign(p.style, {width: '1px', overflowWrap: 'anywhere'}) && (p.textContent = 'ab-1')"
        page.locator("main p").first.evaluate(narrow)
        assert "ab-1" in page.evaluate(BROKEN)  # it does find some


def test_a_page_runs_no_script_but_its_own(browser: Browser, report: Path, tmp_path: Path) -> None:
    """Even if a name weren't escaped."""
    site = shutil.copytree(report, tmp_path / "site")
    file = site / board_page(report)
    (site / "evil.js").write_text("document.title = 'evil'")
    evil = "<script>document.title = 'evil'</script><script src='../evil.js'></script>"
    evil += """<img src="x" onerror="document.title = 'evil'">"""
    file.write_text(file.read_text("utf-8").replace('<main id="main"', f'{evil}<main id="main"'), "utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.goto(file.as_uri())
    expect(page.get_by_label("Filter")).to_be_visible()  # its own script ran
    assert "evil" not in page.title()
    context.close()


def test_printed_versions_have_two_pages(page: Page, report: Path, tmp_path: Path) -> None:
    for address in (board_page(report), "runs/cnn-0.html"):
        page.goto((report / address).as_uri())
        pdf = page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
        assert 1 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 2, address
