"""Alerts fire when they should, name metrics that exist, and link to their section of the runbook."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.core.monitoring.alert_rules import RULES as RULES_INSIDE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deploy/prometheus"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
CASES = [
    case
    for test in yaml.safe_load((FOLDER / "alerts_test.yaml").read_text())["tests"]
    for case in test["alert_rule_test"]
]
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
PARTS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
OTHERS = {  # of postgres_exporter, redis_exporter, node_exporter and blackbox_exporter
    *("pg_replication_lag_seconds", "redis_connected_slave_lag_seconds", "probe_ssl_earliest_cert_expiry"),
    *("node_filesystem_avail_bytes", "node_filesystem_size_bytes"),
}


def promtool(*arguments: str, rules: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    return subprocess.run(
        [program, *arguments], cwd=FOLDER, input=rules, capture_output=True, timeout=120, check=False
    )


def test_each_alert_fires_when_it_should_and_at_nothing_else() -> None:
    ended = promtool("test", "rules", "alerts_test.yaml")
    assert ended.returncode == 0, (ended.stdout + ended.stderr).decode()


def test_the_rules_and_the_configuration_are_valid() -> None:
    for arguments in (("check", "rules", "alerts.yaml"), ("check", "config", "prometheus.yml")):
        ended = promtool(*arguments)
        assert ended.returncode == 0, (ended.stdout + ended.stderr).decode()


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(alert: str) -> None:
    fires = {bool(case["exp_alerts"]) for case in CASES if case["alertname"] == alert}
    assert fires == {True, False}


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_leads_to_its_part_of_the_runbook(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in ("page", "ticket")
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert page == "docs/runbook.md"
    assert anchor in {anchor_of(title) for title in PARTS}


def test_each_part_of_the_runbook_belongs_to_an_alert_and_says_all_four_things() -> None:
    led_to = {rule["annotations"]["runbook"].partition("#")[2] for rule in ALERTS.values()}
    for title, text in PARTS.items():
        assert anchor_of(title) in led_to, title
        found = re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE)
        assert [it for it in found if it in ("Fans see", "Look at", "Do", "Wake")] == [
            *("Fans see", "Look at", "Do", "Wake")
        ], title


def test_the_rules_use_metrics_and_labels_that_exist() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| (.*?) \|", (ROOT / "docs/reference/metrics.md").read_text(), re.M
    )
    known = {name: set(re.findall(r"`(\w+)`", labels)) for name, _, labels in rows}
    known |= {f"{name}_bucket": {*known[name], "le"} for name, kind, _ in rows if kind == "histogram"}
    for rule in RULES:
        for name, matchers in re.findall(
            r"\b((?:fairgate|pg|redis|node|probe)_\w+)(?:\{([^}]*)\})?", rule["expr"]
        ):
            assert name in known or name in OTHERS, name
            used = set(re.findall(r"(\w+)(?:=|!=|=~|!~)", matchers))
            assert name in OTHERS or used <= known[name], (name, used)


def test_the_rules_of_the_product_are_described_with_their_numbers() -> None:
    page = (ROOT / "docs/how-to/alerts.md").read_text()
    rows = [it.split("|") for it in page.splitlines() if it.startswith("| `")]
    found = {name.strip(" `"): number.strip() for _, name, _, number, *_ in rows}
    assert [*found] == [it.name for it in RULES_INSIDE]
    for rule in RULES_INSIDE:
        number = f"{rule.threshold.default} {rule.threshold.unit}" if rule.threshold else ""
        assert number.startswith(found[rule.name]), rule.name
        assert rule.runbook in {anchor_of(title) for title in PARTS}


def anchor_of(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
