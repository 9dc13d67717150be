"""Everything decided without I/O: the domain nouns, errors, arithmetic, signatures and formats. Times are
passed in as arguments.

Never here: a store, reading the clock, a task, a logger. A rule that can be written as a function of its
inputs starts here, with a property test, and an operation or a script calls it.
"""
