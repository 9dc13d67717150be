"""DATABASE_URL as libpq accepts it: its parts, or a refusal that names the faulty one."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.store.connections import WrongAddress, postgres_connector
from app.store.drivers.postgres_address import read_postgres_address
from tests.store.certificates import self_signed


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://u:p@db/x", (("db", 5432),)),
        ("postgres://u@a:1,b:2,c/x", (("a", 1), ("b", 2), ("c", 5432))),
        ("postgresql://u@a,b/x?port=7", (("a", 7), ("b", 7))),
        ("postgresql:///x?host=/run/postgresql&user=u", (("/run/postgresql", 5432),)),
        ("postgresql://u@%2Frun%2Fpg/x", (("/run/pg", 5432),)),
        ("postgresql://u@[::1]:6/x", (("::1", 6),)),
        ("postgresql:///x?host=a,b&port=1,2", (("a", 1), ("b", 2))),
        ("postgresql:///x?port=7", (("localhost", 7),)),
        ("postgresql:///x", ()),
    ],
)
def test_the_hosts_of_a_database(url: str, hosts: tuple[tuple[str, int], ...]) -> None:
    assert read_postgres_address(url).hosts == hosts


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("channel_binding=require", "channel_binding"),
        ("gssencmode=require", "gssencmode"),
        ("hostaddr=10.0.0.1", "hostaddr"),
        ("keepalives_idle=5", "keepalives_idle"),
        ("search_path=x", "search_path"),
        ("client_encoding=latin1", "client_encoding"),
        ("target_session_attrs=standby", "target_session_attrs"),
        ("sslrootcert=/nowhere/ca.pem&sslmode=verify-full", "sslrootcert"),
        ("sslrootcert=system&sslmode=require", "verify-full"),
        ("connect_timeout=soon", "soon"),
        ("host=a,b&port=1,2,3", "ports"),
    ],
)
def test_what_libpq_takes_and_we_do_not_is_named(query: str, named: str) -> None:
    with pytest.raises(WrongAddress, match=named) as refused:
        postgres_connector(f"postgresql://u:secret@a/x?{query}", 1, "web")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "named"),
    [("mysql://u:secret@a/x", "postgresql://"), ("postgresql://u:secret@a,:7/x", "':7' is not a host")],
)
def test_what_is_no_address_of_a_database_is_refused(url: str, named: str) -> None:
    with pytest.raises(WrongAddress, match=named) as refused:
        postgres_connector(url, 1, "web")
    assert "secret" not in str(refused.value)


def test_a_client_certificate_goes_with_what_the_system_trusts(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    query = f"sslrootcert=system&sslcert={certificate}&sslkey={key}"
    assert read_postgres_address(f"postgresql://u@a/x?{query}").options["ssl"].check_hostname
    for wrong, named in ((key, "cannot be used"), (tmp_path / "none.pem", "cannot be read")):
        query = f"sslrootcert=system&sslcert={wrong}&sslkey={key}"
        with pytest.raises(WrongAddress, match=f"sslcert: {wrong} {named}"):
            postgres_connector(f"postgresql://u@a/x?{query}", 1, "web")


def test_what_is_so_anyway_may_be_asked_for() -> None:
    read_postgres_address(
        "postgresql://u@a/x?channel_binding=prefer&gssencmode=disable&sslsni=1&client_encoding=UTF8"
    )
