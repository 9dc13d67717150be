"""The Helm chart renders valid manifests of what exists, in pods with no further privileges."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import cli
from app.settings import Settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
CHART = ROOT / "deploy/helm/fairgate"
BIN = Path(sys.executable).parent
SETTINGS = {f"FAIRGATE_{name.upper()}" for name in Settings.model_fields}
EVERYTHING: dict[str, Any] = {
    "existingSecret": "fairgate",
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls", "annotations": {"a/b": "c"}},
    "networkPolicy": {"metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]},
    "metrics": {"serviceMonitor": True, "alerts": True, "labels": {"release": "prometheus"}},
    "bundledStores": {"enabled": True},
    "image": {"tag": "1.2.3", "pullSecrets": [{"name": "registry"}]},
    "settings": {"FAIRGATE_PUBLIC_URL": "https://tickets.example", "OTEL_TRACES_SAMPLER_ARG": "0.01"},
    "web": {"autoscaling": {"enabled": False}},
    "migrate": {"after": True},
}
VALUES: dict[str, dict[str, Any]] = {"default": {"existingSecret": "fairgate"}, "everything": EVERYTHING}
CUSTOM = {"PodMonitor", "PrometheusRule"}  # of the Prometheus operator, whose schemas are not Kubernetes'


def helm(*arguments: str, values: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    if not (BIN / "helm").exists():
        pytest.skip("helm is not installed (make .venv/.charts)")
    command = [str(BIN / "helm"), *arguments, str(CHART), "--values", "-"]
    return subprocess.run(
        command, input=json.dumps(values), capture_output=True, text=True, timeout=60, check=False
    )


def rendered(name: str) -> list[dict[str, Any]]:
    ended = helm("template", "sale", values=VALUES[name])
    assert ended.returncode == 0, ended.stderr
    return [it for it in yaml.safe_load_all(ended.stdout) if it]


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What runs, by component."""
    found = [it["spec"]["template"] for it in objects if "template" in it.get("spec", {})]
    return {it["metadata"]["labels"]["app.kubernetes.io/component"]: it["spec"] for it in found}


@pytest.mark.parametrize("name", VALUES)
def test_what_it_makes_is_valid(name: str, tmp_path: Path) -> None:
    linted = helm("lint", "--strict", values=VALUES[name])
    assert linted.returncode == 0, linted.stdout
    objects = [it for it in rendered(name) if it["kind"] not in CUSTOM]
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(objects))
    validate, path = str(BIN / "kubernetes-validate"), str(tmp_path / "all.yaml")
    command = [validate, "-k", "1.30", "--strict", path]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    output = ended.stdout + ended.stderr
    assert ended.returncode == 0, output
    assert output.count(" passed for resource ") == len(objects), output


@pytest.mark.parametrize("name", VALUES)
def test_every_pod_runs_with_least_rights(name: str) -> None:
    for component, spec in pods(rendered(name)).items():
        assert spec["automountServiceAccountToken"] is False, component
        security = spec["securityContext"]
        assert (security["runAsNonRoot"], security["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
        for container in spec["containers"]:
            assert container["securityContext"] == {
                **{"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True},
                "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]
            assert not re.search(r":(latest)?$", container["image"])


def test_roles_start_with_commands_and_settings_there_are() -> None:
    objects = rendered("everything")
    of_pods = pods(objects)
    assert set(of_pods) == {"web", "worker", "migrate", "redis", "postgres"}
    for component in ("web", "worker", "migrate"):
        [container] = of_pods[component]["containers"]
        program, *arguments = container["args"]
        assert (program, cli.run([*arguments, "--help"])) == ("fairgate", cli.DONE)
        assert container["image"] == "fairgate:1.2.3"
    [settings] = [it["data"] for it in objects if it["kind"] == "ConfigMap"]
    assert {it for it in settings if not it.startswith("OTEL_")} <= SETTINGS
    assert settings["FAIRGATE_PUBLIC_URL"] == "https://tickets.example"


def test_only_the_migration_is_given_the_owner_of_the_tables() -> None:
    for component, spec in pods(rendered("default")).items():
        [container] = spec["containers"]
        given = {it["name"]: it for it in container["env"]}
        if component == "migrate":
            assert given["FAIRGATE_DATABASE_URL"]["valueFrom"]["secretKeyRef"]["key"] == "OWNER_DATABASE_URL"
            assert "envFrom" not in container
        else:
            assert given["OWNER_DATABASE_URL"] == {"name": "OWNER_DATABASE_URL", "value": ""}


def test_probes_and_selectors_lead_to_ports_and_pods_there_are() -> None:
    objects = rendered("everything")
    of_pods = pods(objects)
    for spec in of_pods.values():
        for container in spec["containers"]:
            ports = {it["name"] for it in container.get("ports", [])}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                asked = container.get(probe, {}).get("httpGet")
                assert asked is None or asked["port"] in ports
    labels = {
        (name, value)
        for it in objects
        for name, value in it.get("spec", {})
        .get("template", {})
        .get("metadata", {})
        .get("labels", {})
        .items()
    }
    for manifest in objects:
        selector = (
            manifest["spec"].get("selector") or manifest["spec"].get("podSelector")
            if "spec" in manifest
            else None
        )
        if manifest["kind"] in ("Service", "NetworkPolicy", "PodDisruptionBudget"):
            assert selector
            assert set((selector.get("matchLabels") or selector).items()) <= labels, manifest["metadata"][
                "name"
            ]


def test_no_secret_is_in_it_and_one_has_to_be_named() -> None:
    assert not any(it["kind"] == "Secret" for it in rendered("everything"))
    bad: list[dict[str, Any]] = [{}, {"existingSecret": ""}, {"existingSecret": "x", "setings": {}}]
    for values in bad:
        assert helm("template", "sale", values=values).returncode != 0, values
    wrong = {"existingSecret": "x", "settings": {"FAIRGATE_BACKLOG_MAX": 7}}  # must be text
    assert helm("template", "sale", values=wrong).returncode != 0


def test_the_alerts_and_the_plain_manifests_are_those_of_the_chart() -> None:
    assert (CHART / "files/alerts.yaml").read_text() == (ROOT / "deploy/prometheus/alerts.yaml").read_text()
    [rule] = [it for it in rendered("everything") if it["kind"] == "PrometheusRule"]
    assert rule["spec"] == yaml.safe_load((CHART / "files/alerts.yaml").read_text())
    ended = helm("template", "fairgate", values=VALUES["default"])
    assert ended.stdout == (ROOT / "deploy/kubernetes/fairgate.yaml").read_text(), "make manifests"
