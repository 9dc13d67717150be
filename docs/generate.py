"""Write the pages of docs/reference that follow from the code; with --check, say whether they are current.

Settings are described beside their definition, metrics where they are counted, errors by their docstring, and
commands by their help: so each is written once.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import typer
from pydantic_core import PydanticUndefined
from typer.cli import get_docs_for_click

from app import cli
from app.core import errors
from app.monitoring.exposition import RENAMED
from app.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs/reference"
NOTE = "<!-- Written by docs/generate.py: change the code it describes, then run `make docs-reference`. -->\n"
KINDS = {"Counter": "counter", "Gauge": "gauge", "Histogram": "histogram", "Outcomes": "counter"}
LABELS = {"Outcomes": ("outcome",)}  # that a class has without being told


NAMES = (
    "## Names\n\n"
    "A scrape that accepts `application/openmetrics-text`, as Prometheus does, gets OpenMetrics; any other "
    "gets the text format. `promtool check metrics` finds nothing wrong with either role's scrape; a test "
    "checks this.\n\n"
    "All names were compared with [Prometheus' conventions]"
    "(https://prometheus.io/docs/practices/naming/): prefix, base units, `_total` on counters and on nothing "
    "else, a meaningful sum over the labels, and a name that says what is counted. Those that did "
    "not have a second name, with the same series. The old ones stay until at least 1.0, because "
    "dashboards and alerts use them:\n"
)
KEPT = "These differ from the conventions and stay as they are:\n"
DIFFERENT = [
    (
        "`fairgate_admission_rate_per_minute`, `fairgate_outflow_per_minute`",
        "the setting, the status document and every page are per minute; for calculations, use "
        "`rate(fairgate_admitted_total[1m])`",
    ),
    (
        "`fairgate_joined_total`, `fairgate_admitted_total`, `fairgate_claimed_total`, "
        "`fairgate_expired_total`, `fairgate_left_total`, `fairgate_done_total`",
        "the verb says what was counted; the subject of a room's series is always the visitor",
    ),
    ("`fairgate_request_seconds`, `fairgate_job_seconds`", "`_duration` would add nothing to the unit"),
    (
        "`fairgate_last_queue_number`, `fairgate_serving_position`",
        "gauges, although they only grow: they start over when a room is reset, and their rate is not useful",
    ),
]


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def settings() -> str:
    """Every field of Settings with the docstring below it."""
    bodies = [
        ast.parse(inspect.getsource(it)).body[0]
        for it in Settings.__mro__
        if it.__module__.startswith("app.settings")
    ]
    said = {
        before.target.id: ast.literal_eval(after.value)
        for found in bodies
        if isinstance(found, ast.ClassDef)
        for before, after in zip(found.body, found.body[1:], strict=False)
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
    }
    rows = [
        (
            f"`{variable(name)}`",
            default(name),
            " ".join(said[name].split()) + (" *Reloaded.*" if name in Settings.RELOADED else ""),
        )
        for name in Settings.model_fields
    ]
    return (
        "# Settings\n\n"
        "Settings are environment variables. `REDIS_URL`, `QUEUE_REDIS_URL` and `DATABASE_URL` also work "
        "with the prefix `FAIRGATE_`. A process with an invalid value does not start, and names the "
        "value.\n\n"
        "Settings can also be in one file: `FAIRGATE_CONFIG` names it; otherwise `fairgate.yaml` or "
        "`fairgate.toml` in the working folder or in `/etc/fairgate` is used. Its keys are the names in "
        "lower case without the prefix (`log_level: debug`). A variable that ends in `_FILE` names a "
        "file that contains the value, as Docker and Kubernetes mount secrets. The environment overrides "
        "the files. `fairgate config show` shows where each value comes from, `fairgate config check` "
        "whether all are valid. On SIGHUP a web process or worker reads the files again and applies the "
        "settings marked *reloaded*; it logs other changes, which need a restart. `fairgate up` passes the "
        "signal on to its processes (at a terminal, SIGHUP ends it).\n\n"
        f"{table(('Variable', 'Default', 'Meaning'), rows)}\n"
        "Sign-ins and registrations are limited to 60 per minute from one address. An account accepts 10 "
        "sign-ins per minute in all from devices it has not signed in on, and a few more from each address. "
        "For the settings of each room (rate, maximum inside, claim window, schedule, lottery, look), see "
        "`/docs` of a running installation, under rooms.\n"
    )


def variable(name: str) -> str:
    """The environment variable of a field."""
    prefix = "" if Settings.model_fields[name].validation_alias else "FAIRGATE_"
    return prefix + name.upper()


def default(name: str) -> str:
    """The default of a field, as it would be set; empty where there is none."""
    value = Settings.model_fields[name].default
    if (
        value is PydanticUndefined
        or value == []
        or not str(getattr(value, "get_secret_value", lambda: value)())
    ):
        return ""
    if isinstance(value, bool):
        return "`on`" if value else "`off`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


class Measure(NamedTuple):
    """One metric as `/metrics` names it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help_text: str


