"""What ships: the model, and what the README says of them."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.metrics import roc_auc_score

import cxr
from cxr.model.bundle import Bundle, load_bundle
from cxr.model.expected import sensitivity_by_kind
from tests.conftest import ROOT
from training.fitting.config import TrainingConfig
from training.fitting.presets import default
from training.sharing.card import model_card

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle()


def test_it_is_the_default_preset_measured_on_other_patients(bundle: Bundle) -> None:
    # On all images: a cross-validation of the same settings has measured it.
    config = dataclasses.replace(default.CONFIG, validation_fraction=0.0)
    assert TrainingConfig.from_json(bundle.config["training"]) == config
    assert bundle.evaluation["result"]["metrics"]["auc"] >= 0.98
    assert bundle.evaluation["elsewhere"]["auc"] >= 0.94
    assert min(row["auc"] for row in bundle.evaluation["perturbations"]) >= 0.97
    assert len(bundle.evaluation["folds"]) >= 3
    assert sum(path.stat().st_size for path in bundle.folder.iterdir()) < 10e6
    assert "training split of chest_xray" in bundle.config["trained_on"]["name"]


def test_its_heatmaps_were_measured_on_patients_that_it_never_saw(bundle: Bundle) -> None:
    explanation = bundle.evaluation["explanation"]
    assert explanation["trained_on"] == 0
    where, floor = explanation["localization"], default.CONFIG.floor
    assert where["lungs"]["pneumonia"]["in_lungs"] >= floor.in_lungs
    assert where["lungs"]["locality"] <= floor.locality
    (planted,) = (
        row
        for row in where["planted"]["detection"]
        if (row["diameter"], row["strength"]) == (0.1, 0.5)
    )
    assert planted["hit"] >= floor.planted_hit
    assert where["opacities"]["gain"] >= 3
    assert where["opacities"]["hit"] >= 0.2


def test_its_card_says_what_its_json_says(bundle: Bundle) -> None:
    card = model_card(bundle.config, bundle.operating_points, bundle.evaluation)
    assert (bundle.folder / "README.md").read_text(encoding="utf-8") == card


@pytest.mark.slow
def test_the_command_line_on_original_images(data: Path) -> None:
    images = sorted(map(str, (data / "originals").glob("*/*.jpeg")))
    command = [sys.executable, "-m", "cxr", "classify", *images, "--json"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(lines) == len(images) >= 50
    assert {line["status"] for line in lines} == {"ok"}
    positive = ["PNEUMONIA" in line["file"] for line in lines]
    assert roc_auc_score(positive, [line["probability"] for line in lines]) >= 0.97


def test_the_space_installs_the_gradio_that_the_requirements_pin() -> None:
    requirements = (ROOT / "requirements-page.txt").read_text()
    pinned = re.search(r"^gradio==(.+)$", requirements, re.MULTILINE)
    declared = re.search(r"^sdk_version: (.+)$", README, re.MULTILINE)
    assert pinned
    assert declared
    assert declared[1] == pinned[1] == importlib.metadata.version("gradio")


def test_the_readme_gives_the_bundles_figures(bundle: Bundle) -> None:
    metrics = bundle.evaluation["result"]["metrics"]
    row = next(line for line in README.splitlines() if line.startswith("| all images"))
    assert f"{metrics['auc']:.4f}" in row
    for name in ("accuracy", "sensitivity", "specificity"):
        assert f"{metrics[name]:.1%}" in row


def test_sensitivity_to_viral_pneumonia_is_known_and_lower(bundle: Bundle) -> None:
    found = sensitivity_by_kind(bundle.evaluation)
    assert found is not None
    assert 0.8 < found["virus"] < found["bacteria"] < 1


def test_what_to_expect_elsewhere_comes_first(bundle: Bundle) -> None:
    figure = f"{bundle.evaluation['elsewhere']['auc']:.4f}"
    metrics = bundle.evaluation["result"]["metrics"]
    card = (bundle.folder / "README.md").read_text(encoding="utf-8")
    for text in (README, card.split("---", 2)[2]):  # after the front matter
        assert text.index(figure) < text.index(f"{metrics['auc']:.4f}")


def test_one_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\d.+)$", changelog, re.MULTILINE)[1] == cxr.__version__  # type: ignore[index]
