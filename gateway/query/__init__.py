"""The life of a query, from text to an audited stream of rows."""

from gateway.query.plan import Plan
from gateway.query.service import QueryService, Running

__all__ = ["Plan", "QueryService", "Running"]
