"""Fairgate as users install it: a wheel, an environment with its declared dependencies, an empty folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import venv
import zipfile
from collections.abc import AsyncIterator
from importlib.metadata import distribution
from pathlib import Path

import asyncpg
import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.runtime.child_process import die_with_parent
from app.runtime.embedded_stores import free_port
from app.version import build
from tests.conftest import Servers
from tests.platform.outside import environment, fairgate, up
from tests.support.http import plain_client
from tests.support.waiting import PATIENCE_S, wait_until

ROOT = Path(__file__).parents[2]
PACKAGES = ("fairgate", "app", "worker", "load", "migrations", "templates", "deploy/gate")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fairgate's wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True, timeout=120)
    return next(folder.glob("fairgate-*.whl"))


@pytest.fixture(scope="module")
def home(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and its dependencies, without extras."""
    return installed(tmp_path_factory.mktemp("env"), wheel)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """The user's working folder."""
    return tmp_path


def installed(home: Path, wheel: Path) -> Path:
    """A new environment: pip installs the wheel, the rest is linked from ours, which saves minutes."""
    venv.create(home, with_pip=False, symlinks=True)
    link_needed(home)
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python")]
    subprocess.run([*pip, "install", *options, str(wheel)], check=True, timeout=120)
    return home


def with_extra(home: Path, extra: str, to: Path) -> Path:
    """A copy of the environment with an extra: pip would install the same wheel once more."""
    shutil.copytree(home, to, symlinks=True, dirs_exist_ok=True, copy_function=os.link)
    program = to / "bin" / "fairgate"
    text = program.read_text().replace(str(home), str(to))
    program.unlink()  # not to change what it is a link to
    program.write_text(text)
    program.chmod(0o755)
    link_needed(to, extra)
    return to


def link_needed(home: Path, *extras: str) -> None:
    """Link into an environment what pip would install beside Fairgate."""
    (site,) = home.glob("lib/python*/site-packages")
    names: set[str] = set()
    add_needed("fairgate", extras, names)
    for name in names - {"fairgate"}:
        package = distribution(name)
        for top in {
            file.parts[0] for file in package.files or () if file.parts[0] not in ("..", "__pycache__")
        }:
            if not (site / top).is_symlink():
                (site / top).symlink_to(str(package.locate_file(top)))


def add_needed(name: str, extras: tuple[str, ...], found: set[str]) -> None:
    """Add what pip would install for this requirement to `found`."""
    found.add(canonicalize_name(name))
    for line in distribution(name).requires or []:
        it = Requirement(line)
        if it.marker is None or any(it.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            if canonicalize_name(it.name) not in found or it.extras:
                add_needed(it.name, tuple(it.extras), found)


def test_everything_of_ours_is_in_it(wheel: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PACKAGES],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if not name.split("/")[0].endswith("-info")}
    ours = {name if name.startswith("fairgate/") else f"fairgate/{name}" for name in tracked}
    assert inside == ours | {"fairgate/app/build.json", "fairgate/docs/runbook.md"}


def test_no_name_that_others_have_is_in_site_packages(home: Path, empty: Path) -> None:
    for name in PACKAGES[1:]:
        result = subprocess.run(
            [str(home / "bin" / "python"), "-c", f"import {name.partition('/')[0]}"],
            cwd=str(empty),
            capture_output=True,
            text=True,
        )
        assert "ModuleNotFoundError" in result.stderr, name


async def test_it_knows_its_version_and_commit(home: Path, empty: Path) -> None:
    ended = await fairgate("--version", program=str(home / "bin" / "fairgate"), cwd=str(empty))
    assert ended.code == 0
    commit = build().commit
    assert re.fullmatch(rf"fairgate \d[\w.+]* \(commit {commit[:12]}(, modified)?\)\n", ended.out), ended.out


