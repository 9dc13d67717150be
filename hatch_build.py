"""Puts `app/build.json` into what is built: the commit, and whether the tree had changes that no commit has.

By git; else from the file that is there, as in a source distribution; else by `git archive`
(`.git_archival.txt`) or by the variable FAIRGATE_COMMIT, which the image's build sets.
`app/version.py` reads it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAMES = {"wheel": "fairgate/app/build.json", "sdist": "app/build.json"}


class CommitHook(BuildHookInterface[Any]):
    """Named by pyproject.toml; Hatchling calls it for each wheel and source distribution."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file, unless it is an editable installation, which asks git when it runs."""
        root = Path(self.root)
        if version == "editable" or (root / "app" / "build.json").exists():
            return
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as stamp:
            json.dump(of_git(root) or of_archive(root), stamp)
        self._stamp = Path(stamp.name)
        build_data["force_include"][stamp.name] = NAMES[self.target_name]

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing behind."""
        if stamp := getattr(self, "_stamp", None):
            stamp.unlink()


def of_git(root: Path) -> dict[str, str | bool] | None:
    """The commit of this repository; None where there is none, or it is one around this folder."""
    if not (root / ".git").exists():
        return None
    try:
        commit = git(root, "rev-parse", "HEAD").strip()
        changed = git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"commit": commit, "modified": bool(changed)}


def git(root: Path, *arguments: str) -> str:
    """What git says."""
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def of_archive(root: Path) -> dict[str, str | bool]:
    """The commit of an exported tree, or what whoever builds says it is."""
    archive = root / ".git_archival.txt"
    text = archive.read_text() if archive.exists() else ""
    exported = re.search(r"^node: ([0-9a-f]{40,64})$", text, re.MULTILINE)
    return {"commit": exported[1] if exported else os.environ.get("FAIRGATE_COMMIT", ""), "modified": False}
