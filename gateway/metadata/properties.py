"""The session properties a client may set: the one list behind SET SESSION and SHOW SESSION."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionProperty:
    """One property: its Trino type as text, its default, what it does."""

    name: str
    type: str
    default: str
    description: str


SESSION_PROPERTIES = (
    SessionProperty(
        "join_distribution_type", "varchar", "AUTOMATIC", "Accepted for clients; has no effect here"
    ),
    SessionProperty(
        "join_reordering_strategy",
        "varchar",
        "AUTOMATIC",
        "Accepted for clients; has no effect here",
    ),
    SessionProperty(
        "meshgate.grant", "varchar", "", "Grants to stand on, by id, separated by commas"
    ),
    SessionProperty(
        "meshgate.purpose", "varchar", "", "The declared use of the queries that follow"
    ),
    SessionProperty(
        "meshgate.reason", "varchar", "", "Your own words about why, kept in the audit record"
    ),
    SessionProperty(
        "meshgate.truncate", "boolean", "false", "Cut a result at its row limit instead of failing"
    ),
    SessionProperty(
        "meshgate.warnings", "varchar", "full", "Governance notes with results: off, summary, full"
    ),
    SessionProperty(
        "query_max_execution_time", "varchar", "100.00d", "Longest time a query may execute"
    ),
    SessionProperty("query_max_run_time", "varchar", "100.00d", "Longest time a query may take"),
    SessionProperty("time_zone_id", "varchar", "", "Time zone of the session"),
)
