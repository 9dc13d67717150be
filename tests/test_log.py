"""Log lines: on stderr, one JSON object each unless a terminal reads them; libraries log the same way."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app import logs
from app.settings import Settings


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    levels = {name: logging.getLogger(name).level for name in logs.QUIET}
    yield
    root.handlers = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


def test_a_line_is_a_json_object_with_the_role(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="auto"), "worker")
    logs.get("app.test").info("served", count=3)
    captured = capsys.readouterr()
    assert captured.out == ""
    line = json.loads(captured.err)
    assert (line["event"], line["count"], line["role"], line["level"]) == ("served", 3, "worker", "info")


def test_libraries_write_the_same_way_and_chatty_ones_only_warn(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"), "web")
    logging.getLogger("somebody").info("hello")
    logging.getLogger("arq").info("job done")
    logging.getLogger("arq").warning("job failed")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["logger"], line["event"]) for line in lines] == [
        ("somebody", "hello"),
        ("arq", "job failed"),
    ]


def test_the_level_is_a_setting(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_level="error"), "web")
    logs.get("app.test").warning("not this")
    logs.get("app.test").error("this")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["this"]


def test_an_exception_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"), "web")
    try:
        raise ValueError("broken")
    except ValueError:
        logs.get("app.test").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: broken" in json.loads(line)["exception"]


def test_the_console_form_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="console"), "web")
    logs.get("app.test").info("served", count=3)
    err = capsys.readouterr().err
    assert "served" in err
    assert "{" not in err
