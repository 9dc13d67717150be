"""Rules of the waiting room: positions, waits, rates, and who may join. No I/O."""
