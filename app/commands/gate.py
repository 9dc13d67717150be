"""gate: a reverse proxy with the gate in it, for a shop without a proxy of its own."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import signal
from pathlib import Path
from typing import Annotated, Literal

import typer

from app import logs
from app.commands.command_settings import CommandFailed, Data, settings_of
from app.core.formats import SLUG
from app.runtime import gate_conf, gate_proxy, installation, sockets
from app.runtime.child_process import Child
from app.runtime.gate_conf import Plan
from app.settings import Settings

ASK_TIMEOUT_S = 3.0

Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 or :: for all.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]
Origin = Annotated[str, typer.Option(help="The shop: http(s)://HOST[:PORT].")]
Room = Annotated[str, typer.Option(help="The room_id. Default: as the site rules say (`site set`).")]
Fairgate = Annotated[
    str, typer.Option(help="Fairgate: http(s)://HOST[:PORT]. Default: the local installation.")
]
Fail = Annotated[
    Literal["closed", "open"],
    typer.Option(help="Whether visitors wait or pass while Fairgate is unavailable."),
]
ShopHost = Annotated[
    str, typer.Option(help="The Host to send to the shop. Default: the one the visitor requested.")
]
Certificate = Annotated[Path | None, typer.Option(help="PEM file: serve HTTPS.", show_default=False)]
Key = Annotated[Path | None, typer.Option(help="PEM file. Default: in --tls-cert.", show_default=False)]
Authorities = Annotated[
    Path | None,
    typer.Option(
        help="PEM file: authorities that may sign the shop's certificate. Default: the system's.",
        show_default=False,
    ),
]
Trust = Annotated[
    list[str] | None, typer.Option(help="Network of a proxy in front, such as 10.0.0.0/8; may be repeated.")
]
Timeout = Annotated[int, typer.Option(min=1, max=86_400, help="Seconds the shop may be silent.")]
Page = Annotated[
    Path | None,
    typer.Option(help="HTML to show while nothing answers. Default: a built-in page.", show_default=False),
]
ApiKey = Annotated[
    str,
    typer.Option(
        envvar="FAIRGATE_API_KEY", help="Reports the shop's health to the room.", show_default=False
    ),
]


def gate(
    *,
    origin: Origin,
    room: Room = "",
    fairgate: Fairgate = "",
    host: Host = "127.0.0.1",
    port: Port = 8000,
    fail: Fail = "closed",
    origin_host: ShopHost = "",
    tls_cert: Certificate = None,
    tls_key: Key = None,
    authorities: Authorities = None,
    trust: Trust = None,
    timeout: Timeout = 60,
    page: Page = None,
    api_key: ApiKey = "",
    data: Data = None,
) -> None:
    """Run a reverse proxy in front of a shop, with the gate in it. Needs nginx."""
    settings = settings_of(data)
    logs.configure(settings, "gate")
    if room and not re.match(SLUG, room):
        raise typer.BadParameter(f"--room takes a room_id, not {room}")
    plan = Plan(
        origin=gate_conf.address_of(origin, "--origin"),
        fairgate=gate_conf.address_of(fairgate or _running_url(settings), "--fairgate"),
        room=room,
        host=host,
        port=port,
        fail=fail,
        shop_host=gate_conf.server_name(origin_host, "--origin-host") if origin_host else "",
        certificate=tls_cert,
        key=tls_key,
        authorities=authorities,
        trusted=tuple(_network(it) for it in trust or ()),
        timeout_s=timeout,
        page=page,
    )
    sockets.listen(host, port).close()  # reports problems in one line
    asyncio.run(_serve(plan, api_key))


def _running_url(settings: Settings) -> str:
    """The address of the installation in the given folder. Raises CommandFailed."""
    running = installation.running(settings.data)
    if running is None:
        raise CommandFailed(
            f"nothing runs in {settings.data}: give the address with --fairgate, or the folder with --data"
        )
    return running.url


async def _serve(plan: Plan, api_key: str) -> None:
    await _check_room(plan)
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    with gate_proxy.prepared(plan) as (folder, nginx):
        await _run(plan, folder, nginx, api_key, ended)


async def _run(plan: Plan, folder: Path, nginx: Child, api_key: str, ended: asyncio.Event) -> None:
    from app.runtime import shop_health  # slow to import, because of httpx

    async with shop_health.measuring(folder) as measured:
        print(
            f"{gate_conf.url_of(plan)} -> {plan.origin.geturl()}, gate: {plan.fairgate.geturl()}", flush=True
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(gate_proxy.keep_running(nginx, ended))
            group.create_task(gate_proxy.follow_addresses(plan, nginx, ended))
            if api_key and plan.room:
                url = f"{plan.fairgate.geturl().rstrip('/')}/v1/rooms/{plan.room}/origin"
                group.create_task(
                    shop_health.keep_reporting(measured, folder, url, api_key, plan.port, ended)
                )


async def _check_room(plan: Plan) -> None:
    """Refuse a room that does not exist; Fairgate may be unavailable. Raises CommandFailed."""
    if not plan.room:
        return
    import httpx  # slow to import, and other commands do not need it

    url = f"{plan.fairgate.geturl().rstrip('/')}/v1/rooms/{plan.room}"
    try:
        async with httpx.AsyncClient(timeout=ASK_TIMEOUT_S) as client:
            answer = await client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        logs.get(__name__).warning("Fairgate does not answer", url=url, why=f"{error}")
        return
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise CommandFailed(f"there is no room {plan.room} at {plan.fairgate.geturl()}")


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise typer.BadParameter(f"--trust takes a network, as 10.0.0.0/8, not {text}") from None
