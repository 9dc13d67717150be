"""Python's cycle collector, set up for a process that serves thousands of calls a second."""

from __future__ import annotations

import gc

YOUNG = 50_000  # new objects between two looks; a full look at what an import made takes 70 ms, every second


def freeze_startup_objects() -> None:
    """Call once when everything is loaded: existing objects are never scanned again, new ones rarely.

    Our calls make no cycles, so a full collection under load finds nothing and stops every caller meanwhile.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 100)
