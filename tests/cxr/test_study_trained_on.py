"""A study of radiographs that the model learned from says so."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from cxr.classifier import Classifier
from cxr.model.bundle import Bundle
from tests.conftest import PAGE_MARKS
from tests.cxr.browser import EN, opened, served
from tests.cxr.changed_bundles import trained_on
from tests.cxr.studying import begin, phase, read, submit

pytestmark = PAGE_MARKS


def test_a_study_counts_what_the_model_was_trained_on(
    browser: Browser, image_file: Path, tiny_bundle: Bundle
) -> None:
    classifier = Classifier(trained_on(tiny_bundle, image_file))
    with served(classifier) as url, opened(browser, url) as page:
        begin(page, [image_file])
        read(page, "NORMAL", 70)
        submit(page)
        phase(page, "aid")
        said = EN["trained_on"]
        expect(page.locator("#study .warnings")).to_contain_text(said[0].upper() + said[1:])
        submit(page)
        phase(page, "results")
        said = EN["study_trained_on"].replace("{trained_on}", "1")
        expect(page.locator("#study .results")).to_contain_text(said)
