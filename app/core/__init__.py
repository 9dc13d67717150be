"""Everything decided without I/O: the domain nouns, errors, arithmetic, signatures and formats.

Modules here use no store, task or logger, and do not read the clock: times are passed in as arguments. A rule
that can be written as a function of its inputs starts here, with a property test, and an operation or a
script calls it.
"""
