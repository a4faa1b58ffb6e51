"""Execution of governed queries."""
