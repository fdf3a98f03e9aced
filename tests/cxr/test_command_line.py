"""The command line is a contract: tested from outside, as its users call it."""

from __future__ import annotations

import json
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
        "broken.jpeg: this is not an image. Expected a JPEG, PNG or DICOM file."
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
