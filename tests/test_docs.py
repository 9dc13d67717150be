"""The documentation matches the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / it for it in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md")),
]
LINK = re.compile(r"(?:\]\(|src=\")([^)\"\s]+)")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as used in links."""
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", it.lower()).replace(" ", "-") for it in found}


def test_the_reference_pages_are_what_the_code_says() -> None:
    command = [sys.executable, "docs/generate.py", "--check"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda it: str(it.relative_to(ROOT)))
def test_no_link_is_dead(page: Path) -> None:
    for target in LINK.findall(re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.DOTALL)):
        name, _, heading = target.partition("#")
        there = page.parent / name if name else page
        assert "://" in target or there.exists(), target
        assert not heading or "://" in target or heading in anchors(there), target


def test_every_page_is_in_the_site() -> None:
    nav = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        assert f": {page.relative_to(ROOT / 'docs')}\n" in nav, page


def test_the_glossary_has_the_words_of_the_settings() -> None:
    glossary = (ROOT / "docs/glossary.md").read_text()
    for name in (
        "admission_rate_per_minute",
        "active_visitors_max",
        "room_id",
        "queue_number",
        "reservation_id",
    ):
        assert f"`{name}`" in glossary, name
