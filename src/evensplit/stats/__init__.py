"""Numbers in, numbers out. Nothing here knows an experiment, a row or a store."""
