"""Files to copy when connecting a site: the tested ones of `deploy/gate/` with the site's own addresses
filled in."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from app.core.formats import HOST
from app.core.model import RoomId

FILES = Path(__file__).parents[2] / "deploy" / "gate"
# The placeholders in the files.
ROOM, NAME, PUBLIC = "opening-night", "shop.example", "https://tickets.example"
FAIRGATE, ORIGIN = "127.0.0.1:8080", "127.0.0.1:3000"
Host = Annotated[str, Meta(pattern=HOST)]
Kind = Literal["proxy", "app", "edge"]
KINDS: dict[Kind, str] = {"proxy": "A proxy", "app": "Your own code", "edge": "The edge"}


class File(NamedTuple):
    """A file below `deploy/gate/`, and where the shop puts it."""

    path: str
    goes_to: str


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way to connect a shop."""

    name: str
    label: str
    kind: Kind
    files: tuple[File, ...]
    first: str = ""  # a command to run before the files are copied
    then: str = ""  # and one to run afterwards
    note: str = ""


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """The values filled into the files. Hosts are checked to be nothing else, because they become code."""

    room_id: RoomId
    target_url: str  # the address visitors know
    public_url: str  # Fairgate's own
    fairgate: Host = FAIRGATE  # as the proxy reaches it, by http
    origin: Host = ORIGIN  # the shop as the proxy reaches it, by http


NODE = "npm install @fairgate/gate"
PYTHON = "pip install fairgate-gate"
WAYS: dict[str, Way] = {
    it.name: it
    for it in (
        Way(
            name="nginx",
            label="nginx",
            kind="proxy",
            files=(File("nginx/gate.conf", "/etc/nginx/conf.d/fairgate.conf"),),
            then="nginx -t && systemctl reload nginx",
            note="Where nginx already serves the site, keep its server block and copy the locations into it.",
        ),
        Way(
            name="haproxy",
            label="HAProxy",
            kind="proxy",
            files=(
                File("haproxy/gate.lua", "/etc/haproxy/gate.lua"),
                File("haproxy/haproxy.cfg", "/etc/haproxy/haproxy.cfg"),
            ),
            then="haproxy -c -f /etc/haproxy/haproxy.cfg && systemctl reload haproxy",
            note="In your own configuration you need lua-load, and in the frontend the lines about fairgate.",
        ),
        Way(
            name="caddy",
            label="Caddy",
            kind="proxy",
            files=(File("caddy/Caddyfile", "/etc/caddy/Caddyfile"),),
            then="caddy validate --config /etc/caddy/Caddyfile && systemctl reload caddy",
        ),
        Way(
            name="traefik",
            label="Traefik",
            kind="proxy",
            files=(File("traefik/gate.yaml", "the folder of --providers.file.directory"),),
            note="As labels, the same fields go below traefik.http.middlewares.fairgate.forwardauth.",
        ),
        Way(
            name="envoy",
            label="Envoy",
            kind="proxy",
            files=(File("envoy/envoy.yaml", "envoy.yaml"),),
            then="envoy --mode validate -c envoy.yaml",
            note="In your own configuration you need the filter ext_authz and the cluster fairgate.",
        ),
        Way(
            name="ingress-nginx",
            label="ingress-nginx",
            kind="proxy",
            files=(File("ingress-nginx/ingress.yaml", "the site's Ingress"),),
            then="kubectl apply -f ingress.yaml",
            note="Copy the annotations to the Ingress you have. Fairgate's service is taken to be "
            "fairgate in the namespace fairgate.",
        ),
        Way(
            name="apache",
            label="Apache",
            kind="proxy",
            files=(
                File("apache/gate.lua", "/etc/apache2/gate.lua"),
                File("apache/gate.conf", "/etc/apache2/sites-enabled/fairgate.conf"),
            ),
            first="apt install lua-socket && a2enmod lua proxy_http headers",
            then="apachectl configtest && systemctl reload apache2",
        ),
        Way(
            name="express",
            label="Express",
            kind="app",
            files=(File("express/gate.mjs", "the beginning of your app"),),
            first=NODE,
        ),
        Way(
            name="next",
            label="Next.js",
            kind="app",
            files=(File("next/middleware.js", "middleware.js"),),
            first=NODE,
        ),
        Way(
            name="asgi",
            label="Python, ASGI",
            kind="app",
            files=(File("asgi/gate.py", "gate.py, beside your app"),),
            first=PYTHON,
            then="uvicorn gate:app",
            note="FastAPI, Starlette, Quart, Django with ASGI.",
        ),
        Way(
            name="wsgi",
            label="Python, WSGI",
            kind="app",
            files=(File("wsgi/gate.py", "gate.py, beside your app"),),
            first=PYTHON,
            then="gunicorn gate:app",
            note="Flask, Django.",
        ),
        Way(
            name="php",
            label="PHP",
            kind="app",
            files=(File("php/gate.php", "gate.php, beside fairgate-gate.php"),),
            then="auto_prepend_file = /srv/shop/gate.php",
            note="fairgate-gate.php is in clients/php. The last line goes into php.ini.",
        ),
        Way(
            name="wordpress",
            label="WordPress",
            kind="app",
            files=(File("wordpress/wp-config.php", "wp-config.php, above “stop editing”"),),
            note="Copy clients/php/wordpress/fairgate-gate to wp-content/plugins, and "
            "clients/php/fairgate-gate.php into it as gate.php. Then activate the plugin.",
        ),
        Way(
            name="cloudflare",
            label="Cloudflare Worker",
            kind="edge",
            files=(File("cloudflare/wrangler.toml", "wrangler.toml"),),
            first=NODE,
            then="npx wrangler deploy",
        ),
    )
}


def filled(way: Way, site: Site) -> list[tuple[File, str]]:
    """The files of a way, with the site's own values filled in."""
    values = _values(site)
    places = re.compile("|".join(re.escape(it) for it in sorted(values, key=len, reverse=True)))
    return [(it, places.sub(lambda found: values[found[0]], _text(it.path))) for it in way.files]


def _values(site: Site) -> dict[str, str]:
    """The replacements: text in the files, and the site's own."""
    scheme, name = _target(site.target_url)
    values = {
        ROOM: site.room_id,
        NAME: name,
        PUBLIC: site.public_url,
        FAIRGATE: site.fairgate,
        ORIGIN: site.origin,
    }
    for before, after in ((FAIRGATE, site.fairgate), (ORIGIN, site.origin)):
        values[_of_envoy(before)] = _of_envoy(after)
    if scheme == "https":
        values[f"http://{NAME} {{"] = f"{name} {{"  # Caddy obtains a certificate itself
    return values


def _target(address: str) -> tuple[str, str]:
    """The scheme and host of the site's address; the placeholders if it has none to copy."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    return (parts.scheme, host) if host and re.match(HOST, host) else ("http", NAME)


def _of_envoy(host: str) -> str:
    name, _, port = host.partition(":")
    return f"address: {name}, port_value: {port or 80}"


@cache
def _text(path: str) -> str:
    return (FILES / path).read_text()
