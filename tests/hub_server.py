"""A hub on loopback: the part of its protocol that huggingface_hub, transformers and datasets use.

It serves ``<folder>/{models,datasets}/<owner>/<name>/...`` as repositories and ``<folder>/files``
as plain files under ``/files``, and can be told to fail in the ways of a real one.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = (".parquet", ".safetensors", ".zip", ".gz")  # kept as the hub keeps large files
NAME = "([^/]+/[^/]+)"
ROUTES = {  # path -> what answers
    rf"/api/(models|datasets)/{NAME}(?:/(revision|tree|paths-info)/([^/]+)(?:/(.+))?)?": "tell",
    rf"/(datasets)/{NAME}/resolve/([^/]+)/(.+)": "resolve",
    rf"/()(?!datasets/){NAME}/resolve/([^/]+)/(.+)": "resolve",
    r"/(files/.+)": "plain",
    r"/large/[0-9a-f]+/(.+)": "plain",
}
BRANCHES = ("main", "refs/convert/parquet")
ERRORS = {404: "EntryNotFound", 403: "GatedRepo", 401: "GatedRepo"}


@dataclass
class Fault:
    """What goes wrong with requests whose path holds ``where``.

    ``kind`` is an HTTP status; ``cut``: the connection closes half way; ``short``: half is sent as
    if it were all; ``damaged``: other bytes; ``stall``: nothing comes for two seconds.
    """

    kind: int | str
    where: str
    times: int
    headers: dict[str, str]


@dataclass
class HubServer:
    """A running server.

    Attributes:
        requests: method, path and range of every request so far.
        pins: repository -> the commit that its files are said to be, instead of a made one.
    """

    folder: Path
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    pins: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def elsewhere(self) -> str:
        """The same server under another name, as the hub's store of large files is."""
        return f"http://localhost:{self.port}"

    def repository(self, kind: str, name: str, files: dict[str, bytes | str | Path]) -> None:
        """Add files to a repository."""
        for path, content in files.items():
            place = self.folder / kind / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            content = content.read_bytes() if isinstance(content, Path) else content
            place.write_bytes(content.encode() if isinstance(content, str) else content)

    def plain(self, path: str, content: bytes) -> str:
        """Add a plain file; returns its address."""
        place = self.folder / "files" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return f"{self.url}/files/{path}"

    def fail(self, kind: int | str, where: str = "", *, times: int = 10**9, **headers: str) -> None:
        """Make the next requests whose path holds ``where`` fail."""
        self.faults.append(Fault(kind, where, times, headers))

    def mend(self) -> None:
        """No more faults."""
        self.faults.clear()

    def asked(self, words: str) -> list[tuple[str, str, str]]:
        """The requests whose path holds some words."""
        return [one for one in self.requests if words in one[1]]

    def fault(self, path: str, kinds: type) -> Fault | None:
        """The fault that strikes now, and one time less from here on."""
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and fault.where in path and isinstance(fault.kind, kinds):
                    fault.times -= 1
                    return fault
        return None

    def commit(self, kind: str, name: str) -> str:
        """The commit of a repository: the pinned one, or a hash of its files."""
        if name in self.pins:
            return self.pins[name]
        digest = hashlib.sha1()
        for path, content in self.files(kind, name).items():
            digest.update(path.encode() + content)
        return digest.hexdigest()

    def files(self, kind: str, name: str) -> dict[str, bytes]:
        """Path -> content."""
        place = self.folder / kind / name
        found = sorted(path for path in place.rglob("*") if path.is_file())
        return {path.relative_to(place).as_posix(): path.read_bytes() for path in found}


