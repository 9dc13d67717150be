"""The running build of Fairgate: its version, its commit, and whether it has uncommitted changes.

A wheel and an image carry both: the version in their metadata, the commit in `build.json`, written by
`hatch_build.py`. In a checkout they are read from git as it is now, not as it was at installation.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sysconfig
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
STAMP = Path(__file__).with_name("build.json")
GIT_TIMEOUT_S = 5.0
# Optionally a release's tag and the number of commits since; then the commit.
DESCRIBED = re.compile(
    r"(?:v(?P<release>[\w.]+)-(?P<commits>\d+)-g)?(?P<commit>[0-9a-f]{40,64})(?P<modified>-dirty)?"
)


class Build(NamedTuple):
    """A build of Fairgate."""

    version: str  # PEP 440
    commit: str  # 40 hexadecimal digits; "" if unknown
    modified: bool  # whether it has uncommitted changes

    def __str__(self) -> str:
        known = f"commit {self.commit[:12]}" if self.commit else "commit unknown"
        return f"{self.version} ({known}{', modified' if self.modified else ''})"


def python() -> str:
    """Return the version of this Python, and whether it was compiled without profile-guided optimization.

    Without it, as in most builds by pyenv, everything here needs a quarter more CPU. Distributions, whose
    prefix is /usr, use it without the configure option that shows it.
    """
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    profiled = "--enable-optimizations" in options or sysconfig.get_config_var("prefix") == "/usr"
    return f"{platform.python_version()}{'' if profiled else ', compiled without profiles'}"


@cache
def build() -> Build:
    """Return the running build. In a checkout git is queried once per process."""
    return (_of_checkout() if (ROOT / ".git").exists() else None) or _stamped()


def from_description(described: str, installed: str) -> Build | None:
    """Parse the output of `git describe --long --dirty --always --abbrev=40`; None if it is not understood.

    Without a tag within reach, as in a shallow clone, the next release is taken from `installed`.
    """
    match = DESCRIBED.fullmatch(described.strip())
    if match is None:
        return None
    commit, modified = match["commit"], match["modified"] is not None
    release, commits = match["release"], int(match["commits"] or 0)
    if release and not commits and not modified:
        return Build(release, commit, modified)
    base = _next(release) if release else re.split(r"\.dev|\+", installed)[0]
    return Build(f"{base}.dev{commits}+g{commit[:9]}{'.modified' if modified else ''}", commit, modified)


def _next(release: str) -> str:
    """The smallest release after this one: 0.2.1 after 0.2.0, 0.2.0 after 0.2.0rc1."""
    if candidate := re.match(r"(.+?)(?:a|b|rc)\d+$", release):
        return candidate[1]
    *front, last = release.split(".")
    return ".".join((*front, str(int(last) + 1)))


def _of_checkout() -> Build | None:
    command = ["git", "describe", "--tags", "--long", "--dirty", "--always", "--abbrev=40", "--match=v[0-9]*"]
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}  # do not lock out a concurrent commit
    try:
        ended = subprocess.run(
            command, cwd=ROOT, env=quiet, capture_output=True, text=True, timeout=GIT_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return from_description(ended.stdout, version("fairgate"))


def _stamped() -> Build:
    installed = version("fairgate")
    if not STAMP.exists():
        return Build(installed, "", False)
    stamp = json.loads(STAMP.read_text())
    return Build(installed, stamp["commit"], stamp["modified"])
