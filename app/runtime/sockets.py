"""The listening socket, which we bind and pass to the server.

So both servers report a taken port in the same words, the web processes of one `fairgate up` accept from the
same socket, and connections wait in it while a process is restarted.
"""

from __future__ import annotations

import socket
from typing import Literal

from app.core.errors import CannotRun

ServerName = Literal["hypercorn", "granian"]

BACKLOG = 4096  # connections the kernel queues for us in a rush
UNHEARD_MS = 30_000  # a client that acknowledges nothing for this long is gone


OPS_HOST = "127.0.0.1"  # of the operators' port


class CannotListen(CannotRun):
    """The address cannot be listened on; the message is one line that says why and what to do."""


def listen(host: str, port: int, option: str = "--port") -> socket.socket:
    """A listening socket; port 0 picks a free one. Raises CannotListen."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}: {error.strerror}; choose another --host") from None
    family, kind, protocol, _, address = min(addresses, key=lambda one: one[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by connections
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # otherwise the kernel gives up after a quarter of an hour
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNHEARD_MS)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with {option}"
        ) from None
    return listener


def inherited(number: int) -> socket.socket:
    """The listening socket inherited from our supervisor as file descriptor `number`."""
    return socket.socket(fileno=number)


def url_of(host: str, listener: socket.socket) -> str:
    """The address to print: the host as given, the actual port."""
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
