"""A small Hub on 127.0.0.1 that the real client talks to: repositories, commits, tags, files.

It keeps everything in memory and does what the Hub does as far as the client can tell: large files
go through Git LFS's batch API, a commit names its parent, private repositories want a token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_of_the_test"  # noqa: S105  # no secret: it opens this server alone
REPO = "me/cxr"  # where tests publish a model


@dataclass
class Repository:
    """Commits by id, each a mapping of path to content; refs by name."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes]) -> str:
        """Add a commit to main and return its id."""
        named = sorted(
            (path, hashlib.sha256(content).hexdigest()) for path, content in files.items()
        )
        text = json.dumps([len(self.commits), named])
        commit = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self.commits[commit] = files
        self.branches["main"] = commit
        return commit

    def resolve(self, revision: str) -> str | None:
        """The commit of a branch, a tag or a commit."""
        return (
            self.branches.get(revision)
            or self.tags.get(revision)
            or (revision if revision in self.commits else None)
        )


class LoopbackHub:
    """The server's state, and what a test may do to it."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.spaces: dict[str, Repository] = {}
        self.datasets: dict[str, Repository] = {}
        self.hardware: dict[str, str] = {}
        self.large_files: dict[str, bytes] = {}
        self.requests: list[str] = []
        # Called with "METHOD path" before each request; a status that it returns is the answer.
        self.interfere: Callable[[str], int | None] = lambda _: None
        # Content by path that is sent in place of what the repository holds.
        self.tampered: dict[str, bytes] = {}
        self.url = ""

    def kind(self, name: str) -> dict[str, Repository]:
        """Repositories of a kind, as the API's paths name it."""
        return {"spaces": self.spaces, "datasets": self.datasets}.get(name, self.repositories)


