"""SQLAlchemy and pandas: expressions, bound values, reflection, frames."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest
from sqlalchemy import MetaData, Table, create_engine, func, inspect, select, text
from sqlalchemy.exc import NoSuchTableError


@pytest.fixture
def engine(gateway):
    def run(user="alice"):
        found = create_engine(f"trino://{user}@127.0.0.1:{gateway.port}/lake/x_cli")
        made.append(found)
        return found

    made = []
    yield run
    for found in made:
        found.dispose()


def test_reflected_tables_can_be_selected(engine):
    base = Table("base", MetaData(), autoload_with=engine())
    query = (
        select(base.c.region, func.count().label("n"))
        .where(base.c.claim_id > 5)
        .group_by(base.c.region)
        .order_by(base.c.region)
    )
    with engine().connect() as connection:
        assert connection.execute(query).all() == [("APAC", 5), ("EU", 5), ("US", 5)]


def test_a_hidden_column_is_not_reflected(engine):
    seen = {user: inspect(engine(user)).get_columns("base", "x_cli") for user in ("alice", "bob")}
    names = {user: {column["name"] for column in found} for user, found in seen.items()}
    assert names["alice"] - names["bob"] == {"member_id"}


def test_a_hidden_table_does_not_exist(engine):
    with pytest.raises(NoSuchTableError):
        Table("secret", MetaData(), schema="vault", autoload_with=engine())
    assert "vault" not in inspect(engine()).get_schema_names()


def test_bound_values(engine):
    query = text("SELECT claim_id FROM base WHERE code = :code")
    with engine().connect() as connection:
        assert connection.execute(query, {"code": "103"}).all() == [(3,)]
        assert connection.execute(query, {"code": "103' OR '1'='1"}).all() == []


def test_each_person_reads_their_own_frame(engine):
    query = "SELECT claim_id, ssn, amount FROM base ORDER BY claim_id"
    frames = {user: pd.read_sql_query(query, engine(user)) for user in ("alice", "bob")}
    assert len(frames["alice"]) == 20
    assert list(frames["bob"]["claim_id"]) == [3, 6, 9, 12, 15, 18]
    assert frames["bob"]["ssn"].str.startswith("nnn-nn-").all()
    assert frames["alice"]["amount"].iloc[0] == 1.5


def test_decimals_stay_exact(engine):
    with engine().connect() as connection:
        (found,) = connection.execute(text("SELECT money FROM kinds WHERE id = 1")).one()
    assert found == Decimal("1234.50")
