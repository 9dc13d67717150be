"""Measures Fairgate: the benchmark, simulated crowds, the arithmetic of scale. The product does not
import it.
"""
