"""Fetches models from the Hugging Face Hub, named as NAME/REPO[@REVISION], and verifies them.

A branch or tag is resolved to a commit first, and all files are taken from that commit. Only the
files of a bundle are fetched, whatever else the repository holds, and only if none is larger than
any model of this project. Then the bundle is verified like any folder (`cxr.model.bundle`). Nothing
in it is run as code.

The page's `--flag-to` also writes here: readers' disagreements, to a dataset of its operator.

Fetched files stay in the Hub client's cache. A full commit that is in the cache is used without a
request. A branch or tag is looked up each time; its cached copy serves if the Hub is unreachable.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cxr.errors import BundleError, HubError, first_line
from cxr.messages import Message
from cxr.model.bundle import BUNDLED_MODEL, FILES, LOCAL_MODEL, WEIGHTS, Bundle, load_bundle
from cxr.model.graph import GRAPH
from cxr.saved_files import MAX_BYTES, MAX_JSON_BYTES, where_it_is

_TOKEN = re.compile(r"Bearer [^'\"]+|\bhf_[\w.\-]{20,}|(?<=//)[^/@\s]+(?=@)")
MODEL_VARIABLE = "CXR_MODEL"  # what is used where no model is named
LIMITS = dict.fromkeys(FILES, MAX_JSON_BYTES) | dict.fromkeys((GRAPH, WEIGHTS), MAX_BYTES)

_REFERENCE = re.compile(
    r"(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>\w[\w.-]*(?:/\w[\w.-]*)*))?", re.ASCII
)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubReference:
    """A model on the Hub.

    Attributes:
        repo: ``"name/repository"``.
        revision: a branch, a tag, or a full commit.
    """

    repo: str
    revision: str = "main"

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}"


def find_bundle(model: str | os.PathLike[str] | None = None) -> Bundle:
    """The bundle that a user means.

    Args:
        model: a folder, or NAME/REPO[@REVISION] on the Hub; a folder with such a name comes first.
            By default the model named by the environment variable ``CXR_MODEL``, else the one
            chosen with ``python -m training use``, else the bundled model.

    Raises:
        BundleError: the folder, or what was fetched, is not an intact bundle.
        HubError: the model is not on the Hub, or cannot be fetched.
    """
    default = LOCAL_MODEL if where_it_is(LOCAL_MODEL).is_dir() else BUNDLED_MODEL
    chosen = model or os.environ.get(MODEL_VARIABLE) or default
    reference = None if Path(chosen).is_dir() else parse_reference(os.fspath(chosen))
    return fetch_bundle(reference) if reference else load_bundle(chosen)


def parse_reference(text: str) -> HubReference | None:
    """Read ``NAME/REPO[@REVISION]``; None if the text has another form."""
    match = _REFERENCE.fullmatch(text)
    if not match or not _may_be_a_name(match["repo"]) or ".." in text:
        return None
    return HubReference(match["repo"], match["revision"] or "main")


def _may_be_a_name(repo: str) -> bool:
    """Whether the Hub allows this name; its characters have been checked already."""
    ends = all(part[-1] not in "-." and not part.endswith(".git") for part in repo.split("/"))
    return ends and "--" not in repo and len(repo) <= 96


def fetch_bundle(reference: HubReference) -> Bundle:
    """Fetch and verify a model of the Hub.

    Raises:
        HubError: there is no such model or revision, access is denied, or the Hub cannot be reached
            and there is no cached copy.
        BundleError: what was fetched is not an intact bundle.
    """
    folder = _cached(reference) or _download(reference)
    try:
        bundle = load_bundle(folder)
    except BundleError as error:
        raise BundleError(
            f"{reference}: what came from the Hub is no intact bundle ({error}) "
            f"If the copy was damaged here, delete {folder.parents[1]} and try again."
        ) from error
    return replace(bundle, origin=f"{reference.repo}@{folder.name}")


def _cached(reference: HubReference) -> Path | None:
    """The folder of a full commit that was fetched before."""
    from huggingface_hub import snapshot_download

    if not _COMMIT.fullmatch(reference.revision):
        return None
    try:
        folder = Path(
            snapshot_download(
                reference.repo,
                revision=reference.revision,
                allow_patterns=list(FILES),
                local_files_only=True,
            )
        )
        complete = all((folder / name).is_file() for name in FILES)
    except OSError:  # nothing there, not all of it, or not readable: the Hub has it
        return None
    return folder if complete else None


def _download(reference: HubReference) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub import errors as hub

    files, named = list(FILES), {"reference": str(reference)}
    try:
        commit = HfApi().resolve_revision(reference.repo, revision=reference.revision)
        try:
            listing = snapshot_download(
                reference.repo, revision=commit, allow_patterns=files, dry_run=True
            )
            _check_listing(reference, {file.filename: file.file_size for file in listing})
            looked_at = True
        except hub.DryRunError as error:
            cause = error.__cause__
            if isinstance(cause, hub.HfHubHTTPError) and cause.response.status_code < 500:
                raise cause from error  # the Hub answered, and refused
            looked_at = False  # the Hub did not answer: only cached files may be used
        return Path(
            snapshot_download(
                reference.repo,
                revision=commit,
                allow_patterns=files,
                local_files_only=not looked_at,
            )
        )
    except hub.RevisionNotFoundError as error:
        values = {**named, "repo": reference.repo, "revision": reference.revision}
        raise HubError(Message("hub_no_revision", values)) from error
    except hub.GatedRepoError as error:
        raise HubError(Message("hub_gated", named)) from error
    except hub.RepositoryNotFoundError as error:
        raise HubError(Message("hub_no_model", named)) from error
    except (hub.RevisionResolutionError, hub.LocalEntryNotFoundError) as error:
        raise HubError(Message("hub_unreachable", named)) from error
    except client_failures() as error:
        raise HubError(
            Message("hub_not_fetched", {**named, "why": without_token(error)})
        ) from error


def client_failures() -> tuple[type[Exception], ...]:
    """What the Hub's client raises where something on the way fails.

    ValueError and InvalidURL: a token or proxy that cannot be used. RuntimeError: an interrupted
    transfer.
    """
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    failures = (HfHubHTTPError, httpx2.HTTPError, httpx2.InvalidURL)
    return (*failures, OSError, ValueError, RuntimeError)


def without_token(error: Exception) -> str:
    """The first line of an error's message, without a token: a library may quote a damaged one."""
    return _TOKEN.sub("…", first_line(error))


