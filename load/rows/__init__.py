"""The rows of the benchmark, a module for each subject: what a row starts, sends and counts.

A new row is a function from a `Run` to a `Row`, entered in `catalogue` and described in
docs/explanation/performance.md. Never here: how a trial is timed or a figure printed (`measure`).
"""
