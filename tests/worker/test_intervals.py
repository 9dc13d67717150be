"""What we promise within seconds follows from how often workers poll, not from how fast a machine is."""

from __future__ import annotations

from worker import expiry, lane, processor


def test_a_hold_is_ended_within_a_second_of_its_deadline() -> None:
    assert 2 * expiry.EVERY_S <= 1


def test_what_a_dead_worker_had_in_hand_is_taken_over_within_five_seconds() -> None:
    assert lane.IDLE_MS / 1000 + lane.TAKE_OVER_S + processor.CHECK_S < 5


def test_a_dead_workers_room_has_another_before_what_it_had_in_hand_is_taken_over() -> None:
    assert lane.LEASE_MS / 1000 + processor.CHECK_S <= lane.IDLE_MS / 1000
    assert lane.TAKE_OVER_S <= lane.LEASE_MS / 2000, "renewed before it runs out, even if one attempt fails"
