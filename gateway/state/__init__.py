"""State that the gateways of one deployment share: SQLite for one process, else PostgreSQL."""
