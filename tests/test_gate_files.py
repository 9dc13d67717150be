"""Files of deploy/gate/ that no test runs: they parse, name what exists, and call the gate correctly.

Option names are those of each project's documentation; `tests/browser/test_gate.py` runs the other files.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
import yaml

from app.web.gate.gate_request import GateQuery
from app.web.gate.passes import PASS_COOKIE

ROOT = Path(__file__).parents[1]
FILES = ROOT / "deploy" / "gate"
FOLDERS = sorted(it.name for it in FILES.iterdir() if it.is_dir())
ROOM = "opening-night"
GATE = f"/v1/rooms/{ROOM}/gate"
FORWARD_AUTH = {
    *(
        "address",
        "trustForwardHeader",
        "authResponseHeaders",
        "authResponseHeadersRegex",
        "tls",
        "maxBodySize",
    ),
    *(
        "authRequestHeaders",
        "addAuthCookiesToResponse",
        "headerField",
        "forwardBody",
        "preserveLocationHeader",
    ),
}
EXT_AUTHZ = {
    *("@type", "http_service", "failure_mode_allow", "status_on_error", "transport_api_version"),
    *("allowed_headers", "clear_route_cache", "with_request_body", "stat_prefix"),
}
INGRESS = {
    *("auth-url", "auth-method", "auth-signin", "auth-signin-redirect-param", "auth-always-set-cookie"),
    *("auth-response-headers", "auth-proxy-set-headers", "auth-cache-key", "auth-cache-duration"),
}


def read(name: str) -> Any:
    return yaml.safe_load((FILES / name).read_text())


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_has_a_short_guide_and_is_named_in_the_documentation(folder: str) -> None:
    guide = (FILES / folder / "README.md").read_text()
    assert len(guide.splitlines()) <= 17
    assert "FAIRGATE_PUBLIC_URL" in guide
    assert f"deploy/gate/{folder}/" in (ROOT / "docs" / "how-to" / "gate.md").read_text()


def test_traefik_asks_the_gate_and_hands_the_pass_on() -> None:
    http = read("traefik/gate.yaml")["http"]
    asking = http["middlewares"]["fairgate"]["forwardAuth"]
    assert asking.keys() <= FORWARD_AUTH
    assert urlsplit(asking["address"]).path == GATE
    assert asking["trustForwardHeader"] is False
    assert asking["addAuthCookiesToResponse"] == [PASS_COOKIE + ROOM]
    router = http["routers"]["shop"]
    assert (router["middlewares"], router["service"]) == (["fairgate"], "shop")
    assert http["services"]["shop"]["loadBalancer"]["servers"][0].keys() == {"url"}


def test_envoy_appends_the_path_and_tells_what_the_gate_looks_at() -> None:
    static = read("envoy/envoy.yaml")["static_resources"]
    (listener,) = static["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    asking, router = (it["typed_config"] for it in manager["http_filters"])
    assert asking.keys() <= EXT_AUTHZ
    assert router["@type"].endswith("router.v3.Router")  # the last filter
    assert asking["http_service"]["path_prefix"] == GATE
    assert asking["failure_mode_allow"] is False
    exact = {it.get("exact") or it["prefix"] for it in asking["allowed_headers"]["patterns"]}
    assert exact >= {"accept", "cookie", "origin", "sec-fetch-", "x-forwarded-for", "x-forwarded-proto"}
    response = asking["http_service"]["authorization_response"]
    assert response == {
        "allowed_client_headers_on_success": {"patterns": [{"exact": "set-cookie", "ignore_case": True}]}
    }
    (host,) = manager["route_config"]["virtual_hosts"]
    assert {"x-original-url", "x-forwarded-uri"} <= set(host["request_headers_to_remove"])
    clusters = {it["name"] for it in static["clusters"]}
    assert {
        asking["http_service"]["server_uri"]["cluster"],
        host["routes"][0]["route"]["cluster"],
    } == clusters


def test_ingress_nginx_asks_the_gate_for_what_it_can_hand_on() -> None:
    ingress = read("ingress-nginx/ingress.yaml")
    assert (ingress["apiVersion"], ingress["kind"]) == ("networking.k8s.io/v1", "Ingress")
    prefix = "nginx.ingress.kubernetes.io/"
    annotations = {
        name.removeprefix(prefix): value for name, value in ingress["metadata"]["annotations"].items()
    }
    assert annotations.keys() <= INGRESS
    assert all(isinstance(it, str) for it in annotations.values())
    asked = urlsplit(annotations["auth-url"])
    assert asked.path == GATE
    query = {name: values[0] for name, values in parse_qs(asked.query).items()}
    assert msgspec.convert(query, GateQuery) == GateQuery(deny="401", tickets="keep")
    assert urlsplit(annotations["auth-signin"]).path == f"/rooms/{ROOM}"
    assert annotations["auth-signin-redirect-param"] == "return_to"  # on the queue page


def test_the_worker_of_cloudflare_is_there_and_is_told_what_it_reads() -> None:
    config = tomllib.loads((FILES / "cloudflare" / "wrangler.toml").read_text())
    package = ROOT / "clients" / "node"
    worker = package / config["main"].removeprefix("node_modules/@fairgate/gate/")
    code = worker.read_text()
    assert all(f"env.{name}" in code for name in config["vars"])
    assert config["vars"]["FAIRGATE_ROOM"] == ROOM


def test_wordpress_is_told_what_its_plugin_reads() -> None:
    defined = re.findall(r"define\('(\w+)'", (FILES / "wordpress" / "wp-config.php").read_text())
    plugin = (ROOT / "clients" / "php" / "wordpress" / "fairgate-gate" / "fairgate-gate.php").read_text()
    assert defined
    assert all(f"defined('{name}')" in plugin for name in defined)
