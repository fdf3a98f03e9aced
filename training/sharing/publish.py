"""Publishes a finished run on the Hugging Face Hub: all of it in one commit, or nothing.

Sends the bundle with its card, to which pictures and the lines that use the model are added, the
evaluation results in the Hub's own form, plots of the run and the example radiographs.
`cxr.model.hub` fetches it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from huggingface_hub import CommitOperationAdd, EvalResultEntry, HfApi, eval_result_entries_to_yaml
from huggingface_hub import errors as hub

from cxr.cases import CASES, read_cases
from cxr.errors import HubError, RunError
from cxr.model.bundle import CARD, FILES, MANIFEST, Bundle, load_bundle
from cxr.model.hub import client_failures, parse_reference, without_token
from cxr.model.session import ModelSession
from cxr.templates import render
from training.files import EXAMPLES
from training.fitting.run_folder import RunFolder
from training.sharing.pictures import HEATMAPS, RELIABILITY, ROC, Pictures, draw_pictures
from training.templates import FOLDER

PLOTS = ("learning_curves.png", "confusion_matrix.png")


@dataclass(frozen=True)
class Publication:
    """What was published, or would be.

    Attributes:
        repo: ``"name/repository"``.
        files: bytes by path in the repository.
        commit: the commit; empty for a dry run.
        url: of the commit; empty for a dry run.
        card: as it is published.
    """

    repo: str
    files: dict[str, int]
    card: str
    commit: str = ""
    url: str = ""


def publish(
    run: Path,
    repo: str,
    *,
    tag: str | None = None,
    private: bool = False,
    dry_run: bool = False,
) -> Publication:
    """Publish a run's bundle.

    Args:
        run: folder of a run, or of a bundle.
        repo: ``NAME/REPO`` on the Hub; made if missing.
        tag: tag for the new commit, for example ``v1``.
        private: make a new repository private.
        dry_run: send nothing, and do not contact the Hub.

    Raises:
        BundleError: the bundle is damaged, or its weights do not fit its network.
        HubError: there is no token or no access, the tag exists, somebody else published
            meanwhile, or the Hub cannot be reached. Nothing is half-published.
        RunError: the folder holds no bundle.
    """
    if parse_reference(repo) is None or "@" in repo:
        raise HubError(f"{repo}: expected NAME/REPO, for example me/chest-x-rays.")
    # `cxr.model.hub` could not fetch such a tag, or would take it for a branch or a commit.
    if tag and (not parse_reference(f"{repo}@{tag}") or tag == "main" or len(tag) == 40):
        raise HubError(
            f"{tag}: expected a tag of letters, digits, dots and dashes, for example v1."
        )
    bundle = load_bundle(bundle_of(run))
    # Here, so that the studio need not load Keras to offer this.
    from training.networks.loading import load_network

    # Either raises if its file does not fit, before anything is sent.
    ModelSession(bundle.folder, bundle.network)
    load_network(bundle)
    files = _files(run, bundle, f"{repo}@{tag}" if tag else repo)
    sizes = {name: len(content) for name, content in files.items()}
    publication = Publication(repo, sizes, files[CARD].decode())
    if dry_run:
        return publication
    with clear_errors(repo):
        return _commit(publication, bundle, files, tag=tag, private=private)


def _files(run: Path, bundle: Bundle, reference: str) -> dict[str, bytes]:
    """What is published: content by path in the repository."""
    files = {name: (bundle.folder / name).read_bytes() for name in FILES}
    pictures = draw_pictures(bundle)
    files |= pictures.files
    card = published_card(files[CARD].decode(), reference, pictures).encode()
    # The card is a file of the bundle, too: the manifest has to name what is published.
    files |= {CARD: card, MANIFEST: _manifest(files[MANIFEST], card)}
    for name in PLOTS:
        if (run / name).is_file():
            files[f"plots/{name}"] = (run / name).read_bytes()
    for path in example_files():
        files[f"examples/{path.name}"] = path.read_bytes()
    dataset = bundle.config["trained_on"].get("hub_dataset")
    if dataset:
        files[".eval_results/results.yaml"] = _eval_results(bundle, dataset).encode()
    return files


def published_card(card: str, reference: str, pictures: Pictures) -> str:
    """A bundle's card with the lines that use the model, and pictures, before its results.

    Args:
        card: of the bundle.
        reference: ``NAME/REPO`` or ``NAME/REPO@TAG``, of the model on the Hub.
        pictures: of the bundle.
    """
    added = render(
        FOLDER / "published.md.jinja",
        reference=reference,
        roc=ROC,
        reliability=RELIABILITY if RELIABILITY in pictures.files else "",
        heatmaps=HEATMAPS,
        shown=pictures.shown,
    )
    before, heading, after = card.partition("\n## Results\n")
    # Those of the model's repository before, if it came from the Hub.
    before = before.partition("\n## Use this model\n")[0]
    return f"{before}\n{added}{heading.lstrip()}{after}"


def _manifest(content: bytes, card: bytes) -> bytes:
    """The manifest of a bundle with another card."""
    digests = json.loads(content) | {CARD: hashlib.sha256(card).hexdigest()}
    return (json.dumps(digests, indent=1) + "\n").encode()


def example_files() -> list[Path]:
    """The files of the cases, their document and their sources; no other file of that folder."""
    return [*(case.path for case in read_cases().cases), EXAMPLES / CASES, EXAMPLES / "SOURCES.md"]


def _eval_results(bundle: Bundle, dataset: str) -> str:
    """The evaluation in the Hub's form (hub-docs, eval_results.yaml)."""
    result = bundle.evaluation["result"]
    entries = [
        EvalResultEntry(
            dataset_id=dataset,
            task_id=name,
            value=round(result["metrics"][name], 4),
            notes=f"{bundle.evaluation['source']}; not the official test split",
        )
        for name in ("auc", "accuracy", "sensitivity", "specificity")
    ]
    return str(yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False))


