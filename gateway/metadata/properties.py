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
        "join_distribution_type",
        "varchar",
        "AUTOMATIC",
        "How joins are distributed; without effect on the embedded engine",
    ),
    SessionProperty(
        "join_reordering_strategy",
        "varchar",
        "AUTOMATIC",
        "How joins are ordered; without effect on the embedded engine",
    ),
    SessionProperty("meshgate.grant", "varchar", "", "Grants to stand on, separated by commas"),
    SessionProperty("meshgate.purpose", "varchar", "", "What the data is used for"),
    SessionProperty("meshgate.reason", "varchar", "", "Free text for the audit record"),
    SessionProperty(
        "meshgate.truncate", "boolean", "false", "Cut a result at its row limit instead of failing"
    ),
    SessionProperty(
        "meshgate.warnings", "varchar", "full", "How much is said about filters and masks"
    ),
    SessionProperty("query_max_execution_time", "varchar", "1.00d", "Longest time of execution"),
    SessionProperty(
        "query_max_run_time", "varchar", "1.00d", "Longest time from submission to end"
    ),
    SessionProperty("time_zone_id", "varchar", "", "Time zone of the session"),
)
