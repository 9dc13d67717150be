"""A visitor's event stream: read as long as the visit lasts, reopened when it breaks."""

from __future__ import annotations

import time
from typing import Any

import gevent
from geventhttpclient.client import HTTPClient

from load.fans.page import Link, Page
from load.fans.world import World


class Stream:
    """The shared document as one page receives it. `wake` is called when there is something to do."""

    def __init__(self, world: World, page: Page, link: Link, wake: Any) -> None:
        self.world, self.page, self.link, self._wake = world, page, link, wake
        self._client: HTTPClient | None = None
        self._response: Any = None
        self._reading = gevent.spawn(self._follow)

    def break_off(self) -> None:
        """Break the stream as if the network failed; it is reopened as in a browser."""
        if self._response is not None and self._response._sock is not None:
            self._response._sock.close()

    def close(self) -> None:
        """Close the stream: the page is left."""
        self._reading.kill(block=False)
        self._let_go()

    def _follow(self) -> None:
        while True:
            refused = True
            try:
                refused = not self._read()
            except (
                OSError,
                gevent.Timeout,
                ValueError,
                RuntimeError,
            ):  # the last two: broken off inside a chunk
                refused = False
            finally:
                self._let_go()
            self.world.count["streams broken"] += 1
            again_s = self.link.stream_ended(self.world.now_s(), refused)
            self._wake()
            gevent.sleep(again_s)

    def _let_go(self) -> None:
        client, self._client, self._response = self._client, None, None
        if client is not None:
            client.close()

    def _read(self) -> bool:
        """Read until the stream ends; False if the response was not a stream."""
        world, began_s = self.world, time.perf_counter()
        self._client = world.stream_client()
        headers = {"Accept": "text/event-stream"}
        self._response = self._client.request("GET", f"/v1/rooms/{world.plan.room_id}/events", b"", headers)
        if self._response.status_code != 200:
            world.refused[f"stream {self._response.status_code}"] += 1
            return False
        first = True
        while line := bytes(self._response.readline(b"\n")):
            self.link.received(world.now_s(), by_stream=True)
            if not line.startswith(b"data:"):
                continue
            if first:
                world.timed("stream: first document", "GET", time.perf_counter() - began_s)
                first = False
            self.page.update(world.read(line[5:].strip()), world.now_s())
            if self.page.due_s(world.now_s()) <= world.now_s():
                self._wake()
        return True
