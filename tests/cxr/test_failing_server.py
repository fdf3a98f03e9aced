"""A server that does not answer, or whose proxy answers for it, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.conftest import PAGE_MARKS
from tests.cxr.browser import ANSWERED, EN, answered, many_status, row_of

pytestmark = PAGE_MARKS
ASKED = re.compile("/component_server")


def test_a_call_that_the_server_does_not_answer_is_no_answer(page: Page, image_file: Path) -> None:
    """Of such a call, Gradio's client makes no error but an answer that is undefined."""
    answered(page, image_file)
    page.route(ASKED, lambda route: route.fulfill(status=502))
    page.locator("[data-keep=report]").click()
    expect(page.locator(".not-kept")).to_have_text(f"{EN['state_offline']}.")
    page.locator("#cases [data-case=hila]").click()
    expect(page.locator(".problem .label")).to_have_text(EN["state_offline"])
    page.unroute(ASKED)
    page.locator(".problem .again").click()
    expect(page.locator(".stage")).to_be_focused()
    page.wait_for_selector(ANSWERED)
    expect(page.locator(".not-kept")).to_be_empty()


def test_a_server_that_fails_uses_up_no_radiographs(page: Page, image_file: Path) -> None:
    def fail(route: Route) -> None:
        asks = ASKED.search(route.request.url)
        route.fulfill(status=502) if asks or route.request.method == "HEAD" else route.continue_()

    page.locator("button[data-view=many]").click()
    page.route("**/*", fail)  # as a proxy does while the server behind it starts
    page.set_input_files(".pick-files", image_file)
    expect(page.locator("#many .notice")).to_contain_text(EN["state_offline"])
    expect(row_of(page, "image.png")).to_contain_text(EN["status_waiting"])
    page.unroute("**/*")
    page.route(ASKED, lambda route: route.fulfill(status=502))  # of this file alone
    page.locator("[data-do=resume]").click()
    expect(row_of(page, "image.png")).to_contain_text(EN["state_failed"])
    page.unroute(ASKED)
    page.get_by_role("button", name="Try failed ones again (1)").click()
    expect(many_status(page)).to_have_text("1 of 1 done, 0 left: 0 refused, 0 unreadable")