def entry(path: str, content: bytes) -> dict[str, Any]:
    """A file as the listing of a tree shows it."""
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    shown: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": git}
    if path.endswith(LARGE):
        sha256 = hashlib.sha256(content).hexdigest()
        shown["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
    return shown


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"
    hub: HubServer

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer()

    def log_message(self, *_: Any) -> None:
        """Be quiet."""

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path, self.headers.get("Range", "")))
        fault = self.hub.fault(path, int)
        if fault is not None:
            headers = {name.replace("_", "-"): value for name, value in fault.headers.items()}
            self.refuse(int(fault.kind), headers=headers)
            return
        for pattern, method in ROUTES.items():
            if found := re.fullmatch(pattern, urlsplit(self.path).path):
                getattr(self, method)(*(unquote(part or "") for part in found.groups()))
                return
        self.refuse(404)

    def refused(self, kind: str, name: str, revision: str) -> bool:
        """Refuse a repository or revision that is not there."""
        if not (self.hub.folder / kind / name).is_dir():
            self.refuse(401 if self.headers.get("Authorization") is None else 404, "RepoNotFound")
        elif revision not in (*BRANCHES, self.hub.commit(kind, name)):
            self.refuse(404, "RevisionNotFound")
        else:
            return False
        return True

    def tell(self, kind: str, name: str, word: str, revision: str, below: str) -> None:
        """Answer about a repository."""
        if self.refused(kind, name, revision or "main"):
            return
        files = self.hub.files(kind, name)
        if word == "tree":
            inside = [one for one in files if not below or one.startswith(f"{below}/")]
            if below and not inside:
                self.refuse(404)
                return
            self.send_json([entry(one, files[one]) for one in inside])
        elif word == "paths-info":
            found: list[dict[str, Any]] = []
            for one in self.posted("paths"):
                if one in files:
                    found.append(entry(one, files[one]))
                elif any(file.startswith(f"{one}/") for file in files):
                    found.append({"type": "directory", "path": one, "oid": "0" * 40})
            self.send_json(found)
        else:
            about = {"id": name, "sha": self.hub.commit(kind, name), "tags": []}
            about |= {"private": False, "gated": False, "disabled": False}
            about |= {"downloads": 0, "likes": 0, "lastModified": "2024-01-01T00:00:00.000Z"}
            self.send_json(about | {"siblings": [{"rfilename": one} for one in files]})

    def posted(self, name: str) -> list[str]:
        """A list of a posted form or JSON."""
        text = self.body.decode()
        if text.startswith("{"):
            return list(json.loads(text)[name])
        pairs = (part.partition("=") for part in text.split("&"))
        return [unquote(value.replace("+", " ")) for key, _, value in pairs if key == name]

    def resolve(self, kind: str, name: str, revision: str, below: str) -> None:
        """Give a file of a repository, a large one by way of the other host."""
        kind = kind or "models"
        if self.refused(kind, name, revision):
            return
        place = self.hub.folder / kind / name / below
        headers = {"X-Repo-Commit": self.hub.commit(kind, name)}
        if not place.is_file():
            self.refuse(404, headers=headers)
            return
        shown = entry(below, place.read_bytes())
        if "lfs" not in shown:
            self.give(place, headers | {"ETag": f'"{shown["oid"]}"'})
            return
        sha256 = shown["lfs"]["oid"]
        headers |= {"X-Linked-Size": str(shown["size"]), "X-Linked-Etag": f'"{sha256}"'}
        headers["Location"] = f"{self.hub.elsewhere}/large/{sha256}/{kind}/{name}/{below}"
        self.begin(302, headers | {"Content-Length": "0"})

    def plain(self, path: str) -> None:
        """Give a file outside the protocol of the hub."""
        self.give(self.hub.folder / path, {})

    def give(self, place: Path, headers: dict[str, str]) -> None:
        """Send a file, or the part of it that is asked for."""
        if not place.is_file():
            self.refuse(404)
            return
        content = place.read_bytes()
        headers = {
            "ETag": f'"{hashlib.md5(content).hexdigest()}"',
            "Accept-Ranges": "bytes",
        } | headers
        fault = self.hub.fault(unquote(self.path), str) if self.command == "GET" else None
        kind = "" if fault is None else str(fault.kind)
        if kind == "stall":
            threading.Event().wait(2)
        if kind == "damaged":
            content = bytes(byte ^ 1 for byte in content)
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if self.headers.get("If-Range", headers["ETag"]) != headers["ETag"]:
            start = 0
        status, total = 200, len(content)
        if start >= total > 0:
            self.begin(416, {"Content-Range": f"bytes */{total}", "Content-Length": "0"})
            return
        if start or "Range" in self.headers:
            status = 206 if start else 200
            headers |= {"Content-Range": f"bytes {start}-{total - 1}/{total}"} if start else {}
        content = content[start:]
        half = content[: (len(content) + 1) // 2]
        announced = half if kind == "short" else content
        self.begin(status, headers | {"Content-Length": str(len(announced))})
        if self.command == "GET":
            with suppress(ConnectionError):
                self.wfile.write(half if kind in ("cut", "short") else content)
        self.close_connection = self.close_connection or kind == "cut"

    def send_json(self, value: Any) -> None:
        content = json.dumps(value).encode()
        self.begin(200, {"Content-Type": "application/json", "Content-Length": str(len(content))})
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status: int, code: str = "", headers: dict[str, str] | None = None) -> None:
        code = code or ERRORS.get(status, "")
        own = {"X-Error-Code": code, "X-Error-Message": code or "refused"} if code else {}
        self.begin(status, own | (headers or {}) | {"Content-Length": "0"})

    def begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def serving(folder: Path) -> Iterator[HubServer]:
    """Serve a folder for as long as the block lasts."""
    hub = HubServer(folder)
    handler = type("Serving", (Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        hub.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
