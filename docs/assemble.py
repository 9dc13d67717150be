"""Put the site's pages together: docs/ and the pages at the root of the repository, in a folder of their own.

The site has a tree of its own, so links between pages are rewritten. A link to a file that is no page, as a
configuration, becomes its text.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
AT_ROOT = {  # a page at the root of the repository, and where it is in the site
    "README.md": "index.md",
    "ARCHITECTURE.md": "explanation/architecture.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "reporting.md",
}
LINK = re.compile(r"(?P<before>\]\(|src=\")(?P<target>[^)\"#\s]+)(?P<rest>[^)\"]*[)\"])")


def assemble(folder: Path) -> None:
    """Write all pages and pictures below `folder`, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, folder, ignore=shutil.ignore_patterns("*.py", "*.lock"))
    pages = {path: path.relative_to(DOCS) for path in DOCS.rglob("*.md")}
    pages |= {ROOT / name: Path(place) for name, place in AT_ROOT.items()}
    places = {path.resolve(): place for path, place in pages.items()}
    places |= {path.resolve(): path.relative_to(DOCS) for path in (DOCS / "images").iterdir()}
    for page, place in pages.items():
        (folder / place).write_text(rewritten(page, place, places))


def rewritten(page: Path, place: Path, places: dict[Path, Path]) -> str:
    """The text of a page with its links as they must be at `place` in the site."""

    def link(found: re.Match[str]) -> str:
        target = (page.parent / found["target"]).resolve()
        if target in places:
            there = os.path.relpath(places[target], place.parent)
            return f"{found['before']}{Path(there).as_posix()}{found['rest']}"
        return found[0]  # elsewhere, or dead: then the build says so

    text = re.sub(
        r"\[([^\]]+)\]\((?!https?:)([^)#\s]+)\)", lambda it: plain(it, page, places), page.read_text()
    )
    return LINK.sub(link, text)


def plain(found: re.Match[str], page: Path, places: dict[Path, Path]) -> str:
    """A link to a file of the repository that is no page, as its text alone; other links as they are."""
    target = (page.parent / found[2]).resolve()
    return f"`{found[1]}`" if target.exists() and target not in places else found[0]


if __name__ == "__main__":
    assemble(Path(sys.argv[1]))
