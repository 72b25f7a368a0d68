"""Files in and out: events from CSV, NDJSON and Parquet and back, and experiments that ran elsewhere."""
