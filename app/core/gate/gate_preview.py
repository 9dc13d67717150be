"""Which gate rule decides about a request, step by step. `web/gate/preview.py` gathers the facts.

The order is the gate's own (`web/gate/forward_auth.py`); `tests/routes/gate/test_gate_preview.py` compares
the two.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from app.core.model import GateMode, RoomSettings, RoomStatus

Outcome = Literal["passes", "gets_pass", "queues", "refused"]
Rule = Literal["gate_mode", "bypass", "pass", "crawler", "origin", "ticket", "turn", "crowd"]
INSIDE = ("called", "active")  # states of returning visitors who may enter


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a request that reaches the gate."""

    mode: GateMode
    rules: int = 0  # number of bypass rules
    rule: int = 0  # the first one that matches, counting from 1
    path_is_plain: bool = True  # otherwise rules about paths match nothing
    inside: bool = False  # carries a valid pass or booking token
    shown: str = ""  # what is wrong with the credential it carries; "": it carries none
    final: bool = False  # that credential is valid, but of a kind that opens no gate
    crawler: str = ""  # the crawler verified by DNS
    foreign: bool = False  # sent by a page of another site
    ticket: Literal["", "good", "bad"] = ""
    turn: str = ""  # state of the visitor named by an expired pass, as `find_visitor` reports it
    crowd: str = ""  # why newcomers wait; "": they do not


class Step(msgspec.Struct, frozen=True):
    """One rule, its verdict, and the outcome if it decides."""

    rule: Rule
    text: str
    outcome: Outcome | None = None


def trace(facts: Facts) -> list[Step]:
    """The rules in order, up to and including the one that decides."""
    steps: list[Step] = []
    for judge in (_mode, _bypass, _pass, _crawler, _origin, _ticket, _turn, _crowd):
        if step := judge(facts):
            steps.append(step)
            if step.outcome:
                break
    return steps


def crowd(status: RoomStatus, settings: RoomSettings) -> str:
    """Why newcomers have to wait; "" where a join would be called at once."""
    inside, cap = status.called + status.active, settings.active_visitors_max
    if status.state != "open":
        return f"The room is {status.state.replace('prequeue', 'in its pre-queue').replace('_', ' ')}."
    if settings.admission_rate_per_minute == 0:
        return "The rate is 0, so nobody is admitted."
    if status.waiting:
        return f"{status.waiting:,} {'visitor is' if status.waiting == 1 else 'visitors are'} waiting."
    if cap is not None and inside >= cap:
        return f"{inside:,} {'visitor is' if inside == 1 else 'visitors are'} inside: that is the maximum."
    return "Nobody can be called now: there are no free tickets on sale." if status.blocked else ""


def _mode(facts: Facts) -> Step | None:
    if facts.mode == "off":
        return Step("gate_mode", "The gate is off: everybody passes.", "passes")
    text = "Everybody queues." if facts.mode == "queue_all" else "Visitors queue only when there is a crowd."
    return Step("gate_mode", text)


def _bypass(facts: Facts) -> Step | None:
    if facts.rule:
        return Step("bypass", f"Rule {facts.rule} matches.", "passes")
    if not facts.rules:
        return Step("bypass", "There are no bypass rules.")
    text = "The bypass rule does not match." if facts.rules == 1 else f"None of {facts.rules} rules matches."
    if not facts.path_is_plain:
        text += " No rule about paths can: servers read this path in different ways."
    return Step("bypass", text)


def _pass(facts: Facts) -> Step | None:
    if facts.inside:
        return Step("pass", "It has a valid pass.", "passes")
    return Step("pass", facts.shown or "It has no pass.")


def _crawler(facts: Facts) -> Step | None:
    return Step("crawler", f"DNS proves that it is {facts.crawler}.", "passes") if facts.crawler else None


def _origin(facts: Facts) -> Step | None:
    if not facts.foreign:
        return None
    return Step("origin", "A page of another site sent it; it cannot start a session.", "refused")


def _ticket(facts: Facts) -> Step | None:
    if facts.ticket == "good":
        return Step("ticket", "It brings a ticket from the queue page, good for one use.", "gets_pass")
    if facts.ticket == "bad":
        return Step("ticket", "The ticket in its address has expired, or is not for this site.")
    return None


def _turn(facts: Facts) -> Step | None:
    if facts.final:
        return Step("turn", "Its token is for another room or purpose.", "queues")
    if facts.turn in INSIDE:
        return Step("turn", f"Its expired pass names a visitor who is {facts.turn}.", "gets_pass")
    if facts.turn == "removed":
        return Step("turn", "Its expired pass names a visitor whom staff removed.", "queues")
    return None


def _crowd(facts: Facts) -> Step | None:
    if facts.mode == "queue_all":
        return Step("crowd", "It has not had its turn yet, and everybody queues.", "queues")
    if facts.crowd:
        return Step("crowd", f"{facts.crowd} Newcomers queue.", "queues")
    return Step("crowd", "There is no crowd: it gets a pass at once, and nobody notices.", "gets_pass")
