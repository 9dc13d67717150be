"""Compiled templates are kept: on disk where that can be written, else in memory, once for all languages."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest

from app import templating

TEXT = "{% trans %}Sold out{% endtrans %} {{ 1200|number }}{% set a = 1300|number %} {{ a }}"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the templates that are compiled, as it happens."""
    names: list[str] = []
    compile_ = jinja2.Environment.compile

    def noting(self: jinja2.Environment, source: str, name: str, *rest: object) -> object:
        names.append(name)
        return compile_(self, source, name, *rest)  # type: ignore[call-overload]

    monkeypatch.setattr(jinja2.Environment, "compile", noting)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    yield names
    templating._bytecode_cache.cache_clear()


def rendered(folder: Path, language: str, **options: object) -> str:
    return templating.environment(folder, language, **options).get_template("page.txt").render()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a template is."""
    (tmp_path / "page.txt").write_text(TEXT)
    return tmp_path


def another_process() -> None:
    templating._bytecode_cache.cache_clear()


def test_a_template_is_compiled_once_for_all_languages_and_processes(
    folder: Path, compiled: list[str]
) -> None:
    assert rendered(folder, "en") == "Sold out 1,200 1,300"
    assert rendered(folder, "de") == "Ausverkauft 1.200 1.300"
    another_process()
    assert rendered(folder, "fr").startswith("Complet")
    assert compiled == ["page.txt"]


def test_a_changed_template_or_other_options_compile_anew(folder: Path, compiled: list[str]) -> None:
    rendered(folder, "en")
    (folder / "page.txt").write_text("another")
    another_process()
    assert rendered(folder, "en") == "another"
    assert rendered(folder, "en", autoescape=True) == "another"
    assert compiled == ["page.txt"] * 3


def test_where_nothing_can_be_written_each_process_compiles_once(folder: Path, compiled: list[str]) -> None:
    (folder / "__pycache__").write_text("not a folder")
    assert rendered(folder, "en") == "Sold out 1,200 1,300"
    assert rendered(folder, "de") == "Ausverkauft 1.200 1.300"
    assert compiled == ["page.txt"]
    another_process()
    rendered(folder, "en")
    assert compiled == ["page.txt"] * 2


def test_python_told_to_keep_no_bytecode_keeps_none(
    folder: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    rendered(folder, "en")
    assert rendered(folder, "de") == "Ausverkauft 1.200 1.300"
    assert compiled == ["page.txt"]
    assert os.listdir(folder) == ["page.txt"]


def test_a_full_disk_does_not_break_a_page(folder: Path, compiled: list[str]) -> None:
    environment = templating.environment(folder, "en")
    shutil.rmtree(folder / "__pycache__")
    assert environment.get_template("page.txt").render() == "Sold out 1,200 1,300"
