"""Tickets as passes for wallet apps: signed, matching their manifest, on the page and in the mail."""

from __future__ import annotations

import hashlib
import json
import subprocess
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from app.core.reservations.wallet import PASS, PASSES
from app.settings import Settings
from tests.routes.conftest import Web
from tests.routes.mailing import wait_for_mail
from tests.routes.orders.test_ticket_links import BASE, offer, sell_three
from tests.support.mail_server import MailServer, mail_server
from tests.support.pass_certificates import TEAM, TYPE, pass_certificates
from worker.context import WorkerContext


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as found:
        yield found


@pytest.fixture
def settings(settings: Settings, server: MailServer, tmp_path: Path) -> Settings:
    files: dict[str, Any] = pass_certificates(tmp_path)
    files["wallet_key_password"] = SecretStr(files["wallet_key_password"])
    mail = {"public_url": BASE, "mail_from": "t@example.org", "smtp_url": SecretStr(server.url)}
    return settings.model_copy(update=files | mail)


def checked(content: bytes, folder: Path) -> dict[str, Any]:
    """The content of a pass, after OpenSSL has verified its signature and its files match the manifest."""
    with zipfile.ZipFile(BytesIO(content)) as it:
        files = {name: it.read(name) for name in it.namelist()}
    for name in ("signature", "manifest.json"):
        (folder / name).write_bytes(files[name])
    verify = "openssl cms -verify -binary -inform DER -in signature -content manifest.json -purpose any"
    subprocess.run(
        [*verify.split(), "-CAfile", "root.pem", "-out", "/dev/null"], cwd=folder, check=True, timeout=30
    )
    manifest: dict[str, str] = json.loads(files.pop("manifest.json"))
    del files["signature"]
    assert manifest == {name: hashlib.sha1(it).hexdigest() for name, it in files.items()}
    assert {"icon.png", "icon@2x.png"} < files.keys()
    (folder / "manifest.json").write_bytes(b"{}")
    forged = subprocess.run(
        [*verify.split(), "-CAfile", "root.pem"], cwd=folder, capture_output=True, timeout=30
    )
    assert forged.returncode != 0
    document: dict[str, Any] = json.loads(files["pass.json"])
    return document


async def test_tickets_are_passes_that_openssl_believes(
    web: Web, server: MailServer, worker: WorkerContext, tmp_path: Path
) -> None:
    held, place = await sell_three(web)
    browser = {"Cookie": f"__Host-fairgate_place_gala={place['Authorization'].split()[1]}"}
    tickets = (await web.get(f"/v1/reservations/{held[0]}", headers=place)).json()["tickets"]
    path = f"/reservations/{held[0]}/wallet"
    assert f'href="{path}"' in (await web.get(f"/reservations/{held[0]}", headers=browser)).text
    both = await web.get(path, headers=browser)
    assert (both.headers["content-type"], both.headers["cache-control"]) == (PASSES, "private, no-store")
    with zipfile.ZipFile(BytesIO(both.content)) as it:
        passes = [checked(it.read(name), tmp_path) for name in it.namelist()]
    assert {it["serialNumber"] for it in passes} == {it["code"] for it in tickets}
    assert passes[0]["barcodes"][0]["message"] == passes[0]["serialNumber"]
    assert (passes[0]["passTypeIdentifier"], passes[0]["teamIdentifier"]) == (TYPE, TEAM)
    assert passes[0]["eventTicket"]["primaryFields"][0]["value"] == "Gala"
    assert (await web.get(path)).status_code == 404, "nobody else's"
    mail = await wait_for_mail(server, "Your tickets: Gala")
    assert [it.get_filename() for it in mail.iter_attachments()] == ["tickets.pdf", "tickets.pkpasses"]
    token = await offer(web, server, browser, held[0], tickets[0]["ticket_id"], "bob@example.org")
    accepted = (await web.post("/tickets/accept", data={"token": token})).headers["location"]
    assert "/tickets/mine/wallet?key=" in (await web.get(accepted)).text
    theirs = await web.get(accepted.replace("mine?", "mine/wallet?"))
    assert theirs.headers["content-type"] == PASS
    assert checked(theirs.content, tmp_path)["serialNumber"] not in {it["code"] for it in tickets}
    answer = await web.get(path, headers=browser)
    assert (answer.headers["content-type"], checked(answer.content, tmp_path)["serialNumber"]) == (
        PASS,
        tickets[1]["code"],
    )


def test_what_does_not_fit_together_is_refused_by_name(tmp_path: Path) -> None:
    files: dict[str, Any] = pass_certificates(tmp_path)
    assert Settings(**files).pass_signer() is not None
    assert Settings().pass_signer() is None
    for wrong, message in (
        ({"wallet_key": ""}, "needs FAIRGATE_WALLET_KEY"),
        ({"wallet_key": str(tmp_path / "none")}, "cannot be read"),
        ({"wallet_key_password": "another"}, "password is wrong"),
        ({"wallet_certificate": files["wallet_key"]}, "not a PEM certificate"),
        ({"wallet_certificate": files["wallet_intermediates"]}, "does not match its key"),
    ):
        with pytest.raises(ValidationError, match=message):
            Settings(**{**files, **wrong})
