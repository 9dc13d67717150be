"""Checks whether a commit can be released as a version: make release-check VERSION=0.2.0

Each check returns its findings, one per line. None of them changes anything or needs a network.
docs/contributing/release.md has the steps around it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.runtime import migrate
from app.version import build

ROOT = Path(__file__).parents[1]
RELEASE = re.compile(r"\d+\.\d+\.\d+(rc\d+)?")
HEADING = re.compile(r"^## \[(?P<version>[^]]+)\](?: - (?P<day>\d{4}-\d\d-\d\d))?$", re.MULTILINE)
KINDS = ("Added", "Changed", "Deprecated", "Fixed", "Removed", "Security")
LINE_MAX = 160


def git(*arguments: str) -> str:
    """Return git's output; empty if it fails."""
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
    ).stdout.strip()


def form_of_changelog(text: str) -> list[str]:
    """Check the form: sections by version, newest first, dated, with lists by kind of change in a fixed
    order."""
    found, wrong = list(HEADING.finditer(text)), []
    if [it for it in re.findall(r"^## .*$", text, re.MULTILINE) if not HEADING.fullmatch(it)]:
        wrong.append("a heading is not `## [version] - YYYY-MM-DD`")
    if not found or found[0]["version"] != "Unreleased":
        wrong.append("the first section is not [Unreleased]")
    days = [it["day"] for it in found[1:]]
    if None in days or days != sorted(days, key=str, reverse=True):
        wrong.append("releases must be dated, newest first")
    for it in found:
        body = section(text, it["version"])
        kinds = re.findall(r"^### (.*)$", body, re.MULTILINE)
        if kinds != [kind for kind in KINDS if kind in kinds]:
            wrong.append(
                f"{it['version']}: kinds are {kinds}, must be {', '.join(KINDS)}, once each, in order"
            )
        entries = re.findall(r"^- (?:.+\n(?:  .+\n)*)", body, re.MULTILINE)
        if len(entries) != len(set(entries)):
            wrong.append(f"{it['version']}: an entry occurs twice")
        if stray := re.findall(r"^(?!- |  |####? |$).+", body[body.find("### ") :], re.MULTILINE):
            wrong.append(f"{it['version']}: lines outside entries: {stray[:3]}")
    return wrong + [f"longer than {LINE_MAX}: {it[:60]}" for it in text.splitlines() if len(it) > LINE_MAX]


def section(text: str, version: str) -> str:
    """Return the changelog's section for a version."""
    _, _, rest = text.partition(f"## [{version}]")
    return re.split(r"^## ", rest.partition("\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def changelog(version: str) -> list[str]:
    """Check that the version has a section, and Unreleased is empty."""
    text = (ROOT / "CHANGELOG.md").read_text()
    wrong = form_of_changelog(text)
    if not section(text, version).strip():
        wrong.append(f"there is no section [{version}]")
    if section(text, "Unreleased").strip():
        wrong.append(f"[Unreleased] has entries: move them into [{version}]")
    return wrong


def versions(version: str) -> list[str]:
    """Check that all files with a version number have this one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    chart = yaml.safe_load((ROOT / "deploy/helm/fairgate/Chart.yaml").read_text())
    plugin = (ROOT / "clients/php/wordpress/fairgate-gate/fairgate-gate.php").read_text()
    named = {
        "deploy/helm/fairgate/Chart.yaml, version": chart["version"],
        "deploy/helm/fairgate/Chart.yaml, appVersion": chart["appVersion"],
        "pyproject.toml, fallback-version": project["tool"]["hatch"]["version"][
            "fallback-version"
        ].removesuffix(".dev0"),
        "clients/php": (re.findall(r"^ \* Version: +(\S+)$", plugin, re.MULTILINE) or ["none"])[0],
    }
    for name in ("node", "typescript"):
        named[f"clients/{name}"] = json.loads((ROOT / f"clients/{name}/package.json").read_text())["version"]
    for name in ("gate", "client"):
        client = tomllib.loads((ROOT / f"clients/python/{name}/pyproject.toml").read_text())
        named[f"clients/python/{name}"] = client["project"]["version"]
    images = re.findall(r"image: fairgate:(\S+)", (ROOT / "deploy/kubernetes/fairgate.yaml").read_text())
    named |= {f"deploy/kubernetes/fairgate.yaml, image {it}": it for it in images}
    return [f"{where} is {it}" for where, it in named.items() if it != version]


def locks(_version: str) -> list[str]:
    """Check that the lock files satisfy the declared dependencies, with a hash for every file."""
    project, wrong = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"], []
    extras = [it for lines in project["optional-dependencies"].values() for it in lines]
    for path, lines in (
        ("requirements.lock", [*project["dependencies"], *extras]),
        ("deploy/requirements.lock", project["dependencies"]),
    ):
        blocks = re.split(r"\n(?=\S)", re.sub(r"^ *#.*\n", "", (ROOT / path).read_text(), flags=re.MULTILINE))
        locked = {}
        for block in blocks:
            if pinned := re.match(r"([\w.-]+)(?:\[.*\])?==(\S+)", block):
                locked[canonicalize_name(pinned[1])] = pinned[2]
                wrong += [] if "--hash=sha256:" in block else [f"{path}: {pinned[1]} has no hash"]
        for line in map(Requirement, lines):
            has = locked.get(canonicalize_name(line.name))
            if has is None or not line.specifier.contains(has, prereleases=True):
                wrong.append(f"{path}: {line} is declared, but {has or 'nothing'} is locked; run make lock")
    return wrong


def migrations(_version: str) -> list[str]:
    """Check that migrations form one chain, and that those of the previous release are unchanged."""
    wrong, chain = [], [*migrate.revisions("before"), *migrate.revisions("after")]
    if len(chain) != len(set(chain)):
        wrong.append("a revision occurs twice")
    if before := git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^"):
        folders = ("migrations/versions", "migrations/after")
        changed = git("diff", "--name-status", "--diff-filter=MDR", before, "HEAD", "--", *folders)
        wrong += [f"released with {before} and changed since: {it}" for it in changed.splitlines()]
    return wrong


def tree(_version: str) -> list[str]:
    """Check that everything is committed."""
    return [f"not committed: {it}" for it in git("status", "--porcelain").splitlines()]


def tag(version: str) -> list[str]:
    """Check that the tag is annotated, is on this commit, and is the version of what is built."""
    name = f"v{version}"
    if git("cat-file", "-t", name) != "tag":
        return [f"there is no annotated tag {name}: git tag --annotate {name} --message 'Fairgate {version}'"]
    if git("rev-parse", f"{name}^{{commit}}") != git("rev-parse", "HEAD"):
        return [f"{name} is on another commit"]
    return [] if build().version == version else [f"what is built here is {build().version}"]


CHECKS: tuple[Callable[[str], list[str]], ...] = (changelog, versions, locks, migrations, tree)


def main(version: str, tagged: bool) -> int:
    """Print the findings; returns 1 if there are any."""
    if not RELEASE.fullmatch(version):
        print(f"{version or 'nothing'} is not a version: make release-check VERSION=1.2.3", file=sys.stderr)
        return 2
    failed = False
    for check in (*CHECKS, tag) if tagged else CHECKS:
        wrong = check(version)
        failed |= bool(wrong)
        print(f"{check.__name__}: {'ok' if not wrong else ''}", *wrong, sep="\n  " if wrong else "")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(next((it for it in sys.argv[1:] if not it.startswith("--")), ""), "--tagged" in sys.argv))
