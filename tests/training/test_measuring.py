"""The commands that measure, end to end at tiny size: reports, cross-validation, heatmaps, card."""

from __future__ import annotations

import argparse
import contextlib
import csv
import dataclasses
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser

from cxr.errors import RunError
from cxr.messages import text
from cxr.model.bundle import Bundle, load_bundle
from cxr.model.operating_points import OperatingPoint, OperatingPoints
from training.__main__ import main
from training.commands import cross_validate
from training.commands.options import read_config, read_outline_tables, with_all_images
from training.fitting.loading import OutlineTables, load_reserved, load_whole
from training.fitting.presets import tiny
from training.sharing.card import model_card
from training.validation.estimate import read_estimate
from training.validation.fold_figures import measure_folds
from training.validation.folds import divide
from training.validation.folds_folder import FoldsFolder
from training.validation.mistakes import read_mistakes
from training.validation.perturbations import PERTURBATIONS
from training.validation.report_page import report_body

pytestmark = pytest.mark.slow
# Nothing here asks how good the networks are. What they compute in is compiled anew for each fit,
# and that takes as long as the map has rows and columns, which the LSTMs walk along.
QUICK = dataclasses.replace(
    tiny.CONFIG,
    network=dataclasses.replace(
        tiny.CONFIG.network,
        input_size=24,
        widths=(4, 4),
        blocks=(1, 1),
        lungs_width=0,
        last_width=8,
    ),
    preprocessing=dataclasses.replace(tiny.CONFIG.preprocessing, size=24),
    optimizer="adam",
    learning_rate=1e-5,
    seed=2,  # so that there are mistakes
    epochs=1,
    small_fraction=0.0,
)


