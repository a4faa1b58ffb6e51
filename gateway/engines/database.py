"""One fresh, locked, in-memory DuckDB database: used for one query, then thrown away."""

from __future__ import annotations

import re
from collections.abc import Mapping

import duckdb

from gateway.engines.job import WorkerConfig
from gateway.errors import MeshgateError
from gateway.names import quote
from gateway.sql.duckdb_settings import MACROS, SETTINGS

_LOCKDOWN: Mapping[str, str] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "python_scan_all_frames": "false",
    "enable_logging": "false",
    "enable_external_access": "false",
}
"""Everything that reaches out of the database, shut. ``lock_configuration`` follows last."""

_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")


def open_database(config: WorkerConfig) -> duckdb.DuckDBPyConnection:
    """Make a database with limits and macros; it is locked when its query is known."""
    connection = duckdb.connect(":memory:", config={"allow_unsigned_extensions": "false"})
    settings = {
        "threads": str(config.threads),
        "memory_limit": f"{config.memory * 6 // 10 >> 20}MiB",
        "temp_directory": config.temp_directory,
        "max_temp_directory_size": f"{config.temp_bytes >> 20}MiB",
        "enable_progress_bar": "false",
        **SETTINGS,
    }
    for name, value in settings.items():
        _set(connection, name, value)
    for macro in MACROS:
        connection.execute(macro)
    return connection


def lock(connection: duckdb.DuckDBPyConnection, time_zone: str) -> None:
    """Set the session's zone, then shut every door and the configuration itself."""
    _set(connection, "TimeZone", zone(time_zone))
    for name, value in _LOCKDOWN.items():
        _set(connection, name, value)
    connection.execute("SET lock_configuration = true")


def zone(time_zone: str) -> str:
    """Spell a zone as DuckDB does: a whole-hour offset is an ``Etc`` zone of opposite sign.

    Raises MeshgateError ``NOT_SUPPORTED`` for offsets with minutes.
    """
    found = _OFFSET.fullmatch(time_zone)
    if not found:
        return time_zone
    sign, hours, minutes = found.groups()
    if minutes != "00":
        raise MeshgateError(
            "NOT_SUPPORTED",
            f"time zone {time_zone} is not supported; set a named zone instead",
        )
    return "UTC" if hours == "00" else f"Etc/GMT{'-' if sign == '+' else '+'}{int(hours)}"


def check_statement(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Accept exactly one SELECT: nothing else is ever generated."""
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type is not duckdb.StatementType.SELECT:
        raise MeshgateError("GENERIC_INTERNAL_ERROR", "generated text is not one query")


def _set(connection: duckdb.DuckDBPyConnection, name: str, value: str) -> None:
    escaped = value.replace("'", "''")
    connection.execute(f"SET {quote(name)} = '{escaped}'")
