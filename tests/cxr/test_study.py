"""The reader study, in a real browser: from the first radiograph to the results."""

from __future__ import annotations

import csv
import json
import os
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from cxr.classifier import Classifier
from cxr.messages import text
from cxr.reading.radiograph import read_radiograph
from tests.conftest import PAGE_MARKS
from tests.cxr.browser import EN, FR, violations
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


@pytest.fixture
def radiographs(tmp_path: Path, image_file: Path, gradient_file: Path) -> list[Path]:
    """Eight radiographs that differ a little, a picture that is none, and a table of labels."""
    folder = tmp_path / "study"
    folder.mkdir()
    image = cv2.imread(str(image_file), cv2.IMREAD_GRAYSCALE)
    rows = ["file;label"]
    for i in range(8):
        path = folder / f"{'pneumonia' if i % 2 else 'normal'}_{i}.png"
        cv2.imwrite(str(path), np.clip(image.astype(int) + 3 * i, 0, 255).astype(np.uint8))
        rows.append(f"{path.name};{'Pneumonia' if i % 2 else '0'}")
    (folder / "labels.csv").write_text("\r\n".join([*rows, "other.png;perhaps"]))
    return [*sorted(folder.glob("*.png")), gradient_file]


def phase(page: Page, name: str) -> None:
    page.wait_for_selector(f".study[data-phase={name}]")


def settled(page: Page) -> str:
    """The phase of the study once the radiograph is there, or the results."""
    page.wait_for_selector(".study:not([data-phase=loading])")
    return page.locator(".study").get_attribute("data-phase") or ""


def read(page: Page, choice: str, confidence: int) -> None:
    page.locator(f"#study [name=choice][value={choice}]").check()
    if choice != "UNSURE":
        page.locator("#study .confidence").fill(str(confidence))


def submit(page: Page) -> None:
    page.locator("#study [type=submit]").click()


def mark(page: Page) -> None:
    """A stroke across the middle of the radiograph."""
    page.locator("#study [data-do=mark]").click()
    box = page.locator("#study .stage").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 40, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=4)
    page.mouse.up()
    expect(page.locator("#study .marked")).to_have_text("1 mark")