def _check_listing(reference: HubReference, sizes: dict[str, int | None]) -> None:
    """Refuse a repository that holds no bundle, before anything is fetched."""
    for name in FILES:
        size = sizes.get(name)
        named = {"reference": str(reference), "name": name}
        if size is None:
            raise HubError(Message("hub_lacks", named))
        if size > LIMITS[name]:
            sizes_of = {"size": size, "limit": LIMITS[name]}
            raise HubError(Message("hub_too_large", {**named, **sizes_of}))


# --- Flags ----------------------------------------------------------------------------------------


def prepare_dataset(dataset: str) -> None:
    """Make a private dataset on the Hub, unless it is there already.

    Raises:
        HubError: the name is not one of a dataset, the dataset is public, there is no token that
            may write, or the Hub cannot be reached.
    """
    from huggingface_hub import HfApi

    if parse_reference(dataset) is None or "@" in dataset:
        raise HubError(f"{dataset}: expected NAME/DATASET, for example me/disagreements.")
    with _clear_errors(dataset):
        HfApi().create_repo(dataset, repo_type="dataset", private=True, exist_ok=True)
        private = HfApi().dataset_info(dataset).private
    if not private:
        raise HubError(
            f"{dataset}: is public, and radiographs may be sent there. Make it private on its "
            "page, or name another."
        )


def add_to_dataset(dataset: str, files: dict[str, bytes], *, message: str) -> None:
    """Add files to a dataset on the Hub in one commit.

    Args:
        dataset: ``NAME/DATASET``.
        files: content by path.
        message: of the commit.

    Raises:
        HubError: they could not be sent.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    operations = [
        CommitOperationAdd(path_in_repo=path, path_or_fileobj=content)
        for path, content in files.items()
    ]
    with _clear_errors(dataset):
        HfApi().create_commit(dataset, operations, commit_message=message, repo_type="dataset")


@contextmanager
def _clear_errors(dataset: str) -> Iterator[None]:
    try:
        yield
    except client_failures() as error:
        raise HubError(
            f"{dataset}: cannot be written to ({without_token(error)}). Log in with a token that "
            "may write (hf auth login, or HF_TOKEN), and check the connection."
        ) from error
