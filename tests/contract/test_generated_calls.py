"""Schemathesis sends every call of the product's own contract over HTTP, with valid and invalid data.

Each response is checked against the contract: status, content type, headers, schema, error codes; invalid
data must be refused, and nothing may be a 500. Every call is first sent in a way that is known to succeed
(see `world`), so that successful responses are checked as well, and must be seen with each success it
declares. Of a stream, one event is read. The examples are the same every time.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from schemathesis import Case as AnyCase
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.transport.requests import ManagedCookiesSession

from app.commands.audit import over_http
from app.core.assurance.log_audit import audit
from app.core.errors import WrongRoom, WrongUsage
from app.web.api.registry import CALLS
from app.web.http.routes import Endpoint, NoBody, NoQuery, param_names
from tests.contract.world import NOT_SEEN, ValidCall, World
from tests.routes.conftest import gateway_headers

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
Case = AnyCase[Any]
ENDING = {"log_out"}  # ends its own credential, which other calls need
EXAMPLES = 4  # of each kind, per call
OTHERS = ("admin", "operator", "user", "leaving", "waiting", "nobody", "forged")

_numbers = itertools.count(1)


@pytest.mark.parametrize("call", CALLS, ids=lambda it: it.name)
async def test_every_answer_is_in_the_contract(world: World, call: Endpoint) -> None:
    with ManagedCookiesSession() as session:  # of which only the connection lasts longer than a request
        session.headers.clear()  # else they would replace those of a case
        asking = CallRunner(world, call, session)
        await asking.ask_everything()
    successes = {status for status in call.answers if status < 400}
    assert successes - NOT_SEEN.get(call.name, set()) <= set(asking.statuses)


def test_every_call_has_a_success_that_is_seen() -> None:
    assert NOT_SEEN.keys() <= {it.name for it in CALLS}
    assert [it.name for it in CALLS if not it.answers.keys() - NOT_SEEN.get(it.name, set())] == []


async def test_anybody_can_read_the_log_of_the_sale_and_finds_it_fair(world: World) -> None:
    verdict = audit(await asyncio.to_thread(over_http, world.url, "gala"))
    assert verdict.findings == []
    assert verdict.signed > 0
    with pytest.raises(WrongUsage):
        await asyncio.to_thread(over_http, world.url, "nowhere")


@dataclass
class CallRunner:
    """One call of the contract under test, and the statuses it returned."""

    world: World
    call: Endpoint
    session: requests.Session
    statuses: list[int] = field(default_factory=list)

    async def ask_everything(self) -> None:
        """Raise whatever is wrong with a response."""
        known = self.world.known(self.call)
        for it in known:
            assert await self.ask(self.case(it)) == it.status, it
        ids, who = known[0].ids, self.world.credentials[known[0].who]
        cases = self.generated(GenerationMode.POSITIVE, path_parameters=ids, headers=who)
        if self.call.body is not NoBody or self.call.query is not NoQuery:
            cases += self.generated(GenerationMode.NEGATIVE, path_parameters=ids, headers=who)
        if param_names(self.call.path):
            cases += self.generated(GenerationMode.POSITIVE, headers=who)  # ids of things that do not exist
        if self.call.auth is not None or WrongRoom in self.call.errors:
            others = ("nobody", "forged") if self.call.name in ENDING else OTHERS
            cases += [self.case(ValidCall(0, other, ids, known[0].body)) for other in others]
        for case in cases:
            await self.ask(case)

    def case(self, it: ValidCall) -> Case:
        """This call, with a fresh key where it takes one, and nothing generated."""
        operation = self.world.contract[self.call.path][self.call.method]
        key = {"Idempotency-Key": f"key-{next(_numbers)}"} if "Idempotency-Key" in self.call.headers else {}
        headers = self.world.credentials[it.who] | key | it.headers
        sent = {} if it.body is None else {"body": it.body, "media_type": "application/json"}
        case: Case = operation.Case(path_parameters=it.ids, headers=headers, query=it.query, **sent)
        return case

    def generated(self, mode: GenerationMode, **fixed: Any) -> list[Case]:
        """What the contract allows, or what it forbids; `fixed` is what is not generated.

        Everything is generated before any of it is sent: Hypothesis needs the process to itself meanwhile.
        """
        operation = self.world.contract[self.call.path][self.call.method]
        found: list[Case] = []

        @hypothesis_settings(
            derandomize=True,
            database=None,
            deadline=None,
            max_examples=EXAMPLES,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(mode, **fixed))
        def each(case: Case) -> None:
            found.append(case)

        each()
        return found

    async def ask(self, case: Case) -> int:
        """Send it and check the response against the contract."""
        signed = self.call.auth is not None and self.call.auth.signs_body
        auth = _sign if signed else None
        response = await asyncio.to_thread(
            case.call, base_url=self.world.url, session=self.session, auth=auth
        )
        self.statuses.append(response.status_code)
        case.validate_response(response, checks=CHECKS)
        assert response.status_code != 500, response.text
        return response.status_code


def _sign(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Sign as the payment gateway does."""
    body: Any = prepared.body or b""
    text = body if isinstance(body, str) else body.decode(errors="replace")
    prepared.headers.update(gateway_headers(text, f"msg_{next(_numbers)}"))
    return prepared