def _commit(
    publication: Publication,
    bundle: Bundle,
    files: dict[str, bytes],
    *,
    tag: str | None,
    private: bool,
) -> Publication:
    api, repo = HfApi(), publication.repo
    api.whoami()  # a missing or wrong token ends here, before anything is made
    api.create_repo(repo, private=private, exist_ok=True)
    if private and not api.model_info(repo).private:
        raise HubError(
            f"{repo}: exists already, and is public. Make it private on its page on the Hub, or "
            "choose another name. Nothing was published."
        )
    refs = api.list_repo_refs(repo)
    for ref in refs.tags:
        if ref.name != tag:
            continue
        if _is_there(api, repo, ref.target_commit, files):  # the same command, given again
            address = f"{api.endpoint}/{repo}/commit/{ref.target_commit}"
            return replace(publication, commit=ref.target_commit, url=address)
        raise HubError(
            f"{repo}: has a tag {tag} already. Choose another tag. Nothing was published."
        )
    heads = [ref.target_commit for ref in refs.branches if ref.name == "main"]
    operations = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
        for name, content in files.items()
    ]
    # With the parent named, the Hub refuses the commit if somebody else has committed meanwhile.
    info = api.create_commit(
        repo,
        operations,
        commit_message=bundle.title,
        parent_commit=heads[0] if heads else None,
    )
    if tag:
        try:
            api.create_tag(repo, tag=tag, revision=info.oid)
        except client_failures() as error:
            raise HubError(
                f"{repo}: published as {info.oid}, but the tag {tag} could not be set "
                f"({without_token(error)}). "
                f"Set it on the Hub, or name the model {repo}@{info.oid}."
            ) from error
    return replace(publication, commit=info.oid, url=info.commit_url)


def _is_there(api: HfApi, repo: str, commit: str, files: dict[str, bytes]) -> bool:
    """Whether a commit holds this very model: its manifest has the digests of all its files."""
    try:
        found = Path(api.hf_hub_download(repo, MANIFEST, revision=commit)).read_bytes()
    except hub.EntryNotFoundError:
        return False
    return found == files[MANIFEST]


@contextmanager
def clear_errors(repo: str) -> Iterator[None]:
    """Turn the Hub client's errors into HubErrors that say what to do."""
    try:
        yield
    except hub.LocalTokenNotFoundError as error:
        raise HubError(
            "No token for the Hub. Log in (hf auth login), or set HF_TOKEN to a token that may "
            "write."
        ) from error
    except hub.HfHubHTTPError as error:
        raise HubError(f"{repo}: {_advice(error)}") from error
    except client_failures() as error:
        raise HubError(
            f"{repo}: sending failed ({without_token(error)}). Look at the repository to see "
            "whether it arrived, then try again."
        ) from error


def _advice(error: hub.HfHubHTTPError) -> str:
    status = error.response.status_code
    if status in (409, 412):
        return (
            "somebody else published in between. Nothing was published now: look at what is there, "
            "then publish again."
        )
    if status in (401, 403):
        return (
            f"the token is not accepted ({status}). Use a token that may write there: hf auth "
            "login, or HF_TOKEN."
        )
    if status == 402:
        return (
            "the Hub requires a paid account for that (402). See python -m training deploy --help."
        )
    if status == 429:
        return "too many requests to the Hub (429). Nothing was published; try again later."
    return f"the Hub answered {status}. Nothing was published; try again later."


def describe(publication: Publication) -> str:
    """What a dry run shows: files, sizes and the card."""
    rows = [f"{size:>12,}  {name}" for name, size in sorted(publication.files.items())]
    total = sum(publication.files.values())
    return "\n".join(
        [*rows, f"{total:>12,}  bytes in all, to {publication.repo}", "", publication.card]
    )


def bundle_of(run: Path) -> Path:
    """The bundle of a run, or the folder itself if it is a bundle.

    Raises:
        RunError: the folder is neither.
    """
    if bundle := RunFolder(run).finished_bundle:
        return bundle
    if (run / MANIFEST).is_file():
        return run
    raise RunError(
        f"{run}: holds no bundle. Expected the folder of a finished run, or of a bundle."
    )
