"""A Trino cluster as an engine: client, pages, probes, redaction."""