RESERVED = (
    "train/PNEUMONIA/person104_bacteria_491.jpeg",
    "train/PNEUMONIA/person104_bacteria_492.jpeg",
    "train/NORMAL/NORMAL2-IM-0725-0001.jpeg",
)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_csv(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def folder(chest_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder, with three images more: of two patients whom no training includes."""
    folder = tmp_path_factory.mktemp("data") / "chest_images"
    shutil.copytree(chest_images, folder)
    rng = np.random.default_rng(1)
    for name in RESERVED:
        cv2.imwrite(str(folder / name), rng.integers(40, 80, (48, 48)).astype(np.uint8))
    return folder


@pytest.fixture(scope="module")
def outlined(chest_images: Path, folder: Path, lungs_table: Path) -> Path:
    """The table of outlined lungs, of the images in that folder."""
    table = folder.parent / "lungs.csv"
    table.write_text(lungs_table.read_text().replace(str(chest_images), str(folder)))
    shutil.copy(lungs_table.with_name("lungs.png"), table.parent)
    return table


@pytest.fixture(scope="module")
def fit_options(folder: Path, outlined: Path) -> list[str]:
    """Images and settings of every fit."""
    preset = folder.parent / "quick.json"
    preset.write_text(json.dumps(QUICK.to_json()))
    return ["--data", str(folder), "--lungs", str(outlined), "--preset", str(preset)]


@pytest.fixture(scope="module")
def cross_validation(fit_options: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cv") / "cv"
    options = [*fit_options, "--out", str(out), "--folds", "2", "--perturbed-images", "12"]
    assert main(["cross-validate", *options]) == 0
    return out


@pytest.fixture(scope="module")
def retrained(
    fit_options: list[str], cross_validation: Path, tmp_path_factory: pytest.TempPathFactory
) -> Bundle:
    """A run on all images, with the thresholds of the cross-validation."""
    out = tmp_path_factory.mktemp("runs") / "all"
    options = [*fit_options, "--out", str(out), "--cross-validation", str(cross_validation)]
    assert main(["fit", *options]) == 0
    return load_bundle(out / "bundle")


# --- Cross-validation -----------------------------------------------------------------------------


def test_every_image_is_scored_once_by_a_network_that_never_saw_its_patient(
    cross_validation: Path,
) -> None:
    rows = read_rows(cross_validation / "out_of_fold.csv")
    assert len(rows) == len({row["path"] for row in rows}) == 51
    assert {row["path"] for row in rows if row["reserved"] == "1"} == set(RESERVED)
    for row in rows:
        run = cross_validation / f"fold-{row['fold']}"
        seen = {of["patient"] for of in read_rows(run / "split.csv") if of["split"] == "train"}
        assert row["patient"] not in seen


def test_reserved_patients_are_counted_and_choose_nothing(
    cross_validation: Path, tmp_path: Path
) -> None:
    document = json.loads((cross_validation / "cross_validation.json").read_text())
    assert document["result"]["images"] == 51
    assert document["source"].startswith("51 images of 50 patients")
    # Scores of their images that are as wrong as can be change the figures, and no threshold.
    shutil.copytree(cross_validation, tmp_path / "wrong")
    for path in (tmp_path / "wrong").glob("fold-*/held_out.csv"):
        rows = read_rows(path)
        for row in rows:
            if row["reserved"] == "1":
                row["logit"] = "-9" if row["label"] == "1" else "9"
        write_csv(path, ",".join(rows[0]), [",".join(row.values()) for row in rows])
    wrong = measure_folds(tmp_path / "wrong", folds=2)
    assert wrong["result"]["metrics"]["auc"] < document["result"]["metrics"]["auc"]
    before, after = (OperatingPoints.from_json(of["operating_points"]) for of in (document, wrong))
    assert dataclasses.replace(after, curve=before.curve) == before
    assert after.curve != before.curve


def test_two_cross_validations_are_compared_image_by_image(
    cross_validation: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    shutil.copytree(cross_validation, other)
    assert main(["compare", str(cross_validation), str(other)]) == 0
    assert "Difference in auc: +0.0000  (" in capsys.readouterr().out
    rows = read_rows(other / "out_of_fold.csv")
    for row in rows:
        row["logit"] = str(-float(row["logit"]))
    write_csv(other / "out_of_fold.csv", ",".join(rows[0]), [",".join(r.values()) for r in rows])
    assert main(["compare", str(cross_validation), str(other)]) == 0
    document = json.loads((cross_validation / "cross_validation.json").read_text())
    area = document["result"]["metrics"]["auc"]
    said = capsys.readouterr().out
    assert f"Difference in auc: {2 * area - 1:+.4f}  (" in said
    assert "some patients have several images" in said

    document["folds_sha256"] = "0" * 64
    (other / "cross_validation.json").write_text(json.dumps(document))
    assert main(["compare", str(cross_validation), str(other)]) == 2
    assert "have other folds" in capsys.readouterr().err
    assert main(["compare", str(cross_validation), str(tmp_path)]) == 2
    assert "no finished cross-validation" in capsys.readouterr().err


def test_the_seed_of_the_trainings_leaves_the_folds(fit_options: list[str], tmp_path: Path) -> None:
    digests = []
    for seed, folds_seed in ((1, 1), (7, 1), (1, 7)):
        parser = argparse.ArgumentParser()
        cross_validate.add_arguments(parser)
        given = ["--out", str(tmp_path), "--seed", str(seed), "--folds-seed", str(folds_seed)]
        options = parser.parse_args([*fit_options, "--folds", "2", *given])
        config = with_all_images(read_config(options))
        whole, _ = load_whole(config, options.data, outlines=read_outline_tables(options))
        reserved = load_reserved(config, options.data)
        folds = divide(whole, reserved, options.data, cross_validate.read_plan(options))
        digests.append(folds.sha256)
    assert digests[0] == digests[1] != digests[2]


def test_the_figures_have_all_folds_and_all_perturbations(cross_validation: Path) -> None:
    document = json.loads((cross_validation / "cross_validation.json").read_text())
    assert [fold["fold"] for fold in document["folds"]] == [1, 2]
    assert sum(fold["images"] for fold in document["folds"]) == 51
    assert document["perturbations"][0]["name"] == "as they are"
    assert len(document["perturbations"]) == 27
    assert {row["images"] for row in document["perturbations"]} == {12}


def test_a_fold_of_an_earlier_version_counts_as_one_without_reserved_patients(
    cross_validation: Path, tmp_path: Path
) -> None:
    shutil.copytree(cross_validation, tmp_path / "mixed")
    path = tmp_path / "mixed" / "fold-1" / "held_out.csv"
    rows = [row for row in read_rows(path) if row.pop("reserved") == "0"]
    write_csv(path, ",".join(rows[0]), [",".join(row.values()) for row in rows])
    mixed = measure_folds(tmp_path / "mixed", folds=2)
    document = json.loads((cross_validation / "cross_validation.json").read_text())
    before, after = (OperatingPoints.from_json(of["operating_points"]) for of in (document, mixed))
    assert dataclasses.replace(after, curve=before.curve, source=before.source) == before
    assert 0 < mixed["reserved"]["images"] < 3
    assert (
        len(FoldsFolder(tmp_path / "mixed").read_out_of_fold()) == 48 + mixed["reserved"]["images"]
    )


def test_a_perturbation_that_changes_the_lungs_chooses_nothing(
    cross_validation: Path, tmp_path: Path
) -> None:
    def with_wrong(*, binding: bool) -> OperatingPoints:
        changed = [i for i, of in enumerate(PERTURBATIONS) if of.binding == binding]
        folder = tmp_path / str(binding)
        shutil.copytree(cross_validation, folder)
        for path in folder.glob("fold-*/perturbed.csv"):
            rows = read_rows(path)
            for row in rows:
                if int(row["perturbation"]) in changed:
                    row["logit"] = "-9" if row["label"] == "1" else "9"
            write_csv(path, ",".join(rows[0]), [",".join(row.values()) for row in rows])
        return OperatingPoints.from_json(measure_folds(folder, folds=2)["operating_points"])

    document = json.loads((cross_validation / "cross_validation.json").read_text())
    points = OperatingPoints.from_json(document["operating_points"])
    assert with_wrong(binding=False) == points
    assert with_wrong(binding=True) != points
    marked = [row["strength"] for row in document["perturbations"] if not row["binding"]]
    assert marked == ["all that may be one"]


def wrong_of(rows: list[dict[str, str]], threshold: float, label: int) -> list[dict[str, str]]:
    """Rows that are predicted wrongly, the most confident first."""
    wrong = [
        row
        for row in rows
        if int(row["label"]) == label and (float(row["probability"]) >= threshold) != (label == 1)
    ]
    return sorted(wrong, key=lambda row: float(row["probability"]), reverse=label == 0)


def test_the_worst_mistakes_of_all_folds_are_explained_by_the_networks_that_made_them(
    cross_validation: Path,
) -> None:
    document = json.loads((cross_validation / "cross_validation.json").read_text())
    points = OperatingPoints.from_json(document["operating_points"])
    rows = [
        row | {"probability": str(points.probability(float(row["logit"])))}
        for row in read_rows(cross_validation / "out_of_fold.csv")
    ]
    found = read_mistakes(cross_validation)
    for label in (1, 0):
        worst = wrong_of(rows, points.threshold, label)[:12]
        listed = [mistake for mistake in found if mistake.label == label]
        assert len(listed) == len(worst)
        for mistake, row in zip(listed, worst, strict=True):
            assert mistake.probability == pytest.approx(float(row["probability"]), abs=1e-5)
            assert (cross_validation / "mistakes" / mistake.picture).is_file()
    assert found
    assert (cross_validation / "mistakes.png").exists()


def test_a_finished_cross_validation_is_not_fitted_again(
    cross_validation: Path, fit_options: list[str]
) -> None:
    kept = cross_validation / "fold-1" / "network.weights.h5"
    before = kept.stat().st_mtime_ns
    options = [*fit_options, "--out", str(cross_validation), "--folds", "2"]
    assert main(["cross-validate", *options, "--perturbed-images", "12"]) == 0
    assert kept.stat().st_mtime_ns == before


def test_folds_in_processes_of_their_own_have_the_same_results(
    cross_validation: Path, fit_options: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "cv"
    options = [*fit_options, "--out", str(out), "--folds", "2", "--perturbed-images", "12"]
    # A fold that is finished is left; a fold whose network is fitted is scored.
    shutil.copytree(cross_validation / "fold-1", out / "fold-1")
    (out / "fold-1" / "perturbed.csv").unlink()
    assert main(["cross-validate", *options, "--workers", "2"]) == 0
    for name in ("out_of_fold.csv", "cross_validation.json", "mistakes.csv"):
        assert (out / name).read_text() == (cross_validation / name).read_text()


def test_another_plan_in_the_same_folder_is_refused(
    cross_validation: Path, fit_options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*fit_options, "--out", str(cross_validation)]
    assert main(["cross-validate", *options, "--folds", "4"]) == 2
    assert "with another folds_sha256, plan" in capsys.readouterr().err
    assert main(["cross-validate", *options, "--epochs", "7"]) == 2
    assert "with another epochs, folds_sha256, plan" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "6"], "Expected folds from 1 to 5"),
        (["--folds", "30"], "Found: 30 folds, 24 patients of NORMAL"),
    ],
)
def test_folds_that_cannot_be_are_refused_before_anything_is_fitted(
    fit_options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    assert main(["cross-validate", *fit_options, "--out", str(tmp_path / "cv"), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "cv").exists()


def test_figures_of_another_model_do_not_get_into_a_card(
    retrained: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "explanation.json"
    path.write_text(json.dumps({"model": {"sha256": "0" * 64}}))
    assert main(["card", "--model", str(retrained.folder), "--explanation", str(path)]) == 2
    assert "was measured on another model" in capsys.readouterr().err
    path.write_text(json.dumps({"model": {"sha256": retrained.sha256}}))
    assert main(["card", "--model", str(retrained.folder), "--explanation", str(path)]) == 2
    assert "lacks a figure that the card needs" in capsys.readouterr().err
    assert load_bundle(retrained.folder).sha256 == retrained.sha256


def test_a_retrained_model_has_the_out_of_fold_thresholds(
    retrained: Bundle, cross_validation: Path
) -> None:
    document = json.loads((cross_validation / "cross_validation.json").read_text())
    points = OperatingPoints.from_json(document["operating_points"])
    assert retrained.operating_points == points
    assert retrained.config["trained_on"]["images"] == 48
    assert retrained.evaluation["result"] == document["result"]


def test_a_cross_validation_of_other_settings_is_refused(
    cross_validation: Path,
    fit_options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = [*fit_options, "--out", str(tmp_path / "run")]
    options += ["--batch-size", "4", "--cross-validation", str(cross_validation)]
    assert main(["fit", *options]) == 2
    assert "was fitted with another batch_size" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


# --- Reports --------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Measured:
    """A folder of a report, what is in its report.json, and what was printed."""

    folder: Path
    document: dict[str, Any]
    printed: str


@pytest.fixture(scope="module")
def measured(
    retrained: Bundle,
    tiny_bundle: Bundle,
    chest_images: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Measured:
    """A report of one model on the images that it learned from, compared with another model."""
    out = tmp_path_factory.mktemp("reports") / "report"
    options = ["--model", str(retrained.folder), "--data", str(chest_images / "train")]
    options += ["--out", str(out), "--against", str(tiny_bundle.folder)]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main(["evaluate", *options]) == 0
    document = json.loads((out / "report.json").read_text())
    return Measured(out, document, printed.getvalue())


def test_a_report_is_whole_and_says_that_it_was_measured_on_its_own_images(
    retrained: Bundle, measured: Measured
) -> None:
    assert "trained on 48 of these images" in measured.printed
    document = measured.document
    assert document["model"]["sha256"] == retrained.sha256
    assert document["data"]["trained_on"] == 48
    with (measured.folder / "probabilities.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == document["images"] == 48
    predicted = [float(row["probability"]) >= document["threshold"] for row in rows]
    assert [bool(int(row["predicted"])) for row in rows] == predicted
    mistakes = read_mistakes(measured.folder)
    assert mistakes
    probabilities = {row["path"]: row["probability"] for row in rows}
    for label in (1, 0):
        worst = wrong_of(rows, document["threshold"], label)[:12]
        listed = [mistake.path for mistake in mistakes if mistake.label == label]
        # Two may have the same probability.
        assert [probabilities[path] for path in listed] == [row["probability"] for row in worst]
    html = (measured.folder / "report.html").read_text(encoding="utf-8")
    for mistake in mistakes:
        assert f"<th>{mistake.path}</th>" in html
    assert html.count("data:image/png;base64,") == 7
    assert not re.search(r"(src|href)=\"(?!data:)", html)
    assert f"{document['metrics']['auc']:.4f}" in html
    assert document["data"]["fewest_patients"] == 24
    assert "intervals are too narrow" not in html  # as where a class has few patients


@pytest.mark.browser
def test_the_plots_of_a_report_are_dark_in_the_dark(measured: Measured, browser: Browser) -> None:
    shades: dict[str, list[float]] = {}
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto((measured.folder / "report.html").as_uri())
        pictures = [page.locator("figure.drawn img").first, page.locator("figure:not(.drawn) img")]
        shades[scheme] = [
            cv2.imdecode(np.frombuffer(picture.screenshot(), np.uint8), 0).mean()
            for picture in pictures
        ]
        page.close()
    assert shades["light"][0] > 180
    assert shades["dark"][0] < 100
    assert shades["light"][1] == pytest.approx(shades["dark"][1], abs=1)  # radiographs stay
    assert shades["light"][1] < 120  # on a dark ground


def test_two_models_are_compared_on_the_same_images(measured: Measured) -> None:
    against = measured.document["against"]
    assert against["model"]["name"] == "tiny"
    assert 0 <= against["comparison"]["delong_p"] <= 1
    html = (measured.folder / "report.html").read_text(encoding="utf-8")
    assert "Compared on the same images" in html
    french = report_body(measured.folder, "fr")
    assert "Comparaison sur les mêmes images" in french
    assert f"{against['metrics']['auc']:.4f}".replace(".", ",") in french
    header = (measured.folder / "probabilities.csv").read_text().splitlines()[0]
    assert header.endswith("probability_against,predicted_against")


def test_a_csv_of_paths_and_labels_is_measured(
    tiny_bundle: Bundle, chest_images: Path, tmp_path: Path
) -> None:
    images = sorted((chest_images / "train").rglob("*.jpeg"))[::4]
    table = write_csv(
        tmp_path / "images.csv",
        "image,label",
        [f"{path},{'TB ' if 'person' in path.name else 'normal'}" for path in images],
    )
    out = tmp_path / "report"
    options = ["--model", str(tiny_bundle.folder), "--data", str(table), "--out", str(out)]
    assert main(["evaluate", *options, "--positive", "tb"]) == 0
    document = json.loads((out / "report.json").read_text())
    assert document["images"] == len(images)
    assert document["data"]["trained_on"] == 0
    assert "against" not in document
    # So few that the intervals are too narrow, which is said; of enough patients nothing is.
    few = document["data"]["fewest_patients"]
    assert few == 6
    warning = text("measured_few_patients", "en", count=few)
    assert warning in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "header", "rows", "message"),
    [
        ("a.csv", "path,label", ["x.png,cat", "y.png,NORMAL"], "Found: cat.*--positive"),
        ("b.csv", "file,label", ["x.png,1"], "expected the columns path and label"),
        ("c.csv", "path,label", ["x.png,0"], "no image of class PNEUMONIA"),
        ("d.csv", "path,label", ["x.png,1", "y.png, "], "1 of 2 rows have no label"),
    ],
)
def test_what_is_wrong_with_a_csv_is_said(
    tiny_bundle: Bundle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    header: str,
    rows: list[str],
    message: str,
) -> None:
    table = write_csv(tmp_path / name, header, rows)
    options = ["--model", str(tiny_bundle.folder), "--data", str(table)]
    assert main(["evaluate", *options, "--out", str(tmp_path / "report")]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "report").exists()


def test_a_folder_of_splits_is_pointed_to_one_of_them(
    tiny_bundle: Bundle, chest_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", str(tiny_bundle.folder), "--data", str(chest_images)]
    assert main(["evaluate", *options, "--out", str(tmp_path / "report")]) == 2
    assert f"Did you mean {chest_images / 'train'}?" in capsys.readouterr().err


def test_a_model_of_all_images_whose_heatmaps_fail_is_not_written(
    folder: Path,
    outlined: Path,
    cross_validation: Path,
    retrained: Bundle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "all"
    shutil.copytree(retrained.folder.parent, run)
    shutil.rmtree(run / "bundle")
    # They are measured on the reserved patients, whose lungs are outlined, too.
    lungs = outlined.with_name("more.csv")
    reserved = [f"{folder / name},lungs.png" for name in RESERVED]
    lungs.write_text("\n".join([outlined.read_text().rstrip(), *reserved]) + "\n")
    preset = tmp_path / "preset.json"
    floor = {"in_lungs": 0.0, "locality": 1.0, "planted_hit": 1.0, "normal_heat": 1.0}
    preset.write_text(json.dumps({**QUICK.to_json(), "floor": floor}))
    options = ["--data", str(folder), "--lungs", str(lungs), "--preset", str(preset)]
    options += ["--out", str(run), "--cross-validation", str(cross_validation)]
    assert main(["fit", *options]) == 2
    said = capsys.readouterr().err
    assert "The heatmaps fail on 3 images that the network was not trained on" in said
    assert "planted_hit ≥ 1.00" in said
    assert "No bundle was written." in said
    assert not (run / "bundle").exists()


# --- Heatmaps and card ----------------------------------------------------------------------------


@pytest.fixture
def outlines(chest_images: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Lungs of ten images, and opacities of four others."""
    lungs, spot = np.zeros((48, 48), np.uint8), np.zeros((48, 48), np.uint8)
    lungs[8:40, 6:20] = lungs[8:40, 28:42] = 255
    spot[16:24, 8:18] = 255
    cv2.imwrite(str(tmp_path / "lungs.png"), lungs)
    cv2.imwrite(str(tmp_path / "spot.png"), spot)
    images = sorted((chest_images / "train").glob("*/*.jpeg"))
    chosen = images[:5] + images[-5:]
    rows = [f"{path},lungs.png" for path in chosen]
    others = [f"{path},spot.png,lungs.png" for path in images[10:14]]
    return (
        write_csv(tmp_path / "lungs.csv", "image,lung_mask", rows),
        write_csv(tmp_path / "opacities.csv", "image,opacity_mask,lung_mask", others),
    )


def test_heatmaps_are_checked_and_the_card_says_how_they_did(
    retrained: Bundle,
    chest_images: Path,
    outlines: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, out = tmp_path / "bundle", tmp_path / "check"
    shutil.copytree(retrained.folder, folder)
    options = ["--model", str(folder), "--data", str(chest_images / "train"), "--out", str(out)]
    options += ["--images", "6", "--lungs", str(outlines[0]), "--opacities", str(outlines[1])]
    assert main(["explain-check", *options]) == 0
    said = capsys.readouterr().out
    assert "Planted opacities of 10% of the side and strength 50%: " in said
    assert "Outlined opacities: hit " in said
    document = json.loads((out / "explanation.json").read_text())
    assert set(document["methods"]) == {"gradcam", "hirescam", "gradcam++"}
    for figures in document["methods"].values():
        assert len(figures["deletion"]) == len(figures["insertion"]) == 11
        # Nothing blurred is everything shown, whatever the order.
        assert figures["deletion"][0] == pytest.approx(figures["insertion"][-1], abs=1e-5)
        assert -1 <= figures["mirror_correlation"] <= 1
    assert document["randomisation"][1]["layers"] == "evidence"
    assert document["trained_on"] == 48
    where = document["localization"]
    assert where["lungs"]["normal"]["images"] == where["lungs"]["pneumonia"]["images"] == 5
    assert (where["planted"]["images"], where["planted"]["places"]) == (5, 8)
    assert where["opacities"]["images"] == 4
    assert 0 <= where["opacities"]["hit"] <= 1
    assert (out / "heatmaps.png").exists()

    assert (
        main(["card", "--model", str(folder), "--explanation", str(out / "explanation.json")]) == 0
    )
    updated = load_bundle(folder)
    assert updated.sha256 == retrained.sha256
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "### Where the evidence lies" in card
    assert card == model_card(updated.config, updated.operating_points, updated.evaluation)


def test_thresholds_hold_for_images_taken_otherwise_too(
    cross_validation: Path, folder: Path, outlined: Path, tmp_path: Path
) -> None:
    config = dataclasses.replace(QUICK, validation_fraction=0.0)
    images, _ = load_whole(config, folder, outlines=OutlineTables(lungs=(outlined,)))
    alone = read_estimate(cross_validation, config, images)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with (cross_validation / "out_of_fold.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:  # every logit is raised by 3 there
        row["logit"] = str(float(row["logit"]) + 3)
    lines = [",".join(row.values()) for row in rows]
    write_csv(elsewhere / "out_of_fold.csv", ",".join(rows[0]), lines)
    document = json.loads((cross_validation / "cross_validation.json").read_text())
    result = elsewhere / "cross_validation.json"
    result.write_text(json.dumps(document))
    with pytest.raises(RunError, match="expected folds by typicality or acquisition"):
        read_estimate(cross_validation, config, images, elsewhere=elsewhere)
    document["plan"]["by"] = "typicality"
    result.write_text(json.dumps(document | {"file_list_sha256": "0" * 64}))
    with pytest.raises(RunError, match="was made on other images"):
        read_estimate(cross_validation, config, images, elsewhere=elsewhere)
    result.write_text(json.dumps(document | {"outlines_sha256": "0" * 64}))
    with pytest.raises(RunError, match="was made with other outlines"):
        read_estimate(cross_validation, config, images, elsewhere=elsewhere)
    result.write_text(json.dumps(document))
    both = read_estimate(cross_validation, config, images, elsewhere=elsewhere)
    assert both.points != alone.points
    figures = both.document["elsewhere"]
    assert figures["images"] == len(rows)
    at = next(
        OperatingPoint(**point)
        for point in figures["curve"]
        if point["threshold"] == both.points.threshold
    )
    assert at.sensitivity == pytest.approx(figures["sensitivity"])
    assert at.specificity == pytest.approx(figures["specificity"])
    assert "elsewhere" not in alone.document
    with pytest.raises(RunError, match="no finished cross-validation"):
        read_estimate(cross_validation, config, images, elsewhere=tmp_path / "nowhere")


def test_the_card_says_how_sure_the_figures_of_atypical_images_are(
    cross_validation: Path, retrained: Bundle, tmp_path: Path
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(retrained.folder, folder)
    document = json.loads((cross_validation / "cross_validation.json").read_text())
    document["plan"]["by"] = "typicality"
    document["folds"] = [document["folds"][0] | {"auc": 0.75}]  # the only group
    document["result"]["intervals"]["auc"] = [0.625, 0.875]
    path = tmp_path / "typicality.json"
    path.write_text(json.dumps(document))
    assert main(["card", "--model", str(folder), "--typicality", str(path)]) == 0
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "0.7500 (0.6250–0.8750)" in card
    assert "shipped threshold.\nIn parentheses: 95%" in card
    assert "\n\n| left out | images |" in card


@pytest.mark.parametrize("matches", [True, False], ids=["of this model", "of another"])
def test_official_figures_are_taken_only_of_this_very_model(
    retrained: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str], matches: bool
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(retrained.folder, folder)
    figures = {
        "model": {"sha256": retrained.sha256 if matches else "0" * 64},
        "images": 624,
        "metrics": {"auc": 0.9876, "accuracy": 0.9, "sensitivity": 0.9, "specificity": 0.9},
    }
    path = tmp_path / "official_test.json"
    path.write_text(json.dumps(figures))
    code = main(["card", "--model", str(folder), "--official-test", str(path)])
    assert code == (0 if matches else 2)
    if not matches:
        assert "was measured on another model" in capsys.readouterr().err
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert ("AUC 0.9876" in card) is matches
    assert ("Official test split: not yet measured." in card) is not matches


def test_a_card_warns_before_it_boasts(
    retrained: Bundle, write_bundle: Callable[[Path], Bundle]
) -> None:
    card = (retrained.folder / "README.md").read_text(encoding="utf-8")
    assert card.index("Do not use for") < card.index("## Results")
    assert "Lowest AUC" in card
    assert "{{" not in card
