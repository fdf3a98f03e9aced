"""The package installs from a wheel, and its command works away from the checkout."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import distribution
from pathlib import Path

import httpx2
import pytest
from packaging.requirements import Requirement

from cxr.messages import all_texts
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment that holds our wheel, and otherwise what is here."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    left_out = shutil.ignore_patterns(".*", "runs", "local", "__pycache__", "tests", "build")
    shutil.copytree(ROOT, source, ignore=left_out)
    run(sys.executable, *PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, source)
    venv.create(folder / "environment")
    programs = folder / "environment" / ("Scripts" if sys.platform == "win32" else "bin")
    python = programs / "python"
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    (wheel,) = folder.glob("*.whl")
    run(sys.executable, *PIP, "--python", python, "install", "--no-deps", wheel)
    (Path(packages) / "here.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return programs


PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")


def run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_installed_command_classifies_a_file(installed: Path, tmp_path: Path) -> None:
    example = ROOT / "examples" / "first-look.jpeg"
    record = json.loads(run(installed / "cxr", "classify", example, "--json", cwd=tmp_path))
    assert record["status"] == "ok"
    assert 0 <= record["probability"] <= 1


def test_the_installed_training_package_has_its_files(installed: Path, tmp_path: Path) -> None:
    code = (
        "import training, training.templates as t; from training.data.reserved import RESERVED;"
        "print(training.__file__, RESERVED.exists(), bool(list(t.FOLDER.glob('*.jinja'))));"
        "from cxr.card import write_card; from cxr.model.bundle import load_bundle;"
        "b = load_bundle(); f = (b.config, b.operating_points, b.evaluation);"
        "print(all(write_card(*f, language=one) for one in ('en', 'fr')))"
    )
    place, reserved, templates, cards = run(installed / "python", "-c", code, cwd=tmp_path).split()
    assert not Path(place).is_relative_to(ROOT)
    assert (reserved, templates, cards) == ("True", "True", "True")


# --- The page's requirements alone ----------------------------------------------------------------


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds what requirements-page.lock names, and no more.

    The packages are links to those that are installed here, in the same versions.
    """
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    for requirement in locked("requirements-page.lock"):
        found = distribution(requirement.name)
        assert found.version in requirement.specifier, requirement
        for name in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            place = Path(packages) / name
            if not place.exists():
                place.symlink_to(Path(str(found.locate_file(name))))
    return python


def locked(name: str) -> list[Requirement]:
    """What a lock names for this machine."""
    lines = re.findall(r"^(\w[^\\#\n]+)", (ROOT / name).read_text(), re.MULTILINE)
    found = [Requirement(line) for line in lines]
    return [one for one in found if one.marker is None or one.marker.evaluate()]


def test_the_page_and_the_command_line_need_the_pages_requirements_alone(
    bare: Path, tmp_path: Path
) -> None:
    missing = "import importlib.util as i; print([i.find_spec(n) for n in ('tensorflow', 'keras')])"
    assert run(bare, "-c", missing).strip() == "[None, None]"
    example = ROOT / "examples" / "first-look.jpeg"
    command = ("-m", "cxr", "classify", example, "--json", "--overlay", tmp_path)
    assert json.loads(run(bare, *command, cwd=ROOT))["status"] == "ok"
    quickly = "from cxr import benchmark, cli; benchmark.REPEATS = benchmark.PROCESSES = 1;"
    figures = json.loads(run(bare, "-c", f"{quickly} cli.main(['benchmark', '--json'])", cwd=ROOT))
    assert figures["answer_ms"] > 0
    assert figures["keras_s"] is None
    page = [bare, ROOT / "app.py", "--no-browser"]
    with subprocess.Popen(page, stdout=subprocess.PIPE, text=True) as app:
        try:
            assert app.stdout
            address = next(line for line in app.stdout if "http" in line).split()[-1]
            shown = html.unescape(httpx2.get(address, timeout=60).text)
            assert all_texts()["en"]["title"] in shown
        finally:
            app.terminate()
