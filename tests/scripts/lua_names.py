"""Which names a piece of Lua uses and declares; covers only as much of the language as our scripts need."""

from __future__ import annotations

import re

KEYWORDS = frozenset(
    "and break do else elseif end false for function if in local nil not or repeat return then true until "
    "while".split()
)
BUILT_IN = frozenset("redis math string table ipairs pairs next tonumber tostring type unpack".split())
_TOKEN = re.compile(r"\s+|--[^\n]*|'(?:\\.|[^'\\])*'|[A-Za-z_]\w*|\d[\w.]*|\.\.+|[=~<>]=|.")
_TOP = re.compile(r"^local (?:function (\w+)|([\w, ]+))", re.MULTILINE)


def code(text: str) -> list[str]:
    """The tokens, without comments, strings and white space."""
    return [it for it in _TOKEN.findall(text) if not it.isspace() and not it.startswith(("--", "'"))]


def given(text: str) -> set[str]:
    """The locals of the file itself, not of its functions."""
    names: set[str] = set()
    for function, variables in _TOP.findall(text):
        names |= {function} if function else {it.strip() for it in variables.split(",")}
    return names - {""}


def _is_name(token: str) -> bool:
    return (token[0].isalpha() or token[0] == "_") and token not in KEYWORDS


def _declared(tokens: list[str]) -> set[str]:
    names: set[str] = set()
    for at, token in enumerate(tokens):
        if token in ("local", "for"):
            after = at + 1
            while _is_name(tokens[after]):
                names.add(tokens[after])
                if tokens[after + 1] != ",":
                    break
                after += 2
        if token == "function":
            opening = tokens.index("(", at)
            if opening == at + 2:
                names.add(tokens[at + 1])
            names |= {it for it in tokens[opening : tokens.index(")", opening)] if _is_name(it)}
    return names


def free(text: str) -> set[str]:
    """The names that are used but declared nowhere in the text."""
    tokens, depth, used = code(text), 0, set()
    for at, token in enumerate(tokens):
        depth += (token == "{") - (token == "}")
        if not _is_name(token):
            continue
        is_field = at > 0 and tokens[at - 1] in (".", ":")
        is_key = depth > 0 and at + 1 < len(tokens) and tokens[at + 1] == "="
        if not is_field and not is_key:
            used.add(token)
    return used - _declared(tokens) - BUILT_IN