async def test_the_whole_product_starts_in_an_empty_folder(
    home: Path, empty: Path, tmp_path_factory: pytest.TempPathFactory, data: Path
) -> None:
    own = with_extra(home, "embedded", tmp_path_factory.mktemp("env"))
    program = str(own / "bin" / "fairgate")
    (empty / "app").mkdir()  # not ours
    (empty / "app" / "__init__.py").write_text("raise SystemExit('somebody else is imported')")
    running = await up(data, "--fans", "1", command="demo", program=program, cwd=str(empty))
    async with plain_client(running.url, follow_redirects=True, timeout=20) as client:
        for path in ("/", "/admin", "/docs", "/openapi.json", "/rooms/demo", "/readyz"):
            answer = await client.get(path)
            assert answer.status_code == 200, path
            for linked in set(re.findall(r'(?:src|href)="(/(?:static|docs)/[^"]+)"', answer.text)):
                assert (await client.get(linked)).status_code == 200, linked
        german = await client.get("/rooms/demo", headers={"Accept-Language": "de"})
        assert '<html lang="de"' in german.text
    for arguments, message in (
        (("migrate", "up"), ""),
        (("check", "--all"), "they agree"),
        (("env",), "REDIS_URL="),
    ):
        ended = await fairgate(*arguments, "--data", str(data), program=program, cwd=str(empty))
        assert (ended.code, message in ended.out) == (0, True), ended
    await running.stop()
    assert os.listdir(empty) == ["app"]


@pytest.fixture
async def database_without_tables(servers: Servers) -> AsyncIterator[str]:
    """A database as an operator creates it."""
    admin = await asyncpg.connect(servers.postgres_url)
    await admin.execute("CREATE DATABASE just_made")
    yield servers.postgres_url.rsplit("/", 1)[0] + "/just_made"
    await admin.execute("DROP DATABASE just_made WITH (FORCE)")
    await admin.close()


@contextlib.asynccontextmanager
async def running(program: str, cwd: Path, settings: dict[str, str], *arguments: str) -> AsyncIterator[None]:
    """One role while the block runs; it stops cleanly."""
    process = await asyncio.create_subprocess_exec(
        program, *arguments, cwd=cwd, env=environment(**settings), preexec_fn=die_with_parent(signal.SIGTERM)
    )
    try:
        yield
    finally:
        process.terminate()
        code = await asyncio.wait_for(process.wait(), PATIENCE_S)
    assert code == 0, arguments


async def test_a_production_install_migrates_and_runs_both_roles(
    home: Path, empty: Path, servers: Servers, database_without_tables: str
) -> None:
    program, port = str(home / "bin" / "fairgate"), free_port()
    settings = {
        "REDIS_URL": servers.redis_url,
        "DATABASE_URL": database_without_tables,
        "FAIRGATE_SECRET": "s" * 40,
        "FAIRGATE_DATA": str(empty / "none"),
    }
    ended = await fairgate("migrate", "up", program=program, cwd=str(empty), **settings)
    assert ended.code == 0, ended.err
    web = ("web", "--port", str(port))
    async with (
        running(program, empty, settings, "worker"),
        running(program, empty, settings, *web),
        plain_client(f"http://127.0.0.1:{port}", timeout=20) as client,
    ):

        async def ready() -> bool:
            try:
                return (await client.get("/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await wait_until(ready, "web and worker")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["up"], "pip install 'fairgate[embedded]', or set REDIS_URL and DATABASE_URL"),
        (["demo"], "pip install 'fairgate[embedded]', or set REDIS_URL and DATABASE_URL"),
        (["simulate"], "pip install 'fairgate[embedded]'"),
        (["load"], "pip install 'fairgate[load]'"),
        (["migrate", "new", "more"], "a checkout of Fairgate"),
        (["migrate", "up"], "DATABASE_URL"),
        (["web"], "REDIS_URL and DATABASE_URL"),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, list) else "",
)
async def test_what_is_not_installed_is_one_line_that_says_what_to_do(
    home: Path, empty: Path, arguments: list[str], says: str
) -> None:
    program = str(home / "bin" / "fairgate")
    ended = await fairgate(*arguments, program=program, cwd=str(empty), FAIRGATE_DATA=str(empty / "data"))
    assert ended.code == 1
    assert says in ended.err
    assert ended.err.count("\n") == 1
    assert ended.out == ""
