"""fairgate audit: its exit codes, and what it prints."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from app import cli
from app.core.assurance.log_audit import Verdict
from tests.core.assurance.test_fairness import FIFO, changed, export
from tests.core.assurance.test_receipt_audit import a_receipt


def test_a_fair_log_is_0_and_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "log.json"
    saved.write_bytes(msgspec.json.encode(export(FIFO)))
    again = tmp_path / "again.json"
    assert cli.run(["audit", str(saved), "--save", str(again)]) == cli.DONE
    out, _ = capsys.readouterr()
    assert out.startswith(f"hall: {len(FIFO)} leaves, {len(FIFO)} under 2 signed heads\n")
    assert "staff let up to 1 in by hand" in out
    assert out.endswith("no faults found\n")
    assert again.read_bytes() == saved.read_bytes()


def test_a_wrong_one_is_1_and_says_what_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "log.json"
    saved.write_bytes(msgspec.json.encode(export(changed(FIFO, "14 passed 5 v5 tickets"))))
    assert cli.run(["audit", str(saved)]) == cli.FAILED
    out, err = capsys.readouterr()
    assert "overtaken: number 6 was called before number 5" in out
    assert err == "fairgate: 1 fault in the log of hall\n"
    assert cli.run(["audit", str(saved), "--json"]) == cli.FAILED
    verdict = msgspec.json.decode(capsys.readouterr().out, type=Verdict)
    assert [it.kind for it in verdict.findings] == ["overtaken"]


def test_what_is_no_log_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "log.json"
    saved.write_text('{"room_id": "hall"}')
    assert cli.run(["audit", str(saved)]) == cli.WRONG_USAGE
    assert cli.run(["audit", "hall", "--url", "http://127.0.0.1:9"]) == cli.WRONG_USAGE
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_receipt_is_checked_by_itself_and_with_a_saved_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, log = tmp_path / "receipt.json", tmp_path / "log.json"
    mine.write_bytes(msgspec.json.encode(a_receipt()))
    log.write_bytes(msgspec.json.encode(export(FIFO)))
    assert cli.run(["audit", str(mine)]) == cli.DONE
    out, _ = capsys.readouterr()
    assert "number 3, waiting, visitor me\n\nthe signature is valid\n" in out
    assert "add --url or --log" in out
    assert cli.run(["audit", str(mine), "--log", str(log)]) == cli.DONE
    assert "the log has this place, at leaf 10\n" in capsys.readouterr().out
    mine.write_bytes(msgspec.json.encode(a_receipt(queue_number=1)))
    assert cli.run(["audit", str(mine), "--log", str(log)]) == cli.FAILED
    assert "does not give this visitor the number 1" in capsys.readouterr().err
    log.write_bytes(msgspec.json.encode(export(changed(FIFO, "14 passed 5 v5 tickets"))))
    mine.write_bytes(msgspec.json.encode(a_receipt()))
    assert cli.run(["audit", str(mine), "--log", str(log), "--json"]) == cli.FAILED
    assert msgspec.json.decode(capsys.readouterr().out)["log"]["fair"] is False
