"""Archives: what becomes of each file, and neither a killed process nor a killed run loses any.

Ray takes seconds to start, so each run of it is for several tests.
"""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cxr import ray_processes
from cxr.answerer import Answerer, Task
from cxr.archive import list_files
from cxr.checks import WORTHS
from cxr.cli import main
from cxr.errors import BundleError, CXRError
from cxr.model.bundle import Bundle
from cxr.output import table
from cxr.output.table import Origin, Table, open_location, to_rows, without_secrets
from cxr.resuming import locked
from tests.conftest import ROOT
from tests.cxr.dicom_files import content, make

ORIGIN: Origin = {
    "source": "/archive",
    "threshold": 0.5,
    "columns": table.schema().names,
    "model": {"sha256": "0"},
}


@pytest.fixture
def archive(tmp_path: Path, image_file: Path, gradient_file: Path) -> Path:
    """Radiographs at two depths, one of them as DICOM; a refused, a broken and a hidden file."""
    folder = tmp_path / "archive"
    (folder / "deeper").mkdir(parents=True)
    for number in range(4):
        shutil.copy(image_file, folder / "deeper" / f"{number}.png")
    pixels = cv2.imread(str(image_file), cv2.IMREAD_GRAYSCALE)
    (folder / "dicom").write_bytes(content(make(pixels, bits=8)))
    shutil.copy(gradient_file, folder / "gradient.png")
    shutil.copy(image_file, folder / ".hidden.png")
    (folder / "broken.jpeg").write_bytes(b"nothing")
    return folder


def start(*arguments: object, code: str = "") -> subprocess.Popen[str]:
    """The command, with `code` run before."""
    command = [
        sys.executable,
        "-c",
        f"{code}\nimport sys; from cxr.cli import main; sys.exit(main())",
    ]
    command += ["archive", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    found = pq.read_table(folder).to_pylist()
    assert len(found) == len({row["path"] for row in found})  # none is answered twice
    return {row["path"]: row for row in found}


# --- Runs -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_stopped(
    archive: Path, tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "table"
    options = (archive, "--out", out, "--model", tiny_bundle.folder, "--workers", 1)
    # A part for each file, and time to be killed before the next.
    slowly = "import time, cxr.output.table as t; t._ROWS = 1; t.Table.add = lambda self, rows, "
    slowly += "add=t.Table.add: (add(self, rows), time.sleep(3))"
    run = start(*options, code=slowly)
    wait_for(lambda: list(out.glob("part-*")))
    run.kill()
    run.communicate()
    before = rows(out)
    assert 0 < len(before) < 7
    shutil.copy(archive / "broken.jpeg", out / "_unfinished-part-00001.parquet")

    run = start(*options)
    said, errors = run.communicate(timeout=300)
    assert run.returncode == 1
    assert errors == ""
    assert said == f"7 files: 5 answered, 1 refused, 1 could not be read. Table: {out}\n"
    after = rows(out)
    assert after.items() >= before.items()
    assert Counter(row["status"] for row in after.values()) == {"ok": 5, "refused": 1, "error": 1}
    for path, row in after.items():
        assert row["digest"] == sha256((archive / path).read_bytes()).hexdigest()
        assert row["model_sha256"] == tiny_bundle.sha256
        assert bool(row["reasons"]) == (row["status"] != "ok")
    good = after["deeper/0.png"]
    assert 0 <= good["probability"] <= 1
    assert good["verdict"] in {"NORMAL", "PNEUMONIA", "UNCERTAIN"}
    assert good["in_range"]
    assert good["evidence"] in WORTHS
    assert "evidence" in good["evidence_text"]
    assert after["dicom"]["probability"] == pytest.approx(good["probability"], abs=0.01)
    assert "not an image" in after["broken.jpeg"]["reasons"][0]

    # Once more: nothing is left, and Ray is not started.
    parts = {part: part.stat().st_mtime_ns for part in out.iterdir()}
    assert main(["archive", *map(str, options)]) == 1
    assert capsys.readouterr().out == said
    assert {part: part.stat().st_mtime_ns for part in out.iterdir()} == parts
    # What is still out of reach keeps its row.
    (archive / "broken.jpeg").rename(tmp_path / "broken.jpeg")
    assert main(["archive", *map(str, options), "--retry-errors"]) == 1
    assert capsys.readouterr().out == said
    assert rows(out) == after
    assert main(["archive", *map(str, options), "--threshold", "0.9"]) == 2
    assert "holds answers of another threshold" in capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_process_loses_nothing(archive: Path, tiny_bundle: Bundle, tmp_path: Path) -> None:
    """One file ends its process once, another each time."""
    for name in ("once.png", "always.png"):
        shutil.copy(archive / "deeper" / "0.png", archive / name)
    code = "import cxr.archive, tests.cxr.test_archive as t; cxr.archive.Task = t.Deadly"
    options = ("--out", tmp_path / "table", "--model", tiny_bundle.folder, "--workers", 1)
    run = start(archive, *options, code=code)
    said, errors = run.communicate(timeout=300)
    assert "A worker died or was killed" in errors
    assert said.startswith("9 files: 6 answered, 1 refused, 2 could not be read."), errors
    found = rows(tmp_path / "table")
    assert found["once.png"]["status"] == "ok"
    assert found["always.png"]["reasons"] == [
        "always.png: the program that reads it crashes, or runs out of memory. "
        "Export or copy it again."
    ]


class Deadly(Task):
    """Files of these names end the process that reads them."""

    def read(self, path: str, size: int) -> bytes:
        mark = Path(self.folder, ".mark")
        if path == "always.png" or (path == "once.png" and not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(path, size)


def wait_for(condition: Any) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


# --- Single parts ---------------------------------------------------------------------------------


def test_another_model_in_a_process_is_refused(tiny_bundle: Bundle, tmp_path: Path) -> None:
    filesystem, folder = open_location(str(tmp_path))
    model, identity = str(tiny_bundle.folder), {"sha256": "of another"}
    task = Task(
        filesystem=filesystem, folder=folder, model=model, identity=identity, threshold=None
    )
    with pytest.raises(BundleError, match="is another one than where the command was given"):
        Answerer(task)


def test_files_of_any_filesystem_and_name(tmp_path: Path) -> None:
    for path in ("b.png", "a/c.png", ".hidden/d.png", "a/.e.png"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "circle").symlink_to(tmp_path)
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing")
    assert list_files(str(tmp_path)) == ["b.png", "a/c.png"]
    os.symlink(tmp_path / "b.png", os.fsencode(tmp_path) + b"/no\xfftext.png")
    assert list_files(f"file://{tmp_path}") == ["b.png", "no\\xfftext.png", "a/c.png"]


@pytest.mark.parametrize(
    ("source", "out", "said"),
    [
        ("nowhere", "table", "nowhere: cannot be read (No such file or directory)."),
        ("empty", "table", "empty: the folder holds no files."),
        ("here", "here/table", "lies in"),
        ("here", "link/table", "lies in"),
        ("strange://here", "table", "strange://here: cannot be opened"),
    ],
)
def test_bad_usage(
    source: str,
    out: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "here"):
        Path(folder).mkdir()
    Path("here", "a.png").touch()
    Path("link").symlink_to("here")
    assert main(["archive", source, "--out", out]) == 2
    assert said in capsys.readouterr().err
    assert not Path(out).exists()


def test_no_secret_of_an_address_gets_into_the_table() -> None:
    address = "s3://KEY:SECRET@bucket/films/a?region=eu-west-1&secret_key=SECRET"
    assert without_secrets(address) == "s3://bucket/films/a"


def test_missing_packages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["archive", str(tmp_path), "--out", str(tmp_path / "table")]) == 2
    assert "ray: not installed" in capsys.readouterr().err
    with pytest.raises(CXRError, match=r"requirements-archive\.txt"):
        ray_processes.require_packages()


def some_rows(*paths: str) -> pa.Table:
    return to_rows({"path": path, "status": "ok"} for path in paths)


def test_parts_are_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_ROWS", 2)
    first = Table(str(tmp_path), ORIGIN)
    first.add(some_rows("a"))
    assert not list(tmp_path.iterdir())  # one row is no part yet
    first.add(some_rows("b"))
    first.add(some_rows("c"))
    first.flush()
    first.flush()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "part-00000.parquet",
        "part-00001.parquet",
    ]
    second = Table(str(tmp_path), ORIGIN)
    assert second.status == dict.fromkeys("abc", "ok")
    # Two runs at a time: the later to write a part does not overwrite the other's.
    first.add(some_rows("d", "e"))
    with pytest.raises(CXRError, match="another process writes to this table"):
        second.add(some_rows("d", "e"))
    assert len(rows(tmp_path)) == 5


