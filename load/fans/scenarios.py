"""The scenarios: who arrives, when, and what they do. They scale with `--fans N`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal

Kind = Literal["buyer", "declined", "forgets", "cancels", "browses", "no_show", "leaves", "bot"]
Name = Literal["rush", "steady", "reconnect", "abandoners", "bots"]
PEOPLE: Mapping[Kind, int] = {"buyer": 84, "declined": 4, "forgets": 4, "cancels": 4, "no_show": 4}


@dataclass(frozen=True, slots=True)
class Scenario:
    """Who arrives and when. `kinds` are percentages.

    With `together` all are there when the room opens, otherwise they arrive one by one. The seconds are for a
    large crowd; a small one is done sooner.
    """

    description: str
    kinds: Mapping[Kind, int]
    together: bool = False
    arrive_s: float = 5.0  # from the first arrival to the last
    called_s: float = 20.0  # from the first call to the last
    called_min_s: float = 2.0
    storms: int = 0  # how often all streams break at the same time

    def arrivals_per_s(self, fans: int) -> float:
        """How many arrive per second."""
        return max(fans / self.arrive_s, 10.0)

    def rate_per_minute(self, fans: int) -> int:
        """How many are called per minute."""
        seconds = max(self.called_min_s, min(self.called_s, fans / 20))
        return max(1, round(fans * 60 / seconds))

    def kind(self, number: int) -> Kind:
        """The kind of this visitor; the same in every run."""
        kinds = list(self.kinds)
        return Random(number).choices(kinds, [self.kinds[kind] for kind in kinds])[0]


SCENARIOS: Mapping[Name, Scenario] = {
    "rush": Scenario("everybody is there before the room opens, and joins in the same second", PEOPLE, True),
    "steady": Scenario(
        "visitors arrive one after the other, and are called about as fast", PEOPLE, arrive_s=30.0
    ),
    "reconnect": Scenario(
        "all streams break at once, three times, and half of the pages are reloaded",
        PEOPLE,
        together=True,
        called_s=30.0,
        called_min_s=12.0,
        storms=3,
    ),
    "abandoners": Scenario(
        "most leave the queue, miss their turn, only look, let holds expire or cancel",
        {
            "buyer": 30,
            "declined": 5,
            "forgets": 20,
            "cancels": 15,
            "browses": 10,
            "no_show": 10,
            "leaves": 10,
        },
        together=True,
    ),
    "bots": Scenario(
        "every fifth is a bot: several places, constant polling, early claims, endless reservations",
        {"buyer": 76, "no_show": 2, "cancels": 2, "bot": 20},
        together=True,
    ),
}
TICKETS_PER_FAN = 0.75  # so that it sells out: visitors buy one or two
TICKET_TYPES = ("floor", "balcony")
TICKETS_MAX = 4


def sale_of(name: Name, fans: int) -> dict[str, object]:
    """The event of a scenario with its room, as bodies of the staff API without ids."""
    return {
        "starts_at": "2035-06-01T19:00:00Z",
        "max_tickets_per_visitor": TICKETS_MAX,
        "hold_ttl_s": 8,
        "room": {
            "admission_rate_per_minute": SCENARIOS[name].rate_per_minute(fans),
            "active_visitors_max": max(20, fans // 3),
            "claim_window_s": 8,
            "session_ttl_s": 15,
            "public": False,
        },
    }


def tickets_each(fans: int) -> int:
    """The number of tickets of each type."""
    return max(1, round(fans * TICKETS_PER_FAN / len(TICKET_TYPES)))
