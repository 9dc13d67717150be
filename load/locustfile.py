"""The file that Locust runs: `locust -f load/locustfile.py` with the plan's path in FAIRGATE_LOAD_PLAN.

`fairgate load` starts it in a separate process, because gevent patches the standard library there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gevent
import msgspec
from locust import User, events, task
from locust.exception import StopUser

from load.fans.bots import Bot
from load.fans.plan import PLAN, Plan
from load.fans.visitors import Visitor
from load.fans.world import World

TELL_EVERY_S = 1.0
STORM_FIRST_S, STORM_EVERY_S = 1.0, 4.0
LATE_S = 1.0  # from the last page opened to the opening of the room


class Fan(User):
    """One visit, of the kind that the scenario prescribes."""

    world: World

    @task
    def visit(self) -> None:
        """Visit once; then this user is gone."""
        world, number = self.world, self.world.next_number()
        if world.plan.ends_alone and number >= world.plan.fans:
            raise StopUser  # Locust replaces finished visitors while others are still to come
        kind = Bot if world.scenario.kind(number) == "bot" else Visitor
        visitor, ended = kind(world, number), "still there at the end"
        world.visitors.add(visitor)
        world.count["came"] += 1
        try:
            ended = visitor.visit()
        except Exception as error:  # entry point of a greenlet: our own bug is reported, not repeated
            world.errors[f"a simulated visitor failed: {error!r}"] += 1
            ended = "broken"
        finally:
            world.visitors.discard(visitor)
            world.count[f"ended: {ended}"] += 1
            world.count["gone"] += 1
        raise StopUser


@events.init.add_listener  # type: ignore[untyped-decorator]  # locust has no types here
def _begin(environment: Any, **_: object) -> None:
    plan = msgspec.json.decode(Path(os.environ[PLAN]).read_bytes(), type=Plan)
    environment.process_exit_code = 0  # the verdict decides, not a refused request
    Fan.world = world = World(plan, environment)
    gevent.spawn(_watch, world)
    environment.events.spawning_complete.add_listener(lambda **_: gevent.spawn(_all_have_joined, world))
    environment.events.quitting.add_listener(lambda **_: world.write())


def _watch(world: World) -> None:
    """Print progress; end the run when the last visitor is done."""
    while True:
        gevent.sleep(TELL_EVERY_S)
        world.print_progress()
        if world.plan.ends_alone and world.count["gone"] >= world.plan.fans:
            world.environment.runner.quit()
            return


def _all_have_joined(world: World) -> None:
    gevent.sleep(LATE_S)
    world.open_room()
    gevent.sleep(STORM_FIRST_S)
    for _ in range(world.scenario.storms):
        world.count["storms"] += 1
        for visitor in list(world.visitors):
            visitor.break_off(reloads=visitor.number % 2 == 0)
        gevent.sleep(STORM_EVERY_S)
