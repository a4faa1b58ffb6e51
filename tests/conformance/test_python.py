"""The script through the two Python clients: trino's DB-API, and SQLAlchemy with pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import trino.dbapi
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import DBAPIError
from trino.exceptions import TrinoQueryError

from tests.conformance.conftest import Gateway
from tests.conformance.script import Heard, Step, load, text

STEPS = pytest.mark.parametrize("step", load(), ids=lambda step: step.name)


def by_dbapi(gateway: Gateway, step: Step) -> Heard:
    with trino.dbapi.connect(
        host="127.0.0.1", port=gateway.port, user=step.who, catalog="lake", schema="x_cli"
    ) as connection:
        cursor = connection.cursor()
        try:
            for sql in step.sql:
                cursor.execute(sql)
                rows = cursor.fetchall()
        except TrinoQueryError as error:
            return Heard(error=error.error_name, message=error.message)
        return Heard(
            tuple((column[0], column[1]) for column in cursor.description or ()),
            tuple(tuple(text(value) for value in row) for row in rows),
            warnings=tuple(one["warningCode"]["name"] for one in cursor.warnings),
        )


def by_pandas(gateway: Gateway, step: Step) -> Heard:
    engine = create_engine(f"trino://{step.who}@127.0.0.1:{gateway.port}/lake/x_cli")
    try:
        with engine.connect() as connection:
            for sql in step.sql[:-1]:
                connection.exec_driver_sql(sql)
            frame = pd.read_sql_query(
                step.sql[-1], connection, coerce_float=False, dtype_backend="numpy_nullable"
            )
    except (DBAPIError, pd.errors.DatabaseError) as error:
        return _refused(error)
    finally:
        engine.dispose()
    rows = tuple(tuple(map(_text, row)) for row in frame.itertuples(index=False, name=None))
    assert list(frame.columns) == [name for name, _ in step.columns]
    return Heard(rows=rows)


def _text(value: object) -> str | None:
    if pd.isna(value):
        return None
    return text(value.item() if isinstance(value, np.generic) else value)


def _refused(error: BaseException) -> Heard:
    """Find the gateway's own error below those of the libraries; others fail the test."""
    if isinstance(error, TrinoQueryError):
        return Heard(error=error.error_name, message=error.message)
    if error.__cause__ is None:
        raise error
    return _refused(error.__cause__)


@STEPS
def test_the_script_by_dbapi(gateway, step):
    by_dbapi(gateway, step).check(step)


@STEPS
def test_the_script_by_sqlalchemy_and_pandas(gateway, step):
    by_pandas(gateway, step).check(step)


def test_sqlalchemy_reflects_what_can_be_selected(gateway):
    engine = create_engine(f"trino://bob@127.0.0.1:{gateway.port}/lake/x_cli")
    try:
        seen = inspect(engine)
        assert seen.get_schema_names() == ["claims", "information_schema", "x_cli"]
        assert sorted(seen.get_table_names("x_cli")) == ["base", "kinds"]
        assert [column["name"] for column in seen.get_columns("base", "x_cli")] == [
            *("claim_id", "ssn", "region", "amount", "code", "d"),
        ]
        assert seen.has_table("base", "x_cli")
        assert not seen.has_table("sealed", "x_cli")
        assert seen.get_indexes("base", "x_cli") == []
        assert seen.get_table_comment("base", "x_cli") == {"text": None}
    finally:
        engine.dispose()
