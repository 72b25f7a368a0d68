"""The event store on ClickHouse. Everything that names clickhouse_connect is here; the questions are not (`query`)."""
