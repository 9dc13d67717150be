"""What is decided without I/O: the nouns, the errors, arithmetic, signatures, formats. Times come in as
arguments.

Never here: a store, a clock that is read, a task, a logger. A rule that can be written as a function of its
inputs goes here first, with a property test, and an operation or a script calls it.
"""
