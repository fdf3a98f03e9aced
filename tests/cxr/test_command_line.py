"""The command line is a contract: tested from outside, as its users call it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxr import benchmark
from cxr.cli import main
from cxr.gate.gate import Gate
from cxr.model.bundle import Bundle
from cxr.output.record import Record
from tests.conftest import ROOT

KEYS = [
    "file",
    "status",
    "probability",
    "label",
    "in_range",
    "threshold",
    "uncertain",
    "reasons",
    "warnings",
    "heatmap",
    "overlay",
    "evidence",
    "model",
]


def cxr(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cxr", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_good_and_bad_files_in_one_run(
    tiny_bundle: Bundle, image_file: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpeg"
    broken.write_bytes(b"nothing")
    namesake = tmp_path / "other" / "image.png"
    namesake.parent.mkdir()
    namesake.write_bytes(image_file.read_bytes())
    files = [image_file, broken, tmp_path / "missing.png", namesake]
    options = ("--model", tiny_bundle.folder, "--heatmaps", tmp_path / "heat")
    run = cxr("classify", *files, "--json", *options, "--overlay", tmp_path / "over")

    assert run.returncode == 1
    points = tiny_bundle.operating_points
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert [line["file"] for line in lines] == [str(file) for file in files]
    assert [line["status"] for line in lines] == ["ok", "error", "error", "ok"]
    for line in lines:
        assert list(line) == KEYS
        assert line["model"] == {**tiny_bundle.identity(), "gate": Gate().sha256}
        assert line["threshold"] == 0.5
        assert line["uncertain"] == [points.high_sensitivity, points.high_specificity]

    ok, error = lines[0], lines[1]
    assert 0 <= ok["probability"] <= 1
    assert ok["label"] in {"NORMAL", "PNEUMONIA", "UNCERTAIN"}
    assert ok["reasons"] == []
    assert error["probability"] is None
    assert error["label"] is None
    assert error["reasons"] == [
        "broken.jpeg: this is not a picture. Expected a JPEG, PNG or DICOM file."
    ]
    heatmap = np.load(ok["heatmap"], allow_pickle=False)
    assert heatmap.shape == (180, 240)
    assert heatmap.dtype == np.float32
    assert heatmap.min() >= 0
    assert heatmap.max() <= 1
    assert cv2.imread(ok["overlay"]).shape == (180, 240, 3)
    # Two images of one name keep a result each.
    assert Path(ok["heatmap"]).name == "image.npy"
    assert Path(lines[3]["heatmap"]).name == "image-2.npy"


def test_the_readers_threshold_decides(tiny_bundle: Bundle, image_file: Path) -> None:
    for threshold, label in ((0, "PNEUMONIA"), (1, "NORMAL")):
        options = ("--model", tiny_bundle.folder, "--threshold", threshold)
        run = cxr("classify", image_file, "--json", *options)
        assert run.returncode == 0
        line = json.loads(run.stdout)
        assert (line["label"], line["threshold"]) == (label, threshold)


def test_people_get_sentences(tiny_bundle: Bundle, image_file: Path) -> None:
    run = cxr("classify", image_file, "none.png", "--model", tiny_bundle.folder)
    assert run.returncode == 1
    first, *details, last = run.stdout.splitlines()
    assert "%" in first
    assert str(image_file) in first
    assert "of the evidence lies in the lungs" in details[-1]
    assert last == "error      none.png: cannot be opened (No such file or directory)."


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("classify",),
        ("classify", "image.png", "--threshold", "1.5"),
        ("classify", "image.png", "--threshold", "high"),
        ("classify", "image.png", "--model", "nowhere"),
        ("guess", "image.png"),
    ],
    ids=" ".join,
)
def test_bad_usage_is_exit_status_2_and_prints_no_answer(arguments: tuple[str, ...]) -> None:
    run = cxr(*arguments)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr


def test_an_output_folder_that_cannot_be_made(tiny_bundle: Bundle, image_file: Path) -> None:
    run = cxr("classify", image_file, "--model", tiny_bundle.folder, "--overlay", image_file)
    assert run.returncode == 2
    assert f"{image_file}: cannot be written" in run.stderr
    assert "name another place" in run.stderr


@pytest.mark.parametrize("option", ["--overlay", "--heatmaps"])
def test_results_never_overwrite_a_image(
    tiny_bundle: Bundle, image_file: Path, option: str
) -> None:
    before = image_file.read_bytes()
    run = cxr("classify", image_file, "--model", tiny_bundle.folder, option, image_file.parent)
    assert run.returncode == 2
    assert "could overwrite one. Choose another folder" in run.stderr
    assert image_file.read_bytes() == before


def test_results_are_not_written_through_a_link(
    tiny_bundle: Bundle, image_file: Path, tmp_path: Path
) -> None:
    link = tmp_path / "out" / "image.png"
    link.parent.mkdir()
    link.symlink_to(image_file)
    before = image_file.read_bytes()
    run = cxr("classify", link, "--model", tiny_bundle.folder, "--overlay", link.parent)
    assert run.returncode == 2
    assert image_file.read_bytes() == before


@pytest.mark.slow
def test_benchmark_prints_its_figures(
    tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "PROCESSES", 1)
    monkeypatch.setattr(benchmark, "REPEATS", 2)
    assert main(["benchmark", "--json", "--model", str(tiny_bundle.folder)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["model_sha256"] == tiny_bundle.sha256
    assert all(figures[name] > 0 for name in benchmark.Figures.__annotations__ if name[-1] in "sb")


# --- Folders, patterns, and going on --------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, image_file: Path) -> Path:
    """Two radiographs at different depths, and a hidden file."""
    folder = tmp_path / "radiographs"
    (folder / "deeper").mkdir(parents=True)
    for name in ("b.png", "deeper/a.png", ".hidden.png"):
        (folder / name).write_bytes(image_file.read_bytes())
    return folder


def classify(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[Record]:
    main(["classify", *map(str, arguments), "--json"])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_folders_and_patterns_stand_for_their_files(
    folder: Path, tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ("--model", tiny_bundle.folder)
    names = [record["file"] for record in classify(capsys, folder, *model)]
    assert names == [str(folder / "b.png"), str(folder / "deeper" / "a.png")]
    found = classify(capsys, folder / "*" / "*.png", *model)
    assert [record["file"] for record in found] == [str(folder / "deeper" / "a.png")]


@pytest.mark.parametrize(
    ("source", "said"), [("empty", "the folder holds no files"), ("*.xyz", "no file matches")]
)
def test_nothing_to_classify_is_bad_usage(
    tmp_path: Path, source: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["classify", str(tmp_path / source)]) == 2
    assert said in capsys.readouterr().err


def test_answers_are_the_same_and_in_order_however_many_run_at_once(
    folder: Path, tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ("--model", tiny_bundle.folder)
    files = [folder / "b.png", folder / "missing.png", folder / "deeper" / "a.png"]
    together = classify(capsys, *files, *model)
    alone = [record for file in files for record in classify(capsys, file, *model)]
    assert [record["file"] for record in together] == list(map(str, files))
    for one, other in zip(together, alone, strict=True):
        assert one["status"] == other["status"]
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-5)


def test_a_killed_run_goes_on_where_it_stopped(
    folder: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, model = tmp_path / "out.jsonl", ("--model", tiny_bundle.folder)
    overlays = ("--overlay", tmp_path / "overlays")
    namesake = tmp_path / "b.png"
    namesake.write_bytes((folder / "b.png").read_bytes())
    (first,) = classify(capsys, folder / "b.png", *model, *overlays)
    out.write_text(json.dumps(first | {"probability": 0.123}) + '\n{"file": "cut o')
    assert not classify(capsys, namesake, folder, *model, *overlays, "--resume", out)
    records = [json.loads(line) for line in out.read_text().splitlines()]
    files = [str(folder / "b.png"), str(namesake), str(folder / "deeper" / "a.png")]
    assert [record["file"] for record in records] == files
    assert records[0]["probability"] == 0.123  # was not answered again
    assert len({record["overlay"] for record in records}) == 3
    assert not classify(capsys, namesake, folder, *model, *overlays, "--resume", out)
    assert len(out.read_text().splitlines()) == 3


def test_a_file_that_was_out_of_reach_is_answered_once_it_is_asked_for(
    folder: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, missing = tmp_path / "out.jsonl", tmp_path / "later.png"
    options = (folder, missing, "--model", tiny_bundle.folder, "--resume", out)
    assert not classify(capsys, *options)
    missing.write_bytes((folder / "b.png").read_bytes())
    assert not classify(capsys, *options)

    def states() -> dict[str, str]:
        records = [json.loads(line) for line in out.read_text().splitlines()]
        assert len(records) == 3
        return {Path(record["file"]).name: record["status"] for record in records}

    assert states() == {"b.png": "ok", "a.png": "ok", "later.png": "error"}
    assert not classify(capsys, *options, "--retry-errors")
    assert states() == {"b.png": "ok", "a.png": "ok", "later.png": "ok"}


def test_answers_at_another_threshold_are_not_mixed(
    image_file: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor are those of the model's own rule and at its threshold alone."""
    out = tmp_path / "out.jsonl"
    options = ["classify", str(image_file), "--model", str(tiny_bundle.folder), "--resume"]
    assert main([*options, str(out)]) == 0
    shipped = json.loads(out.read_text())["threshold"]
    capsys.readouterr()
    assert main([*options, str(out), "--threshold", str(shipped)]) == 2
    assert "line 1: was answered at another threshold" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--overlay", "--heatmaps", "--resume"])
