"""`classify` of folders and patterns, and runs that go on where an earlier one stopped."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cxr.cli import main
from cxr.model.bundle import Bundle
from cxr.output.record import Record
from tests.conftest import ROOT


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


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_results_of_two_radiographs_of_one_name_stay_apart_over_two_runs(
    folder: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As those of two patients, whose DICOM export calls both IM0001."""
    results = ("--overlay", tmp_path / "overlays", "--heatmaps", tmp_path / "heatmaps")
    options = ("--model", tiny_bundle.folder, *results)
    made = []
    for patient, name in (("1", "b.png"), ("2", "deeper/a.png")):
        (tmp_path / patient).mkdir()
        shutil.copy(folder / name, tmp_path / patient / "IM0001.png")
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


def test_a_file_counts_once_however_its_path_is_written(
    folder: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, model = tmp_path / "out.jsonl", ("--model", tiny_bundle.folder)
    again = f"{folder}/deeper/../b.png"
    assert not classify(capsys, folder / "b.png", again, folder, *model, "--resume", out)
    assert not classify(capsys, again, *model, "--resume", out)
    assert len(out.read_text().splitlines()) == 2


def test_what_is_asked_for_later_leaves_what_was_made(
    folder: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (folder / "b.png", "--model", tiny_bundle.folder, "--resume", tmp_path / "out.jsonl")
    assert not classify(capsys, *options, "--overlay", tmp_path / "overlays")
    assert not classify(capsys, *options, "--heatmaps", tmp_path / "heatmaps")
    (line,) = (tmp_path / "out.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert Path(record["overlay"]).is_file()
    assert Path(record["heatmap"]).is_file()


def test_links_that_are_left_out_are_named(
    folder: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "elsewhere").symlink_to(tmp_path, target_is_directory=True)
    (folder / "gone.png").symlink_to(tmp_path / "nowhere.png")
    main(["classify", str(folder), "--model", str(tiny_bundle.folder)])
    said = capsys.readouterr().err
    assert f"are left out: {folder / 'elsewhere'}, {folder / 'gone.png'}" in said


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


def test_a_name_makes_up_no_line_and_drives_no_terminal(
    tmp_path: Path, image_file: Path, tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    for name in ("a.png\nNORMAL       1.0%  b.png", "\x1b[31mred.png", "é\u3000胸.png"):
        (folder / name).write_bytes(image_file.read_bytes())
    (folder / "\x1b]0;title\a.png").write_bytes(b"no picture")
    main(["classify", str(folder), "--model", str(tiny_bundle.folder)])
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\a" not in said
    assert "a.png\\nNORMAL       1.0%  b.png" in said
    assert "\\x1b[31mred.png" in said
    assert "é\u3000胸.png" in said
    assert main(["classify", str(folder / "\x1b[1m"), "--model", str(tiny_bundle.folder)]) != 0
    assert "\x1b" not in "".join(capsys.readouterr())


def test_the_longest_name_has_an_overlay_too(
    tmp_path: Path, image_file: Path, tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    (folder / f"{'n' * 251}.png").write_bytes(image_file.read_bytes())
    out = tmp_path / "overlays"
    (record,) = classify(capsys, folder, "--model", tiny_bundle.folder, "--overlay", out)
    assert record["status"] == "ok"
    assert [len(name) for name in names_in(out)] == [255]


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


@pytest.mark.parametrize(
    "content",
    ['{"a": 1}', '{"file": "a.png", "by": 1}', "line 1\nmy only copy", "\x89PNG\r\n\x1a\n\0"],
)
def test_a_file_of_anything_else_stays_as_it_is(
    folder: Path, tiny_bundle: Bundle, tmp_path: Path, content: str
) -> None:
    other = tmp_path / "other.txt"
    other.write_bytes(content.encode("latin-1"))
    options = ["--model", str(tiny_bundle.folder), "--resume", str(other)]
    assert main(["classify", str(folder), *options]) == 2
    assert other.read_bytes() == content.encode("latin-1")


def test_the_answers_are_no_radiograph(
    folder: Path, tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    out, before = folder / "answers.jsonl", (folder / "b.png").read_bytes()
    options = [str(folder / "*"), "--model", str(tiny_bundle.folder), "--resume"]
    for _ in range(2):
        assert main(["classify", *options, str(out)]) == 0
    assert len(out.read_text().splitlines()) == 1
    radiograph = str(folder / "b.png")
    assert main(["classify", radiograph, *options[1:], radiograph]) == 2
    assert "the answers would overwrite it" in capsys.readouterr().err
    assert (folder / "b.png").read_bytes() == before


def test_results_that_are_asked_for_later_are_made(
    folder: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, overlays = tmp_path / "out.jsonl", tmp_path / "overlays"
    options = (folder, "--model", tiny_bundle.folder, "--resume", out)
    assert not classify(capsys, *options)
    assert not classify(capsys, *options, "--overlay", overlays)
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert {Path(record["overlay"]).name for record in records} == {"a.png", "b.png"}
    assert names_in(overlays) == ["a.png", "b.png"]
    # In another folder, too; but not of a radiograph that is out of reach, whose answer stays.
    (folder / "b.png").rename(folder / ".b.png")
    (tmp_path / "another").mkdir()
    assert not classify(capsys, folder / "b.png", *options, "--overlay", tmp_path / "another")
    assert names_in(tmp_path / "another") == ["a.png"]
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert {record["status"] for record in records} == {"ok"}


def test_no_picture_is_overwritten_but_an_earlier_result(
    folder: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlays = tmp_path / "study"
    overlays.mkdir()
    other = overlays / "b.png"
    other.write_bytes((folder / "b.png").read_bytes())
    options = [str(folder), "--model", str(tiny_bundle.folder), "--overlay", str(overlays)]
    assert main(["classify", *options]) == 2
    assert (
        f"{other}: is there already, and was written by another program" in capsys.readouterr().err
    )
    assert other.read_bytes() == (folder / "b.png").read_bytes()
    other.unlink()
    for _ in range(2):
        assert main(["classify", *options]) == 0
    # Nor one of the name that a second radiograph of one name would have.
    (folder / "deeper" / "b.png").write_bytes((folder / "b.png").read_bytes())
    other.with_name("b-2.png").write_bytes((folder / "b.png").read_bytes())
    assert main(["classify", *options]) == 0
    assert other.with_name("b-2.png").read_bytes() == (folder / "b.png").read_bytes()
    assert other.with_name("b-3.png").exists()


def test_names_that_differ_in_letter_case_are_two_files(
    folder: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On many disks one would overwrite the other."""
    (folder / "deeper" / "B.png").write_bytes((folder / "b.png").read_bytes())
    options = (folder, "--model", tiny_bundle.folder, "--heatmaps", tmp_path / "heatmaps")
    names = [Path(record["heatmap"] or "").name for record in classify(capsys, *options)]
    assert len({name.casefold() for name in names}) == 3


def test_a_file_that_fails_is_named_with_its_folder(
    folder: Path, tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = folder / "deeper" / "broken.png"
    broken.write_bytes(b"broken")
    main(["classify", str(broken), "--model", str(tiny_bundle.folder)])
    assert f"error      {broken}: this is not an image." in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a file that keeps a process waiting")
def test_two_processes_do_not_write_one_file(
    folder: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(folder / "c.png")  # whoever reads it waits until something is written
    results = tmp_path / "answers.jsonl"
    files = [str(folder / name) for name in ("b.png", "c.png")]
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
        (folder / "c.png").write_bytes((folder / "b.png").read_bytes())
        assert first.wait(timeout=60) == 0
    (folder / "c.png").unlink()
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
