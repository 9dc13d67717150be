"""The systemd units are valid, start what exists, and leave a process little it could harm."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app import cli
from app.settings import Settings
from app.settings_sources import known_variables

ROOT = Path(__file__).parents[1]
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
EXPOSURE_MAX = 2.5  # out of 10, as rated by systemd-analyze


def instance(unit: Path) -> str:
    """The name of an instance of a template unit."""
    return unit.name.replace("@.", "@before." if "migrate" in unit.name else "@80.")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units with a program and a user that exist here; one instance of each template."""
    for unit in UNITS:
        text = unit.read_text().replace("/srv/fairgate/bin/fairgate", shutil.which("true") or "/bin/true")
        name = instance(unit)
        (tmp_path / name).write_text(text.replace("User=fairgate", "User=daemon"))
    return tmp_path


@pytest.mark.parametrize("unit", UNITS, ids=lambda it: it.name)
def test_a_unit_is_valid_and_hardened(unit: Path, installed: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not installed")
    path = installed / instance(unit)
    verified = subprocess.run(
        [analyze, "verify", path], capture_output=True, text=True, timeout=60, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = subprocess.run(
        [analyze, "security", "--offline=yes", path], capture_output=True, text=True, timeout=60, check=False
    )
    level = re.search(r"exposure level for \S+: ([\d.]+)", rated.stdout)
    assert level, rated.stderr
    assert float(level[1]) <= EXPOSURE_MAX


@pytest.mark.parametrize("unit", UNITS, ids=lambda it: it.name)
def test_a_unit_starts_a_command_with_settings_there_are(unit: Path) -> None:
    text = unit.read_text().replace("%i", "before" if "migrate" in unit.name else "80")
    [command] = re.findall(r"^ExecStart=/srv/fairgate/bin/fairgate (.+)$", text, re.MULTILINE)
    assert cli.run([*command.split(), "--help"]) == cli.DONE
    names = set(re.findall(r"\b(FAIRGATE_\w+)=", text))
    assert names <= known_variables(Settings)
    credentials = set(re.findall(r"^LoadCredential=(\w+):", text, re.MULTILINE))
    assert credentials == set(re.findall(r"=%d/(\w+)", text))
