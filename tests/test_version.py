"""The version follows the tag, wherever Fairgate is built or run from, and states what it does not know."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
from packaging.version import Version

import app.version
import hatch_build
from app.version import Build, build, from_description, python

ROOT = Path(__file__).parents[1]
COMMIT = "1a2b3c4d5e" * 4
NEEDED = (".git_archival.txt", ".gitattributes", "LICENSE", "README.md", "hatch_build.py", "pyproject.toml")


@pytest.mark.parametrize(
    ("described", "version", "modified"),
    [
        (f"v0.2.0-0-g{COMMIT}", "0.2.0", False),
        (f"v0.2.0-0-g{COMMIT}-dirty", "0.2.1.dev0+g1a2b3c4d5.modified", True),
        (f"v0.2.0-17-g{COMMIT}\n", "0.2.1.dev17+g1a2b3c4d5", False),
        (f"v1.10.9-1-g{COMMIT}", "1.10.10.dev1+g1a2b3c4d5", False),
        (f"v0.3.0rc1-2-g{COMMIT}", "0.3.0.dev2+g1a2b3c4d5", False),
        (COMMIT, "0.2.0.dev0+g1a2b3c4d5", False),
        (f"{COMMIT}-dirty", "0.2.0.dev0+g1a2b3c4d5.modified", True),
    ],
)
def test_a_checkout_is_what_git_describes(described: str, version: str, modified: bool) -> None:
    assert from_description(described, "0.2.0.dev99+gaaaaaaaaa.d20260101") == Build(version, COMMIT, modified)
    assert str(Version(version)) == version


@pytest.mark.parametrize("described", ["", "fatal: not a git repository", "v0.2.0"])
def test_what_git_does_not_know_is_not_made_up(described: str) -> None:
    assert from_description(described, "0.2.0") is None


def test_this_build_names_its_commit() -> None:
    there = git(ROOT, "rev-parse", "HEAD")
    assert build().commit == there
    assert str(build()).startswith(f"{build().version} (commit {there[:12]}")


def git(folder: Path, *arguments: str) -> str:
    """The output of git in a folder."""
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-c", "init.defaultBranch=main")
    result = subprocess.run(("git", *who, *arguments), cwd=folder, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def version_of(folder: Path) -> str:
    """The version that a wheel built in this folder would have."""
    return str(ProjectMetadata(str(folder), PluginManager()).version)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a release and a later commit."""
    folder = tmp_path_factory.mktemp("repository")
    for name in NEEDED:
        shutil.copy(ROOT / name, folder)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "released")
    git(folder, "tag", "--annotate", "v7.1.0", "--message", "7.1.0")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "later")
    return folder


def exported(repository: Path, revision: str, to: Path) -> Path:
    """The result of `git archive`."""
    to.mkdir()
    git(repository, "archive", "--output", str(to / "tree.tar"), revision)
    subprocess.run(["tar", "-xf", "tree.tar"], cwd=to, check=True, timeout=60)
    return to


@pytest.mark.filterwarnings("ignore:.*(shallow|archiv)")  # warnings for whoever builds
def test_trees_of_every_kind_have_an_honest_version(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    assert version_of(repository) == f"7.1.1.dev1+g{commit[:9]}"
    assert hatch_build.of_git(repository) == {"commit": commit, "modified": False}

    released = exported(repository, "v7.1.0", tmp_path / "released")
    assert version_of(released) == "7.1.0"
    assert hatch_build.of_git(released) is None
    at_tag = {"commit": git(repository, "rev-parse", "v7.1.0^{commit}"), "modified": False}
    assert hatch_build.of_archive(released) == at_tag
    assert version_of(exported(repository, "main", tmp_path / "main")).startswith("7.1.1.dev1+g")

    git(tmp_path, "clone", "--quiet", "--depth=1", "--no-tags", f"file://{repository}", "shallow")
    assert version_of(tmp_path / "shallow") == f"0.2.0.dev1+g{commit[:9]}"

    copied = tmp_path / "copied"
    copied.mkdir()
    for name in NEEDED:
        shutil.copy(ROOT / name, copied)
    assert version_of(copied) == "0.2.0.dev0"
    assert hatch_build.of_archive(copied) == {"commit": "", "modified": False}
    monkeypatch.setenv("FAIRGATE_COMMIT", commit)
    assert hatch_build.of_archive(copied)["commit"] == commit
    monkeypatch.setenv("SETUPTOOLS_SCM_PRETEND_VERSION", "7.1.0")
    assert version_of(copied) == "7.1.0"

    (repository / "README.md").write_text("changed")
    assert hatch_build.of_git(repository) == {"commit": commit, "modified": True}


@pytest.mark.parametrize(
    ("options", "prefix", "says"),
    [
        ("'--enable-optimizations' '--with-lto'", "/usr/local", ""),
        ("'--enable-shared'", "/usr", ""),
        ("'--enable-shared'", "/root/.pyenv/versions/3.11.7", ", compiled without profiles"),
        (None, "/opt/python", ", compiled without profiles"),
    ],
)
def test_a_python_without_profiles_is_named(
    monkeypatch: pytest.MonkeyPatch, options: str | None, prefix: str, says: str
) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"CONFIG_ARGS": options, "prefix": prefix}.get)
    assert python() == platform.python_version() + says


def test_what_is_not_a_checkout_is_the_build_it_was_stamped_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    this, stamp = app.version.build.__wrapped__, tmp_path / "build.json"
    monkeypatch.setattr(app.version, "ROOT", tmp_path)
    monkeypatch.setattr(app.version, "STAMP", stamp)
    installed = version("fairgate")
    assert str(this()) == f"{installed} (commit unknown)"
    stamp.write_text(json.dumps({"commit": COMMIT, "modified": True}))
    assert this() == Build(installed, COMMIT, True)
    (tmp_path / ".git").mkdir()  # not a repository
    assert this() == Build(installed, COMMIT, True)
    monkeypatch.setenv("PATH", str(tmp_path))  # git is not installed
    assert this() == Build(installed, COMMIT, True)
