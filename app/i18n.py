"""The languages of pages: choosing one, its direction, its catalogue, its plurals.

A catalogue is `app/locale/<language>/LC_MESSAGES/fairgate.po`, read as translators write it, so there is no
compiled file to keep in step. Untranslated texts appear in English.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache, partial
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment

from app.core import zones
from app.core.clock import from_ms
from app.core.text import formatting

ENGLISH = "en"  # the language of the templates; it has no catalogue
OWN_NAMES = {  # from CLDR; looking them up would read twelve locales at each start
    ENGLISH: "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "it": "Italiano",
    "pt": "Português",
    "nl": "Nederlands",
    "pl": "Polski",
    "tr": "Türkçe",
    "ar": "العربية",
    "ja": "日本語",
    "ko": "한국어",
}
LANGUAGES = tuple(OWN_NAMES)
CATALOGUES = Path(__file__).parent / "locale"
SAMPLES = (1, *range(200), 1_000_000)  # cover each plural form of each language; 1 before 0


def choose(accepted: Iterable[str]) -> str:
    """Return the first of these tags (such as `pt-BR`, best first) that has a catalogue, or English."""
    primary = (tag.partition("-")[0].lower() for tag in accepted)
    return next((it for it in primary if it in LANGUAGES), ENGLISH)


def direction(language: str) -> str:
    """Return the direction of a script: `ltr` or `rtl`."""
    return Locale.parse(language).text_direction


def path(language: str) -> Path:
    """Return the path of a language's catalogue."""
    return CATALOGUES / language / "LC_MESSAGES" / "fairgate.po"


@cache
def catalogue(language: str) -> NullTranslations:
    """Return the translations of a language; those of English return the message itself."""
    if language == ENGLISH:
        return NullTranslations()
    with path(language).open("rb") as file:
        read = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return GNUTranslations(compiled)


@cache
def samples(language: str) -> Mapping[str, int]:
    """Return a number for each plural form of whole numbers, by CLDR's names, which always include
    `other`."""
    form = Locale.parse(language).plural_form
    by_form = {str(form(n)): n for n in reversed(SAMPLES)}
    return {"other": SAMPLES[-1], **by_form}


def plural_forms(language: str) -> Callable[..., dict[str, str]]:
    """Return a function for templates that maps a message in singular and plural to a pattern for each plural
    form.

    A pattern has {n} in place of the number; `zero`, if given, is the text for none.
    """
    translate = catalogue(language).ngettext

    def forms(singular: str, other: str, zero: str | None = None) -> dict[str, str]:
        patterns = {name: translate(singular, other, n) for name, n in samples(language).items()}
        return patterns | ({} if zero is None else {"zero": zero})

    return forms


def units(language: str) -> dict[str, dict[str, str]]:
    """Return the patterns for seconds, minutes and hours."""
    forms = plural_forms(language)
    return {
        "second": forms("{n} second", "{n} seconds"),
        "minute": forms("{n} minute", "{n} minutes"),
        "hour": forms("{n} hour", "{n} hours"),
    }


def install(environment: Environment, language: str) -> None:
    """Install the texts of a language in a template environment, and its formats of numbers, times and
    money."""
    translations = catalogue(language)
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # of the extension jinja2.ext.i18n
        translations.gettext, translations.ngettext, newstyle=True
    )
    named = units(language)
    environment.filters |= {
        "clock": partial(formatting.clock, days_pattern=days_pattern(language)),
        "counted": partial(formatting.counted, language=language),
        "duration": partial(formatting.duration, units=named, language=language),
        "money": partial(formatting.money, language=language),
        "accounted": partial(formatting.accounted, language=language),
        "percent": partial(formatting.percent, language=language),
        "number": partial(formatting.number, language=language),
        "moment": from_ms,
        "moments_in": formatting.moments_in,
        "parsed": datetime.fromisoformat,
        "rfc3339": formatting.rfc3339,
        "staff_time": formatting.staff_time,
        "zone_name": zones.shown_name,
        "wait": partial(formatting.wait, units=named, language=language),
        "zoned_time": partial(formatting.zoned_time, language=language),
    }
    environment.globals |= {
        "direction": direction(language),
        "forms": plural_forms(language),
        "language": language,
    }


def days_pattern(language: str) -> str:
    """Return the pattern of a countdown of more than a day."""
    return catalogue(language).gettext("{days}d {hours}h")