def metrics() -> str:
    """Every metric that the code defines."""
    found = sorted(
        {it for path in (ROOT / "app").rglob("*.py") for it in measures(ast.parse(path.read_text()))}
    )
    names = {
        it.name.removesuffix("_total"): it.name.removeprefix(it.name.removesuffix("_total")) for it in found
    }
    renamed = [(f"`{old}{names[old]}`", f"`{new}{names[old]}`") for old, new in RENAMED.items()]
    rows = [
        (f"`{name}`", kind, ", ".join(f"`{it}`" for it in labels), said) for name, kind, labels, said in found
    ]
    return (
        "# Metrics\n\n"
        "Served in Prometheus' text format at `/metrics` of every process's operators' port, and on the "
        "public port to whoever sends `FAIRGATE_OPS_TOKEN`. Counters are sums over all processes, whichever "
        "one is scraped. Series with a `room_id` exist while the room had a visitor in the last quarter of "
        "an hour, for at most a hundred rooms. The usual `process_*` metrics are served as well.\n\n"
        f"{table(('Metric', 'Type', 'Labels', 'Meaning'), rows)}\n"
        f"{NAMES}\n{table(('Name', 'By the conventions'), renamed)}\n"
        f"{KEPT}\n{table(('Name', 'Why'), DIFFERENT)}"
    )


def measures(tree: ast.Module) -> Iterator[Measure]:
    """The metrics that a module makes, by their constructors' arguments."""
    tables = {
        ast.unparse(it.targets[0] if isinstance(it, ast.Assign) else it.target): it.value
        for it in tree.body
        if isinstance(it, ast.Assign | ast.AnnAssign)
    }
    for loop in ast.walk(tree):
        named = tables.get(ast.unparse(loop.iter)) if isinstance(loop, ast.For) else None
        if isinstance(loop, ast.For) and isinstance(named, ast.Tuple):
            for call in made(loop):
                for row in named.elts:
                    name, said = (ast.literal_eval(it) for it in row.elts[:2])  # type: ignore[attr-defined]  # of tuples
                    yield measure(call, f"fairgate_{name}", said)
    for call in made(tree):
        if all(isinstance(it, ast.Constant) for it in call.args[:2]):
            yield measure(call, *(ast.literal_eval(it) for it in call.args[:2]))


def made(node: ast.AST) -> Iterator[ast.Call]:
    """The calls that make a metric."""
    for it in ast.walk(node):
        if isinstance(it, ast.Call) and isinstance(it.func, ast.Name) and len(it.args) > 1:
            if it.func.id.removesuffix("MetricFamily") in KINDS:
                yield it


def measure(call: ast.Call, name: str, said: str) -> Measure:
    """A metric; counters are served with `_total`."""
    assert isinstance(call.func, ast.Name)
    kind = KINDS[call.func.id.removesuffix("MetricFamily")]
    given = (
        call.args[2]
        if len(call.args) > 2
        else next((it.value for it in call.keywords if it.arg == "labels"), None)
    )
    labels = tuple(ast.literal_eval(given)) if given else LABELS.get(call.func.id, ())
    return Measure(name + ("_total" if kind == "counter" else ""), kind, labels, said)


def refusals() -> str:
    """Every error code."""
    found = sorted(
        {(it.status, it.code, it.title(), issubclass(it, errors.Retryable)) for it in errors.all_refusals()}
    )
    rows = [(f"`{code}`", str(status), title, "yes" if again else "") for status, code, title, again in found]
    return (
        "# Errors\n\n"
        "Every error is `application/problem+json` (RFC 9457). `code` is stable and meant for programs, "
        "`detail` says what to do, and a 422 lists the fields in `errors`. Where *Retry* is yes, the "
        "response carries `Retry-After`: wait that long, then send the same request again, with the same "
        "`Idempotency-Key` if it had one.\n\n"
        f"{table(('Code', 'Status', 'Meaning', 'Retry'), rows)}"
    )


def commands() -> str:
    """Every command with its options."""
    command = typer.main.get_command(cli.app)
    context = typer.Context(command, info_name="fairgate")
    text = get_docs_for_click(obj=command, ctx=context, name="fairgate", title="Command line")
    codes = "Exit codes: 0 done, 1 failed, 2 wrong usage. An error is one line on stderr."
    text = re.sub(r"\*\*Commands\*\*:\n\n(\* .*\n)+\n?", "", text)  # they follow, each with a heading
    return text.strip().replace("\n\n", f"\n\n{codes}\n\n", 1) + "\n"


PAGES_OF = {"settings.md": settings, "metrics.md": metrics, "errors.md": refusals, "cli.md": commands}


def main(check: bool) -> int:
    """Write the pages, or say which are out of date."""
    stale = []
    for name, write in PAGES_OF.items():
        page, text = PAGES / name, NOTE + write()
        if check and (not page.exists() or page.read_text() != text):
            stale.append(str(page.relative_to(ROOT)))
        elif not check:
            page.write_text(text)
    for name in stale:
        print(f"{name} does not say what the code says: run `make docs-reference`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
