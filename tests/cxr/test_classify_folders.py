"""`classify` of folders and patterns, and runs that go on where an earlier one stopped."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cxr.cli import main
from cxr.model.bundle import Bundle
from tests.conftest import ROOT
from tests.cxr.classifying import classify


def test_folders_and_patterns_stand_for_their_files(
    ward: Path, tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ("--model", tiny_bundle.folder)
    names = [record["file"] for record in classify(capsys, ward, *model)]
    assert names == [str(ward / "b.png"), str(ward / "deeper" / "a.png")]
    found = classify(capsys, ward / "*" / "*.png", *model)
    assert [record["file"] for record in found] == [str(ward / "deeper" / "a.png")]


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
    ward: Path, tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ("--model", tiny_bundle.folder)
    files = [
        ward / "b.png",
        ward / "missing.png",
        ward / "deeper" / "a.png",
    ]
    together = classify(capsys, *files, *model)
    alone = [record for file in files for record in classify(capsys, file, *model)]
    assert [record["file"] for record in together] == list(map(str, files))
    for one, other in zip(together, alone, strict=True):
        assert one["status"] == other["status"]
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-5)


def test_a_killed_run_goes_on_where_it_stopped(
    ward: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, model = tmp_path / "out.jsonl", ("--model", tiny_bundle.folder)
    overlays = ("--overlay", tmp_path / "overlays")
    namesake = tmp_path / "b.png"
    namesake.write_bytes((ward / "b.png").read_bytes())
    (first,) = classify(capsys, ward / "b.png", *model, *overlays)
    out.write_text(json.dumps(first | {"probability": 0.123}) + '\n{"file": "cut o')
    assert not classify(capsys, namesake, ward, *model, *overlays, "--resume", out)
    records = [json.loads(line) for line in out.read_text().splitlines()]
    files = [
        str(ward / "b.png"),
        str(namesake),
        str(ward / "deeper" / "a.png"),
    ]
    assert [record["file"] for record in records] == files
    assert records[0]["probability"] == 0.123  # was not answered again
    assert len({record["overlay"] for record in records}) == 3
    assert not classify(capsys, namesake, ward, *model, *overlays, "--resume", out)
    assert len(out.read_text().splitlines()) == 3


def test_a_file_counts_once_however_its_path_is_written(
    ward: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, model = tmp_path / "out.jsonl", ("--model", tiny_bundle.folder)
    again = f"{ward}/deeper/../b.png"
    assert not classify(capsys, ward / "b.png", again, ward, *model, "--resume", out)
    assert not classify(capsys, again, *model, "--resume", out)
    assert len(out.read_text().splitlines()) == 2


def test_links_that_are_left_out_are_named(
    ward: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (ward / "elsewhere").symlink_to(tmp_path, target_is_directory=True)
    (ward / "gone.png").symlink_to(tmp_path / "nowhere.png")
    main(["classify", str(ward), "--model", str(tiny_bundle.folder)])
    said = capsys.readouterr().err
    assert f"are left out: {ward / 'elsewhere'}, {ward / 'gone.png'}" in said


def test_a_file_that_was_out_of_reach_is_answered_once_it_is_asked_for(
    ward: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, missing = tmp_path / "out.jsonl", tmp_path / "later.png"
    options = (ward, missing, "--model", tiny_bundle.folder, "--resume", out)
    assert not classify(capsys, *options)
    missing.write_bytes((ward / "b.png").read_bytes())
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


def test_a_name_makes_up_no_line_and_drives_no_terminal(
    tmp_path: Path, image_file: Path, tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    ward = tmp_path / "names"
    ward.mkdir()
    for name in ("a.png\nNORMAL       1.0%  b.png", "\x1b[31mred.png", "é\u3000胸.png"):
        (ward / name).write_bytes(image_file.read_bytes())
    (ward / "\x1b]0;title\a.png").write_bytes(b"no picture")
    main(["classify", str(ward), "--model", str(tiny_bundle.folder)])
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\a" not in said
    assert "a.png\\nNORMAL       1.0%  b.png" in said
    assert "\\x1b[31mred.png" in said
    assert "é\u3000胸.png" in said
    assert main(["classify", str(ward / "\x1b[1m"), "--model", str(tiny_bundle.folder)]) != 0
    assert "\x1b" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("content", ["/dev/full", "nested"])
def test_what_cannot_be_a_file_of_answers_is_said(
    image_file: Path,
    tiny_bundle: Bundle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str,
) -> None:
    path = Path("/dev/full")  # which never ends
    if content == "nested":
        path = tmp_path / "answers.jsonl"
        path.write_text("[" * 100_000 + "\n")
    options = ["--model", str(tiny_bundle.folder), "--resume", str(path)]
    assert main(["classify", str(image_file), *options]) == 2
    assert str(path) in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--overlay", "--heatmaps", "--resume"])
def test_results_do_not_lie_where_the_next_run_would_classify_them(
    ward: Path, tiny_bundle: Bundle, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        "--model",
        str(tiny_bundle.folder),
        option,
        str(ward / "deeper" / "results"),
    ]
    assert main(["classify", str(ward), *options]) == 2
    assert "whose files are classified" in capsys.readouterr().err


def test_a_folder_that_cannot_be_read_is_not_left_out(
    ward: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tests may run as a user who can read everything."""
    closed, scandir = str(ward / "deeper"), os.scandir

    def refuses(path: str) -> object:
        if str(path) == closed:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuses)
    assert main(["classify", str(ward)]) == 2
    assert f"{closed}: cannot be read (Permission denied)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    ['{"a": 1}', '{"file": "a.png", "by": 1}', "line 1\nmy only copy", "\x89PNG\r\n\x1a\n\0"],
)
def test_a_file_of_anything_else_stays_as_it_is(
    ward: Path, tiny_bundle: Bundle, tmp_path: Path, content: str
) -> None:
    other = tmp_path / "other.txt"
    other.write_bytes(content.encode("latin-1"))
    options = ["--model", str(tiny_bundle.folder), "--resume", str(other)]
    assert main(["classify", str(ward), *options]) == 2
    assert other.read_bytes() == content.encode("latin-1")


