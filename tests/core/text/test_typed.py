"""User input is read in exactly one way, or refused."""

from __future__ import annotations

import unicodedata

import pytest

from app.core import currencies
from app.core.catalogue.seating import new_slug, slug_of
from app.core.errors import ValidationFailed
from app.core.notifications.email import address, mailbox, normalised
from app.core.text import formatting, typed


@pytest.mark.parametrize(
    ("text", "number", "minor"),  # with two decimals
    [
        ("1,000", 1000, 100_000),
        ("1 000", 1000, 100_000),
        ("1\u202f000,50", None, 100_050),
        ("1,000,000", 1_000_000, 100_000_000),
        ("1,000.50", None, 100_050),
        ("45", 45, 4500),
        ("45,5", None, 4550),
        ("45.50", None, 4550),
        ("0", 0, 0),
        ("0.05", None, 5),
        ("\uff11\uff10", 10, 1000),  # full-width digits
        ("\u0664\u0665", 45, 4500),  # Arabic digits
        ("1.000", 1000, 100_000),
        ("1.000,50", None, 100_050),
        ("1.000.50", None, None),
        ("1,000,50", None, None),
        ("0.500", None, None),
        ("4e2", None, None),
        ("1,5", None, 150),
        ("0500", None, None),
        ("0,500", None, None),
        ("12,34,567", None, None),
        ("1_000", None, None),
        ("-1", None, None),
        ("+1", None, None),
        ("45.005", 45_005, 4_500_500),  # dots group thousands, as commas do
        ("45.0051", None, None),
        ("NaN", None, None),
        ("\u00b2", None, None),
        ("", None, None),
        ("9" * 16, None, None),
    ],
)
def test_numbers_and_amounts(text: str, number: int | None, minor: int | None) -> None:
    assert typed.whole_number(text) == number
    assert typed.amount(text, 2) == minor


def test_amounts_follow_the_decimals_of_the_currency() -> None:
    assert [typed.amount("1,000", scale) for scale in (0, 2, 3)] == [1000, 100_000, None]
    assert [typed.amount("1.000", scale) for scale in (0, 2, 3)] == [1000, 100_000, 1000]
    assert [typed.amount("45.00", scale) for scale in (0, 2, 3)] == [None, 4500, 45_000]


@pytest.mark.parametrize("currency", ["HUF", "IDR", "COP", "PKR", "RSD", "EUR"])
def test_a_currency_has_the_decimals_of_iso_4217_and_no_others(currency: str) -> None:
    """Even where CLDR omits them because nobody pays with such coins."""
    assert "2,500.00" in formatting.money(250_000, currency)
    assert "5,000.00" in formatting.money(2 * 250_000, currency)


def test_every_currency_is_written_with_its_decimals() -> None:
    for currency, decimals in currencies.SCALES.items():
        expected = f"1{'.' if decimals else ''}{'0' * decimals}"
        assert formatting.money(10**decimals, currency).endswith(expected), currency


@pytest.mark.parametrize(
    "email",
    [
        "a..b@example.org",
        "ann,bob@example.org",
        "ann@example",
        "ann@-x.org",
        ".a@example.org",
        "ann@example..org",
    ],
)
def test_an_address_no_mail_gets_to_is_refused(email: str) -> None:
    with pytest.raises(ValidationFailed):
        mailbox(email)


def test_one_mailbox_has_one_spelling() -> None:
    assert mailbox(" Ann@Example.ORG\n") == "Ann@example.org"
    decomposed = unicodedata.normalize("NFD", "jos\u00e9@example.org")
    assert normalised(decomposed) == normalised(" JOS\u00c9@example.org ") == "jos\u00e9@example.org"
    assert normalised("ann@xn--mnchen-3ya.de") == normalised("Ann@M\u00dcNCHEN.de")
    assert address("ann@m\u00fcnchen.de").addr_spec == "ann@xn--mnchen-3ya.de"
    assert address("jos\u00e9@m\u00fcnchen.de").addr_spec == "jos\u00e9@xn--mnchen-3ya.de"


@pytest.mark.parametrize("text", ["ABCD-1234", "abcd 1234", " ABCD\u20111234 ", "a b c d 1 2 3 4"])
def test_a_code_is_read_however_it_was_written(text: str) -> None:
    assert typed.ticket_code(text) == "ABCD1234"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Spring Gala", "spring-gala"),
        ("Stra\u00dfe", "strasse"),
        ("\u0141\u00f3d\u017a", "lodz"),
        ("\u041c\u043e\u0441\u043a\u0432\u0430 2030", "moskva-2030"),
        ("\uc11c\uc6b8 \ucf58\uc11c\ud2b8", "seoul-konseoteu"),
        ("\u0645\u0647\u0631\u062c\u0627\u0646", "mhrjn"),
        ("!!!", ""),
    ],
)
def test_an_id_is_made_of_a_name_in_any_script(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_ids_made_of_names_are_unique() -> None:
    taken: list[str] = []
    for name in ("A!", "A?", "a", "!", "?", "x" * 60, "x" * 50):
        taken.append(new_slug(name, taken, "tickets"))
    assert taken == ["a", "a-2", "a-3", "tickets", "tickets-2", "x" * 40, f"{'x' * 34}-2"]


def test_lengths_of_time() -> None:
    for text, seconds in (
        *(("90", 90), ("90 s", 90), ("1 second", 1), ("10 min", 600), ("10min", 600), ("2 Minutes", 120)),
        *(("2 h", 7200), ("1 hour", 3600), ("1 day", 86_400), ("1,200 s", 1200), ("0", 0)),
        *(("", None), ("min", None), ("ten min", None), ("1.5 h", None), ("-1 s", None), ("1 week", None)),
    ):
        assert typed.duration(text) == seconds, text
    for seconds in (0, 1, 59, 60, 90, 600, 3600, 5400, 7200, 86_400, 604_800):
        assert typed.duration(typed.duration_text(seconds)) == seconds
    assert [typed.duration_text(it) for it in (90, 600, 3600, 172_800)] == [
        "90 s",
        "10 min",
        "1 hour",
        "2 days",
    ]
