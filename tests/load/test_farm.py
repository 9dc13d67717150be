"""A bot farm against fans: the product's own scripts decide what each measure achieves."""

from __future__ import annotations

import io

from rich.console import Console

from load.simulate import farm_table
from load.simulate.farm import Contest, Farm, FarmOutcome
from load.simulate.strengths import EACH, STRENGTHS
from load.simulate.table import WIDTH
from tests.support.builders import Client

SALE = Farm(fans=200, addresses=10, tries=40, places=40, method="lottery", stolen=5, bought=40, hoarded=20)


async def test_what_is_asked_of_newcomers_takes_places_from_the_farm(redis: Client) -> None:
    won: dict[str, FarmOutcome] = {}
    for strength in STRENGTHS:
        await redis.flushdb()
        won[strength.name] = await Contest(redis, SALE, strength).play()
    none, limits, work, each, lane, both, catch_all, bought, slower, passkey, before, members = won.values()
    assert all(it.won_by_bots + it.won_by_fans >= SALE.places for it in won.values())
    assert {it.bots for it in (none, limits, work, lane, both)} == {400}
    # An address has its allowance, and after ten minutes of pre-queue the same again; fans who share one
    # suffer.
    assert EACH * SALE.addresses <= each.bots <= 2 * EACH * SALE.addresses
    assert members.bots == SALE.stolen
    assert none.won_by_bots > 1.5 * lane.won_by_bots
    assert members.won_by_bots < each.won_by_bots < none.won_by_bots
    assert (each.fans_out, lane.fans_out) == (lane.fans_suspected, 0)
    # Requiring a mailbox or an account helps as much as one costs the farm; fans without one are out, or in
    # the lane.
    assert (catch_all.bots, bought.bots, passkey.bots) == (400, SALE.bought, 400)
    assert bought.won_by_bots < none.won_by_bots
    assert 0 < bought.fans_out < SALE.fans / 4
    assert (slower.fans_out, slower.fans_suspected) == (0, bought.fans_out)
    assert before.won_by_bots < passkey.won_by_bots
    assert {it.delay_most_s for it in (catch_all, bought, slower, passkey, before)} == {0}
    # Proofs computed by phones delay nobody for longer than promised, and cost the farm next to nothing.
    assert work.delay_p50_s > 0
    assert max(it.delay_most_s for it in won.values()) <= farm_table.MOST_S
    assert 0 < work.farm_core_s < 60
    shown = io.StringIO()
    farm_table.show(Console(file=shown, width=WIDTH), SALE, list(won.values()))
    assert all(it.name in shown.getvalue() for it in STRENGTHS)
