"""The package installs from a wheel, and its command works away from the checkout."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

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
        "import training, training.templates as t; from training.data.patients import HELD_OUT;"
        "print(training.__file__, HELD_OUT.exists(), bool(list(t.FOLDER.glob('*.jinja'))))"
    )
    place, held_out, templates = run(installed / "python", "-c", code, cwd=tmp_path).split()
    assert not Path(place).is_relative_to(ROOT)
    assert (held_out, templates) == ("True", "True")
