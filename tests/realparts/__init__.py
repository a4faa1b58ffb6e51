"""Real parts of the lab: PostgreSQL, Trino, OPA, an Iceberg REST catalog, a gateway."""
