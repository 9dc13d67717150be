"""Kernel scheduling for our processes on few cores."""

from __future__ import annotations

import contextlib
import os
import sys


def use_batch_policy() -> None:
    """Make this process and its children wait for their turn instead of preempting others when woken.

    A request passes through four processes. Under the usual policy each interrupts the one that woke it, so a
    batch is passed on as soon as it has its first record; with SCHED_BATCH the waker continues, and the batch
    grows meanwhile. An idle core is still used at once. See sched(7). Linux only; where it is not permitted,
    nothing changes.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
