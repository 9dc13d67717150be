"""A client modelled on the sample of the AWS Virtual Waiting Room: counters, statuses and JWTs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import jwt

REQUEST_ID = "api_request_id"


@dataclass
class Client:
    """`public` and `private`: the two endpoints that a stack publishes."""

    http: httpx.AsyncClient
    public: str
    private: str
    event_id: str
    authorization: dict[str, str]
    request_id: str = ""

    async def enter(self) -> None:
        """Join the queue."""
        answer = await self.http.post(f"{self.public}/assign_queue_num", json={"event_id": self.event_id})
        assert answer.status_code == 200, answer.text
        self.request_id = answer.json()[REQUEST_ID]

    async def number(self) -> int | None:
        """The position in the queue, once it is processed."""
        answer = await self.http.get(f"{self.public}/queue_num", params=self._mine())
        if answer.status_code == 202:
            return None
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == 1
        assert answer.json()["event_id"] == self.event_id
        return int(answer.json()["queue_number"])

    async def counter(self, name: str, field: str) -> int:
        """One of the numbers that are the same for everybody."""
        answer = await self.http.get(f"{self.public}/{name}", params={"event_id": self.event_id})
        assert answer.status_code == 200, answer.text
        return int(answer.json()[field])

    async def token(self) -> httpx.Response:
        """Ask for the token set: 200, 202 while not served, 410 when it is over."""
        return await self.http.post(f"{self.public}/generate_token", json=self._mine())

    async def verified(self, tokens: dict[str, Any], use: str = "access") -> dict[str, Any]:
        """The claims of a token, verified as an API behind the waiting room does."""
        key = (await self.http.get(f"{self.public}/public_key", params={"event_id": self.event_id})).json()
        token = tokens[f"{use}_token"]
        assert (key["kty"], key["alg"]) == ("RSA", "RS256")
        assert jwt.get_unverified_header(token)["kid"] == key["kid"]
        found: dict[str, Any] = jwt.decode(token, jwt.PyJWK(key), ["RS256"], audience=self.event_id)
        assert found["token_use"] == use
        return found

    async def staff(self, name: str, **body: Any) -> httpx.Response:
        """A private call, as made by an inlet strategy."""
        url = f"{self.private}/{name}"
        return await self.http.post(url, json={"event_id": self.event_id, **body}, headers=self.authorization)

    def _mine(self) -> dict[str, str]:
        return {"event_id": self.event_id, "request_id": self.request_id}
