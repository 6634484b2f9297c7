"""The sample's page in a real browser."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.patience import SECONDS
from tests.processes import descendants, wait_until
from tests.shops import PASSWORD, Shop

# Every value that the first bar shows from now on, in their order.
RECORD_BAR = """() => {
  window.bar = [];
  const note = () => {
    const bar = document.querySelector(".run progress");
    if (bar?.hasAttribute("value") && window.bar.at(-1) !== bar.value) window.bar.push(bar.value);
  };
  const changes = { attributes: true, childList: true, subtree: true };
  new MutationObserver(note).observe(document.getElementById("run-list"), changes);
}"""

pytestmark = pytest.mark.browser


@contextmanager
def visit(browser: Browser, shop: Shop) -> Iterator[Page]:
    """Open the page in a browser that knows nothing yet; its scripts must not fail."""
    with browser.new_context(viewport={"width": 1180, "height": 900}, base_url=shop.web.url) as context:
        page = context.new_page()
        page.set_default_timeout(SECONDS * 1000)
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto("/")
        expect(page.locator("#connection")).to_have_text("Live")
        yield page
        assert failures == []


@pytest.fixture
def page(browser: Browser, shop: Shop) -> Iterator[Page]:
    """The page, for somebody who is not signed in."""
    with visit(browser, shop) as page:
        yield page


def product_file(path: Path, rows: int, prefix: str) -> Path:
    """Write a product file whose products the shop has not."""
    lines = (f"{prefix}-{number},Oak chair {number},Chairs,{number % 90}.50,{number % 70}\n" for number in range(rows))
    path.write_text("sku,name,category,price,stock\n" + "".join(lines))
    return path


def start_import(page: Page, file: Path) -> Locator:
    """Choose a file and import it; return the run's card."""
    page.get_by_label("Choose a CSV file").set_input_files(file)
    return started(page, page.get_by_role("button", name="Import", exact=True).click)


def start_sync(page: Page, supplier: str) -> Locator:
    """Sync with a supplier; return the run's card."""
    page.get_by_label(supplier).check()
    return started(page, page.get_by_role("button", name="Sync").click)


def start_report(page: Page) -> Locator:
    """Ask for the report that the page offers; return the run's card."""
    return started(page, page.get_by_role("button", name="Report").click)


def started(page: Page, act: Callable[[], None]) -> Locator:
    """Start a run, and return its card, whichever runs come after it."""
    runs = page.locator(".run")
    before = runs.count()
    act()
    expect(runs).to_have_count(before + 1)
    return page.locator(f'[data-run-id="{runs.first.get_attribute("data-run-id")}"]')


def sign_in(page: Page, user: str) -> None:
    """Sign in by the page's own form."""
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Name").fill(user)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".viewer")).to_have_text(user)
    expect(page.locator("#connection")).to_have_text("Live")


def test_an_import_of_50_000_rows_is_watched_to_its_report(page: Page, tmp_path: Path) -> None:
    """The bar moves through many values and never back, and the typed report stands at its end."""
    page.evaluate(RECORD_BAR)

    run = start_import(page, product_file(tmp_path / "products.csv", 50_000, "LONG"))
    expect(run.locator(".status")).to_have_text("Done")
    values = page.evaluate("window.bar")

    assert len(set(values)) >= 5
    assert values == sorted(values)
    expect(run.locator(".figures div").first).to_have_text("created50,000")
    expect(run).to_contain_text("products.csv")


def test_a_bar_says_what_it_shows(page: Page) -> None:
    """A screen reader finds a progress bar with a name, and a value in words."""
    run = start_sync(page, "Globex")
    bar = run.get_by_role("progressbar", name="Sync inventory, Globex")

    expect(bar).to_have_attribute("aria-valuetext", re.compile(r"^\d+ %, \d+ of 61, Reading the supplier's pages$"))
    expect(run.locator(".status")).to_have_text("Done")
    expect(page.locator("#announcer")).to_have_text(re.compile(r"^Sync inventory: done\. \d"))


def test_rejected_rows_stand_in_a_table(page: Page) -> None:
    """A file with bad rows shows how many, and the first of them with line and reason."""
    page.get_by_role("button", name="Bad rows").click()
    expect(page.locator("#file-name")).to_have_text("products-bad-rows-50000.csv")

    run = started(page, page.get_by_role("button", name="Import", exact=True).click)
    run.locator(".run-result summary").click()

    expect(run.locator(".run-result summary")).to_have_text(re.compile(r"The first 20 of \d+ rejected rows"))
    expect(run.locator("tbody tr").first).to_contain_text("is negative")
    expect(run.locator("tbody tr")).to_have_count(20)


def test_a_failure_is_told_to_a_person(page: Page) -> None:
    """A file with wrong columns fails with what was expected, in a sentence."""
    page.get_by_role("button", name="Wrong columns").click()
    expect(page.locator("#file-name")).to_have_text("products-wrong-columns-50000.csv")

    run = started(page, page.get_by_role("button", name="Import", exact=True).click)

    expect(run.locator(".status")).to_have_text("Failed")
    expect(run.locator(".error-text")).to_contain_text("found article, description, price")


