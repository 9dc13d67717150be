"""Our scripts run in browsers of 2021: Chrome and Edge 86, Firefox 79, Safari 14.1.

Newer features are not used, except where their absence is handled (`within` in `calls.js`, `live.js`). In
anything older the module of a page does not run, and `reload.js` makes the page work as without scripts.
"""

from __future__ import annotations

import re

import pytest

from app.web.http.assets import FOLDER

OTHERS = ("qr-decode.js", "qr-index.js")  # not ours: `make scripts` copies them
SCRIPTS = {
    it.name: re.sub(r"(?m)^ *//.*$", "", it.read_text())
    for it in FOLDER.glob("*.js")
    if it.name not in OTHERS
}
# The door works for hours without a network, across reloads: on the server's time, which it knows by the
# offset of the device's clock, and with what is stored on the device, or in memory where storage is blocked.
ALLOWED = {
    ("door.js", "a clock that may be set"),
    ("door-kept.js", "storage that may be blocked"),
}
LATER = {
    "AbortSignal.timeout (Chrome 103, Safari 16)": r"AbortSignal\.(timeout|any)\b",
    "Array.at (Chrome 92, Safari 15.4)": r"[\w)\]]\.at\(",
    "findLast (Chrome 97, Safari 15.4)": r"\.findLast",
    "toSorted and its like (Chrome 110, Safari 16)": r"\.(toSorted|toReversed|toSpliced)\(",
    "Object.hasOwn, groupBy (Chrome 93, 117)": r"\bObject\.(hasOwn|groupBy)\b",
    "structuredClone (Chrome 98, Safari 15.4)": r"\bstructuredClone\b",
    "randomUUID (Chrome 92; only over https)": r"\brandomUUID\b",
    "Promise.withResolvers (Chrome 119)": r"\bPromise\.withResolvers\b",
    "private members (Safari 15)": r"\bthis\.#",
    "class static blocks (Safari 16.4)": r"\bstatic \{",
    "top-level await (Chrome 89, Safari 15)": r"(?m)^(const .*= )?await ",
    "new regular expressions (Safari 16.4)": r"\(\?<[=!]",
    "storage that may be blocked": r"\b(sessionStorage|indexedDB)\b",
    "a clock that may be set": r"\bDate\.now\b|\bnew Date\(\)",
}
GUARDED = {
    "localStorage": r"try \{[^}]*localStorage",
    "new BroadcastChannel": r"try \{[^}]*new BroadcastChannel",
    "navigator.locks.request(`fairgate ${url}`": r"!navigator\.locks\) return [^;]+;[^\0]*\.catch\(",
}


@pytest.mark.parametrize("feature", LATER)
def test_nothing_later_is_used(feature: str) -> None:
    found = [
        name
        for name, text in SCRIPTS.items()
        if (name, feature) not in ALLOWED and re.search(LATER[feature], text)
    ]
    assert found == []


@pytest.mark.parametrize("feature", GUARDED)
def test_what_may_be_missing_or_blocked_is_tried(feature: str) -> None:
    texts = [text for text in SCRIPTS.values() if feature in text]
    assert texts
    for text in texts:
        assert len(re.findall(GUARDED[feature], text)) == text.count(feature)


def test_what_runs_where_modules_do_not_is_written_in_the_oldest_javascript() -> None:
    assert not re.search(r"=>|\b(let|const|class|async|import)\b|`|\?\.", SCRIPTS["reload.js"])


def test_no_page_has_a_stream_in_every_tab() -> None:
    """Six tabs would use up the connections that a browser opens to a host over HTTP/1.1."""
    streaming = {name for name, text in SCRIPTS.items() if "new EventSource" in text}
    assert streaming == {"live.js", "pay.js", "cockpit.js"}
    for name in streaming:
        assert re.search(r"\bwhileSeen\(listen\)|\blistenWhileSeen\b", SCRIPTS[name]), name


def test_the_decoder_of_qr_codes_is_as_on_npm() -> None:
    """`make scripts` copies it, adding a line that says what it is and renaming an import."""
    package = FOLDER.parents[1] / "clients" / "node_modules" / "qr"
    if not package.exists():
        pytest.skip("npm has installed nothing here")
    for name in ("index", "decode"):
        note, _, copied = (FOLDER / f"qr-{name}.js").read_text().partition("\n")
        assert "MIT OR Apache-2.0" in note
        assert copied == (package / f"{name}.js").read_text().replace("'./index.js'", "'./qr-index.js'")
