"""The studio in a real browser: data checked, settings, runs looked at, tried and used."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from cxr.cases import read_cases
from cxr.language import Language
from cxr.model import bundle as bundles
from cxr.model.bundle import Bundle
from cxr.page.serving import served
from tests.conftest import PAGE_MARKS, QUICK_FIT
from tests.cxr.browser import FR, violations
from tests.training.studio_page import choose, opened, set_number, tab
from tests.training.test_jobs import wait_until
from training.fitting.loading import load_splits
from training.fitting.run_folder import RunFolder
from training.jobs.queue import JobQueue
from training.studio import LAUNCH_SETTINGS, build_studio, compare_tab
from training.validation.mistakes import read_mistakes, write_bundle_mistakes

pytestmark = PAGE_MARKS


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studio") / "runs"


@pytest.fixture(scope="module")
def url(runs: Path) -> Iterator[str]:
    studio = build_studio(runs)
    with served(studio, {**LAUNCH_SETTINGS, "server_name": "127.0.0.1"}):
        yield studio.local_url


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    with opened(browser, url) as page:
        yield page


# --- Data and settings ----------------------------------------------------------------------------


def test_a_data_folder_is_checked(page: Page, chest_images: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(chest_images, tmp_path / "images"))
    (folder / "train" / "NORMAL" / "<b>odd.png").write_bytes(b"no picture")
    page.get_by_label("Data folder").fill(str(folder))
    page.click("#check")
    rows = page.locator("#counts tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_have_text("trainNORMAL2525normal 25")
    expect(page.locator(".problem.stops summary")).to_contain_text("cannot be read")
    page.locator(".problem.stops summary").click()
    expect(page.locator(".problem.stops li")).to_contain_text("<b>odd.png")
    noted = page.locator(".problem:not(.stops) summary")
    expect(noted).to_contain_text("whose names tell no patient")
    expect(page.locator("#contact-sheet img")).to_have_count(12)

    page.get_by_label("Data folder").fill(str(tmp_path / "nowhere"))
    page.click("#check")
    expect(page.get_by_text("nowhere: expected a folder with train")).to_be_visible()
    expect(rows).to_have_count(0)  # what was found in the other folder
    page.get_by_label("Data folder").fill("/" + 300 * "x")
    page.click("#check")
    expect(page.get_by_text("cannot be used (File name too long)")).to_be_visible()


SIZE = re.compile(r"\d\s[KM]?B")


def pictures(page: Page) -> list[str]:
    return page.locator("#preview img").evaluate_all("images => images.map(i => i.src)")


def test_augmented_images_follow_the_settings(page: Page) -> None:
    tab(page, "2 Train")
    expect(page.locator("#preview img")).to_have_count(8)
    before = pictures(page)
    page.click("#group-augmentation > button")
    set_number(page, "Brightness", 0.5)
    wait_until(lambda: pictures(page) != before, seconds=60)
    after = pictures(page)
    assert after[0] == before[0]  # the image itself
    assert all(a != b for a, b in zip(after[1:], before[1:], strict=True))
    page.get_by_role("button", name="Another image").click()
    wait_until(lambda: pictures(page)[0] != before[0], seconds=20)


def test_the_cards_of_the_presets_are_equally_high(page: Page) -> None:
    tab(page, "2 Train")
    expect(page.locator("#card-tiny h4")).to_be_visible()
    cards = page.locator(".preset-card")
    sides = {
        (round(box["y"]), round(box["y"] + box["height"]))
        for box in filter(None, (card.bounding_box() for card in cards.all()))
    }
    assert len(sides) == 1
    buttons = page.locator(".preset-card button")
    assert (
        len({round(box["y"]) for box in filter(None, (b.bounding_box() for b in buttons.all()))})
        == 1
    )


def test_a_preset_fills_the_controls(page: Page) -> None:
    tab(page, "2 Train")
    choose(page, "Start from", "baseline")
    size = page.get_by_label("number input for Image size", exact=True)
    expect(size).to_have_value("150")
    expect(page.get_by_label("number input for Epochs", exact=True)).to_have_value("12")
    expect(page.get_by_label("Class balance", exact=True)).to_have_value("None")
    page.click("#start-from-default")  # on its card
    expect(size).to_have_value("192")
    expect(page.locator("#preset input")).to_have_value("default")
    # Opening the list and closing it again takes nothing back.
    set_number(page, "Epochs", 5)
    page.locator("#preset input").click()
    page.get_by_text("What the network sees").click()
    page.wait_for_timeout(1000)
    expect(page.get_by_label("number input for Epochs", exact=True)).to_have_value("5")


def test_settings_that_make_no_fit_are_refused_and_kept(page: Page, runs: Path) -> None:
    tab(page, "2 Train")
    page.get_by_label("Learning rate", exact=True).fill("7")
    page.click("#queue")
    expect(
        page.get_by_text("Learning rate: expected a number above 0 and up to 1").last
    ).to_be_visible()
    page.get_by_label("Learning rate", exact=True).fill("0.001")
    page.click("#queue")
    expect(page.get_by_text("no data folder was chosen").last).to_be_visible()
    expect(page.get_by_label("Learning rate", exact=True)).to_have_value("0.001")
    assert JobQueue(runs).jobs() == []


def test_folder_settings_and_tab_are_kept_over_a_reload(page: Page, tmp_path: Path) -> None:
    page.get_by_label("Data folder").fill(str(tmp_path))
    tab(page, "2 Train")
    choose(page, "Start from", "baseline")
    expect(page.get_by_label("number input for Image size", exact=True)).to_have_value("150")
    set_number(page, "Epochs", 7)
    wait_until(lambda: "settings" in str(page.evaluate("Object.keys(localStorage)")), seconds=20)
    page.wait_for_timeout(1500)  # the last change is on its way
    page.reload()
    expect(page.get_by_role("tab", name="2 Train")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_label("number input for Epochs", exact=True)).to_have_value("7")
    expect(page.get_by_label("number input for Image size", exact=True)).to_have_value("150")
    expect(page.locator("#preset input")).to_have_value("baseline")
    tab(page, "1 Data")
    expect(page.get_by_label("Data folder")).to_have_value(str(tmp_path))


def test_a_folder_that_is_pasted_is_kept_over_a_reload(page: Page, tmp_path: Path) -> None:
    page.get_by_label("Data folder").fill(str(tmp_path))  # one change, and no key
    page.wait_for_timeout(2500)  # it is on its way
    page.reload()
    expect(page.get_by_label("Data folder")).to_have_value(str(tmp_path))


def violations_in(page: Page, names: tuple[str, ...]) -> list[object]:
    """What axe finds in these tabs."""
    found = []
    for name in names:
        tab(page, name)
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        found += [(name, *violation) for violation in violations(page)]
    return found


def test_the_page_can_be_used_by_everybody(page: Page) -> None:
    names = ("1 Data", "2 Train", "3 Runs", "4 Look", "5 Compare", "6 Use", "Search")
    assert not violations_in(page, names)


def test_it_speaks_french_in_the_dark_too(
    browser: Browser, url: str, looked_at: Path, chest_images: Path
) -> None:
    with opened(browser, url, locale="fr-FR", color_scheme="dark") as page:
        expect(page.locator("#header h1")).to_have_text(FR["studio_title"].removeprefix("# "))
        expect(page).to_have_title(FR["studio_tab_title"])
        expect(page.get_by_label(FR["studio_folder"])).to_be_visible()
        assert not violations_in(page, (FR["studio_tab_data"], FR["studio_tab_train"]))
        expect(page.locator("#queue")).to_have_text(FR["studio_queue"])
        expect(page.get_by_label(FR["setting_learning_rate"], exact=True)).to_be_visible()
        expect(page.get_by_text(FR["setting_learning_rate_means"])).to_be_visible()
        expect(page.get_by_label(FR["setting_balance"], exact=True)).to_have_value(
            FR["balance_batches"]
        )
        assert not violations_in(page, (FR["studio_tab_runs"], FR["studio_tab_look"]))
        expect(page.locator("#mistakes h3").first).to_have_text(FR["studio_false_negatives"])
        page.click("#try")
        expect(page.get_by_text(FR["studio_try_no_file"])).to_be_visible()
        expect(page.get_by_text("Error")).to_be_hidden()
        tab(page, FR["studio_tab_data"])
        page.get_by_label(FR["studio_folder"]).fill(str(chest_images))
        page.locator("#check").click()
        expect(page.locator("#problems")).to_contain_text(FR["inspect_no_problem"])


# --- Looking at a run -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def looked_at(runs: Path, chest_images: Path, tiny_bundle: Bundle, url: str) -> Path:
    """A finished run with its mistakes; the model has random weights, and so makes many."""
    run = RunFolder(runs / "looked")
    config = dataclasses.replace(QUICK_FIT, epochs=3)
    splits = load_splits(config, chest_images)
    run.start(config, chest_images, splits)
    rows = [{"epoch": i + 1, "auc": 0.5 + i / 10, "val_auc": 0.6 + i / 10} for i in range(3)]
    run.save_history([{**row, "epoch": float(row["epoch"])} for row in rows])
    shutil.copytree(tiny_bundle.folder, run.bundle)
    records = splits.validation.records
    logits = np.linspace(2, -2, len(records), dtype=np.float32)  # normal images come first
    write_bundle_mistakes(run.folder, tiny_bundle, chest_images, records, logits)
    return run.folder


def test_the_worst_mistakes_of_a_run_are_looked_at(page: Page, looked_at: Path) -> None:
    tab(page, "4 Look")
    choose(page, "Mistakes of", "run looked")
    mistakes = read_mistakes(looked_at)
    assert {mistake.label for mistake in mistakes} == {0, 1}
    figures = page.locator("#mistakes figure")
    expect(figures).to_have_count(len(mistakes))
    expect(figures.first.locator("code")).to_have_text(mistakes[0].path)
    expect(figures.first).to_contain_text(f"{100 * mistakes[0].probability:.1f}%")
    assert figures.first.locator("img").evaluate("image => image.naturalWidth") == 48


def test_the_run_that_is_looked_at_is_kept_over_a_reload(page: Page, looked_at: Path) -> None:
    """Else Stop would stop another one."""
    others = [looked_at.with_name(name) for name in ("another", "yet-another")]
    try:
        for other in others:
            shutil.copytree(looked_at, other)
        tab(page, "3 Runs")
        run = page.locator("#run input")
        expect(run).to_have_value("another")
        run.click()
        page.get_by_role("option", name="yet-another", exact=True).click()
        expect(run).to_have_value("yet-another")
        page.wait_for_timeout(3000)  # until it is kept, also on a machine with other work
        page.reload()
        expect(run).to_have_value("yet-another")
        page.wait_for_timeout(3000)  # an update later
        expect(run).to_have_value("yet-another")
    finally:
        for other in others:
            shutil.rmtree(other, ignore_errors=True)


def test_another_radiograph_has_no_verdict_yet(
    page: Page, looked_at: Path, gradient_file: Path, image_file: Path
) -> None:
    tab(page, "4 Look")
    choose(page, "Finished run", "looked")
    page.set_input_files("#tried-file input", gradient_file)
    page.wait_for_timeout(500)
    page.click("#try")
    expect(page.locator("#tried .problem")).to_be_visible(timeout=60_000)
    page.locator("#tried-file").get_by_label("Clear").click()
    expect(page.locator("#tried")).to_be_empty()


def test_a_run_is_tried_on_a_radiograph(page: Page, looked_at: Path, gradient_file: Path) -> None:
    tab(page, "4 Look")
    choose(page, "Finished run", "looked")
    page.set_input_files("#tried-file input[type=file]", read_cases().radiographs[0].path)
    expect(page.locator("#tried-file")).to_contain_text("first-look")
    expect(page.locator("#tried-file")).to_contain_text(SIZE)  # once it is uploaded
    page.click("#try")
    expect(page.locator("#tried .verdict")).to_contain_text("Probability of pneumonia")
    expect(page.locator("#tried img")).to_have_count(2)
    page.get_by_label("Clear").or_(page.get_by_label("Remove this file")).first.click()
    page.set_input_files("#tried-file input[type=file]", gradient_file)
    expect(page.locator("#tried-file")).to_contain_text("gradient")
    expect(page.locator("#tried-file")).to_contain_text(SIZE)  # once it is uploaded
    page.click("#try")
    expect(page.locator("#tried")).to_contain_text("Not answered")
    expect(page.locator("#tried img")).to_have_count(0)


def test_nothing_is_tried_without_a_radiograph(page: Page, looked_at: Path) -> None:
    tab(page, "4 Look")
    choose(page, "Finished run", "looked")
    page.click("#try")
    expect(page.get_by_text("Choose a radiograph.")).to_be_visible()


@pytest.mark.parametrize(
    ("other", "language", "name"),
    [
        ("bundled:", "fr", "looked contre le modèle fourni, sur {images}"),
        ("bundled:", "en", "looked against the bundled model, on {images}"),
        (None, "fr", "looked seul, sur {images}"),
    ],
)
def test_a_report_is_named_in_the_readers_language(
    looked_at: Path, chest_images: Path, other: str | None, language: Language, name: str
) -> None:
    queue = JobQueue(looked_at.parent)
    _, out = compare_tab._evaluation(queue, "looked", other, str(chest_images / "train"), language)
    assert out.name == name.format(images="train")


def test_a_folder_that_is_not_there_is_said_and_another_can_be_given(
    page: Page, looked_at: Path
) -> None:
    tab(page, "5 Compare")
    choose(page, "Model", "looked")
    others = page.get_by_role("textbox", name="Other labelled images")
    others.fill(str(looked_at / "nowhere"))
    page.click("#measure")
    expect(page.get_by_text("no such folder or CSV file").first).to_be_visible()
    expect(page.locator("#measure")).to_be_enabled()
    expect(others).to_be_enabled()


def test_a_curve_tells_its_values_under_the_pointer(page: Page, looked_at: Path) -> None:
    tab(page, "3 Runs")
    choose(page, "Run", "looked")
    chart = page.locator("#curves .chart", has=page.get_by_text("AUC", exact=True)).first
    second = chart.locator(".epoch").nth(1)
    expect(second.locator(".values")).not_to_be_visible()
    second.locator(".catch").hover()
    expect(second.locator(".values")).to_be_visible()
    expect(second.locator("text")).to_have_text(
        ["Epoch 2", "training: 0.6000", "validation: 0.7000"]
    )


def test_a_finished_run_becomes_this_machines_model_and_back(
    page: Page,
    runs: Path,
    chest_images: Path,
    write_bundle: Callable[[Path], Bundle],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bundles, "LOCAL_MODEL", tmp_path / "local")
    run = RunFolder(runs / "finished")
    run.start(QUICK_FIT, chest_images, load_splits(QUICK_FIT, chest_images))
    write_bundle(run.bundle)
    tab(page, "6 Use")
    expect(page.locator("#local-model")).to_contain_text("the bundled model, cxr-cnn-lstm")
    expect(page.get_by_label("Finished run")).to_have_value("finished")
    page.click("#use")
    expect(page.locator("#local-model")).to_contain_text("a run's model, tiny 1")
    assert (tmp_path / "local" / "manifest.json").is_file()
    page.click("#use-bundled")
    expect(page.locator("#local-model")).to_contain_text("the bundled model, cxr-cnn-lstm")
