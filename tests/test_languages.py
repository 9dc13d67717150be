"""Which language a page is in, and what its catalogue contains."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from app import i18n
from app.core import errors
from app.core.text import formatting
from app.web.pages.render import templates

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}|%(?!\()")
TAG = re.compile(r"<[^>]*>")


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (["de-AT", "en"], "de"),
        (["", "sv", "pt-BR"], "pt"),
        (["xx", "*"], "en"),
        ([], "en"),
        (["EN-gb", "fr"], "en"),
    ],
)
def test_the_first_language_that_is_known_is_taken(wanted: list[str], chosen: str) -> None:
    assert i18n.choose(wanted) == chosen


def test_arabic_goes_from_right_to_left() -> None:
    assert {it for it in i18n.LANGUAGES if i18n.direction(it) == "rtl"} == {"ar"}


def test_languages_are_called_by_their_own_names() -> None:
    names = {it: Locale.parse(it).get_display_name(it) for it in i18n.LANGUAGES}
    assert {it: str(name).capitalize() for it, name in names.items()} == i18n.OWN_NAMES


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_number_has_its_plural(language: str) -> None:
    units = i18n.units(language)
    for n in (*range(130), 1_000_000):
        text = formatting.counted(n, units["minute"], language)
        words = {"ar": ("دقيقة", "دقيقتان")}.get(language, ())
        assert str(formatting.number(n, language)) in text or text in words, (n, text)
    assert formatting.counted(2, {**units["hour"], "zero": "none"}, language) != "none"
    assert formatting.counted(0, {**units["hour"], "zero": "none"}, language) == "none"


def test_a_pole_counts_as_poles_do() -> None:
    minutes = i18n.units("pl")["minute"]
    counted = [formatting.counted(n, minutes, "pl") for n in (1, 2, 5, 12, 22, 25)]
    assert counted == ["1 minuta", "2 minuty", "5 minut", "12 minut", "22 minuty", "25 minut"]


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_template_is_there_in_every_language(language: str) -> None:
    environment = templates(language)
    for name in ("room.html", "event.html", "error.html"):
        environment.get_template(name)
    assert environment.globals["language"] == language


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The current messages of the templates, found as `make messages` finds them."""
    found = tmp_path_factory.mktemp("messages") / "fairgate.pot"
    pybabel = Path(sys.executable).with_name("pybabel")
    options = ("-q", "extract", "-F", "pyproject.toml", "-k", "forms:1,2", "-o", str(found))
    subprocess.run([pybabel, *options, "templates", "app/i18n.py"], check=True, cwd=ROOT, timeout=60)
    with found.open("rb") as file:
        return read_po(file)


@pytest.mark.parametrize("language", [it for it in i18n.LANGUAGES if it != i18n.ENGLISH])
def test_every_catalogue_is_complete(messages: Catalog, language: str) -> None:
    with i18n.path(language).open("rb") as file:
        catalogue = read_po(file, locale=language)
    wrong = [f"{language}: {it}" for message in messages for it in faults(message, catalogue)]
    assert not wrong, "run `make messages`, then translate:\n" + "\n".join(wrong)


def forms_of(text: object) -> list[str]:
    """A message or its translation, in all its forms."""
    return [str(it or "") for it in text] if isinstance(text, tuple | list) else [str(text or "")]


def faults(message: Message, catalogue: Catalog) -> Iterator[str]:
    """What is wrong with the translation of a message."""
    if not message.id:
        return  # the header
    found = catalogue.get(message.id)
    source = forms_of(message.id)
    if found is None or found.fuzzy:
        yield f"missing: {source[0]}"
        return
    texts = forms_of(found.string)
    if len(texts) != (catalogue.num_plurals if len(source) > 1 else 1) or not all(texts):
        yield f"empty, or a plural form is missing: {source[0]}"
    last = source[-1]
    for text in texts:
        # A form for one or two may spell the number out, so it need not contain {n}.
        needed = PLACEHOLDER.findall(last) if len(source) == 1 else []
        if not set(needed) <= set(PLACEHOLDER.findall(text)) <= set(PLACEHOLDER.findall(last)):
            yield f"placeholders differ: {source[0]} -> {text}"
        if sorted(TAG.findall(text)) != sorted(TAG.findall(last)):
            yield f"tags differ: {source[0]} -> {text}"
        if '"' in TAG.sub("", text):
            yield f"a straight quote would end an attribute: {text}"
    if len(source) > 1 and not any(
        set(PLACEHOLDER.findall(last)) == set(PLACEHOLDER.findall(text)) for text in texts
    ):
        yield f"no plural form tells the number: {source[0]}"


def raised(folder: Path) -> Iterator[tuple[str, str]]:
    """Where our code refuses a request, and what it says in addition to the title."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if isinstance(getattr(errors, node.func.id, None), type):
                texts = [it.value for it in ast.walk(node) if isinstance(it, ast.Constant)]
                yield from ((f"{path.name}:{node.lineno}", it) for it in texts if isinstance(it, str))


# Wordings that a native speaker would not use with fans, and what to write instead.
NOT_TO_FANS = {
    r"\blines?\b": "queue",
    r"\bshall (the|it|you)\b": "should",
    r"\bone (that|whose)\b": "name the thing",
    r"\btill\b": "payment service",
    r"\bin earnest\b": "really",
    r"\bstands? (here|in)\b": "appears here; is in the queue",
    r"\bgoes back to the card\b": "is refunded",
}


def test_fans_read_of_a_queue_never_of_a_line(messages: Catalog) -> None:
    forms = [("templates", form) for message in messages for form in forms_of(message.id)]
    forms += [(it.__name__, it.title()) for it in errors.all_refusals()]
    forms += [it for folder in ("app", "worker") for it in raised(ROOT / folder)]
    wrong = [
        f"{where}: {text!r}: say {better!r}"
        for where, text in forms
        for word, better in NOT_TO_FANS.items()
        if re.search(word, re.sub(r"<[^>]*>|%\(\w+\)s", "", text), re.IGNORECASE)
    ]
    assert len(forms) > 500
    assert not wrong, "\n".join(wrong)
