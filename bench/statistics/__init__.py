"""How often the statistics are right, by simulation: error rates, coverage, power. `python -m bench.statistics`."""
