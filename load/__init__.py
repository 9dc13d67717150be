"""Measures Fairgate: the benchmark, simulated crowds, and the arithmetic of scale. The product does not
import it, except in the commands that start it."""
