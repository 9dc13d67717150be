"""security.md and SECURITY.md name only what exists, and rate each chapter of ASVS in one of three ways."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECURITY = ROOT / "docs/explanation/security.md"
VERDICTS = {"met", "not met", "not applicable"}
ROW = re.compile(r"^\| (\d[\d., -]*) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


@pytest.mark.parametrize("page", [SECURITY, ROOT / "SECURITY.md", ROOT / "README.md"], ids=lambda it: it.name)
def test_what_it_links_to_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target


def test_files_and_settings_it_names_are_there() -> None:
    text = SECURITY.read_text()
    for path in re.findall(r"`((?:app|deploy|tests)/[\w./]+)`", text):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"`(test_\w+\.py)`", text):
        assert (Path(__file__).parent / name).exists(), name
    settings = (ROOT / "docs/reference/settings.md").read_text()
    for name in re.findall(r"`(FAIRGATE_\w+)", text):
        assert f"`{name}`" in settings, name


def test_every_chapter_is_judged_and_no_requirement_twice() -> None:
    rows = ROW.findall(SECURITY.read_text())
    assert {verdict for _, verdict, _ in rows} == VERDICTS
    judged = [part.strip() for requirements, _, _ in rows for part in requirements.split(",")]
    assert {int(it.partition(".")[0]) for it in judged} == set(range(1, 18))
    assert len(judged) == len(set(judged))
