"""A definition in a YAML or JSON file: read completely, or refused with every error by line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

from app.core.catalogue.definition_errors import Keys, field_name, find_errors
from app.core.catalogue.definitions import EventDefinition
from app.core.errors import CannotRun

FAULTS_MAX = 50  # nobody reads more
FILE_MAX = 16 * 1024 * 1024


class Fault(NamedTuple):
    """An error: its line, its field ("" is the file), and the message."""

    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field}{': ' if self.field else ''}{self.message}"


class InvalidFile(CannotRun):
    """The file is invalid; `faults` in the order of its lines."""

    def __init__(self, path: Path, faults: list[Fault]) -> None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{path}, {faults[0]}{more}; nothing was imported")
        self.faults = faults


def read(path: Path) -> EventDefinition:
    """The event defined by a file. Raises InvalidFile with every error, OSError."""
    return load(path)[0]


def load(path: Path) -> tuple[EventDefinition, dict[str, Any]]:
    """The event defined by a file, and the raw document. Raises InvalidFile, OSError."""
    document = read_document(path, find_errors)
    return msgspec.convert(document, EventDefinition), document


def read_document(path: Path, errors: Callable[[Any], Iterator[tuple[Keys, str]]]) -> dict[str, Any]:
    """The document in a file, once `errors` finds nothing. Raises InvalidFile, OSError."""
    if path.stat().st_size > FILE_MAX:
        raise InvalidFile(path, [Fault(1, "", f"the file is larger than {FILE_MAX // 1024**2} MiB")])
    try:
        text = path.read_bytes().decode().removeprefix("\ufeff")
        tree, document = _parse(text, is_json=path.suffix == ".json")
    except UnicodeDecodeError:
        raise InvalidFile(path, [Fault(1, "", "is not UTF-8 text")]) from None
    except json.JSONDecodeError as error:
        raise InvalidFile(path, [Fault(error.lineno, "", f"cannot be read: {error.msg}")]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise InvalidFile(path, [Fault(line, "", f"cannot be read: {error.problem}")]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidFile(path, [Fault(1, "", f"cannot be read: {error}")]) from None
    wrong = [Fault(line, field_name(keys), "appears twice") for line, keys in _duplicate_keys(tree, ())]
    wrong += [Fault(_line(tree, keys), field_name(keys), text) for keys, text in errors(document)]
    if wrong:
        raise InvalidFile(path, sorted(wrong)[:FAULTS_MAX])
    content: dict[str, Any] = document
    return content


def yaml_text(document: dict[str, Any]) -> str:
    """The document as YAML, which `read_document` reads back unchanged."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


Node = yaml.Node | None


class _Loader(yaml.SafeLoader):
    """YAML with JSON's scalars. YAML 1.1, as read by PyYAML, reads 0500 as 320, 1:30 as 90 and NO as
    false. Times stay text, parsed by the same rules as in a request."""


class _Dumper(yaml.SafeDumper):
    """Quotes texts that YAML 1.1 or JSON's scalars would read as something else."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _form, _first in (
    ("null", r"~|null|", ("~", "n", "")),
    ("bool", r"true|false", ("t", "f")),
    ("int", r"-?(0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", "-0123456789"),
    ("merge", r"<<", "<"),
):
    for _reader in (_Loader, _Dumper):
        _reader.add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_form})$"), list(_first)
        )


def _parse(text: str, *, is_json: bool) -> tuple[Node, Any]:
    """The file as a tree with line numbers, and as plain values."""
    document = json.loads(text) if is_json else None  # YAML reads JSON except for its surrogate pairs
    loader = _Loader(text.replace("\t", " ") if is_json else text)
    try:
        tree = loader.get_single_node()
        return tree, document if is_json or tree is None else loader.construct_document(tree)
    finally:
        loader.dispose()


def _duplicate_keys(at: Node, keys: Keys, seen: frozenset[int] = frozenset()) -> Iterator[tuple[int, Keys]]:
    """Keys that appear twice in a mapping: one of the two would be lost."""
    if at is None or id(at) in seen:  # an alias may refer back to itself
        return
    seen |= {id(at)}
    if isinstance(at, yaml.MappingNode):
        there = set()
        for key, value in at.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in there:
                    yield key.start_mark.line + 1, (*keys, key.value)
                there.add(key.value)
                yield from _duplicate_keys(value, (*keys, key.value), seen)
    elif isinstance(at, yaml.SequenceNode):
        for i, node in enumerate(at.value):
            yield from _duplicate_keys(node, (*keys, i), seen)


def _line(tree: Node, keys: Keys) -> int:
    """The line of the value at these keys, or of its parent if it is missing."""
    at, line = tree, tree.start_mark.line if tree else 0
    for key in keys:
        if isinstance(at, yaml.MappingNode):
            pairs = [(k, v) for k, v in at.value if k.value == key]
            if not pairs:
                break
            line, at = pairs[-1][0].start_mark.line, pairs[-1][1]
        elif isinstance(at, yaml.SequenceNode) and isinstance(key, int):
            at = at.value[key]
            line = at.start_mark.line
    return line + 1
