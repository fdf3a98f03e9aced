"""The import rule, the public names, and how light the library is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import cxr
from tests.conftest import ROOT
from tests.syntax import parse

SOURCES = sorted([ROOT / "app.py", *ROOT.glob("cxr/**/*.py"), *ROOT.glob("training/**/*.py")])


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or within a function."""
    for node in ast.walk(parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            # What is imported may be a module itself.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(package: str) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if any(name.split(".")[0] == package for name in imports(path))
    }


def test_the_library_never_imports_the_training_package() -> None:
    assert not {path for path in importers("training") if path.startswith("cxr/")}


def test_only_pages_import_gradio() -> None:
    assert importers("gradio")
    for path in importers("gradio"):
        assert path.startswith(("cxr/page/", "training/studio/"))


def test_only_three_rooms_talk_to_the_hub() -> None:
    sharing = {"training/sharing/publish.py", "training/sharing/deploy.py"}
    assert importers("huggingface_hub") == {"cxr/model/hub.py", *sharing}


def test_only_what_spreads_work_imports_ray() -> None:
    """And within functions: importing them loads neither, see below."""
    assert importers("ray") == {"cxr/archive.py", "cxr/ray_processes.py"}
    assert importers("pyarrow") == {"cxr/answerer.py", "cxr/archive.py", "cxr/output/table.py"}


def test_answering_needs_neither_keras_nor_tensorflow() -> None:
    for package in ("keras", "tensorflow"):
        assert not {path for path in importers(package) if path.startswith(("cxr/", "app"))}


def test_only_heatmaps_and_their_export_import_tensorflow() -> None:
    rooms = ("export", "gradcam", "keras_way", "lstm_export")
    assert importers("tensorflow") == {f"training/networks/{room}.py" for room in rooms}


def test_the_fit_needs_no_tensorflow() -> None:
    """Nothing that `training.fitting.fit` imports leads to tensorflow or gradio."""
    seen: set[str] = set()
    waiting = ["training.fitting.fit"]
    while waiting:
        module = waiting.pop()
        path = ROOT / Path(*module.split(".")).with_suffix(".py")
        if module in seen or not path.exists():
            continue
        seen.add(module)
        for name in imports(path):
            assert name.split(".")[0] not in {"tensorflow", "gradio"}, f"{module} imports {name}"
            waiting.append(name)
    assert "training.networks.network" in seen
    assert "training.fitting.augmentation" in seen


def test_rooms_are_small() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in SOURCES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 300
    }
    assert not long


def test_no_module_leads_back_to_itself() -> None:
    """Imports within functions and for type checking included."""
    modules = {_module_name(path): path for path in SOURCES}
    graph = {
        module: {name for name in imports(path) if name in modules and name != module}
        for module, path in modules.items()
    }
    while leaves := {module for module, names in graph.items() if not names & graph.keys()}:
        for module in leaves:
            del graph[module]
    assert not sorted(graph)


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_every_package_that_is_imported_is_declared() -> None:
    requirements = {
        name: (ROOT / f"requirements-{name}.txt").read_text()
        for name in ("page", "archive", "mcp", "training")
    }
    declared = {
        name: {canonical(line) for line in text.splitlines() if "==" in line}
        for name, text in requirements.items()
    }
    distributions = packages_distributions()
    for path in SOURCES:
        training = path.is_relative_to(ROOT / "training")
        allowed = declared["page"] | declared["archive"] | declared["mcp"]
        if training:
            allowed |= declared["training"]
        for name in {name.split(".")[0] for name in imports(path)} - {"cxr", "training", "app"}:
            if name in sys.stdlib_module_names or name == "spaces":
                continue
            owners = {canonical(owner) for owner in distributions.get(name, [name])}
            assert owners & allowed, f"{path.name} imports {name}, which is not declared"


def canonical(requirement: str) -> str:
    name = re.split(r"\[|==", requirement)[0].strip()
    return re.sub(r"[-_.]+", "-", name).lower()


def test_public_names_can_be_had() -> None:
    assert sorted(cxr.__all__) == cxr.__all__
    for name, module in cxr._MODULE_OF.items():
        for _ in range(2):  # importing a module must not hide a name of the package
            assert getattr(cxr, name) is getattr(import_module(module), name)
    assert set(cxr.__all__) == {*cxr._MODULE_OF, "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = cxr.nothing  # type: ignore[attr-defined]


def fresh(code: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout


def test_importing_the_library_is_quick() -> None:
    timed = "import time; t = time.perf_counter(); import cxr; print(time.perf_counter() - t)"
    assert min(float(fresh(timed)) for _ in range(3)) < 0.2


@pytest.mark.parametrize(
    "code",
    [
        "import cxr",
        "import cxr.cli as m\ntry: m.main(['--help'])\nexcept SystemExit: 0",
        "import cxr.archive",
        "import app as m\ntry: m.main(['--port', 'none'])\nexcept SystemExit: 0",
    ],
)
def test_importing_and_helping_load_neither_tensorflow_nor_gradio_nor_ray(code: str) -> None:
    listed = fresh(f"import sys\n{code}\nprint(); print(*sys.modules)").splitlines()[-1].split()
    assert "cxr" in listed
    assert not {"tensorflow", "keras", "gradio", "ray", "pyarrow"} & set(listed)


@pytest.mark.parametrize("page", ["cxr.page", "training.studio"])
def test_a_page_is_imported_without_gradios_stubs(page: str) -> None:
    """Gradio would read and write one beside each component, in seconds."""
    code = """
import sys
stubs = []
def hear(event, arguments):
    if event == "open" and str(arguments[0]).endswith(".pyi"):
        stubs.append(arguments[0])
sys.addaudithook(hear)
"""
    printed = fresh(
        f"{code}import {page}, gradio, inspect\nprint(stubs, inspect.getfile(gradio.HTML))"
    )
    assert printed.startswith("[] /")  # and afterwards, a class's file can be found again


@pytest.mark.parametrize(
    "code",
    [
        "import training.__main__ as m\ntry: m.main(['--help'])\nexcept SystemExit: 0",
        "import training.studio",  # what computes runs in processes of its own
    ],
)
def test_training_help_and_the_studio_load_no_tensorflow(code: str) -> None:
    listed = fresh(f"import sys\n{code}\nprint(); print(*sys.modules)").splitlines()[-1].split()
    assert "training" in listed
    assert not {"tensorflow", "ray", "sklearn", "seaborn"} & set(listed)


def test_a_worker_waits_for_jobs_without_the_page() -> None:
    listed = fresh("import sys, training.jobs.queue\nprint(*sys.modules)").split()
    assert "training.jobs.queue" in listed
    assert not {"gradio", "pandas", "tensorflow"} & set(listed)