def test_a_study_of_eight_radiographs_goes_on_after_a_reload(
    page: Page, radiographs: list[Path], tmp_path: Path, tiny_classifier: Classifier
) -> None:
    page.locator("[data-view=study]").click()
    phase(page, "setup")
    assert not violations(page)
    notes = radiographs[0].parent / "README.md"
    notes.write_text("where these are from")
    page.set_input_files("#study .pick-files", [*radiographs, notes])
    page.set_input_files("#study .pick-labels", radiographs[0].parent / "labels.csv")
    expect(page.locator("#study .chosen")).to_have_text(
        "9 radiographs chosen. 1 file is not an image and was left out: README.md. "
        "8 of them have a label, from labels.csv. 1 row of the labels was not understood, or "
        "contradicts another row, and is not used."
    )
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
    assert not violations(page)

    with page.expect_download() as waiting:
        page.locator("#study [data-do=csv]").click()
    waiting.value.save_as(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    with page.expect_download() as waiting:
        page.locator("#study [data-do=json]").click()
    waiting.value.save_as(tmp_path / "study.json")
    document = json.loads((tmp_path / "study.json").read_text("utf-8"))
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
        right = {
            kind: np.mean([float(row[f"confidence{suffix}"]) for row in said if chosen(row)])
            for kind, chosen in (
                ("right", lambda row, suffix=suffix: row[f"choice{suffix}"] == row["label"]),
                ("wrong", lambda row, suffix=suffix: row[f"choice{suffix}"] != row["label"]),
            )
        }
        assert aid["confidence"][side]["all"]["count"] == len(said)
        for kind, mean in right.items():
            assert aid["confidence"][side][kind]["mean"] == pytest.approx(mean)


def test_by_keys_from_a_zip_file_and_ended_early(
    page: Page, radiographs: list[Path], tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        archive.write(radiographs[0], "ward/one.png")
        archive.write(radiographs[1], "ward/two.png")
        archive.writestr("ward/labels.csv", "one.png,normal\ntwo.png,normal\n")
    page.locator("[data-view=study]").click()
    same_names_are_told_apart(page, radiographs, tmp_path)
    page.set_input_files("#study .pick-files", tmp_path / "study.zip")
    expect(page.locator("#study .chosen")).to_have_text(
        "2 radiographs chosen. 2 of them have a label, from ward/labels.csv."
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
    expect(page.locator("#study .own-reading output")).to_have_text("50%")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    phase(page, "aid")
    expect(page.locator("#study .own-reading output")).to_have_text("55%")
    page.keyboard.press("z")  # marks are those made without the model
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


def test_a_reading_without_the_answer_is_said_and_exported_when_the_study_ends_there(
    page: Page, radiographs: list[Path], tmp_path: Path
) -> None:
    page.locator("[data-view=study]").click()
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
    for ward in ("a", "b"):
        (tmp_path / ward).mkdir()
    table = tmp_path / "names.csv"
    table.write_text("one.png,normal\n")
    for ward, source in (("a", 0), ("b", 1), ("a", 0)):
        path = tmp_path / ward / "one.png"
        path.write_bytes(radiographs[source].read_bytes())
        os.utime(path, (1, 1))
        page.set_input_files("#study .pick-files", [path, table])
    expect(page.locator("#study .chosen")).to_have_text(
        "2 radiographs chosen. 1 file was chosen twice and counts once. 0 of them have a label, "
        "from names.csv. 1 name in the labels (one.png) fits more than one radiograph, and is not "
        "used: write file names with their folders, and choose folders or ZIP files."
    )
    page.locator("#study [data-do=unchoose]").click()
    expect(page.locator("#study .chosen")).to_be_empty()


@pytest.fixture
def pair(tmp_path: Path, image_file: Path) -> list[Path]:
    """An image under two names, and a table whose labels of it contradict each other."""
    names = ["one.png", "two.png"]
    for name in names:
        (tmp_path / name).write_bytes(image_file.read_bytes())
    (tmp_path / "labels.csv").write_text("one.png,normal\ntwo.png,pneumonia\n")
    return [tmp_path / name for name in [*names, "labels.csv"]]


def begin(page: Page, paths: list[Path]) -> None:
    page.locator("[data-view=study]").click()
    phase(page, "setup")
    page.set_input_files("#study .pick-files", paths)
    page.locator("#study [data-do=start]").click()
    phase(page, "read")


def test_what_is_not_submitted_outlasts_a_reload_and_an_image_counts_once(
    page: Page, pair: list[Path]
) -> None:
    begin(page, pair)
    output = page.locator("#study .own-reading output")
    expect(output).to_have_text(EN["confidence_unset"])
    mark(page)
    page.locator("#study [name=choice][value=NORMAL]").check()
    page.reload()
    phase(page, "read")
    expect(page.locator("#study .marked")).to_have_text("1 mark")
    expect(page.locator("#study [value=NORMAL]")).to_be_checked()
    expect(output).to_have_text(EN["confidence_unset"])
    submit(page)
    phase(page, "read")
    page.locator("#study .confidence").click()  # where the slider stands already
    expect(output).to_have_text("50%")
    page.reload()
    phase(page, "read")
    expect(output).to_have_text("50%")
    submit(page)
    phase(page, "aid")
    expect(output).to_have_text("50%")
    page.locator("#study [name=choice][value=PNEUMONIA]").check()  # a new choice: how sure now?
    expect(output).to_have_text(EN["confidence_unset"])
    page.locator("#study .confidence").fill("70")
    page.reload()
    phase(page, "aid")
    expect(page.locator("#study [value=PNEUMONIA]")).to_be_checked()
    expect(output).to_have_text("70%")
    submit(page)
    phase(page, "results")  # the other file has the same image
    results = page.locator("#study .results")
    expect(results).to_contain_text("1 of 2 radiographs read; 1 left out")
    expect(results).to_contain_text("1 radiograph shows the same image as another")
    expect(results).to_contain_text("their labels contradict each other")
    expect(results).to_contain_text(EN["study_no_labels"])


def test_a_second_tab_takes_the_study_over_whole(page: Page, pair: list[Path]) -> None:
    begin(page, pair[:1])
    mark(page)
    read(page, "PNEUMONIA", 80)
    other = page.context.new_page()
    other.goto(page.url)
    other.locator("[data-view=study]").click()
    phase(other, "elsewhere")
    expect(other.locator("#study .other-tab")).to_contain_text(EN["other_tab_study"])
    assert not violations(other)
    phase(page, "read")
    other.locator("#study [data-do=here]").click()
    phase(other, "read")
    phase(page, "elsewhere")
    expect(other.locator("#study .marked")).to_have_text("1 mark")
    expect(other.locator("#study .own-reading output")).to_have_text("80%")
    submit(other)
    phase(other, "aid")
    page.bring_to_front()
    page.locator("#study [data-do=here]").click()  # and back
    phase(page, "aid")
    phase(other, "elsewhere")
    submit(page)
    phase(page, "results")
    page.close()
    phase(other, "results")


def test_a_tab_does_not_give_away_what_the_browser_has_not_kept(
    page: Page, url: str, pair: list[Path]
) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": url, "quotaSize": 1000})
    begin(page, pair[:1])
    expect(page.locator("#study .notice")).to_have_text(EN["study_full"])
    other = page.context.new_page()
    other.goto(page.url)
    other.locator("[data-view=study]").click()
    phase(other, "elsewhere")
    other.locator("#study [data-do=here]").click()
    expect(other.locator("#study .notice")).to_have_text(EN["other_tab_unkept"])
    phase(page, "read")


def test_a_study_that_was_not_kept_whole_does_not_begin(
    page: Page, radiographs: list[Path], tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        for path in radiographs[:2]:
            archive.write(path, path.name)
    page.locator("[data-view=study]").click()
    phase(page, "setup")
    page.set_input_files("#study .pick-files", tmp_path / "study.zip")
    expect(page.locator("#study .chosen")).to_contain_text("2 radiographs chosen")
    page.evaluate("""() => {
      const { arrayBuffer } = Blob.prototype;
      let read = 0;
      Blob.prototype.arrayBuffer = function () {
        return read++ ? new Promise(() => {}) : arrayBuffer.call(this);
      };
    }""")
    page.locator("#study [data-do=start]").click()
    expect(page.locator("#study .reading")).to_have_text(EN["study_keeping"])
    page.wait_for_timeout(500)  # until the first is kept
    page.reload()
    phase(page, "setup")
    expect(page.locator("#study .notice")).to_have_text(EN["study_not_begun"])
    page.set_input_files("#study .pick-files", radiographs[:1])
    page.locator("#study [data-do=start]").click()
    phase(page, "read")
    expect(page.locator("#study .notice")).to_be_hidden()


def test_a_study_goes_on_once_its_files_are_gone_from_the_disk(
    page_on_disk: Page, radiographs: list[Path]
) -> None:
    page = page_on_disk
    begin(page, radiographs[:2])
    for path in radiographs[:2]:
        path.unlink()
    read(page, "NORMAL", 80)
    submit(page)
    phase(page, "aid")
    submit(page)
    page.wait_for_selector(".study[data-phase=read], .study[data-phase=problem]")
    phase(page, "read")


def test_enter_held_down_submits_one_reading(page: Page, pair: list[Path]) -> None:
    begin(page, pair[:1])
    tools = page.locator("#study .tools")
    expect(tools.locator("[tabindex='0']")).to_be_visible()  # Tab leads to one that is there
    read(page, "NORMAL", 80)
    page.locator("#study [value=NORMAL]").focus()
    page.keyboard.down("Enter")
    phase(page, "aid")
    expect(page.locator("#study [value=NORMAL]")).to_be_focused()
    page.keyboard.down("Enter")
    page.wait_for_timeout(300)
    phase(page, "aid")
    page.keyboard.up("Enter")
    page.keyboard.press("Enter")
    phase(page, "results")
