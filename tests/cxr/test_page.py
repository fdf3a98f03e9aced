"""The page as a whole: languages, accessibility, phones, links, and pages that embed it."""

from __future__ import annotations

import contextlib
import json
import re
from html import escape, unescape
from pathlib import Path
from typing import Literal
from urllib.request import Request, urlopen

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Error, Page, expect

from cxr.classifier import Classifier
from cxr.language import Language
from cxr.messages import text
from cxr.model.bundle import BUNDLED_MODEL
from cxr.page.preview import PICTURE_SIZE
from tests.conftest import PAGE_MARKS, ROOT, installed_browser
from tests.cxr.browser import (
    ANSWERED,
    EN,
    FR,
    answered,
    served,
    violations,
)

pytestmark = PAGE_MARKS


def test_the_browsers_language_and_a_switch(browser: Browser, url: str, image_file: Path) -> None:
    context = browser.new_context(locale="fr-FR", viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    expect(page.locator("#header h1")).to_have_text(FR["title"])
    expect(page).to_have_title(FR["title"])
    answered(page, image_file)
    expect(page.locator(".thousand summary")).to_have_text(FR["thousand_title"])
    expect(page.locator(".checks-box")).to_contain_text("les poumons")
    expect(page.locator("#api button")).to_have_text(FR["use_api"])
    assert page.evaluate("document.documentElement.lang") == "fr"
    page.locator("nav [data-view=about]").click()  # this model lacks the figures of a French card
    expect(page.locator("#card-language")).to_have_text(FR["card_language"])
    expect(page.locator("#card")).to_be_visible()
    page.locator("nav [data-view=one]").click()
    page.locator(".language").click()
    expect(page.locator("#header h1")).to_have_text(EN["title"])
    expect(page).to_have_title(EN["title"])
    expect(page.locator(".thousand summary")).to_have_text(EN["thousand_title"])
    shown = page.locator("body").inner_text().replace(EN["other_language"], "")
    assert EN["use_api"] in shown
    for word in ("Seuil", "Pneumonie", "Choisir", "radiographie", "Modèle"):
        assert word not in shown
    context.close()


def test_the_page_has_an_icon_and_can_be_installed(url: str) -> None:
    with urlopen(f"{url}manifest.json") as answer:  # noqa: S310  # loopback
        manifest = json.load(answer)
    assert manifest["name"] == EN["title"]
    assert manifest["description"] == EN["link_preview"]
    asked = Request(f"{url}manifest.json", headers={"Accept-Language": "fr"})  # noqa: S310
    with urlopen(asked) as answer:  # noqa: S310
        assert json.load(answer)["short_name"] == FR["title_short"]
    with urlopen(f"{url}{manifest['icons'][0]['src']}") as answer:  # noqa: S310
        assert answer.read().startswith(b"<svg")


def test_an_installed_page_starts(browser: Browser, url: str, tmp_path: Path) -> None:
    """In a window of its own, as an installed page has it; and it can be installed."""
    context = browser.browser_type.launch_persistent_context(
        tmp_path,
        executable_path=installed_browser(windows=True) or browser.browser_type.executable_path,
        args=["--no-sandbox", f"--app={url}"],
        locale="en-GB",
    )
    (page,) = context.pages
    page.wait_for_selector(".invitation strong")
    assert page.evaluate("matchMedia('(display-mode: standalone)').matches")
    devtools = context.new_cdp_session(page)
    assert devtools.send("Page.getAppManifest")["errors"] == []
    assert devtools.send("Page.getInstallabilityErrors")["installabilityErrors"] == []
    answered(page, ROOT / "examples" / "hila.jpeg")
    context.close()


@pytest.mark.parametrize(
    ("headers", "language", "root"),
    [
        ({}, "en", None),
        ({"Accept-Language": "fr-CH, en", "X-Forwarded-Proto": "https"}, "fr", "https://127.0.0.1"),
        ({"X-Forwarded-Host": 'a.example"><script>'}, "en", "http://a.example"),
    ],
)
def test_a_shared_link_shows_what_it_leads_to(
    url: str, headers: dict[str, str], language: Language, root: str | None
) -> None:
    with urlopen(Request(f"{url}?case=hila", headers=headers)) as answer:  # noqa: S310
        head = answer.read().decode().partition("<style>")[0]
    tags = dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)">', head))
    assert unescape(tags["og:title"]) == unescape(tags["twitter:title"]) == text("title", language)
    assert unescape(tags["og:description"]) == text("link_preview", language)
    assert unescape(tags["description"]) == text("link_preview", language)
    assert f"<title>{escape(text('title', language))}</title>" in head
    assert tags["twitter:card"] == "summary_large_image"
    assert tags["og:image"] == tags["twitter:image"]
    assert tags["og:image"].startswith(root or url)
    assert "<script>" not in head
    assert head.count('og:title"') == head.count('og:image"') == 1  # Gradio's are gone
    with urlopen(f"{url}preview.jpg") as answer:  # noqa: S310
        assert answer.headers["Content-Type"] == "image/jpeg"
        picture = cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[1::-1] == PICTURE_SIZE


