"""Types of the API's documents, for the clients: `python generate.py URL-OR-FILE`, or `make client-types`."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any
from urllib.request import urlopen

HERE = Path(__file__).parent
PYTHON = HERE / "python" / "client" / "fairgate_client" / "types.py"
TYPESCRIPT = HERE / "typescript" / "src" / "types.d.ts"
Schema = dict[str, Any]
_PYTHON = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_TYPESCRIPT = {"integer": "number", "null": "null"}


def python_types(schemas: dict[str, Schema]) -> dict[str, str]:
    """A TypedDict for each document."""
    return {name: _python_class(name, it) for name, it in sorted(schemas.items())}


def typescript_types(schemas: dict[str, Schema]) -> dict[str, str]:
    """An interface for each document."""
    return {name: _interface(name, it) for name, it in sorted(schemas.items())}


def files(contract: Schema) -> dict[Path, str]:
    """What is written where."""
    schemas = contract["components"]["schemas"]
    head = '"""Documents of the API. Made by `generate.py` from the contract; do not edit."""\n\n'
    python = (
        f"{head}from __future__ import annotations\n\n"
        "from typing import Any, Literal, NotRequired, TypedDict\n"
    )
    python += "".join(f"\n\n{it}" for it in python_types(schemas).values())
    typescript = "// Documents of the API. Made by `generate.py` from the contract; do not edit.\n"
    typescript += "".join(f"\n{it}" for it in typescript_types(schemas).values())
    return {PYTHON: python, TYPESCRIPT: typescript}


def _python_class(name: str, schema: Schema) -> str:
    required, lines = set(schema.get("required", ())), [f"class {name}(TypedDict):"]
    said = textwrap.fill(f'"""{_said(schema, name)}', 100, initial_indent="    ", subsequent_indent="    ")
    lines.append(f'{said}"""\n')
    for key, it in schema.get("properties", {}).items():
        kind = _python_type(it)
        lines.append(f"    {key}: {kind if key in required else f'NotRequired[{kind}]'}")
    return "\n".join(lines).rstrip() + "\n"  # one without members has its docstring


def _python_type(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return f"Literal[{', '.join(json.dumps(it) for it in schema['enum'])}]"
    if either := schema.get("anyOf") or schema.get("oneOf"):
        return " | ".join(dict.fromkeys(_python_type(it) for it in either))
    if schema.get("type") == "array":
        return f"list[{_python_type(schema.get('items', {}))}]"
    if schema.get("type") == "object":
        return f"dict[str, {_python_type(_values(schema))}]"
    return _PYTHON.get(str(schema.get("type")), "Any")


def _interface(name: str, schema: Schema) -> str:
    required, lines = set(schema.get("required", ())), [f"/** {_said(schema, name)} */"]
    lines.append(f"export interface {name} {{")
    for key, it in schema.get("properties", {}).items():
        lines.append(f"  {key}{'' if key in required else '?'}: {_typescript_type(it)};")
    return "\n".join([*lines, "}\n"])


def _typescript_type(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(json.dumps(it) for it in schema["enum"])
    if either := schema.get("anyOf") or schema.get("oneOf"):
        return " | ".join(dict.fromkeys(_typescript_type(it) for it in either))
    if schema.get("type") == "array":
        return f"Array<{_typescript_type(schema.get('items', {}))}>"
    if schema.get("type") == "object":
        return f"Record<string, {_typescript_type(_values(schema))}>"
    kind = str(schema.get("type", "unknown"))
    return _TYPESCRIPT.get(kind, kind)


def _values(schema: Schema) -> Schema:
    values = schema.get("additionalProperties")
    return values if isinstance(values, dict) else {}


def _said(schema: Schema, name: str) -> str:
    """What it is. Without a description: its name, in words."""
    return " ".join(str(schema.get("description", f"{name}.")).replace("*/", "").split())


def _read(where: str) -> Schema:
    if where.startswith("http"):
        with urlopen(f"{where.rstrip('/')}/openapi.json") as answer:
            found: Schema = json.load(answer)
            return found
    document: Schema = json.loads(Path(where).read_text())
    return document


if __name__ == "__main__":
    for path, text in files(_read(sys.argv[1])).items():
        path.write_text(text)
