"""Measures Fairgate: the benchmark, simulated crowds, and the arithmetic of scale. The product does not
import it, except in the commands that start it.

A module here is started by its name: `bench`, `compare`, `scale`, `spread`, `run`, and Locust's
`locustfile`. What they use is in the packages: `rows` of the benchmark and how to `measure` one, the `fans`
that Locust plays, the crowd at a `gate`, the `servers` they need, and `judging` what happened.
"""