def test_rows_of_files_that_could_not_be_read_are_forgotten_on_demand(tmp_path: Path) -> None:
    first = Table(str(tmp_path), ORIGIN)
    first.add(some_rows("a"))
    first.flush()
    first.add(to_rows([{"path": "b", "status": "error"}, {"path": "c", "status": "refused"}]))
    first.flush()
    untouched = (tmp_path / "part-00000.parquet").stat().st_mtime_ns
    second = Table(str(tmp_path), ORIGIN)
    second.forget_errors(["a", "c"])  # b is still out of reach
    assert second.status == {"a": "ok", "b": "error", "c": "refused"}
    assert rows(tmp_path).keys() == {"a", "b", "c"}
    second.forget_errors(["a", "b", "c"])
    assert second.status == {"a": "ok", "c": "refused"}
    second.add(some_rows("b"))
    second.flush()
    assert Table(str(tmp_path), ORIGIN).status == {"a": "ok", "b": "ok", "c": "refused"}
    assert rows(tmp_path).keys() == {"a", "b", "c"}
    assert (tmp_path / "part-00000.parquet").stat().st_mtime_ns == untouched


def test_a_file_is_read_as_it_is_whatever_it_is_called(tmp_path: Path) -> None:
    content = gzip.compress(b"a radiograph")
    (tmp_path / "image.gz").write_bytes(content)
    filesystem, folder = open_location(str(tmp_path))
    task = Task(filesystem=filesystem, folder=folder, model=None, identity={}, threshold=None)
    assert task.read("image.gz", 1000) == content


@pytest.mark.parametrize("key", ["source", "threshold", "columns", "model"])
def test_a_table_of_something_else(tmp_path: Path, key: str) -> None:
    there = Table(str(tmp_path), ORIGIN)
    there.add(some_rows("a"))
    there.flush()
    other: Any = ORIGIN | {key: "another"}
    with pytest.raises(CXRError, match=f"holds answers of another {key}"):
        Table(str(tmp_path), other)
    (tmp_path / "part-00001.parquet").write_bytes(b"nothing")
    with pytest.raises(CXRError, match=r"part-00001\.parquet is damaged"):
        Table(str(tmp_path), ORIGIN)


def test_two_processes_do_not_write_one_table(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "table"
    with locked(str(out), option="--out"):
        assert main(["archive", str(archive), "--out", str(out)]) == 2
    assert f"{out}: another process is writing its answers there" in capsys.readouterr().err
    assert not out.exists()
