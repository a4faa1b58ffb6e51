from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from gateway.errors import MeshgateError
from gateway.session import Session
from gateway.sql.parse import parse
from gateway.sql.printer import Printer
from gateway.sql.sessionfns import SESSION_NAMES, session_values
from tests.unit.sql.front import DEFAULTS, NOW, bound, refusal


def values(zone: str, now: datetime = NOW, names: Iterable[str] = ()) -> dict[str, str]:
    session = Session("lake", None, zone)
    found = session_values(session, "it's alice", now, groups={"b", "it's a"}, names=names)
    return {name: Printer().print(value) for name, value in found.items()}


def test_every_session_function_has_a_value():
    assert set(values("UTC")) == SESSION_NAMES


def test_values_are_those_of_the_session():
    found = values("Europe/Paris")
    assert found["current_user"] == "CAST('it''s alice' AS varchar)"
    assert found["current_groups"] == "CAST(ARRAY['b', 'it''s a'] AS array(varchar))"
    assert found["version"] == "CAST('476' AS varchar)"
    assert found["current_schema"] == "CAST(NULL AS varchar)"
    assert found["current_timezone"] == "CAST('Europe/Paris' AS varchar)"
    assert found["now"] == "TIMESTAMP '2024-05-17 15:45:59.987 Europe/Paris'"
    assert found["localtimestamp"] == "TIMESTAMP '2024-05-17 15:45:59.987'"
    assert found["current_time"] == "TIME '15:45:59.987+02:00'"
    assert values("-08:30")["localtime"] == "TIME '05:15:59.987'"


def test_the_hour_that_comes_twice_is_exact():
    late = datetime(2024, 10, 27, 1, 30, tzinfo=UTC)
    early = datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
    assert values("Europe/Paris", late)["now"] == (
        "TIMESTAMP '2024-10-27 01:30:00.000 UTC' AT TIME ZONE 'Europe/Paris'"
    )
    assert values("Europe/Paris", late)["now"] != values("Europe/Paris", early)["now"]


@pytest.mark.parametrize("zone", ["Nowhere/Here", "../etc/passwd", ""])
def test_unknown_zones_are_refused(zone):
    with pytest.raises(MeshgateError, match="Time zone not supported"):
        values(zone)


def test_statements_say_which_they_call():
    statement = parse("SELECT NOW(), current_user, 'version()' FROM t", DEFAULTS)
    assert statement.session_names == {"now", "current_user"}
    assert parse('SELECT "NOW"()', DEFAULTS).session_names == {"now"}
    assert parse("SELECT nowhere, 'now()' FROM t", DEFAULTS).session_names == frozenset()


@pytest.mark.parametrize("call", ["now(1)", "version(1)", "current_groups('x')", "now(*)"])
def test_arguments_are_refused(call):
    assert refusal(f"SELECT {call}").startswith("NOT_SUPPORTED")


def test_digits_are_as_asked():
    names = ["current_timestamp(0)", "localtimestamp(6)", "localtime(12)", "current_time(4)"]
    found = values("Europe/Paris", names=[*names, "localtime(13)"])
    assert [found[name] for name in names] == [
        "TIMESTAMP '2024-05-17 15:45:59 Europe/Paris'",
        "TIMESTAMP '2024-05-17 15:45:59.987654'",
        "TIME '15:45:59.987654000000'",
        "TIME '15:45:59.9876+02:00'",
    ]
    assert "localtime(13)" not in found
    assert bound("SELECT current_timestamp(06), localtime") == (
        "SELECT TIMESTAMP '2024-05-17 13:45:59.987654 UTC', TIME '13:45:59.987'"
    )
    statement = parse("SELECT localtime(2), current_timestamp, localtime(2) FROM t", DEFAULTS)
    assert statement.session_names == {"localtime(2)", "current_timestamp"}


@pytest.mark.parametrize("digits", ["13", "100", "9" * 5000])
def test_more_digits_than_trino_has_are_refused(digits):
    told = refusal(f"SELECT localtimestamp({digits})")
    assert told.startswith(
        "NUMERIC_VALUE_OUT_OF_RANGE: line 1:8: TIMESTAMP precision must be in range [0, 12]: "
    )


@pytest.mark.parametrize("call", ["current_date(3)", "current_user(3)", "now(3)", "localtime(-1)"])
def test_digits_stand_with_clocks_alone(call):
    assert refusal(f"SELECT {call}") != "accepted"


def test_quoted_names_are_columns():
    assert refusal('SELECT "current_user"').startswith("COLUMN_NOT_FOUND")
    assert refusal('SELECT "current_user"()').startswith("NOT_SUPPORTED")
