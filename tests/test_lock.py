"""The lock holds every package that the requirements files need, pinned and with its hashes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

LOCKS = (
    "requirements-page",
    "requirements",
    "requirements-dev",
    "requirements-archive",
    "requirements-space",
    "requirements-mcp",
)
HASH = r"    --hash=sha256:[0-9a-f]{64}"
STALE = "the lock is stale: make lock"


def pins(text: str) -> dict[str, str]:
    """Versions by name, of a lock or of lines without hashes."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line):
            name = canonicalize_name(match[1])
            assert name not in found, f"{name} is listed twice"
            found[name] = match[2]
    return found


def lock(name: str) -> str:
    return (ROOT / f"{name}.lock").read_text(encoding="utf-8")


def requirements(name: str) -> Iterator[Requirement]:
    """The requirements of a file and of those that it includes."""
    for line in (ROOT / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            yield from requirements(text.removeprefix("-r ").removesuffix(".txt"))
        elif text:
            yield Requirement(text)


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_locked_at_its_version(name: str) -> None:
    locked = pins(lock(name))
    for requirement in requirements(name):
        version = locked.get(canonicalize_name(requirement.name))
        assert version, f"{requirement} is missing: {STALE}"
        assert version in requirement.specifier, f"{requirement} is locked at {version}: {STALE}"


@pytest.mark.parametrize("name", LOCKS)
def test_every_entry_has_hashes_and_nothing_else_is_said(name: str) -> None:
    """No addresses and no paths: whoever installs chooses where from."""
    text = lock(name).replace(" \\\n", "\n")
    header, _, entries = text.partition("make lock\n")
    assert header.startswith("# ")
    entry = rf"[a-z0-9.-]+==[A-Za-z0-9.+]+( ; [^\n:/@]+)?\n({HASH}\n)+"
    assert re.fullmatch(rf"({entry})+", entries)
    assert not re.search("://|/", text)


def test_a_package_has_one_version() -> None:
    page, everything, dev, archive, space, mcp = (pins(lock(name)) for name in LOCKS)
    assert page.items() <= everything.items() <= dev.items()
    assert archive.items() <= dev.items()
    assert mcp.items() <= dev.items()
    assert page.items() <= space.items()


def test_the_lock_serves_other_systems_and_later_versions_of_python() -> None:
    text = lock("requirements-page")
    assert "sys_platform == 'win32'" in text
    assert "python_full_version >= '3.13'" in text
    numpy = re.search(rf"^numpy==.*\n((?:{HASH}.*\n)+)", text, re.MULTILINE)
    assert numpy
    assert numpy[1].count("sha256") > 20  # a wheel for each system and version


@pytest.mark.parametrize(
    "name", ["requirements-page", "requirements", "requirements-archive", "requirements-mcp"]
)
def test_what_the_requirements_bring_is_locked_too(name: str) -> None:
    """Followed through the packages that are installed here."""
    missing = brought_by(list(requirements(name))) - pins(lock(name)).keys()
    assert not missing, STALE


def brought_by(waiting: list[Requirement]) -> set[str]:
    """Names of the packages that pip would install for these, each as it is installed here."""
    seen = set()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        package = distribution(requirement.name)
        assert package.version in requirement.specifier, f"{requirement} is not what is installed"
        for inner in map(Requirement, package.requires or []):
            extras = ("", *requirement.extras)
            if not inner.marker or any(inner.marker.evaluate({"extra": name}) for name in extras):
                waiting.append(inner)
    return {canonicalize_name(Requirement(text).name) for text in seen}
