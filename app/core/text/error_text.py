"""Explains failures to staff: messages of operating systems and libraries are written for programmers."""

from __future__ import annotations

import re
import socket
import ssl

_ERRNO = re.compile(r"\[(?:Errno -?\d+|WinError \d+|SSL(?:: [A-Z_]+)?)\] ?")
_SOURCE = re.compile(r" ?\(_\w+\.c(?::\d+|pp:\d+)?\)")  # (_ssl.c:1000)
_NAME = re.compile(r"(?<=[a-z])(?=[A-Z])")
SAYS_SOMETHING = 4  # characters; some library errors are empty, or just a number
_PHRASES = (  # what the text contains, whatever the library; the first match counts
    (
        r"name or service not known|name resolution|nodename nor servname|getaddrinfo|no address",
        "no such host",
    ),
    (r"connection refused|connect call failed|connection attempts failed", "the connection was refused"),
    (r"certificate verify failed|self.signed", "its certificate is not trusted"),
    (r"certificate", "its certificate cannot be used"),
    (r"wrong version number|record layer|handshake", "it does not speak TLS as expected"),
    (r"network is unreachable|no route to host", "its network cannot be reached"),
    (
        r"reset by peer|broken pipe|disconnected|unexpected eof|connection (was )?(lost|closed)|incomplete",
        "the connection broke",
    ),
    (r"timed? ?out", "no answer in time"),
)


def describe_error(error: BaseException) -> str:
    """Describe an error: `no such host`, not `[Errno -2] Name or service not known`. Never empty."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "no such host"
    code, message = getattr(error, "code", None), getattr(error, "message", None)
    if isinstance(code, int) and isinstance(message, str):
        return f"{code} {message}"  # a mail server's reply
    text = str(error)
    if isinstance(error, ssl.SSLError) or len(text) < SAYS_SOMETHING or "Timeout" in type(error).__name__:
        text = f"{_NAME.sub(' ', type(error).__name__).lower()} {text}".strip()
    return plain_words(text)


def plain_words(text: str) -> str:
    """Describe a stored error text in the same words."""
    lowered = text.lower()
    for pattern, words in _PHRASES:
        if re.search(pattern, lowered):
            return words
    return _SOURCE.sub("", _ERRNO.sub("", text)).strip()
