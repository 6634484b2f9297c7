"""The sample's admin in a real browser: runs watched and controlled, schedules made and fired."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.patience import SECONDS
from tests.shops import PASSWORD, Shop, Visitor

RUNS = "/admin/strawberry_tasks/taskexecution/"
SCHEDULES = "/admin/strawberry_tasks/taskschedule/"
SYNC = "mutation ($provider: String!) { syncInventory(provider: $provider) { id } }"
REPORT = "mutation ($start: Date!, $end: Date!) { salesReport(start: $start, end: $end) { id } }"

pytestmark = pytest.mark.browser


@pytest.fixture
def alice(shop: Shop) -> Iterator[Visitor]:
    """Somebody who starts tasks."""
    with shop.visit("alice") as alice:
        yield alice


@pytest.fixture
def page(browser: Browser, shop: Shop) -> Iterator[Page]:
    """The admin, for the demo's staff; its scripts must not fail."""
    with browser.new_context(viewport={"width": 1360, "height": 900}, base_url=shop.web.url) as context:
        page = context.new_page()
        page.set_default_timeout(SECONDS * 1000)
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("requestfailed", lambda request: failures.append(request.url))
        page.goto("/admin/")
        page.get_by_label("Username").fill("staff")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Site administration")).to_be_visible()
        yield page
        assert failures == []


def sync(visitor: Visitor, provider: str) -> str:
    """Start to take over a supplier's stock, and return the run's id."""
    return str(visitor.execute(SYNC, provider=provider)["syncInventory"]["id"])


def failed_report(visitor: Visitor) -> str:
    """Have a report fail, and return the run's id."""
    run_id = str(visitor.execute(REPORT, start="2024-02-01", end="2024-01-01")["salesReport"]["id"])
    assert visitor.wait(run_id)["status"] == "FAILED"
    return run_id


def act(page: Page, run_id: str, action: str) -> None:
    """Choose a run in the list, and an action for it."""
    page.locator(f'input.action-select[value="{run_id}"]').check()
    page.get_by_label("Action:").select_option(label=action)
    page.get_by_role("button", name="Run", exact=True).or_(page.get_by_role("button", name="Go", exact=True)).click()


def test_a_run_is_watched_to_its_end(page: Page, alice: Visitor) -> None:
    """In the list, which is never loaded anew, and then on its own page."""
    run_id = sync(alice, "AMAZON")
    page.goto(RUNS)
    page.evaluate("window.isTheSamePage = true")
    row = page.locator("#result_list tr", has=page.locator(f'input[value="{run_id}"]'))

    expect(row.locator(".task-state")).to_have_text("running")
    expect(row.locator(".task-says")).to_have_text("Reading the supplier's pages")
    expect(row.locator(".field-owned_by")).to_have_text("alice")
    expect(row.locator(".task-state")).to_have_text("completed")
    assert page.evaluate("window.isTheSamePage")

    row.get_by_role("link", name="syncInventory").click()
    expect(page.locator(".task-timeline")).to_contain_text("Attempt 1 of at most 2 started")
    expect(page.locator(".field-arguments_json")).to_contain_text('"provider": "AMAZON"')
    expect(page.locator(".field-result_json")).to_contain_text('"updated"')


def test_runs_are_filtered_and_searched(page: Page, alice: Visitor) -> None:
    """By state and task; by id and owner."""
    failed, other = failed_report(alice), sync(alice, "AMAZON")
    page.goto(RUNS)
    box = page.locator("input.action-select")

    page.get_by_role("link", name="Failed", exact=True).click()
    expect(page.locator(f'input[value="{failed}"]')).to_be_visible()
    expect(page.locator(f'input[value="{other}"]')).to_have_count(0)
    page.goto(RUNS)
    page.get_by_role("textbox", name=re.compile("Search|An id")).or_(page.locator("#searchbar")).first.fill(other)
    page.get_by_role("button", name="Search").click()
    expect(box).to_have_count(1)
    expect(box).to_have_value(other)
    page.goto(f"{RUNS}?q=alice")
    expect(page.locator(f'input[value="{failed}"]')).to_be_visible()
    page.goto(f"{RUNS}?q=bob")
    expect(box).to_have_count(0)


def test_a_failed_run_is_read_started_again_and_deleted(page: Page, alice: Visitor) -> None:
    """From its page and from the list."""
    failed = failed_report(alice)
    page.goto(f"{RUNS}{failed}/change/")

    expect(page.locator(".field-failure")).to_contain_text("BAD_PERIOD: Expected a period of 20 years at most")
    page.get_by_role("button", name="Start it again").click()
    expect(page.locator(".messagelist")).to_contain_text("1 run was started again.")
    page.goto(f"{RUNS}?q={failed}")
    act(page, failed, "Delete selected task runs")
    page.get_by_role("button", name="Yes").click()
    expect(page.locator(".messagelist")).to_contain_text("Successfully deleted 1 task run.")


def test_a_running_run_is_canceled(page: Page, alice: Visitor) -> None:
    """From the list, which shows it."""
    run_id = sync(alice, "GLOBEX")
    page.goto(f"{RUNS}?q={run_id}")
    expect(page.locator(".task-state")).to_have_text("running")

    act(page, run_id, "Cancel selected runs")

    expect(page.locator(".messagelist")).to_contain_text("1 run was asked to stop.")
    expect(page.locator(".task-state")).to_have_text("canceled")


def test_a_schedule_is_made_fired_paused_and_deleted(page: Page) -> None:
    """What is wrong with it stands by its field."""
    name = "amazon-nightly"
    page.goto(f"{SCHEDULES}add/")
    page.get_by_label("Name:").fill(name)
    page.get_by_label("Task:").select_option("syncInventory")
    page.get_by_label("Arguments:").fill('{"provider": "AMAZON"}')
    page.get_by_label("Cron:").fill("0 99 * * *")
    page.get_by_role("button", name="Save", exact=True).click()
    errors = page.locator(".errorlist")
    expect(errors).to_have_count(1)
    expect(errors).to_contain_text("cron: field 2 (hour) of '0 99 * * *' cannot be '99'.")

    page.get_by_label("Cron:").fill("0 3 * * *")
    page.get_by_role("button", name="Save", exact=True).click()
    row = page.locator("#result_list tr", has_text=name)
    expect(row.locator(".task-state")).to_have_text("active")
    expect(row.locator(".field-next_fire")).to_contain_text("03:00:00")
    row.get_by_role("link", name=name).click()
    expect(page.locator(".field-coming li")).to_have_count(5)
    page.get_by_role("button", name="Start it now").click()
    expect(page.locator(".messagelist")).to_contain_text(f"Schedule {name}: run")
    page.locator(".messagelist a").click()
    expect(page.locator(".field-owned_by")).to_contain_text("staff")
    expect(page.locator(".task-state")).to_have_text("completed")

    page.goto(SCHEDULES)
    row.get_by_role("checkbox").check()
    page.get_by_label("Action:").select_option(label="Pause selected schedules")
    page.get_by_role("button", name="Run", exact=True).or_(page.get_by_role("button", name="Go", exact=True)).click()
    expect(row.locator(".task-state")).to_have_text("paused")
    row.get_by_role("link", name=name).click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.locator("#result_list tr", has_text=name)).to_have_count(0)
