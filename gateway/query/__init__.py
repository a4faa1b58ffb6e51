"""The life of a query, from text to an audited stream of rows."""

from gateway.query.plan import Plan
from gateway.query.running import Running
from gateway.query.service import QueryService, Sources

__all__ = ["Plan", "QueryService", "Running", "Sources"]
