"""Small real collaborators: images on disk, a data folder, a bundle, the data set where it is."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import pytest
from huggingface_hub import constants
from playwright.sync_api import Browser, sync_playwright

from cxr.classifier import Classifier
from cxr.model.bundle import LOCAL_MODEL, Bundle, load_bundle, save_bundle
from cxr.model.network_config import NetworkConfig
from cxr.model.operating_points import OperatingPoint, OperatingPoints
from tests.loopback_hub import REPO, TOKEN, LoopbackHub, Repository, client_settings, serve
from tests.tiny_config import TINY_CONFIG
from training.fitting.presets import tiny

# As `python -m training` sets it for the processes that tests start: equal fits have equal results.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# Each of the processes that test side by side has its own ports and uploads. Gradio reads both
# from here, the first when it is imported: it looks for a free port, and takes it a moment later.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
os.environ["GRADIO_SERVER_PORT"] = str(7860 + 100 * _WORKER)
_UPLOADS = tempfile.TemporaryDirectory(prefix="cxr-test-uploads-", ignore_cleanup_errors=True)
os.environ["GRADIO_TEMP_DIR"] = _UPLOADS.name

Result = TypeVar("Result")
ROOT = Path(__file__).parents[1]
_WITH_WINDOWS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# For tests of what happens around a fit: the published network compiles in two seconds, the other
# in eight.
QUICK_FIT = dataclasses.replace(
    tiny.CONFIG,
    network=NetworkConfig(
        architecture="published", input_size=32, widths=(4, 8), lstm_units=4, dropout=0.1
    ),
    epochs=1,
    small_fraction=0.0,
)
# The files of tests that take longest, as measured; the first about two minutes.
_LONGEST = (
    "test_studio_process",
    "test_measuring",
    "test_fit",
    "test_studio",
    "test_page_cases",
    "test_tuning",
    "test_publishing",
    "test_archive",
    "test_jobs",
    "test_app",
    "test_viewer_states",
    "test_gate_making",
    "test_page",
    "test_walkthrough",
)
PAGE_MARKS = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the web server's packages
    pytest.mark.filterwarnings("ignore:.*no_silent_downcasting"),  # of Gradio, with pandas 3
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first: a long one at the end would run alone."""
    rank = {name: number for number, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


def pytest_sessionstart() -> None:
    """Stop where a model was chosen for this machine: tests ask what the bundled one answers."""
    if LOCAL_MODEL.exists():
        pytest.exit("a run's model is in use here; first: python -m training use --bundled", 2)


def installed_browser(*, windows: bool = False) -> str | None:
    """Path of a Chromium of this machine, or None: Playwright then takes its own.

    Args:
        windows: whether it has to be one that can have windows; the other needs a third less
            processor time.
    """
    programs = _WITH_WINDOWS if windows else ("chromium-headless-shell", *_WITH_WINDOWS)
    return next(filter(None, map(shutil.which, programs)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = installed_browser()
    with sync_playwright() as driver:
        path = found or driver.chromium.executable_path
        if not Path(path).exists():
            message = "no Chromium: install it, or run `playwright install chromium`"
            if os.environ.get("CXR_REQUIRE_BROWSER"):
                pytest.fail(message)
            pytest.skip(message)
        chromium = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def run_loop(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """`asyncio.run` in a thread: in this one, Playwright keeps a loop running."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real radiographs that CXR_DATA names."""
    folder = os.environ.get("CXR_DATA")
    if not folder:
        pytest.skip("CXR_DATA names no folder of radiographs")
    path = (ROOT / folder).resolve()
    assert path.is_dir(), f"CXR_DATA={folder} is no folder"
    return path


@pytest.fixture(scope="session")
def chest_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in the usual layout: pneumonia is a bright blob, normal images have none."""
    root = tmp_path_factory.mktemp("chest_images")
    rng = np.random.default_rng(0)
    for i in range(24):
        normal = root / "train" / "NORMAL" / f"NORMAL2-IM-{i:04}-0001.jpeg"
        # Numbers that training/data/reserved.txt leaves to a fit.
        positive = (
            root
            / "train"
            / "PNEUMONIA"
            / f"person{200 + i}_{'virus' if i % 2 else 'bacteria'}_1.jpeg"
        )
        for path in (normal, positive):
            path.parent.mkdir(parents=True, exist_ok=True)
            image = rng.integers(40, 80, (48, 48)).astype(np.uint8)
            if path is positive:
                centre = tuple(int(c) for c in rng.integers(14, 34, 2))
                cv2.circle(image, centre, 8, 220, thickness=-1)
            cv2.imwrite(str(path), image)
    return root


@pytest.fixture(scope="session")
def lungs_table(chest_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For `--lungs`: outlines of the lungs in the images of that folder, alike in all of them.

    Without such a table each fit would load the gate and outline the lungs with it.
    """
    folder = tmp_path_factory.mktemp("lungs")
    mask = np.zeros((48, 48), np.uint8)
    mask[6:42, 5:22] = mask[6:42, 26:43] = 255
    cv2.imwrite(str(folder / "lungs.png"), mask)
    rows = [f"{path},lungs.png" for path in sorted(chest_images.rglob("*.jpeg"))]
    table = folder / "lungs.csv"
    table.write_text("\n".join(["image,lung_mask", *rows]) + "\n")
    return table


@pytest.fixture(scope="session")
def points() -> OperatingPoints:
    """100 images of each class; the higher the threshold, the fewer are predicted as pneumonia."""
    curve = tuple(
        OperatingPoint(
            threshold=t / 100,
            true_positives=100 - t // 2,
            false_negatives=t // 2,
            true_negatives=t,
            false_positives=100 - t,
        )
        for t in range(101)
    )
    return OperatingPoints(
        source="200 images made up for a test",
        temperature=1.0,
        offset=0.0,
        threshold=0.5,
        high_sensitivity=0.4,
        high_specificity=0.7,
        curve=curve,
    )


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory, points: OperatingPoints) -> Bundle:
    """A bundle of a tiny network with seeded weights."""
    import keras  # here, since many tests need no TensorFlow, which takes seconds

    from training.networks.export import write_network
    from training.networks.network import build_network

    keras.utils.set_random_seed(0)
    network_config = NetworkConfig.from_json(TINY_CONFIG["network"])
    network = build_network(network_config)
    noise = np.random.default_rng(0).standard_normal((4, 32, 32, 1), dtype=np.float32)
    return save_bundle(
        tmp_path_factory.mktemp("bundle"),
        write_network=partial(write_network, network, network_config, images=noise),
        config=TINY_CONFIG,
        operating_points=points,
        evaluation={"images": 0},
        card="# tiny\n",
    )


@pytest.fixture(scope="session")
def tiny_classifier(tiny_bundle: Bundle) -> Classifier:
    """Answers with the tiny bundle."""
    return Classifier(tiny_bundle)


@pytest.fixture(scope="session")
def write_bundle(tiny_bundle: Bundle) -> Callable[[Path], Bundle]:
    """Write a copy of the tiny bundle, which a test may change."""

    def write(folder: Path) -> Bundle:
        shutil.copytree(tiny_bundle.folder, folder)
        return load_bundle(folder)

    return write


@pytest.fixture
def _heeds_interrupts() -> Iterator[None]:
    """Let processes that are started heed Ctrl-C, also where this one was told to ignore it.

    A shell's background jobs ignore it, and what they start does, too.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def image_file(tmp_path: Path) -> Path:
    """A chest image that the gate recognises, 240 wide and 180 high."""
    path = tmp_path / "image.png"
    example = cv2.imread(str(ROOT / "examples" / "first-look.jpeg"), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(path), cv2.resize(example, (240, 180), interpolation=cv2.INTER_AREA))
    return path


@pytest.fixture
def gradient_file(tmp_path: Path) -> Path:
    """A picture that can be read, and is no chest image: 80 wide and 60 high."""
    path = tmp_path / "gradient.png"
    cv2.imwrite(str(path), np.tile(np.linspace(0, 255, 80).astype(np.uint8), (60, 1)))
    return path


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A Hub, an empty cache, and a token that may write."""
    with serve() as server:
        # The client has read its environment by now.
        for name, value in client_settings(server.url, tmp_path).items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        yield server


# What is on a Hub after the tiny bundle has been published to it: made by the first test that asks.
_PUBLISHED: list[tuple[Repository, dict[str, bytes]]] = []


@pytest.fixture
def published(hub: LoopbackHub, tiny_bundle: Bundle) -> str:
    """The commit of the published tiny bundle, tagged v1."""
    if not _PUBLISHED:
        from training.sharing.publish import publish

        publish(tiny_bundle.folder, REPO, tag="v1")
        _PUBLISHED.append((copy.deepcopy(hub.repositories[REPO]), dict(hub.large_files)))
    repository, large_files = _PUBLISHED[0]
    hub.repositories[REPO] = copy.deepcopy(repository)
    hub.large_files.update(large_files)
    hub.requests.clear()
    return repository.tags["v1"]
