"""Style sheets, scripts and pictures of the product: read, joined and packed once, served under a versioned address."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aiohttp import ETag, web

from chatapp.model.refusals import NotFound
from chatapp.web.assets import joining, packing, stylesheets

# Our own table: what the system's says of .js depends on the machine, and browsers refuse a script of a wrong type.
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".md": "text/plain",
    "": "text/plain",
    ".webmanifest": "application/manifest+json",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".woff2": "font/woff2",
}
_PACKED = {"image/png", "image/x-icon", "image/webp", "image/jpeg", "font/woff2"}  # compressed already
_SINGLE = ("js/", "css/")  # today's pages ask for what is joined of them
_IMMUTABLE = "public, max-age=31536000, immutable"
# The indent of a line, or all of it if it is a comment; and a comment behind code, in which nothing ends a string.
_MARGIN = re.compile(rb"^ *(?://(?!#).*)?| +// [^\"'`\n]*$", re.MULTILINE)
_FAVICON = "img/favicon.svg"


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent."""

    content_type: str
    body: bytes
    tag: str
    packed: Mapping[str, bytes]  # by encoding


class Static:
    """All files of a folder, below it and nowhere else: a request's path is looked up, never opened."""

    def __init__(self, folder: Path, base_path: str = "") -> None:
        """Read the folder and join its scripts and style sheets. Symbolic links and hidden files are left out.

        Raise Unjoinable if a script or style sheet cannot be joined.
        """
        self._base_path = base_path
        bodies = {path: (folder / path).read_bytes() for path in _paths(folder)}
        self._files = {path: _file(path, body) for path, body in (bodies | _joined(bodies)).items()}
        whole = hashlib.sha256()
        for path, file in self._files.items():
            whole.update(f"{path}\0{file.tag}\0".encode())
        # One version for all: a script's relative imports then carry it too.
        self.version = whole.hexdigest()[:12]

    def url(self, path: str) -> str:
        """Return the address of a file, as in ``url('css/base.css')``. Raise KeyError if there is none."""
        if path not in self._files:
            raise KeyError(f"there is no static file {path!r}")
        return f"{self._base_path}/static/{self.version}/{path}"

    def find(self, path: str) -> File:
        """Return a file. Raise NotFound."""
        try:
            return self._files[path]
        except KeyError:
            raise NotFound(path) from None


key: web.AppKey[Static] = web.AppKey("static", Static)


async def serve(request: web.Request) -> web.StreamResponse:
    """Serve a file: cached forever under today's version, revalidated under any other.

    A page that was opened before an update asks under its own version. It has its joined script and style sheet; what
    it loads on demand comes from today's files. Where a module has moved since, the page says that it did not work, and
    a reload mends it.
    """
    static = request.app[key]
    file = static.find(request.match_info["path"])
    current = request.match_info["version"] == static.version
    return _answer(request, file, _IMMUTABLE if current else "no-cache")


async def favicon(request: web.Request) -> web.StreamResponse:
    """Serve the icon to those who ask for it without reading the page."""
    return _answer(request, request.app[key].find(_FAVICON), "public, max-age=86400")


def _answer(request: web.Request, file: File, caching: str) -> web.Response:
    encoding = packing.choose(request.headers.get("Accept-Encoding", ""), file.packed)
    tag = f"{file.tag}-{encoding}" if encoding else file.tag
    headers = {"Cache-Control": caching, "Vary": "Accept-Encoding", "ETag": f'"{tag}"'}
    if any(wanted in (ETag(tag), ETag(tag, is_weak=True), ETag("*")) for wanted in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    if encoding:
        headers["Content-Encoding"] = encoding
    return web.Response(
        body=file.packed[encoding] if encoding else file.body,
        content_type=file.content_type,
        charset="utf-8" if file.content_type.startswith("text/") else None,
        headers=headers,
    )


def _paths(folder: Path) -> list[str]:
    found = []
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        hidden = any(part.startswith((".", "__")) for part in relative.parts)
        linked = any((folder / parent).is_symlink() for parent in [relative, *relative.parents][:-1])
        if path.is_file() and not hidden and not linked:
            found.append(relative.as_posix())
    return found


def _file(path: str, body: bytes) -> File:
    content_type = _TYPES.get(PurePosixPath(path).suffix.lower(), "application/octet-stream")
    if content_type == "text/javascript" and not path.startswith("vendor/"):
        body = _MARGIN.sub(b"", body)  # a quarter of what is sent; empty lines stay, so that line numbers are right
    packed = {} if content_type in _PACKED else packing.pack(body, hard=not path.startswith(_SINGLE))
    return File(content_type, body, hashlib.sha256(body).hexdigest()[:16], packed)


def _joined(bodies: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return what is made of the files under js/ and css/."""
    scripts = joining.scripts(_texts(bodies, "js/", ".js"))
    style = stylesheets.join(_texts(bodies, "css/", ".css"))
    return {f"joined/{path}": text.encode() for path, text in (scripts | style).items()}


def _texts(bodies: Mapping[str, bytes], folder: str, ending: str) -> dict[str, str]:
    found = {path: body for path, body in bodies.items() if path.startswith(folder) and path.endswith(ending)}
    return {path.removeprefix(folder).removesuffix(ending): body.decode() for path, body in found.items()}