def client_settings(url: str, folder: Path) -> dict[str, object]:
    """What `huggingface_hub.constants` has to hold for the client to talk to a Hub of this address.

    Args:
        url: of the Hub.
        folder: for the client's cache.
    """
    return {
        "ENDPOINT": url,
        "HUGGINGFACE_CO_URL_TEMPLATE": url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(folder / "cache"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_OFFLINE": False,
        "HF_TOKEN_PATH": str(folder / "no-token"),
    }


@contextmanager
def serve() -> Iterator[LoopbackHub]:
    """Run a Hub until the block ends."""
    state = LoopbackHub()

    class Handler(_Handler):
        hub = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    # Looks for the end of its block often: each test has a Hub of its own.
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # which delays what comes after the headers by 40 ms

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def _answer(self, method: str) -> None:
        parts = urlsplit(self.path)
        path, self.query = unquote(parts.path), parse_qs(parts.query)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            self.body = self._read_chunks()
        self.hub.requests.append(f"{method} {path}")
        status = self.hub.interfere(f"{method} {path}")
        if status:
            self._send(status, {"error": "as the test wants it"})
            return
        for verb, pattern, action in _ROUTES:
            match = re.fullmatch(pattern, path)
            if method in verb and match:
                getattr(self, action)(**match.groupdict())
                return
        self._send(404, {"error": f"no such page: {method} {path}"})

    def _read_chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(
        self, status: int, document: object = None, *, content: bytes = b"", **headers: str
    ) -> None:
        if document is not None:
            content = json.dumps(document).encode()
            headers["Content-Type"] = "application/json"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    # --- Access ----------------------------------------------------------------------------------

    def _authorized(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _repository(self, kind: str, repo: str) -> Repository | None:
        """The repository, unless it is to stay unseen; then the client has its answer."""
        found = self.hub.kind(kind).get(repo)
        if found is None or (found.private and not self._authorized()):
            self._send(401, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
            return None
        return found

    def _commit_of(self, kind: str, repo: str, revision: str) -> tuple[Repository, str] | None:
        found = self._repository(kind, repo)
        if found is None:
            return None
        commit = found.resolve(revision)
        if commit is None:
            self._send(404, {"error": "Invalid rev id"}, X_Error_Code="RevisionNotFound")
            return None
        return found, commit

    def _writable(self) -> bool:
        if not self._authorized():
            self._send(401, {"error": "Invalid username or password."})
        return self._authorized()

    # --- Reading ---------------------------------------------------------------------------------

    def whoami(self) -> None:
        if self._writable():
            self._send(200, {"name": "me", "type": "user", "orgs": []})

    def info(self, kind: str, repo: str, revision: str = "main") -> None:
        found = self._commit_of(kind, repo, revision)
        if found:
            repository, commit = found
            files = [{"rfilename": path} for path in repository.commits[commit]]
            self._send(
                200,
                {
                    "id": repo,
                    "sha": commit,
                    "private": repository.private,
                    "gated": repository.gated,
                    "siblings": files,
                },
            )

    def tree(self, kind: str, repo: str, revision: str) -> None:
        found = self._commit_of(kind, repo, revision)
        if found:
            repository, commit = found
            entries = []
            for path, content in repository.commits[commit].items():
                entry: dict[str, Any] = {
                    "type": "file",
                    "path": path,
                    "size": len(content),
                    "oid": _blob_id(content),
                }
                if _is_large(path):
                    digest = hashlib.sha256(content).hexdigest()
                    entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 134}
                entries.append(entry)
            self._send(200, entries)

    def refs(self, kind: str, repo: str) -> None:
        found = self._repository(kind, repo)
        if found:

            def listed(refs: dict[str, str], folder: str) -> list[dict[str, str]]:
                return [
                    {"name": name, "ref": f"refs/{folder}/{name}", "targetCommit": commit}
                    for name, commit in refs.items()
                ]

            self._send(
                200,
                {
                    "branches": listed(found.branches, "heads"),
                    "tags": listed(found.tags, "tags"),
                    "converts": [],
                },
            )

    def resolve(self, repo: str, revision: str, path: str, kind: str | None = None) -> None:
        found = self._commit_of(kind or "models", repo, revision)
        if not found:
            return
        repository, commit = found
        content = repository.commits[commit].get(path)
        if content is None:
            self._send(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound")
            return
        headers = {"X_Repo_Commit": commit, "ETag": f'"{_blob_id(content)}"'}
        if _is_large(path):
            headers["X_Linked_ETag"] = f'"{hashlib.sha256(content).hexdigest()}"'
            headers["X_Linked_Size"] = str(len(content))
        self._send(200, content=self.hub.tampered.get(path, content), **headers)

    # --- Writing ---------------------------------------------------------------------------------

    def create(self) -> None:
        if not self._writable():
            return
        wish = json.loads(self.body)
        repo = f"{wish.get('organization') or 'me'}/{wish['name']}"
        kind = self.hub.kind(f"{wish.get('type') or 'model'}s")
        url = f"{self.hub.url}/{repo}"
        if repo in kind:
            self._send(409, {"error": "You already created this repo", "url": url})
            return
        private = bool(wish.get("private")) or wish.get("visibility") == "private"
        kind[repo] = Repository(private=private)
        kind[repo].commit({".gitattributes": b"*.h5 filter=lfs\n"})
        self.hub.hardware[repo] = wish.get("hardware", "cpu-basic")
        self._send(200, {"url": url, "name": repo})

    def runtime(self, repo: str) -> None:
        hardware = self.hub.hardware.get(repo)
        self._send(200, {"stage": "RUNNING", "hardware": {"requested": hardware}})

    def change_hardware(self, repo: str) -> None:
        if self._writable():
            self.hub.hardware[repo] = json.loads(self.body)["flavor"]
            self.runtime(repo)

    def validate_yaml(self) -> None:
        self._send(200, {"errors": [], "warnings": []})

    def preupload(self, kind: str, repo: str, revision: str) -> None:
        found = self._writable() and self._commit_of(kind, repo, revision)
        if found:
            repository, head = found
            there = repository.commits[head]
            files = json.loads(self.body)["files"]
            self._send(
                200,
                {
                    "files": [
                        {
                            "path": file["path"],
                            "uploadMode": "lfs" if _is_large(file["path"]) else "regular",
                            "shouldIgnore": False,
                            "oid": _stored_id(file["path"], there.get(file["path"])),
                        }
                        for file in files
                    ]
                },
            )

    def lfs_batch(self) -> None:
        if not self._writable():
            return
        objects = [
            {
                "oid": item["oid"],
                "size": item["size"],
                "actions": {
                    "upload": {"href": f"{self.hub.url}/lfs/{item['oid']}"},
                    "verify": {"href": f"{self.hub.url}/lfs/verify"},
                },
            }
            for item in json.loads(self.body)["objects"]
        ]
        self._send(200, {"transfer": "basic", "objects": objects})

    def lfs_put(self, digest: str) -> None:
        self.hub.large_files[digest] = self.body
        self._send(200)

    def lfs_verify(self) -> None:
        self._send(200, {})

    def commit(self, kind: str, repo: str, revision: str) -> None:
        if not self._writable():
            return
        found = self._commit_of(kind, repo, revision)
        if not found:
            return
        repository, head = found
        lines = [json.loads(line) for line in self.body.splitlines()]
        parent = next(line["value"] for line in lines if line["key"] == "header").get(
            "parentCommit"
        )
        if parent and parent != head:
            self._send(412, {"error": "A commit has happened since. Please refresh and try again."})
            return
        files = dict(repository.commits[head])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large_files[value["oid"]]
            elif line["key"] == "deletedFile":
                files.pop(value["path"])
        commit = repository.commit(files)
        url = f"{self.hub.url}/{repo}/commit/{commit}"
        self._send(200, {"success": True, "commitOid": commit, "commitUrl": url})

    def tag(self, kind: str, repo: str, revision: str) -> None:
        if not self._writable():
            return
        found = self._commit_of(kind, repo, revision)
        if found:
            repository, commit = found
            repository.tags[json.loads(self.body)["tag"]] = commit
            self._send(200, {})


def _is_large(path: str) -> bool:
    return path.endswith((".h5", ".png"))


def _stored_id(path: str, content: bytes | None) -> str | None:
    """By which the client sees that a file is there already, and sends none of it."""
    if content is None:
        return None
    return hashlib.sha256(content).hexdigest() if _is_large(path) else _blob_id(content)


def _blob_id(content: bytes) -> str:
    header = f"blob {len(content)}\0".encode()
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


_KIND = r"/api/(?P<kind>models|spaces|datasets)/(?P<repo>[^/]+/[^/]+)"
_ROUTES = [
    ("GET", r"/api/whoami-v2", "whoami"),
    ("GET", _KIND, "info"),
    ("GET", _KIND + r"/revision/(?P<revision>.+)", "info"),
    ("GET", _KIND + r"/tree/(?P<revision>[^/]+)", "tree"),
    ("GET", _KIND + r"/refs", "refs"),
    (
        "GET HEAD",
        r"/(?:(?P<kind>spaces|datasets)/)?(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)",
        "resolve",
    ),
    ("POST", r"/api/repos/create", "create"),
    ("GET", r"/api/spaces/(?P<repo>[^/]+/[^/]+)/runtime", "runtime"),
    ("POST", r"/api/spaces/(?P<repo>[^/]+/[^/]+)/hardware", "change_hardware"),
    ("POST", r"/api/validate-yaml", "validate_yaml"),
    ("POST", _KIND + r"/preupload/(?P<revision>[^/]+)", "preupload"),
    ("POST", r"/.+\.git/info/lfs/objects/batch", "lfs_batch"),
    ("PUT", r"/lfs/(?P<digest>[0-9a-f]{64})", "lfs_put"),
    ("POST", r"/lfs/verify", "lfs_verify"),
    ("POST", _KIND + r"/commit/(?P<revision>[^/]+)", "commit"),
    ("POST", _KIND + r"/tag/(?P<revision>[^/]+)", "tag"),
]
