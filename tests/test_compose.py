"""docker-compose.yml and the Dockerfile cannot be run here: so everything they name is looked up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import cli
from app.settings import Settings

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "web", "worker")
SETTINGS = {f"FAIRGATE_{name.upper()}" for name in Settings.model_fields}


def is_usage(arguments: list[str]) -> bool:
    """Whether the command line knows these words and options."""
    return cli.run([*arguments, "--help"]) == cli.DONE


def test_it_has_the_stores_the_roles_and_the_migration() -> None:
    assert set(SERVICES) == {"redis", "postgres", *OURS}


@pytest.mark.parametrize("name", ["redis", "postgres", "web", "worker"])
def test_each_lasting_service_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries"} <= set(check)
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", OURS)
def test_each_role_starts_with_a_command_there_is(name: str) -> None:
    program, *arguments = SERVICES[name]["command"]
    assert program == "fairgate"
    assert is_usage(arguments)
    assert SERVICES[name]["build"]["dockerfile"] == "deploy/Dockerfile"


@pytest.mark.parametrize("name", OURS)
def test_every_setting_of_a_role_exists(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert set(environment) <= SETTINGS
    assert {"FAIRGATE_REDIS_URL", "FAIRGATE_DATABASE_URL", "FAIRGATE_SECRET"} <= set(environment)


def test_what_a_service_waits_for_exists_and_can_be_waited_for() -> None:
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], (name, other)
            else:
                assert wait["condition"] == "service_completed_successfully"
                assert SERVICES[other]["restart"] == "on-failure", (name, other)


def test_addresses_name_services_and_no_secret_has_a_default() -> None:
    for value in SERVICES["web"]["environment"].values():
        for host in re.findall(r"@([a-z]+):", value):
            assert host in SERVICES
    for name in re.findall(r"\$\{(\w*(?:PASSWORD|SECRET))([^}]*)\}", TEXT):
        needed, none = name[1].startswith(":?"), name[1] == ":-"  # empty is no secret at all
        assert needed or none, f"{name[0]} has a default"


def test_everything_to_fill_in_is_in_the_example() -> None:
    named = set(re.findall(r"\$\{(\w+):", TEXT)) - {"FAIRGATE_PORT"}
    offered = set(re.findall(r"^(\w+)=$", (ROOT / "deploy/example.env").read_text(), re.MULTILINE))
    assert named == offered


def test_volumes_are_declared_and_images_pinned() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"]
        if "build" not in service:
            assert re.search(r":\d+$", service["image"])


def test_redis_never_evicts_and_keeps_a_log() -> None:
    command = SERVICES["redis"]["command"]
    assert "--maxmemory-policy noeviction" in command
    assert "--appendonly yes" in command


def test_the_image_copies_what_there_is_and_starts_a_command_there_is() -> None:
    text = (ROOT / "deploy/Dockerfile").read_text()
    for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
    command = re.search(r'^CMD \["fairgate", (.+)\]$', text, re.MULTILINE)
    assert command
    assert is_usage([word.strip(' "') for word in command[1].split(",")])
    for name in re.findall(r"\b(FAIRGATE_\w+)=", text):
        assert name in SETTINGS
