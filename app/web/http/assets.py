"""Our own scripts and styles, read once and kept in memory, minified and compressed.

Every file is served under the digest of all of them (`/static/<digest>/queue.js`). So browsers and CDNs can
cache them forever, relative imports of a module stay within its version, and a deployment changes the
address.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import rcssmin

from app.web.http.routes import Response

FOLDER = Path(__file__).parents[2] / "static"
KINDS = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
FOR_GOOD = "public, max-age=31536000, immutable"
# Requested under another digest: by a page from before the deployment, or from a process newer than this one.
# We do not know the content of that version, so no shared cache may store the response.
FOR_A_MINUTE = "private, max-age=60"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, ready to send."""

    content_type: bytes
    plain: bytes
    gzipped: bytes


@dataclass(frozen=True, slots=True)
class Assets:
    """All files, and the digest they are served under."""

    digest: str
    files: dict[str, Asset]

    def url(self, name: str) -> str:
        """The address of a file. An unknown name is a mistake in a template: KeyError."""
        self.files[name]
        return f"/static/{self.digest}/{name}"

    def has(self, digest: str, name: str) -> bool:
        """Whether there is such a file, in this or another version."""
        return bool(digest) and name in self.files

    def answer(self, digest: str, name: str, accept_encoding: bytes) -> Response:
        """The file. Under the current digest it can be cached forever."""
        asset = self.files[name]
        headers = [
            (b"cache-control", (FOR_GOOD if digest == self.digest else FOR_A_MINUTE).encode()),
            (b"vary", b"Accept-Encoding"),
        ]
        if b"gzip" not in accept_encoding:
            return Response(200, asset.plain, headers, asset.content_type)
        return Response(200, asset.gzipped, [*headers, (b"content-encoding", b"gzip")], asset.content_type)


def _script(text: str) -> str:
    """Strip indentation and whole-line comments; minifiers misread template literals.

    So none of our template literals may span several lines.
    """
    return re.sub(r"(?m)^[ \t]*(//.*)?(\n|\Z)|^[ \t]+", "", text)


LIGHTER: dict[str, Callable[[str], str]] = {".css": rcssmin.cssmin, ".js": _script}


@cache
def load_assets(folder: Path = FOLDER) -> Assets:
    """Read every file of a known kind in `folder`."""
    total = hashlib.sha256()
    files = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in KINDS:
            text = path.read_text()
            body = LIGHTER.get(path.suffix, str)(text).encode()
            total.update(path.name.encode() + b"\0" + body)
            files[path.name] = Asset(KINDS[path.suffix], body, gzip.compress(body, 9, mtime=0))
    return Assets(total.hexdigest()[:12], files)
