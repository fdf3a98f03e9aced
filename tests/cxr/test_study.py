"""The reader study, in a real browser: from the first radiograph to the results."""

from __future__ import annotations

import csv
import json
import os
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from cxr import __version__
from cxr.classifier import Classifier
from cxr.language import format_threshold
from cxr.messages import text
from cxr.reading.radiograph import read_radiograph
from tests.conftest import PAGE_MARKS
from tests.cxr.browser import EN, FR, violations
from tests.cxr.studying import mark, phase, read, settled, submit
from training.metrics.comparison import delong_test

pytestmark = PAGE_MARKS

CHOICES = ["PNEUMONIA", "NORMAL", "UNSURE", "PNEUMONIA", "NORMAL", "NORMAL", "PNEUMONIA", "NORMAL"]
CONFIDENCE = [90, 80, 0, 55, 100, 30, 70, 60]
SURER = 1  # of which of them the reader is surer after the model's answer
UNSURE = 2  # which of them is read as normal after the model's answer
RELOADED = 3
ONE_ROW_OF_TOOLS = """() => {
  const seen = [...document.querySelectorAll("#study .tools button")].filter((one) => !one.hidden);
  return new Set(seen.map((one) => Math.round(one.getBoundingClientRect().top))).size === 1;
}"""


def test_a_study_of_eight_radiographs_goes_on_after_a_reload(
    page: Page, radiographs: list[Path], tmp_path: Path, tiny_classifier: Classifier
) -> None:
    page.locator("nav [data-view=study]").click()
    phase(page, "setup")
    assert not violations(page)
    notes = radiographs[0].parent / "README.md"
    notes.write_text("where these are from")
    page.set_input_files("#study .pick-files", [*radiographs, notes])
    page.set_input_files("#study .pick-labels", radiographs[0].parent / "labels.csv")
    expect(page.locator("#study .chosen")).to_have_text(
        "9 radiographs chosen. 1 file is not an image and was left out: README.md. "
        "8 of them have a label, from labels.csv: 4 pneumonia, 4 normal. 1 row of the labels was "
        "not understood, or contradicts another row, and is not used."
    )
    page.locator("#study .reader").fill("=B/2 ")
    page.locator("#study [data-do=start]").click()

    number = 0
    while (found := settled(page)) != "results":
        if found == "problem":
            expect(page.locator("#study .problem")).to_contain_text("gradient.png")
            expect(page.locator("#study .problem")).to_contain_text(EN["state_refused"])
            page.locator("#study [data-do=leave]").click()
            page.wait_for_selector(".study:not([data-phase=problem])")
            continue
        # Blinded: neither the name, which says the label, nor the model's answer.
        assert "normal_" not in page.content()
        expect(page.locator("#study .answer")).to_be_hidden()
        page.keyboard.press("h")
        expect(page.locator("#study .legend")).to_be_hidden()
        if number == 0:
            mark(page)
            assert not violations(page)
        read(page, CHOICES[number], CONFIDENCE[number])
        submit(page)
        phase(page, "aid")
        expect(page.locator("#study .answer .label")).not_to_be_empty()
        expect(page.locator("#study .legend")).to_be_visible()
        if number == RELOADED:  # between the two readings of a radiograph
            place = page.locator("#study .place strong").inner_text()
            page.reload()
            phase(page, "aid")
            expect(page.locator("#study .place strong")).to_have_text(place)
            expect(page.locator(f"#study [value={CHOICES[number]}]")).to_be_checked()
            expect(page.locator("#study .confidence")).to_have_value(str(CONFIDENCE[number]))
        page.wait_for_function(ONE_ROW_OF_TOOLS)
        if number == SURER:
            expect(page.locator("#study .before")).to_contain_text("said: Normal, 80% sure")
            page.locator("#study .confidence").fill("95")
        if number == UNSURE:
            read(page, "NORMAL", 20)
        submit(page)
        page.wait_for_selector(".study:not([data-phase=aid])")
        number += 1
    assert number == len(CHOICES)
    results = page.locator("#study .results")
    expect(results).to_contain_text("8 of 9 radiographs read; 1 left out")
    expect(results).to_contain_text("8 radiographs tell little")
    expect(results).to_contain_text("gradient.png – Refused")
    expect(results).to_contain_text("After the model's answer you changed 1 reading")
    expect(results).to_contain_text("you were surer of 1 and less sure of 0")
    points = tiny_classifier.bundle.operating_points
    decided = f"it says pneumonia from {format_threshold(points.threshold, 'en')}"
    expect(results).to_contain_text(decided)
    assert not violations(page)

    with page.expect_download() as waiting:
        page.locator("#study [data-do=csv]").click()
    waiting.value.save_as(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    with page.expect_download() as waiting:
        page.locator("#study [data-do=json]").click()
    waiting.value.save_as(tmp_path / "study.json")
    assert waiting.value.suggested_filename == f"reader-study-_B_2-{datetime.now():%Y-%m-%d}.json"
    document = json.loads((tmp_path / "study.json").read_text("utf-8"))
    assert document["reader"] == "=B/2"  # outlasts the reload, and is kept from being a formula:
    assert {row["reader"] for row in table} == {"'=B/2"}
    begun = datetime.fromisoformat(document["begun"])
    assert timedelta(0) < datetime.now(UTC) - begun < timedelta(hours=1)
    assert {row["software"] for row in table if row["status"] == "read"} == {f"cxr {__version__}"}
    agrees_with(document["figures"], table, tiny_classifier, radiographs[0].parent)
    assert sum(bool(row["marks"]) for row in document["radiographs"]) == 1

    page.locator(".language").click()
    expect(results).to_contain_text(FR["study_results"])
    page.reload()
    phase(page, "results")
    page.locator("#study [data-do=forget]").click()
    page.locator("#study [data-do=forget]").click()
    phase(page, "setup")
    page.reload()
    phase(page, "setup")


def agrees_with(
    figures: dict[str, object], table: list[dict[str, str]], classifier: Classifier, folder: Path
) -> None:
    """The figures are what Python makes of the table, and the table what was read."""
    assert sorted(row["status"] for row in table) == ["read"] * 8 + ["refused"]
    rows = [row for row in table if row["status"] == "read"]
    assert [row["choice"] for row in rows] == CHOICES
    assert [row["choice_with_aid"] for row in rows][UNSURE] == "NORMAL"
    for row in rows:
        assert row["label"] == row["file"].split("_")[0].upper()
        answer = classifier.predict(read_radiograph(folder / row["file"]))
        assert float(row["probability"]) == pytest.approx(answer.probability, abs=1e-6)
        assert row["verdict"] == answer.verdict()
    marked = [row for row in rows if row["marks"] != "0"]
    assert [row["position"] for row in marked] == [rows[0]["position"]]
    assert 0 < float(marked[0]["lungs_in_marks"]) < 1

    labels = np.array([row["label"] == "PNEUMONIA" for row in rows]).astype(int)
    sign = {"PNEUMONIA": 1, "NORMAL": -1, "UNSURE": 0}
    scores = np.array([sign[row["choice"]] * float(row["confidence"] or 0) for row in rows])
    probabilities = np.array([float(row["probability"]) for row in rows])
    labelled, agreement = figures["labelled"], figures["agreement"]
    assert isinstance(labelled, dict)
    assert isinstance(agreement, dict)
    assert labelled["alone"]["auc"] == pytest.approx(roc_auc_score(labels, scores))
    assert labelled["model"]["auc"] == pytest.approx(roc_auc_score(labels, probabilities))
    p = delong_test(labels, scores, probabilities)
    assert labelled["delong_p"]["alone_and_model"] == pytest.approx(p, abs=1e-6)
    found = [row for row in rows if row["label"] == row["choice"] == "PNEUMONIA"]
    assert labelled["alone"]["sensitivity"]["count"] == len(found)
    model = [row["verdict"].replace("UNCERTAIN", "UNSURE") for row in rows]
    for side, column in (("alone", "choice"), ("with_aid", "choice_with_aid")):
        kappa = cohen_kappa_score([row[column] for row in rows], model)
        assert agreement[side]["kappa"] == pytest.approx(kappa)
    aid = figures["aid"]
    assert isinstance(aid, dict)
    assert aid["table"] == [[4, 0, 0], [1, 0, 0], [0, 0, 3]]  # normal, unsure, pneumonia
    for side, suffix in (("alone", ""), ("with_aid", "_with_aid")):
        said = [row for row in rows if row[f"confidence{suffix}"]]
        groups = {
            kind: [float(row[f"confidence{suffix}"]) for row in said if chosen(row)]
            for kind, chosen in (
                ("right", lambda row, suffix=suffix: row[f"choice{suffix}"] == row["label"]),
                ("wrong", lambda row, suffix=suffix: row[f"choice{suffix}"] != row["label"]),
            )
        }
        assert aid["confidence"][side]["all"]["count"] == len(said)
        for kind, values in groups.items():  # by chance, all readings may be right, or wrong
            assert aid["confidence"][side][kind]["count"] == len(values)
            if values:
                assert aid["confidence"][side][kind]["mean"] == pytest.approx(np.mean(values))


def test_by_keys_from_a_zip_file_and_ended_early(
    page: Page, radiographs: list[Path], tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        archive.write(radiographs[0], "ward/one.png")
        archive.write(radiographs[1], "ward/two.png")
        archive.writestr("ward/labels.csv", "one.png,normal\ntwo.png,normal\n")
    page.locator("nav [data-view=study]").click()
    same_names_are_told_apart(page, radiographs, tmp_path)
    page.set_input_files("#study .pick-files", tmp_path / "study.zip")
    expect(page.locator("#study .chosen")).to_have_text(
        "2 radiographs chosen. 2 of them have a label, from ward/labels.csv: 0 pneumonia, 2 normal."
    )
    page.locator("#study [data-do=start]").click()
    phase(page, "read")
    page.locator("#study .stage").focus()
    page.keyboard.press("a")
    expect(page.locator("#study [data-do=mark]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Space")
    for _ in range(9):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator("#study .marked")).to_have_text("2 marks")
    page.keyboard.press("z")
    expect(page.locator("#study .marked")).to_have_text("1 mark")
    page.keyboard.press("Escape")
    page.locator("#study [value=NORMAL]").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")  # leads to the slider, which is not set yet
    expect(page.locator("#study .confidence")).to_be_focused()
    expect(page.locator("#study .confidence")).to_have_attribute(
        "aria-valuetext", EN["confidence_unset"]
    )
    phase(page, "read")
    page.keyboard.press("Space")
    expect(page.locator("#study .how-sure")).to_have_text("50%")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    phase(page, "aid")
    expect(page.locator("#study .how-sure")).to_have_text("55%")
    page.keyboard.press("z")  # marks are those made without the model
    page.keyboard.press("Tab")  # from the model's answer
    expect(page.locator("#study [value=NORMAL]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#study .place strong")).to_have_text("Radiograph 2 of 2")
    phase(page, "read")
    page.locator("#study [data-do=end]").click()
    expect(page.locator("#study [data-do=end]")).to_have_text(EN["study_end_sure"])
    page.locator("#study [data-do=end]").click()
    phase(page, "results")
    results = page.locator("#study .results")
    expect(results).to_contain_text("1 of 2 radiographs read; 1 left out")
    expect(results).to_contain_text("0 with the label pneumonia, 1 with the label normal")
    expect(results).to_contain_text("You marked something on 1 radiograph")
    expect(results.locator("li").last).to_contain_text(EN["study_unread"])


def test_no_name_is_shown_of_a_radiograph_that_is_still_to_be_read(
    page: Page, radiographs: list[Path]
) -> None:
    """Names often tell the diagnosis, as these do."""
    page.locator("nav [data-view=study]").click()
    page.set_input_files("#study .pick-files", radiographs[:1])
    page.context.set_offline(True)
    page.locator("#study [data-do=start]").click()
    phase(page, "problem")
    problem = page.locator("#study .problem")
    expect(problem).to_contain_text(EN["state_offline"])
    expect(problem.locator(".name")).to_have_text("Radiograph 1 of 1")
    assert radiographs[0].stem not in page.locator("#study").inner_text()
    page.context.set_offline(False)
    page.route("**/component_server/**", lambda route: route.fulfill(status=502))
    with page.expect_response("**/component_server/**"):
        page.locator("#study [data-do=again]").click()
    phase(page, "problem")
    expect(problem).to_contain_text(EN["state_offline"])
    expect(problem.locator(".name")).to_have_text("Radiograph 1 of 1")
    expect(page.locator("#study [data-do=leave]")).to_be_hidden()
    page.unroute("**/component_server/**")
    page.locator("#study [data-do=again]").click()
    phase(page, "read")
    expect(page.locator("#study [name=choice]").first).to_be_focused()


def test_a_reading_without_the_answer_is_said_and_exported_when_the_study_ends_there(
    page: Page, radiographs: list[Path], tmp_path: Path
) -> None:
    page.locator("nav [data-view=study]").click()
    page.set_input_files("#study .pick-files", radiographs[:2])
    page.locator("#study [data-do=start]").click()
    phase(page, "read")
    read(page, "PNEUMONIA", 80)
    submit(page)
    phase(page, "aid")
    end = page.locator("#study [data-do=end]")
    end.click()
    expect(end).to_have_text(EN["study_end_half"])
    end.click()
    phase(page, "results")
    results = page.locator("#study .results")
    expect(results).to_contain_text("0 of 2 radiographs read; 2 left out")
    expect(results.locator(".notice")).to_have_text(EN["study_none"])
    said = text("study_half", "en", reading="Pneumonia, 80% sure")
    expect(results.locator("li").filter(has_text=said)).to_have_count(1)
    with page.expect_download() as download:
        results.locator("[data-do=csv]").click()
    download.value.save_as(tmp_path / "study.csv")
    with (tmp_path / "study.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["status"]: row for row in csv.DictReader(file)}
    assert rows.keys() == {"read_without_aid", "unread"}
    half = rows["read_without_aid"]
    assert (half["choice"], half["confidence"], half["choice_with_aid"]) == ("PNEUMONIA", "0.8", "")


def same_names_are_told_apart(page: Page, radiographs: list[Path], tmp_path: Path) -> None:
    """Two files of one name are two radiographs, which a label of that name does not fit."""
    for ward, radiograph in zip(("a", "b"), radiographs, strict=False):
        (tmp_path / ward).mkdir()
        path = tmp_path / ward / "one.png"
        path.write_bytes(radiograph.read_bytes())
        os.utime(path, (1, 1))
    table = tmp_path / "names.csv"
    table.write_text("one.png,normal\n")
    for ward in ("a", "b", "a"):
        page.set_input_files("#study .pick-files", [tmp_path / ward / "one.png", table])
    expect(page.locator("#study .chosen")).to_have_text(
        "2 radiographs chosen. 1 file was chosen twice and counts once. 0 of them have a label, "
        "from names.csv: 0 pneumonia, 0 normal. 1 name in the labels (one.png) fits more than one "
        "radiograph, and is not used: write file names with their folders, and choose folders or "
        "ZIP files."
    )
    page.locator("#study [data-do=unchoose]").click()
    expect(page.locator("#study .chosen")).to_be_empty()
