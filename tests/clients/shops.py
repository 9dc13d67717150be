"""Shops behind each client of the gate."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from fairgate_gate import AsgiGate, WsgiGate
from werkzeug import Request, Response

from app.runtime.embedded_stores import free_port
from tests.clients.conftest import program
from tests.support.app_server import serve_app

RECHECK_S = 0.3
NODE = ("express", "next", "worker", "lambda-edge")
KINDS = ("asgi", "wsgi", "php", *NODE)


@asynccontextmanager
async def shops(kind: str, fairgate: str, room: str, api_key: str) -> AsyncIterator[tuple[int, int]]:
    """The shop on two ports: with Fairgate away, newcomers wait at the first and pass at the second."""
    options = {"url": fairgate, "room": room, "api_key": api_key, "recheck_s": RECHECK_S, "timeout_s": 10.0}
    async with AsyncExitStack() as stack:
        if kind == "asgi":
            gates = [AsgiGate(_asgi_shop, **options, fail_open=it) for it in (False, True)]
            urls = [await stack.enter_async_context(serve_app(it)) for it in gates]
            for it in gates:
                stack.push_async_callback(it.aclose)
            yield _port(urls[0]), _port(urls[1])
            return
        if kind == "wsgi":
            ports = [
                stack.enter_context(_served(WsgiGate(_wsgi_shop, **options, fail_open=it)))
                for it in (False, True)
            ]
            yield ports[0], ports[1]
            return
        closed, opened = free_port(), free_port()
        environment = {
            **{"FAIRGATE_URL": fairgate, "FAIRGATE_ROOM": room, "FAIRGATE_API_KEY": api_key},
            **{"RECHECK_S": str(RECHECK_S), "CLOSED": str(closed), "OPEN": str(opened)},
        }
        if kind == "php":
            for port, fail_open in ((closed, "0"), (opened, "1")):
                command = ("php", "-S", f"127.0.0.1:{port}", "tests/shop.php")
                said_of_it = {**environment, "FAIL_OPEN": fail_open}
                await stack.enter_async_context(program(*command, port=port, environment=said_of_it))
        else:
            await stack.enter_async_context(program("node", "tests/shop.mjs", kind, environment=environment))
        yield closed, opened


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


async def _asgi_shop(scope: Any, receive: Any, send: Any) -> None:
    query = scope["query_string"].decode()
    target = scope["raw_path"].decode().partition("?")[0] + (f"?{query}" if query else "")
    body = f"Shop {scope['method']} {target}".encode()
    headers = [(b"content-type", b"text/plain"), (b"set-cookie", b"basket=1; Path=/")]
    if target == "/thanks":
        headers.append((b"X-Fairgate-End", b"1"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


@Request.application
def _wsgi_shop(request: Request) -> Response:
    answer = Response(f"Shop {request.method} {request.environ['REQUEST_URI']}", mimetype="text/plain")
    answer.headers.add("Set-Cookie", "basket=1; Path=/")
    if request.path == "/thanks":
        answer.headers["X-Fairgate-End"] = "1"
    return answer


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def get_environ(self) -> Any:
        return {
            **super().get_environ(),
            "REQUEST_URI": self.requestline.split()[1],
        }  # as passed by gunicorn and uWSGI

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def _served(app: WsgiGate) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, app, server_class=_Threads, handler_class=_Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        app.close()
