"""Puts the page on a Hugging Face Space, with one model that is pinned to a commit.

Only what the page needs is sent, in one commit. Files that an earlier deployment wrote and this one
does not are deleted; all other files of the Space are kept.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    SpaceHardware,
    hf_hub_download,
)
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

from cxr.errors import HubError
from cxr.gate.files import BUNDLED_GATE
from cxr.gate.files import FILES as GATE_FILES
from cxr.model.bundle import BUNDLED_MODEL, FILES
from cxr.model.hub import fetch_bundle, parse_reference
from training.files import ROOT
from training.sharing.publish import clear_errors, example_files

Hardware = Literal["cpu", "zero"]

WRITTEN = ".deployed-files.json"  # lists what a deployment wrote, so that the next one can delete
LOCK = ROOT / "requirements-space.lock"

# What a Space starts. It names the model's commit, so that code and model change together.
LAUNCHER = '''"""Starts the page on a Space, with the model that it was deployed with."""

import os
import sys

from app import main

os.environ.setdefault("CXR_MODEL", "{pinned}")
{extra}
sys.exit(main([]))
'''
# A ZeroGPU Space must declare a function that uses the GPU; the page computes on the CPU.
ZERO_GPU = '''
import spaces


@spaces.GPU
def unused() -> None:
    """The page computes on the CPU."""

'''
HARDWARE = {"cpu": SpaceHardware.CPU_BASIC, "zero": SpaceHardware.ZERO_A10G}
_SOURCES = {".py", ".css", ".js", ".html", ".jinja", ".toml", ".svg", ".jpg"}
_NEW_SPACE = {".gitattributes", "README.md"}  # what the Hub puts into a new Space


@dataclass(frozen=True)
class Deployment:
    """What was deployed.

    Attributes:
        space: ``"name/space"``.
        model: ``"name/repository@commit"``.
        url: the Space's address.
        written: paths of the files that this deployment wrote.
        deleted: paths that an earlier deployment wrote and this one did not.
    """

    space: str
    model: str
    url: str
    written: list[str]
    deleted: list[str]


def deploy(space: str, model: str, *, hardware: Hardware = "cpu") -> Deployment:
    """Make or update a Space.

    Args:
        space: ``NAME/SPACE``; made if missing.
        model: ``NAME/REPO@REVISION``; the Space keeps the commit that the revision names now.
        hardware: ``"cpu"`` for cpu-basic, ``"zero"`` for ZeroGPU.

    Raises:
        HubError: there is no token, no access, no such model or no connection, or a rule of the Hub
            forbids it. The Space is then unchanged.
        BundleError: the model is no intact bundle.
    """
    place, source = parse_reference(space), parse_reference(model)
    if place is None or "@" in space:
        raise HubError(f"{space}: expected NAME/SPACE, for example me/chest-x-rays.")
    if source is None:
        raise HubError(f"{model}: expected NAME/REPO@REVISION, for example me/cxr@v1.")
    bundle = fetch_bundle(source)
    pinned = str(bundle.origin)
    files = app_files(pinned, hardware=hardware)
    with clear_errors(space):
        api = HfApi()
        api.whoami()
        _require_public(pinned)
        hardware_name = HARDWARE[hardware]
        url = api.create_repo(
            space,
            repo_type="space",
            space_sdk="gradio",
            space_hardware=hardware_name if hardware == "zero" else None,
            exist_ok=True,
        )
        head = str(api.repo_info(space, repo_type="space").sha)
        there = set(api.list_repo_files(space, repo_type="space", revision=head))
        ours = _written_before(space, there, head)
        deleted = sorted((ours - files.keys()) & there)
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            CommitOperationAdd(path_in_repo=path, path_or_fileobj=content)
            for path, content in files.items()
        ]
        operations += [CommitOperationDelete(path_in_repo=path) for path in deleted]
        api.create_commit(
            space,
            operations,
            commit_message=f"The page, with {pinned}",
            repo_type="space",
            parent_commit=head,
        )
        # Of a Space that was there, which create_repo leaves as it is.
        runtime = api.get_space_runtime(space)
        if (runtime.requested_hardware or runtime.hardware) != hardware_name:
            api.request_space_hardware(space, hardware_name)
    return Deployment(space, pinned, str(url), sorted(files), deleted)


def _require_public(pinned: str) -> None:
    """Raise a HubError if a Space, which has no token, cannot fetch the model."""
    repo, commit = pinned.split("@")
    try:
        gated = HfApi(token=False).model_info(repo, revision=commit).gated
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise HubError(
            f"{pinned}: cannot be seen without a token, and a Space has none. Make it public."
        ) from error
    if gated:  # whoever has no token sees that it is there, and cannot fetch it
        raise HubError(
            f"{pinned}: is gated, so that it cannot be fetched without a token, and a Space has "
            "none. Remove the gate in the model's settings."
        )


def app_files(pinned: str, *, hardware: Hardware = "cpu") -> dict[str, bytes]:
    """The files that a Space needs: content by path.

    Args:
        pinned: ``NAME/REPO@COMMIT`` of the model.
        hardware: see `deploy`.
    """
    paths = [ROOT / name for name in ("app.py", "LICENSE")]
    paths += [
        path
        for path in sorted((ROOT / "cxr").rglob("*"))
        if path.suffix in _SOURCES and path.is_file() and not path.is_symlink()
    ]
    paths += [BUNDLED_MODEL / name for name in FILES]
    paths += [BUNDLED_GATE / name for name in GATE_FILES]
    paths += example_files()
    files = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths}
    zero = hardware == "zero"
    launcher = LAUNCHER.format(pinned=pinned, extra=ZERO_GPU if zero else "")
    files["space.py"] = launcher.encode()
    files["requirements.txt"] = _requirements().encode()
    files["README.md"] = _readme(pinned, hardware).encode()
    files[WRITTEN] = (json.dumps(sorted([*files, WRITTEN]), indent=1) + "\n").encode()
    return files


def _requirements() -> str:
    """Every locked package with its version, one a line.

    Without the hashes: a Space's builder installs them in one command with packages that it names
    itself without any, which pip then refuses.
    """
    pins = re.findall(r"^[a-z0-9].*?(?= *\\?$)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    return "".join(f"{pin}\n" for pin in pins)


def _readme(pinned: str, hardware: Hardware) -> str:
    """The Space's README: the front matter of the project's README, and the pinned model."""
    own = (ROOT / "README.md").read_text(encoding="utf-8")
    match = re.match(r"---\n(.*?)\n---\n", own, re.DOTALL)
    front: dict[str, Any] = yaml.safe_load(match[1]) if match else {}
    repo, commit = pinned.split("@")
    front |= {
        "app_file": "space.py",
        "suggested_hardware": str(HARDWARE[hardware].value),
        "models": [repo],
        "preload_from_hub": [f"{repo} {','.join(FILES)} {commit}"],
    }
    header = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return (
        f"---\n{header}---\n\n# {front['title']}\n\n"
        "Drop a chest radiograph of a child, and read the probability of pneumonia, a verdict at a "
        "threshold that\nyou can move, and a heatmap of the evidence.\n\n"
        "**For research and teaching. Not a medical device. Use only radiographs without "
        "names.**\n\n"
        f"Model: [{repo}](https://huggingface.co/{repo}/tree/{commit}), commit `{commit}`.\n"
    )


def _written_before(space: str, there: set[str], head: str) -> set[str]:
    """Paths that earlier deployments wrote.

    Raises:
        HubError: the Space has files, but none from a deployment.
    """
    if WRITTEN not in there:
        if there <= _NEW_SPACE:
            return set()
        raise HubError(
            f"{space}: has files in it, and none from an earlier deployment. Choose another name, "
            "or empty the Space first."
        )
    path = hf_hub_download(space, WRITTEN, repo_type="space", revision=head)
    try:
        written = json.loads(Path(path).read_text(encoding="utf-8"))
        return {str(name) for name in written}
    except (ValueError, TypeError) as error:
        raise HubError(
            f"{space}: its {WRITTEN} is damaged. Delete that file on the Hub, then deploy again."
        ) from error