def test_a_report_is_started_by_keyboard_and_shows_its_chart(page: Page) -> None:
    """Tab and Enter are enough, and the chart is drawn on the page and can be downloaded."""
    page.get_by_label("From").focus()
    run = started(page, lambda: page.keyboard.press("Enter"))

    expect(run.locator(".status")).to_have_text("Done")
    chart = run.get_by_role("img", name=re.compile("bar chart"))
    expect(chart).to_be_visible()
    wait_until(lambda: chart.evaluate("image => image.naturalWidth") > 0, "the chart")
    with page.expect_download() as download:
        run.get_by_role("link", name="Chart (SVG)").click()
    assert re.fullmatch(r"sales-[\d-]+-by-month\.svg", download.value.suggested_filename)


def test_several_runs_are_watched_at_once(page: Page) -> None:
    """Each run has its own bar and comes to its own end."""
    first, second = start_sync(page, "Globex"), start_sync(page, "Amazon")
    third = start_sync(page, "Initech")

    for run in (first, second, third):
        expect(run.locator("progress")).to_be_visible()
    for run, end in ((first, "Done"), (second, "Done"), (third, "Failed")):
        expect(run.locator(".status")).to_have_text(end)


def test_a_reload_finds_the_runs_again(page: Page) -> None:
    """A run that goes on while the page is loaded anew is there again, with its label, and is watched to its end."""
    run = start_sync(page, "Globex")
    expect(run.locator(".count")).to_contain_text("of 61")

    page.reload()

    expect(run.locator(".status")).to_have_text("Running")
    expect(run.locator(".run-label")).to_have_text("Globex")
    expect(run.locator(".status")).to_have_text("Done")


def test_a_lost_connection_comes_back_and_catches_up(page: Page, shop: Shop, tmp_path: Path) -> None:
    """When the web server dies and returns, the page says so, reconnects by itself, and shows what happened meanwhile."""
    page.evaluate("window.isSamePage = true")
    run = start_import(page, product_file(tmp_path / "products.csv", 60_000, "LOST"))
    expect(run.locator(".count")).to_contain_text("of 60,000")

    kill_web(shop)
    expect(page.locator("#connection-banner")).to_contain_text("Reconnecting")
    shop.web.__enter__()

    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#connection-banner")).to_be_empty()
    expect(run.locator(".status")).to_have_text("Done")
    expect(run.locator(".figures div").first).to_have_text("created60,000")
    assert page.evaluate("window.isSamePage")


def kill_web(shop: Shop) -> None:
    """Kill the web server as a crash would."""
    own = descendants(os.getpid())
    (web,) = (pid for pid, words in own.items() if f"--port {shop.web.port}" in words and "watchdog" not in words)
    os.kill(web, signal.SIGKILL)
    shop.web.__exit__()


def test_a_run_shows_up_wherever_its_owner_looks(browser: Browser, shop: Shop) -> None:
    """What alice starts in one browser appears in her other one, and not in bob's."""
    with visit(browser, shop) as here, visit(browser, shop) as there, visit(browser, shop) as elsewhere:
        sign_in(here, "alice")
        sign_in(there, "alice")
        sign_in(elsewhere, "bob")

        run_id = start_sync(here, "Amazon").get_attribute("data-run-id")
        seen = there.locator(f'[data-run-id="{run_id}"]')

        expect(seen.locator(".status")).to_have_text("Done")
        elsewhere.reload()
        expect(elsewhere.locator("#connection")).to_have_text("Live")
        expect(elsewhere.locator(f'[data-run-id="{run_id}"]')).to_have_count(0)


def test_finished_runs_can_be_hidden(page: Page) -> None:
    """What is hidden stays hidden after a reload."""
    expect(start_report(page).locator(".status")).to_have_text("Done")

    page.get_by_role("button", name="Hide finished").click()
    page.reload()

    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#no-runs")).to_be_visible()
    expect(page.locator(".run")).to_have_count(0)


def test_the_page_is_light_or_dark_as_the_visitor_likes(page: Page, tmp_path: Path) -> None:
    """The colours follow the system's; both pages are photographed for whoever wants to look."""
    expect(start_report(page).locator("img.chart")).to_be_visible()
    papers = {}

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=tmp_path / f"page-{scheme}.png", full_page=True)
        papers[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert papers == {"light": "rgb(245, 246, 249)", "dark": "rgb(18, 21, 27)"}


STICKING_OUT = """() => [...document.querySelectorAll("form.card")].flatMap((card) => {
  const style = getComputedStyle(card);
  const edge = card.getBoundingClientRect().right - parseFloat(style.paddingRight);
  const fields = [...card.querySelectorAll("input:not([type=file]), select, button")];
  return fields.filter((field) => field.getBoundingClientRect().right > edge + 1).map((field) => field.outerHTML);
})"""


@pytest.mark.parametrize("width", [360, 390, 768])
def test_nothing_sticks_out_of_a_narrow_window(page: Page, width: int) -> None:
    """On phones and on a tablet the page needs no sideways scrolling, also with results on it, and no card is left."""
    expect(start_report(page).locator("img.chart")).to_be_visible()

    page.set_viewport_size({"width": width, "height": 800})

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(STICKING_OUT) == []