def test_about_the_model(page: Page) -> None:
    page.locator("nav [data-view=about]").click()
    expect(page.locator("#card h1")).to_have_text("tiny")
    expect(page.locator("#card-language")).to_be_hidden()
    expect(page.get_by_role("img", name=EN["roc_label"])).to_be_visible()
    curves = page.get_by_role("img", name=EN["threshold_label"])
    expect(curves.locator("text")).to_contain_text(["100%", "75%"])  # up, then across
    expect(page.locator("#one-view")).to_be_hidden()


def test_the_card_in_french(browser: Browser) -> None:
    with served(Classifier.load(BUNDLED_MODEL)) as url:
        page = browser.new_page(locale="fr-FR", viewport={"width": 1280, "height": 720})
        page.goto(f"{url}#about")
        english, french = page.locator("#card-en"), page.locator("#card-fr")
        expect(french).to_contain_text("Ne pas utiliser pour")
        expect(english).to_be_hidden()
        expect(page.locator("#card-language")).to_have_count(0)
        page.locator(".language").click()
        expect(english).to_contain_text("Do not use for")
        expect(french).to_be_hidden()
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(
    browser: Browser, url: str, image_file: Path, scheme: Literal["light", "dark"]
) -> None:
    """Contrast, labels and roles: no violation that axe knows of WCAG 2.1 A and AA."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    answered(page, image_file)
    page.keyboard.press("h")
    for summary in page.locator("summary:visible").all():
        summary.click()
    found = violations(page)
    page.set_input_files(".pick-files", image_file)
    for view in ("many", "about"):
        page.locator(f"nav [data-view={view}]").click()
        found += violations(page)
    assert found == []
    context.close()


# Whether words of an element's text are within its box, and not cut off below.
_IS_IN_SIGHT = """
([selector, words]) => {
  const element = document.querySelector(selector);
  const node = element.firstElementChild.firstChild;
  const range = document.createRange();
  const start = node.data.replaceAll("\\u00a0", " ").indexOf(words);
  range.setStart(node, start);
  range.setEnd(node, start + words.length);
  return range.getBoundingClientRect().bottom <= element.getBoundingClientRect().bottom + 1;
}
"""


def test_a_phone_shows_it_without_scrolling_sideways(page: Page, image_file: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    answered(page, image_file)
    # Radiograph and verdict are within one screen.
    for part in (".stage", ".verdict"):
        box = page.locator(part).bounding_box()
        assert box
        assert box["y"] + box["height"] <= 844
    page.set_input_files(".pick-files", image_file)
    for language, ages in (("en", "1–5 years"), ("fr", "1 à 5 ans")):
        assert page.evaluate(_IS_IN_SIGHT, ["#disclaimer", ages]), language
        for view in ("one", "many", "about"):
            page.locator(f"nav [data-view={view}]").click()
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 390, (language, view)
        page.locator(".language").click()


# Embeds the page as the Hub does: the frame becomes as high as its content says, in messages of
# iframe-resizer.
_EMBEDDING = """<body><iframe src="{address}?case=hila" allow="local-network-access"
  style="width: 100%; height: 600px; border: 0"></iframe>
<script>
  const frame = document.querySelector("iframe");
  const begin = "[iFrameSizer]f:8:false:false:32:true:true:null:bodyOffset:null:null:0:false:parent"
    + ":scroll:false";
  const asked = setInterval(() => frame.contentWindow.postMessage(begin, "*"), 200);
  addEventListener("message", ({{ data }}) => {{
    if (!String(data).startsWith("[iFrameSizer]")) return;
    clearInterval(asked);
    const [, height, , kind] = data.slice(13).split(":");
    if (Number(height) && kind !== "autoResize") frame.style.height = `${{height}}px`;
  }});
</script>"""


def test_the_hub_embeds_a_space_and_other_sites_do_not(
    browser: Browser, tiny_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_ID", "me/demo")
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    with contextlib.suppress(Error):  # browsers that do not know it ask for none
        context.grant_permissions(["local-network-access"])
    page = context.new_page()
    with served(tiny_classifier) as address:
        body = _EMBEDDING.format(address=address)
        page.route(
            re.compile(r"https://(huggingface\.co|elsewhere\.example)/"),
            lambda route: route.fulfill(content_type="text/html", body=body),
        )
        page.goto("https://huggingface.co/")
        embedded = page.frame_locator("iframe")
        embedded.locator(ANSWERED).wait_for()
        expect(embedded.locator(".verdict .name")).to_have_text("hila.jpeg")
        # The frame allows no full screen, so there is no button for it.
        expect(embedded.locator("#viewer [data-tool=full]")).to_have_count(0)
        # Frame and radiograph do not make each other higher and higher.
        page.wait_for_timeout(700)
        frame, stage = page.locator("iframe").bounding_box(), embedded.locator(".stage")
        assert frame
        assert 600 < frame["height"] < 2000
        shown = stage.first.bounding_box()
        assert shown
        assert shown["height"] < 720
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
            page.goto("https://elsewhere.example/")
        context.close()