def test_the_answers_are_no_radiograph(
    ward: Path, tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    out, before = ward / "answers.jsonl", (ward / "b.png").read_bytes()
    options = [str(ward / "*"), "--model", str(tiny_bundle.folder), "--resume"]
    for _ in range(2):
        assert main(["classify", *options, str(out)]) == 0
    assert len(out.read_text().splitlines()) == 1
    radiograph = str(ward / "b.png")
    assert main(["classify", radiograph, *options[1:], radiograph]) == 2
    assert "the answers would overwrite it" in capsys.readouterr().err
    assert (ward / "b.png").read_bytes() == before


def test_a_file_that_fails_is_named_with_its_folder(
    ward: Path, tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = ward / "deeper" / "broken.png"
    broken.write_bytes(b"broken")
    main(["classify", str(broken), "--model", str(tiny_bundle.folder)])
    assert f"error      {broken}: this is not an image." in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a file that keeps a process waiting")
def test_two_processes_do_not_write_one_file(
    ward: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(ward / "c.png")  # whoever reads it waits until something is written
    results = tmp_path / "answers.jsonl"
    files = [str(ward / name) for name in ("b.png", "c.png")]
    arguments = ["classify", *files, "--model", str(tiny_bundle.folder), "--resume"]
    first = subprocess.Popen([sys.executable, "-m", "cxr", *arguments, str(results)], cwd=ROOT)
    try:
        while not results.exists():
            assert first.poll() is None
            time.sleep(0.05)
        (tmp_path / "link.jsonl").symlink_to(results)
        assert main([*arguments, str(tmp_path / "link.jsonl")]) == 2
        assert "another process is writing its answers there" in capsys.readouterr().err
    finally:
        (ward / "c.png").write_bytes((ward / "b.png").read_bytes())
        assert first.wait(timeout=60) == 0
    (ward / "c.png").unlink()
    assert main([*arguments, str(results)]) == 0
    assert len(results.read_text().splitlines()) == 2


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
