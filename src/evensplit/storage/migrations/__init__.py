"""Alembic's migrations of the catalog and the record, oldest first in `versions/`. `HEAD` is the newest."""

HEAD = "0005"
