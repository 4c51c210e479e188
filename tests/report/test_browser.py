"""The report in a real browser."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

pytestmark = pytest.mark.browser

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
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


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """The start page; the test fails on console messages, page errors, dialogs and network requests."""
    yield from _watched(browser, report, color_scheme="light", viewport=DESKTOP)


def _watched(browser: Browser, report: Path, **context: object) -> Iterator[Page]:
    problems: list[str] = []
    browser_context = browser.new_context(**context)
    page = browser_context.new_page()
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: (problems.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else problems.append(r.url))
    page.goto((report / "index.html").as_uri())
    yield page
    browser_context.close()
    assert problems == []


def models(page: Page, board: int = 0) -> list[str]:
    cells = page.locator(".board").nth(board).locator("tbody tr:visible th a, tbody tr.baseline:visible th")
    return [text.split()[0] for text in cells.all_inner_texts()]


def test_sorting(page: Page) -> None:
    board = page.locator(".board").first
    assert models(page) == ["mfcc", "svm", "cnn", "uniform", "training-prior"]
    header = board.get_by_role("button", name="fit and predict")
    header.click()
    assert models(page)[:3] == ["svm", "mfcc", "cnn"]  # rows without a time stay last
    expect(board.locator("th[aria-sort]")).to_have_text("fit and predict")
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
    assert len(models(page, 1)) == 3  # the filter of the other board is unchanged


def test_opening_a_run_and_a_comparison(page: Page) -> None:
    page.get_by_role("link", name="cnn", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("cnn")
    expect(page.get_by_role("rowheader", name="<script>alert(1)</script>").first).to_be_visible()
    expect(page.get_by_role("img", name="Reliability curve")).to_be_visible()
    expect(page.get_by_role("img", name="What <b>it</b> learned")).to_be_visible()
    page.get_by_role("link", name="genrebench").click()
    page.get_by_text("Compare two models").first.click()
    page.get_by_role("link", name="mfcc and cnn").click()
    expect(page.locator(".sentence")).to_contain_text("this run of mfcc has a lower log loss than this run of cnn, by")


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
    comparison = next((report / "compare").iterdir()).relative_to(report).as_posix()
    for page in _watched(browser, report, color_scheme=theme, viewport=viewport):
        for address in ("index.html", "runs/cnn-0.html", comparison):
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


def test_printing(page: Page, tmp_path: Path) -> None:
    page.emulate_media(media="print")
    expect(page.get_by_label("Filter").first).to_be_hidden()
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert (tmp_path / "report.pdf").stat().st_size > 10_000
