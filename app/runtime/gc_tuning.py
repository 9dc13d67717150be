"""Python's cycle collector, set up for a process that serves thousands of calls a second."""

from __future__ import annotations

import gc

YOUNG = 50_000  # new objects between two looks; a full look at what an import made takes 70 ms, every second


def collect_rarely() -> None:
    """Call before the program is loaded, which makes 230,000 objects that stay.

    With the default of 700 new objects, looking through them again and again takes a fifth of a start.
    """
    gc.set_threshold(YOUNG, 20, 100)


def freeze_startup_objects() -> None:
    """Call once when everything is loaded: existing objects are never scanned again, new ones rarely.

    Our calls make no cycles, so a full collection under load finds nothing and stops every caller meanwhile.
    """
    gc.collect()
    gc.freeze()
    collect_rarely()
