"""An event in a YAML or JSON file: read whole, or told line by line what is wrong with it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import msgspec
import yaml

from app.core import rules, seating
from app.core.definitions import SEATS_OF_EVENT_MAX, EventDefinition
from app.core.errors import CannotRun, ValidationFailed
from app.core.model import RoomSettings
from app.core.wording import misfit

FAULTS_MAX = 50  # more are not read by anybody
FILE_MAX = 16 * 1024 * 1024


class Fault(NamedTuple):
    """One thing that is wrong: on which line, of which field ("" is the file), and what."""

    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field}{': ' if self.field else ''}{self.message}"


class FileWrong(CannotRun):
    """The file defines no event; `faults` in the order of its lines."""

    def __init__(self, path: Path, faults: list[Fault]) -> None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{path}, {faults[0]}{more}; nothing was imported")
        self.faults = faults


def read(path: Path) -> EventDefinition:
    """The event a file defines. Raises FileWrong with everything that is wrong, OSError."""
    if path.stat().st_size > FILE_MAX:
        raise FileWrong(path, [Fault(1, "", f"the file is larger than {FILE_MAX // 1024**2} MiB")])
    try:
        text = path.read_bytes().decode().removeprefix("\ufeff")
        tree, document = _parse(text, is_json=path.suffix == ".json")
    except UnicodeDecodeError:
        raise FileWrong(path, [Fault(1, "", "is not UTF-8 text")]) from None
    except json.JSONDecodeError as error:
        raise FileWrong(path, [Fault(error.lineno, "", f"cannot be read: {error.msg}")]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise FileWrong(path, [Fault(line, "", f"cannot be read: {error.problem}")]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FileWrong(path, [Fault(1, "", f"cannot be read: {error}")]) from None
    wrong = [Fault(_line(tree, keys), _field(keys), text) for keys, text in _faults(document)]
    if wrong:
        raise FileWrong(path, sorted(wrong)[:FAULTS_MAX])
    return msgspec.convert(document, EventDefinition)


Keys = tuple[str | int, ...]
Node = yaml.Node | None


class _Loader(yaml.SafeLoader):
    """YAML without its own idea of dates: a time is read by the same rules as in a request."""


_Loader.yaml_implicit_resolvers = {
    first: [it for it in resolvers if it[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _parse(text: str, *, is_json: bool) -> tuple[Node, Any]:
    """The file as a tree that knows its lines, and as plain values."""
    document = json.loads(text) if is_json else None  # YAML reads JSON but for its surrogate pairs
    loader = _Loader(text.replace("\t", " ") if is_json else text)
    try:
        tree = loader.get_single_node()
        return tree, document if is_json or tree is None else loader.construct_document(tree)
    finally:
        loader.dispose()


def _faults(document: Any) -> Iterator[tuple[Keys, str]]:
    """Everything that is wrong, each with the way to it; what is between fields once each field is right."""
    found = list(_wrong(document, EventDefinition, ()))
    yield from found
    if found:
        return
    definition = msgspec.convert(document, EventDefinition)
    names = Counter(it.ticket_type_id for it in definition.ticket_types)
    for i, it in enumerate(definition.ticket_types):
        if names[it.ticket_type_id] > 1:
            yield ("ticket_types", i, "ticket_type_id"), "is there twice"
        try:
            rules.check_sale_window(it.sale_from, it.sale_until)
        except ValidationFailed as error:
            [wrong] = error.members["errors"]
            yield ("ticket_types", i, wrong["field"]), wrong["message"]
    try:
        seating.whole_sections(definition.sections, SEATS_OF_EVENT_MAX)
    except ValidationFailed as error:
        [wrong] = error.members["errors"]
        yield _keys(wrong["field"]), wrong["message"]
    try:
        rules.check_times(_settings(definition))
    except ValidationFailed as error:
        [wrong] = error.members["errors"]
        yield ("room", wrong["field"]), wrong["message"]


def _settings(definition: EventDefinition) -> RoomSettings:
    fields = {name: getattr(definition.room, name) for name in RoomSettings.__struct_fields__}
    return RoomSettings(**{**fields, "name": definition.name})


def _wrong(value: Any, wanted: Any, keys: Keys) -> Iterator[tuple[Keys, str]]:
    inner = get_args(wanted)[0] if get_origin(wanted) is Annotated else wanted
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct) and isinstance(value, dict):
        yield from _wrong_fields(value, inner, keys)
    elif get_origin(inner) is list and isinstance(value, list):
        [of] = get_args(inner)
        found = [it for i, one in enumerate(value) for it in _wrong(one, of, (*keys, i))]
        yield from found or _wrong_value(value, wanted, keys)
    else:
        yield from _wrong_value(value, wanted, keys)


def _wrong_fields(
    value: dict[Any, Any], struct: type[msgspec.Struct], keys: Keys
) -> Iterator[tuple[Keys, str]]:
    fields = {it.encode_name: it for it in msgspec.structs.fields(struct)}
    for name in value:
        if name not in fields:
            yield (*keys, str(name)), "is not known here"
    for name, it in fields.items():
        if name in value:
            yield from _wrong(value[name], it.type, (*keys, name))
        elif it.required:
            yield (*keys, name), "is required"


def _wrong_value(value: Any, wanted: Any, keys: Keys) -> Iterator[tuple[Keys, str]]:
    try:
        msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        yield keys, misfit(error).message


def _line(tree: Node, keys: Keys) -> int:
    """The line of what the keys lead to, or of what it would stand in."""
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


def _keys(field: str) -> Keys:
    """The way to a field as a refusal names it: `sections[0].name`."""
    return tuple(int(it) if it.isdigit() else it for it in re.findall(r"\w+", field))


def _field(keys: Keys) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")
