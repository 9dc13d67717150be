"""Kernel scheduling for our processes on few cores."""

from __future__ import annotations

import contextlib
import os
import sys


def use_batch_policy() -> None:
    """Let this process and its children wait for their turn instead of preempting others when woken.

    A request passes through four processes. With the usual policy each interrupts the one that woke it, so a
    batch is handed on when its first record is there; with SCHED_BATCH the one before goes on, and the batch
    has grown meanwhile. An idle core is taken at once, as before. See sched(7). Linux only; where it is not
    allowed, nothing changes.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
