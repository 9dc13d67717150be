"""Jinja environments for pages and e-mails, whose compiled templates are kept.

Compiling a template takes about 10 ms, in the event loop of whoever needs it first. The code is the same in
every language, so each template is compiled once, not once a language; and it is kept beside the templates,
in `__pycache__`, as Python keeps that of modules. Where that folder cannot be written, each process compiles
its own.
"""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import (
    BytecodeCache,
    Environment,
    FileSystemBytecodeCache,
    FileSystemLoader,
    StrictUndefined,
    nodes,
)
from jinja2.bccache import Bucket
from jinja2.compiler import CodeGenerator

from app import i18n


def environment(folder: Path, language: str, **options: Any) -> Environment:
    """An environment for the templates in `folder`, with the texts of a language.

    `StrictUndefined` turns a misspelt name into an error instead of an empty space.
    """
    given: dict[str, Any] = {
        "undefined": StrictUndefined,
        "optimized": False,
        "auto_reload": False,  # checking whether the files changed took 4 % of a page
        "trim_blocks": True,
        "lstrip_blocks": True,
        "extensions": ["jinja2.ext.i18n"],
    } | options
    env = _Environment(
        loader=FileSystemLoader(folder), bytecode_cache=_bytecode_cache(folder, _digest(given)), **given
    )
    i18n.install(env, language)
    return env


class _Generator(CodeGenerator):
    """Evaluates nothing while it compiles: filters say numbers, times and money in a language."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Any, finalize: Any) -> str:
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)


class _Environment(Environment):
    code_generator_class = _Generator


def _digest(options: dict[str, Any]) -> str:
    """Code compiled with other options is other code."""
    names = {name: getattr(value, "__qualname__", value) for name, value in options.items()}
    return hashlib.sha256(repr(sorted(names.items())).encode()).hexdigest()[:8]


@cache
def _bytecode_cache(folder: Path, digest: str) -> BytecodeCache:
    return (
        _OnDisk(str(writable_folder), f"%s.{digest}.jinja")
        if (writable_folder := _writable(folder))
        else _InMemory()
    )


def _writable(folder: Path) -> Path | None:
    cache_folder = folder / "__pycache__"
    if sys.dont_write_bytecode:
        return None
    with suppress(OSError):
        cache_folder.mkdir(exist_ok=True)
        if os.access(cache_folder, os.W_OK):
            return cache_folder
    return None


class _OnDisk(FileSystemBytecodeCache):
    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code if there is space for it."""
        with suppress(OSError):
            super().dump_bytecode(bucket)


class _InMemory(BytecodeCache):
    """There are as many entries as templates."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take the code that another language has compiled, if any."""
        if found := self._code.get(bucket.key):
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code for the other languages."""
        self._code[bucket.key] = bucket.bytecode_to_string()
