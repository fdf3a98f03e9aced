"""The studio in a real browser: data checked, a network trained, stopped, resumed, compared."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect
from playwright.sync_api import TimeoutError as Late

from cxr.cases import read_cases
from cxr.errors import DatasetError, RunError
from cxr.language import Language
from cxr.model import bundle as bundles
from cxr.model.bundle import Bundle
from cxr.page.serving import served
from cxr.reading.radiograph import read_radiograph
from tests.conftest import PAGE_MARKS, QUICK_FIT, ROOT
from tests.cxr.browser import FR
from tests.training.test_jobs import wait_until
from training.data.dataset import present_splits
from training.data.inspection import FITTED
from training.fitting.loading import load_splits
from training.fitting.presets import baseline, default, tiny
from training.fitting.run_folder import RunFolder
from training.fitting.runs import read_run
from training.studio import LAUNCH_SETTINGS, build_studio, compare_tab, serve_studio
from training.studio.data_tab import chosen_folder
from training.studio.jobs import JobQueue
from training.studio.settings import SETTINGS, changed, find_preset, preset_choices
from training.studio.train_tab import preview_html
from training.validation.mistakes import read_mistakes, write_bundle_mistakes

pytestmark = PAGE_MARKS
expect.set_options(timeout=15_000)  # milliseconds: trainings run beside the page


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def choose(page: Page, label: str, choice: str) -> None:
    box = page.locator("input:visible").and_(page.get_by_label(label, exact=True))
    option = page.get_by_role("option", name=choice, exact=True)
    box.click()
    try:
        option.click(timeout=5_000)
    except Late:  # Gradio placed the menu while the page moved: outside the window
        page.keyboard.press("Escape")
        box.click()
        option.click()


def set_number(page: Page, label: str, value: float) -> None:
    box = page.get_by_label(f"number input for {label}", exact=True)
    for _ in range(5):  # a group that has just been unfolded sets its values once more
        box.fill(str(value))
        box.blur()
        page.wait_for_timeout(300)
        if box.input_value() == str(value):
            return
    raise AssertionError(f"{label}: expected {value}. Found: {box.input_value()}")


@contextmanager
def opened(browser: Browser, url: str, **settings: Any) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 900}, **settings)
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#check")
    yield page
    context.close()


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
    page.locator(".problem summary").click()
    expect(page.locator(".problem li")).to_contain_text("<b>odd.png")
    expect(page.locator("#contact-sheet img")).to_have_count(12)

    page.get_by_label("Data folder").fill(str(tmp_path / "nowhere"))
    page.click("#check")
    expect(page.get_by_text("nowhere: expected a folder with train")).to_be_visible()
    expect(rows).to_have_count(2)  # what was found before is still there


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
        page.get_by_text("learning_rate from 0 to 1, but not 0. Received: 7").last
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


def violations(page: Page, names: tuple[str, ...]) -> dict[tuple[str, str], list[str]]:
    """What axe finds in each of these tabs, by the tab and the rule."""
    found = {}
    for name in names:
        tab(page, name)
        page.wait_for_timeout(500)
        results = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]})
        for violation in results.response["violations"]:
            found[name, violation["id"]] = [node["html"][:200] for node in violation["nodes"]]
    return found


def test_the_page_can_be_used_by_everybody(page: Page) -> None:
    names = ("1 Data", "2 Train", "3 Runs", "4 Look", "5 Compare", "6 Use", "Search")
    assert not violations(page, names)


def test_it_speaks_french_in_the_dark_too(
    browser: Browser, url: str, looked_at: Path, chest_images: Path
) -> None:
    with opened(browser, url, locale="fr-FR", color_scheme="dark") as page:
        expect(page.locator("#header h1")).to_have_text(FR["studio_title"].removeprefix("# "))
        expect(page).to_have_title(FR["studio_tab_title"])
        expect(page.get_by_label(FR["studio_folder"])).to_be_visible()
        assert not violations(page, (FR["studio_tab_data"], FR["studio_tab_train"]))
        expect(page.locator("#queue")).to_have_text(FR["studio_queue"])
        expect(page.get_by_label(FR["setting_learning_rate"], exact=True)).to_be_visible()
        expect(page.get_by_text(FR["setting_learning_rate_means"])).to_be_visible()
        expect(page.get_by_label(FR["setting_balance"], exact=True)).to_have_value(
            FR["balance_batches"]
        )
        assert not violations(page, (FR["studio_tab_runs"], FR["studio_tab_look"]))
        expect(page.locator("#mistakes h3").first).to_have_text(FR["studio_false_negatives"])
        tab(page, FR["studio_tab_compare"])
        page.click("#measure")
        expect(page.get_by_text(FR["studio_measure_none"])).to_be_visible()
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
        ("bundled:", "fr", "looked contre le modèle fourni"),
        ("bundled:", "en", "looked against the bundled model"),
        (None, "fr", "looked seul"),
    ],
)
def test_a_report_is_named_in_the_readers_language(
    looked_at: Path, chest_images: Path, other: str | None, language: Language, name: str
) -> None:
    queue = JobQueue(looked_at.parent)
    _, out = compare_tab._evaluation(queue, "looked", other, str(chest_images), language)
    assert out.name == name


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


# --- A network is trained -------------------------------------------------------------------------


class Studio:
    """The page as its users start it: a process of its own."""

    def __init__(self, runs: Path, *options: str) -> None:
        command = [sys.executable, "-m", "training", "studio", "--no-browser"]
        self.process = subprocess.Popen(
            [*command, "--runs", str(runs), *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.printed = ""
        while not self.printed.startswith("Page: "):
            self.announced, self.printed = self.printed, self.process.stdout.readline()
            assert self.printed, "it ended before it served its page"
        url = urlsplit(self.printed.removeprefix("Page: ").strip())
        self.host, self.port = str(url.hostname), int(url.port or 0)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/"

    def status(self, path: str = "/", *, host: str) -> int:
        """What it answers to a request for a host of this name."""
        connection = HTTPConnection(self.host, self.port, timeout=10)
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse().status
        connection.close()
        return answer

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def epoch_of(runs: Path, name: str) -> int:
    run = read_run(runs / name)
    return len(run.history) if run else 0


def signal_fit(runs: Path, name: str, signal: str) -> None:
    pkill = shutil.which("pkill")
    assert pkill
    command = f"training fit .*{re.escape(str(runs / name))} "
    subprocess.run([pkill, f"-{signal}", "-f", command], check=True)


def about(page: Page) -> Locator:
    return page.locator("#about-run")


@pytest.mark.slow
def test_from_a_data_folder_to_a_compared_model(
    browser: Browser, chest_images: Path, tmp_path: Path
) -> None:
    runs, epochs = tmp_path / "runs", 16
    studio = Studio(runs, "--data", str(chest_images))
    try:
        with opened(browser, studio.url) as page:
            page.click("#check")
            expect(page.locator("#problems")).to_contain_text("None found")
            tab(page, "2 Train")
            choose(page, "Start from", "tiny")
            size = page.get_by_label("number input for Image size", exact=True)
            expect(size).to_have_value("32")  # the preset's have arrived
            set_number(page, "Epochs", epochs)
            page.get_by_label("Name of the run").fill("mine")
            page.click("#queue")
            command = page.locator("#queued-command .cm-content")
            expect(command).to_contain_text("python -m training fit")
            expect(command).to_contain_text("--name mine")
            tab(page, "3 Runs")
            expect(about(page)).to_contain_text("Running", timeout=120_000)
            wait_until(lambda: epoch_of(runs, "mine") >= 2)
        studio.kill()

        # The page is gone; the training is not.
        reached = epoch_of(runs, "mine")
        wait_until(lambda: epoch_of(runs, "mine") > reached)
        signal_fit(runs, "mine", "STOP")  # it would be finished before the next page is there
        studio = Studio(runs, "--data", str(chest_images))
        with opened(browser, studio.url) as page:
            tab(page, "3 Runs")
            expect(about(page)).to_contain_text("Running")
            signal_fit(runs, "mine", "CONT")
            page.click("#stop")
            expect(about(page)).to_contain_text("Stopped", timeout=30_000)
            stopped = epoch_of(runs, "mine")
            assert 2 <= stopped < epochs
            expect(page.locator("#log textarea")).to_have_value(re.compile("it can be resumed"))

            page.click("#resume")
            expect(about(page)).to_contain_text("Finished", timeout=600_000)
            expect(about(page)).to_contain_text(f"epoch {epochs} of {epochs}")
            expect(about(page)).to_contain_text("on 12 images: AUC")
            expect(page.locator("#curves svg").first).to_be_visible()
            expect(page.locator("#curves .confusion")).to_be_visible()
            log = (runs / ".studio" / "jobs" / "mine" / "log.txt").read_text()
            gone_on = re.search(rf"going on after epoch (\d+) of {epochs}", log)
            assert gone_on
            assert int(gone_on[1]) in (stopped - 1, stopped)  # a stop costs an epoch at the most

            tab(page, "5 Compare")
            expect(page.locator("#overview tbody tr")).to_have_count(2)
            expect(page.locator("#compared-curves svg")).to_be_visible()
            choose(page, "Model", "mine")
            choose(page, "Against", "the bundled model")
            page.click("#measure")
            report = page.locator("#report")
            expect(report.locator("h3")).to_contain_text("mine", timeout=300_000)
            expect(report.get_by_text("McNemar").first).to_be_attached()

            tab(page, "4 Look")
            choose(page, "Mistakes of", "report mine against the bundled model")
            expect(page.locator("#mistakes h3")).to_have_count(2)

            tab(page, "6 Use")
            page.get_by_role("textbox", name="Repository").fill("me/mine")
            page.click("#dry-run")
            expect(page.locator("#published textarea")).to_have_value(
                re.compile("model.weights.h5"), timeout=60_000
            )
            page.get_by_label("Tag").fill("v2")
            page.click("#publish")  # that was not looked at
            expect(page.get_by_text("Look at what would be sent first")).to_be_visible()
    finally:
        studio.kill()
        queue = JobQueue(runs)
        queue.stop("mine")
        wait_until(lambda: not queue.is_worked())


# --- Who may use it -------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["SPACE_ID", "SYSTEM"])
def test_it_refuses_to_run_on_a_space(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "spaces")
    with pytest.raises(RunError, match="does not run on a Space"):
        serve_studio(tmp_path / "runs", None)
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_it_listens_here_alone_and_to_no_other_name(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "runs")
    try:
        assert studio.host == "127.0.0.1"
        assert studio.status(host=f"127.0.0.1:{studio.port}") == 200
        assert studio.status(host="elsewhere.example") == 403
        with pytest.raises(OSError, match="refused"):  # as any other address of this machine
            socket.create_connection(("127.0.0.2", studio.port), timeout=5)
    finally:
        studio.process.terminate()
        studio.process.communicate(timeout=30)


@pytest.mark.slow
def test_beyond_this_machine_it_asks_for_a_password(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "runs", "--listen", "127.0.0.2")
    try:
        assert "password" in studio.announced
        assert studio.status("/config", host="anything") == 401
    finally:
        studio.kill()


# --- Settings without a browser -------------------------------------------------------------------


@pytest.mark.parametrize("preset", [default, baseline, tiny])
def test_untouched_controls_give_the_preset_itself(preset: ModuleType) -> None:
    config = preset.CONFIG
    assert changed(config, [setting.value(config) for setting in SETTINGS]) == config


def test_controls_change_what_they_name() -> None:
    values = {setting.name: setting.value(default.CONFIG) for setting in SETTINGS}
    values |= {"network.input_size": 96.0, "epochs": 7.0, "balance": "weights"}
    values |= {"augmentation.rotation": 3, "augmentation.shift_vertically": False}
    config = changed(default.CONFIG, list(values.values()))
    assert config.preset == "custom"
    assert (config.network.input_size, config.preprocessing.size, config.small_size) == (96, 96, 64)
    assert config.epochs == 7
    assert isinstance(config.epochs, int)
    assert config.balance == "weights"
    assert config.augmentation.rotation == 3.0
    assert not config.augmentation.shift_vertically
    whole = dataclasses.replace(default.CONFIG, small_fraction=0)  # as a preset file may have it
    assert changed(whole, list((values | {"small_fraction": 0.5}).values())).small_fraction == 0.5
    wrong = (("network.input_size", 100), ("learning_rate", None), ("epochs", 2.5))
    for name, value in wrong:
        with pytest.raises(RunError, match=r"divides|learning_rate|whole number"):
            changed(default.CONFIG, list((values | {name: value}).values()))


def test_sliders_reach_as_far_as_a_preset_does(tmp_path: Path) -> None:
    long = dataclasses.replace(default.CONFIG, epochs=500, validation_fraction=0.0)
    preset = tmp_path / "long.json"
    preset.write_text(json.dumps(long.to_json()))
    config = find_preset(tmp_path, str(preset))
    assert config.validation_fraction == default.CONFIG.validation_fraction  # a run measures itself
    controls = {setting.name: setting.update(config) for setting in SETTINGS}
    assert (controls["epochs"].value, controls["epochs"].maximum) == (500, 500)
    assert controls["batch_size"].maximum == 256


def test_a_run_may_be_called_as_a_preset_is(tmp_path: Path, chest_images: Path) -> None:
    mine = dataclasses.replace(QUICK_FIT, epochs=77)
    RunFolder(tmp_path / "tiny").start(mine, chest_images, load_splits(mine, chest_images))
    assert "réglages de tiny" in dict(preset_choices(tmp_path, "fr"))
    values = dict(preset_choices(tmp_path, "en"))
    assert find_preset(tmp_path, values["settings of tiny"]) == mine
    assert find_preset(tmp_path, values["tiny"]) == tiny.CONFIG


@pytest.mark.parametrize("path", ["", "~nobody-of-this-name/images", "x" * 5000])
def test_what_is_no_data_folder(path: str) -> None:
    with pytest.raises(DatasetError):
        present_splits(chosen_folder(path), FITTED)


def test_the_preview_is_the_same_for_equal_settings() -> None:
    image = read_radiograph(read_cases().radiographs[0].path)
    assert preview_html(tiny.CONFIG, image, "en") == preview_html(tiny.CONFIG, image, "en")
