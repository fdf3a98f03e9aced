"""What the page keeps in a real browser: values and files, and what is said where it cannot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import ROOT

pytestmark = pytest.mark.browser

SCRIPT = (ROOT / "cxr" / "page" / "store.js").read_text(encoding="utf-8")
ADDRESS = "http://store.test/"
FAILURE = """async () => {
  const kept = window.cxrStore.open("list");
  try {
    await kept.put("large", new Blob([new Uint8Array(3e6)]));
  } catch (error) {
    return error.code;
  }
}"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page with the store, whose reload has it again."""
    context = browser.new_context()
    page = context.new_page()
    html = f"<!doctype html><title>store</title><script>{SCRIPT}</script>"
    page.route(ADDRESS, lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(ADDRESS)
    yield page
    context.close()


def test_values_and_files_survive_a_reload(page: Page) -> None:
    page.evaluate("""async () => {
      const [kept, other] = ["list", "other"].map(window.cxrStore.open);
      await kept.put("b", { name: "two", file: new File(["content"], "two.png") });
      await kept.put("a", { name: "one" });
      await kept.put("a", { name: "one, changed" });
      await other.put("a", "of another list");
    }""")
    page.reload()
    found = page.evaluate("""async () => {
      const kept = window.cxrStore.open("list");
      const all = await kept.all();
      const { file } = await kept.get("b");
      return [all.map(([key, { name }]) => [key, name]), file.name, await file.text()];
    }""")
    assert found == [[["a", "one, changed"], ["b", "two"]], "two.png", "content"]
    left = page.evaluate("""async () => {
      const [kept, other] = ["list", "other"].map(window.cxrStore.open);
      await kept.remove("a");
      const without = await kept.all();
      await kept.clear();
      return [without.length, await kept.get("a"), (await kept.all()).length, await other.all()];
    }""")
    assert left == [1, None, 0, [["a", "of another list"]]]


def test_a_full_disk_is_said_and_what_was_kept_stays(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": ADDRESS, "quotaSize": 1_000_000})
    page.evaluate("() => window.cxrStore.open('list').put('small', 1)")
    assert page.evaluate(FAILURE) == "full"
    assert page.evaluate("() => window.cxrStore.open('list').all()") == [["small", 1]]


def test_forbidden_storage_is_said(page: Page) -> None:
    """A frame without an origin of its own has no storage."""
    page.set_content("<iframe sandbox='allow-scripts' srcdoc='<p></p>'></iframe>")
    frame = page.frames[1]
    frame.evaluate(SCRIPT)
    assert frame.evaluate(FAILURE) == "forbidden"
