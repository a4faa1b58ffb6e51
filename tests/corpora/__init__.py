"""Corpora of statements through the pipeline, up to the text for Trino."""
