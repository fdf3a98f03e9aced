"""The folders of overlays and heatmaps: what results are called, and whose they stay."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cxr.cli import main
from cxr.model.bundle import Bundle
from tests.cxr.classifying import classify


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_results_of_two_radiographs_of_one_name_stay_apart_over_two_runs(
    ward: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As those of two patients, whose DICOM export calls both IM0001."""
    results = ("--overlay", tmp_path / "overlays", "--heatmaps", tmp_path / "heatmaps")
    options = ("--model", tiny_bundle.folder, *results)
    made = []
    for patient, name in (("1", "b.png"), ("2", "deeper/a.png")):
        (tmp_path / patient).mkdir()
        shutil.copy(ward / name, tmp_path / patient / "IM0001.png")
        (record,) = classify(capsys, tmp_path / patient, *options)
        made.append((record["overlay"], record["heatmap"]))
    assert len({*made[0], *made[1]}) == 4
    for record in classify(capsys, tmp_path / "1", *options):
        assert (record["overlay"], record["heatmap"]) == made[0]
    assert names_in(tmp_path / "overlays") == ["IM0001-2.png", "IM0001.png"]
    # Of whom they are cannot be read from the folder.
    for kind in ("overlays", "heatmaps"):
        (beside,) = (tmp_path / kind).glob(".*")
        assert str(tmp_path) not in beside.read_text()


def test_what_is_asked_for_later_leaves_what_was_made(
    ward: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (
        ward / "b.png",
        "--model",
        tiny_bundle.folder,
        "--resume",
        tmp_path / "out.jsonl",
    )
    assert not classify(capsys, *options, "--overlay", tmp_path / "overlays")
    assert not classify(capsys, *options, "--heatmaps", tmp_path / "heatmaps")
    (line,) = (tmp_path / "out.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert Path(record["overlay"]).is_file()
    assert Path(record["heatmap"]).is_file()


def test_the_longest_name_has_an_overlay_too(
    tmp_path: Path, image_file: Path, tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    ward = tmp_path / "names"
    ward.mkdir()
    (ward / f"{'n' * 251}.png").write_bytes(image_file.read_bytes())
    out = tmp_path / "overlays"
    (record,) = classify(capsys, ward, "--model", tiny_bundle.folder, "--overlay", out)
    assert record["status"] == "ok"
    assert [len(name) for name in names_in(out)] == [255]


def test_results_that_are_asked_for_later_are_made(
    ward: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, overlays = tmp_path / "out.jsonl", tmp_path / "overlays"
    options = (ward, "--model", tiny_bundle.folder, "--resume", out)
    assert not classify(capsys, *options)
    assert not classify(capsys, *options, "--overlay", overlays)
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert {Path(record["overlay"]).name for record in records} == {"a.png", "b.png"}
    assert names_in(overlays) == ["a.png", "b.png"]
    # In another folder, too; but not of a radiograph that is out of reach, whose answer stays.
    (ward / "b.png").rename(ward / ".b.png")
    (tmp_path / "another").mkdir()
    assert not classify(capsys, ward / "b.png", *options, "--overlay", tmp_path / "another")
    assert names_in(tmp_path / "another") == ["a.png"]
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert {record["status"] for record in records} == {"ok"}


def test_no_picture_is_overwritten_but_an_earlier_result(
    ward: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlays = tmp_path / "study"
    overlays.mkdir()
    other = overlays / "b.png"
    other.write_bytes((ward / "b.png").read_bytes())
    options = [
        str(ward),
        "--model",
        str(tiny_bundle.folder),
        "--overlay",
        str(overlays),
    ]
    assert main(["classify", *options]) == 2
    assert (
        f"{other}: is there already, and was written by another program" in capsys.readouterr().err
    )
    assert other.read_bytes() == (ward / "b.png").read_bytes()
    other.unlink()
    for _ in range(2):
        assert main(["classify", *options]) == 0
    # Nor one of the name that a second radiograph of one name would have.
    (ward / "deeper" / "b.png").write_bytes((ward / "b.png").read_bytes())
    other.with_name("b-2.png").write_bytes((ward / "b.png").read_bytes())
    assert main(["classify", *options]) == 0
    assert other.with_name("b-2.png").read_bytes() == (ward / "b.png").read_bytes()
    assert other.with_name("b-3.png").exists()


def test_names_that_differ_in_letter_case_are_two_files(
    ward: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On many disks one would overwrite the other."""
    (ward / "deeper" / "B.png").write_bytes((ward / "b.png").read_bytes())
    options = (
        ward,
        "--model",
        tiny_bundle.folder,
        "--heatmaps",
        tmp_path / "heatmaps",
    )
    names = [Path(record["heatmap"] or "").name for record in classify(capsys, *options)]
    assert len({name.casefold() for name in names}) == 3
