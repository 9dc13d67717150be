"""What a release needs: the changelog's form, one version everywhere, workflows that name what exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import release_check

ROOT = Path(__file__).parents[1]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMED = """# Changelog

## [Unreleased]

## [0.2.0] - 2026-11-29

Said of the whole.

### Added
- One thing,
  on two lines.

### Fixed
- Another.

## [0.1.0] - 2026-01-02
"""


def test_the_changelog_has_its_form() -> None:
    assert release_check.form_of_changelog(CHANGELOG) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("## [Unreleased]\n\n", ""),
        ("## [0.2.0] - 2026-11-29", "## 0.2.0"),
        ("## [0.2.0] - 2026-11-29", "## [0.2.0]"),
        ("2026-01-02", "2027-01-02"),
        ("### Fixed", "### Added"),
        ("### Fixed", "### New"),
        ("- Another.", "- One thing,\n  on two lines."),
        ("- Another.", "Another."),
        ("- Another.", "- " + "a" * 200),
    ],
)
def test_a_changelog_of_another_form_is_refused(old: str, new: str) -> None:
    assert release_check.form_of_changelog(FORMED) == []
    assert old in FORMED
    assert len(release_check.form_of_changelog(FORMED.replace(old, new))) >= 1


def test_the_newest_release_is_named_everywhere() -> None:
    newest = release_check.HEADING.findall(CHANGELOG)[1][0]
    wrong = release_check.versions(newest)
    assert [it for it in wrong if "fallback" not in it] == []  # which is raised after a release
    assert release_check.locks(newest) == []
    assert release_check.migrations(newest) == []


def test_what_is_no_version_is_refused() -> None:
    assert [release_check.main(it, False) for it in ("", "v0.2.0", "0.2", "0.2.0.dev0")] == [2] * 4


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda it: it.stem)
def test_workflows_call_what_there_is_with_few_rights(path: Path) -> None:
    workflow: dict[str, Any] = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 120, name
        assert set(job.get("needs", [])) <= set(workflow["jobs"]) or job["needs"] in workflow["jobs"]
        for step in job["steps"]:
            assert re.fullmatch(r"[\w./-]+@v\d+", step.get("uses", "a/b@v1")), step
            for target in re.findall(r"\bmake ([\w-]+)", step.get("run", "")):
                assert target in targets, target
            for file in re.findall(r"deploy/[\w./-]+", str(step)):
                assert (ROOT / file).exists(), file
