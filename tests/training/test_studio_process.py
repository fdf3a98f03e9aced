"""The studio as a process: a network trained, stopped, resumed, compared; who may use it."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from cxr.errors import RunError
from tests.conftest import PAGE_MARKS, ROOT
from tests.training.studio_page import choose, opened, set_number, tab
from tests.training.test_jobs import wait_until
from training.fitting.runs import read_run
from training.jobs.queue import JobQueue
from training.studio import serve_studio

pytestmark = PAGE_MARKS


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
    runs, epochs = tmp_path / "runs", 40
    studio = Studio(runs, "--data", str(chest_images))
    try:
        with opened(browser, studio.url) as page:
            page.click("#check")
            expect(page.locator("#problems")).to_contain_text("None found")
            tab(page, "2 Train")
            choose(page, "Start from", "baseline")
            size = page.get_by_label("number input for Image size", exact=True)
            expect(size).to_have_value("150")  # the preset's have arrived
            set_number(page, "Image size", 32)
            set_number(page, "Epochs", epochs)
            page.get_by_label("Learning rate", exact=True).fill("0.000001")  # it makes mistakes
            page.get_by_label("Name of the run").fill("mine")
            page.click("#queue")
            command = page.locator("#queued-command .cm-content")
            expect(command).to_contain_text("python -m training fit")
            expect(command).to_contain_text("--name mine")
            tab(page, "3 Runs")
            expect(about(page)).to_contain_text("Running", timeout=120_000)
            wait_until(lambda: epoch_of(runs, "mine") >= 2)
            signal_fit(runs, "mine", "STOP")  # it would be finished before the next page is there
        studio.kill()

        # The page is gone; the training is not.
        reached = epoch_of(runs, "mine")
        signal_fit(runs, "mine", "CONT")
        wait_until(lambda: epoch_of(runs, "mine") > reached)
        signal_fit(runs, "mine", "STOP")
        studio = Studio(runs, "--data", str(chest_images))
        with opened(browser, studio.url) as page:
            tab(page, "3 Runs")
            expect(about(page)).to_contain_text("Running")
            page.click("#stop")
            signal_fit(runs, "mine", "CONT")
            expect(about(page)).to_contain_text("Stopped", timeout=30_000)
            stopped = epoch_of(runs, "mine")
            assert 2 <= stopped < epochs
            expect(page.locator("#log textarea")).to_have_value(re.compile("it can be resumed"))

            page.click("#resume")
            expect(about(page)).to_contain_text("Finished", timeout=600_000)
            expect(about(page)).to_contain_text(f"epoch {epochs} of {epochs}")
            expect(about(page)).to_contain_text("on 7 images: AUC")
            expect(page.locator("#curves svg").first).to_be_visible()
            expect(page.locator("#curves .confusion")).to_be_visible()
            log = (runs / ".studio" / "jobs" / "mine" / "log.txt").read_text()
            gone_on = re.search(rf"going on after epoch (\d+) of {epochs}", log)
            assert gone_on
            assert int(gone_on[1]) in (stopped - 1, stopped)  # a stop costs an epoch at the most

            tab(page, "5 Compare")
            expect(page.locator("#overview tbody tr")).to_have_count(2)
            expect(page.locator("#overview")).to_contain_text("validation split 1")
            expect(page.locator("#overview")).to_contain_text("small differences between them")
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
        wait_until(lambda: not queue.has_worker())


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