def test_results_do_not_lie_where_the_next_run_would_classify_them(
    folder: Path, tiny_bundle: Bundle, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", str(tiny_bundle.folder), option, str(folder / "deeper" / "results")]
    assert main(["classify", str(folder), *options]) == 2
    assert "whose files are classified" in capsys.readouterr().err


def test_a_folder_that_cannot_be_read_is_not_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tests may run as a user who can read everything."""
    closed, scandir = str(folder / "deeper"), os.scandir

    def refuses(path: str) -> object:
        if str(path) == closed:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuses)
    assert main(["classify", str(folder)]) == 2
    assert f"{closed}: cannot be read (Permission denied)" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_answers_that_cannot_be_written_are_bad_usage(
    tiny_bundle: Bundle, image_file: Path
) -> None:
    command = [sys.executable, "-m", "cxr", "classify", image_file, "--model", tiny_bundle.folder]
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [*map(str, command), "--json"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert run.returncode == 2
    assert "cxr: standard output: cannot be written (No space left on device)" in run.stderr
    assert "Traceback" not in run.stderr


def test_answers_of_another_model_are_not_mixed(
    image_file: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    (record,) = classify(capsys, image_file, "--model", tiny_bundle.folder)
    out.write_text(json.dumps(record | {"model": {"name": "other"}}) + "\n")
    options = ["--model", str(tiny_bundle.folder), "--resume", str(out)]
    assert main(["classify", str(image_file), *options]) == 2
    assert "line 1: was answered by another model" in capsys.readouterr().err
    out.write_text("no answers\n")
    assert main(["classify", str(image_file), *options]) == 2
    assert "line 1: expected an answer" in capsys.readouterr().err
