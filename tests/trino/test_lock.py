"""The second lock on a real Trino: what it opens, and that nothing opens it."""

from __future__ import annotations

import asyncio
import dataclasses
import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from gateway.names import TableName
from gateway.query.reads import filters_of, keyed, reads_of
from gateway.state.active import ActiveDecision
from tests.trino.lockpart import Locked, RefusedError, without_filter

pytestmark = [pytest.mark.xdist_group("lock"), pytest.mark.timeout(400)]

CLAIMS = "SELECT claim_id, member_id, region, billed FROM lake.claims.claims"
TEN = f"{CLAIMS} ORDER BY claim_id LIMIT 10"
_LAKE = "table_cat = 'lake' AND table_schem <> 'information_schema'"
_COLUMNS = (
    "lake.information_schema.columns WHERE table_schema <> 'information_schema' "
    "ORDER BY 1, 2, ordinal_position"
)
COUNT = "SELECT count(*), count(DISTINCT region), sum(billed) FROM lake.claims.claims"


def opened(place: Locked, user: str, sql: str, **changed: Any) -> str:
    """Open the active decision of a statement, as the gateway does; the governed text."""
    governed = place.governed(user, sql)
    now = datetime.now(UTC)
    decision = ActiveDecision(
        query_id=f"q{time.monotonic_ns()}",
        principal=user,
        decision_id=governed.decision_id,
        opened=now,
        expires=now + timedelta(minutes=5),
        reads=reads_of(governed),
        keyed=keyed(governed),
        filters=filters_of(governed),
    )
    asyncio.run(place.active.open(dataclasses.replace(decision, **changed)))
    return governed.sql


class TestThroughTheGateway:
    def test_a_governed_statement_runs_while_its_decision_is_open(self, place: Locked) -> None:
        rows = place.through("ana", opened(place, "ana", TEN))
        assert rows == place.direct("ana", TEN)
        assert len(rows) == 10

    def test_its_filter_removed_by_hand_it_is_refused(self, place: Locked) -> None:
        text = without_filter(place.governed("olga", COUNT).sql)
        with pytest.raises(RefusedError, match="Access Denied"):
            place.through("olga", text)

    def test_nor_does_a_decision_for_fewer_columns_help(self, place: Locked) -> None:
        fewer = {TableName.parse("lake.claims.claims"): frozenset({"claim_id", "region"})}
        opened(place, "fred", COUNT, reads=fewer)
        text = without_filter(place.governed("fred", COUNT).sql)
        with pytest.raises(RefusedError, match="Cannot select from columns"):
            place.through("fred", text)

    def test_nor_one_for_the_very_same_columns(self, place: Locked) -> None:
        """What runs is the same: the lock adds the filter that the text lost."""
        whole = opened(place, "cora", COUNT)
        text = without_filter(whole)
        assert text != whole
        rows = place.through("cora", text)
        assert rows == place.through("cora", whole)
        with place.lab.connect_bare() as connection:
            every = connection.cursor().execute(COUNT).fetchall()
        assert [list(row)[:1] for row in every] != [list(row)[:1] for row in rows]

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT ssn FROM lake.members.members",
            "SELECT diagnosis FROM lake.claims.claims",
            'SELECT file_path FROM lake.claims."claims$files"',
            'SELECT "$path" FROM lake.claims.claims',
            "SELECT fp FROM gov.gw.keys",
            "SELECT table_name FROM lake.information_schema.tables",
            "SELECT query FROM system.runtime.queries",
            "SELECT n_name FROM tpch.tiny.nation",
            "SHOW TABLES FROM lake.claims",
            "CREATE VIEW memory.default.v AS SELECT claim_id FROM lake.claims.claims",
            "CREATE TABLE memory.default.t AS SELECT claim_id FROM lake.claims.claims",
            "DELETE FROM lake.claims.claims",
            "SELECT * FROM TABLE(lake.system.table_changes('claims', 'claims', 1, 2))",
            "SET SESSION AUTHORIZATION clara",
        ],
    )
    def test_outside_it_a_bare_name_gets_nothing(self, place: Locked, sql: str) -> None:
        opened(place, "cora", TEN)
        with pytest.raises(RefusedError):
            place.through("cora", sql)

    def test_only_bare_names_are_acted_for(self, place: Locked) -> None:
        for user in ("ana@direct", "meshgate-keys", "MESHGATE"):
            with pytest.raises(RefusedError):
                place.through(user, "SELECT 1")

    def test_people_cannot_pass_for_the_gateway(self, place: Locked) -> None:
        for user in ("meshgate", "meshgate-keys", "clara", "clara@direct"):
            with pytest.raises(RefusedError, match="impersonate"):
                place.rows("ana", "SELECT 1", user)

    def test_without_tls_no_credential_is_believed(self, place: Locked) -> None:
        for user in ("meshgate", "ana", "ana@direct"):
            answer = requests.post(
                f"{place.url}/v1/statement",
                data="SELECT 1",
                headers={"X-Trino-User": user},
                timeout=20,
            )
            assert answer.status_code == 403, user


class TestViews:
    def test_a_definer_s_view_lends_no_rights(self, place: Locked, scratch: str) -> None:
        """Its base is asked for under the owner's bare name, which stands for "governed"."""
        with place.lab.connect_bare(user="fred") as connection:
            run = connection.cursor().execute
            run(
                f"CREATE VIEW lake.{scratch}.stolen SECURITY DEFINER AS "
                "SELECT claim_id, billed, region FROM lake.claims.claims"
            ).fetchall()
        stolen = f"SELECT claim_id, billed FROM lake.{scratch}.stolen"
        opened(place, "fred", TEN)  # even while its owner's statement is open
        for user in ("ana", "fred"):
            with pytest.raises(RefusedError):
                place.direct(user, stolen)
        everything = {
            TableName.parse(f"lake.{scratch}.stolen"): frozenset({"claim_id", "billed", "region"}),
            TableName.parse("lake.claims.claims"): frozenset({"claim_id", "billed", "region"}),
        }
        opened(place, "ana", TEN, reads=everything)
        with pytest.raises(RefusedError, match="View owner"):
            place.through("ana", stolen)
        asked = {entry.operation for entry in place.switch.asked}
        assert "CreateViewWithSelectFromColumns" in asked, "the attack was not tried"


class TestDirect:
    def test_rows_are_filtered_and_values_masked(self, place: Locked) -> None:
        rows = place.direct(
            "ana", "SELECT region, ssn, first_name, email FROM lake.members.members"
        )
        assert {region for region, *_ in rows} == {"EU"}
        assert all(ssn is None or ssn.startswith("ssn1_") for _, ssn, *_ in rows)
        assert any(ssn for _, ssn, *_ in rows)
        with place.lab.connect_bare() as connection:
            every = (
                connection.cursor().execute("SELECT count(*) FROM lake.members.members").fetchone()
            )
        assert len(rows) < every[0]

    def test_listings_are_what_can_be_selected(self, place: Locked) -> None:
        (listed, columns) = (
            place.direct("ana", sql)
            for sql in (
                f"SELECT table_schem, table_name FROM system.jdbc.tables WHERE {_LAKE}",
                f"SELECT table_schema, table_name, column_name FROM {_COLUMNS}",
            )
        )
        names = {name: [] for name in sorted(listed)}
        for schema, table, column in columns:
            names[schema, table].append(column)
        assert ("claims", "claims") in names
        assert "diagnosis" not in names["claims", "claims"]
        for (schema, table), wanted in names.items():
            described = place.direct("ana", f"DESCRIBE lake.{schema}.{table}")
            assert [name for name, *_ in described] == wanted
            place.direct("ana", f"SELECT {', '.join(wanted)} FROM lake.{schema}.{table} LIMIT 1")
        shown = place.direct("ana", "SHOW TABLES FROM lake.providers")
        assert {table for (table,) in shown} == {t for s, t in names if s == "providers"}

    def test_hidden_tables_schemas_and_catalogs_are_not_there(self, place: Locked) -> None:
        assert place.direct("sam", "SHOW CATALOGS") == [("system",)]
        for sql in (
            "SHOW SCHEMAS FROM lake",
            "SHOW TABLES FROM lake.claims",
            "SELECT 1 FROM lake.claims.claims",
            "SELECT count(*) FROM lake.claims.claims",
            "SELECT table_name FROM lake.information_schema.tables",
            "DESCRIBE lake.claims.claims",
            "SHOW CREATE TABLE lake.claims.claims",
            "SHOW STATS FOR lake.claims.claims",
        ):
            with pytest.raises(RefusedError):
                place.direct("sam", sql)
        assert (
            place.direct(
                "sam", "SELECT table_name FROM system.jdbc.tables WHERE table_cat = 'lake'"
            )
            == []
        )

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT diagnosis FROM lake.claims.claims",
            'SELECT "$path" FROM lake.claims.claims',
            'SELECT file_path FROM lake.claims."claims$files"',
            'SELECT * FROM lake.claims."claims$partitions"',
            "SELECT * FROM TABLE(lake.system.table_changes('claims', 'claims', 1, 2))",
            "SELECT * FROM TABLE(gov.system.query(query => 'SELECT k FROM gw.keys'))",
            "SELECT k FROM gov.gw.keys",
            "SELECT * FROM system.runtime.queries",
            "SELECT * FROM system.runtime.tasks",
            "SELECT * FROM system.metadata.table_comments",
            "SHOW CREATE TABLE lake.claims.claims",
            "CREATE VIEW lake.claims.v AS SELECT * FROM lake.claims.claims",
            "CREATE TABLE memory.default.t AS SELECT * FROM lake.claims.claims",
            "INSERT INTO lake.claims.claims SELECT * FROM lake.claims.claims",
            "UPDATE lake.claims.claims SET billed = 0",
            "DELETE FROM lake.claims.claims",
            "CALL lake.system.create_empty_partition('claims', 'claims', ARRAY[], ARRAY[])",
            "CALL system.runtime.kill_query('20200101_000000_00000_aaaaa', 'no')",
            "SET SESSION legacy_catalog_roles = true",
            "SET SESSION lake.parquet_max_read_block_row_count = 1",
            "SET SESSION AUTHORIZATION clara",
        ],
    )
    def test_everything_else_is_refused(self, place: Locked, sql: str) -> None:
        with pytest.raises(RefusedError):
            place.direct("ana", sql)

    def test_its_own_team_reads_files(self, place: Locked) -> None:
        assert place.direct("clara", 'SELECT count(*) FROM lake.claims."claims$files"')[0][0] > 0

    def test_purpose_and_its_grants_are_none(self, place: Locked) -> None:
        """fred's grant for fraud shows billed in full; a direct login has no purpose."""
        rows = place.direct("fred", "SELECT billed FROM lake.claims.claims WHERE billed > 0")
        assert all(billed.endswith("00.00") for (billed,) in rows)

    def test_answers_come_from_memory(self, place: Locked) -> None:
        place.direct("ana", TEN)
        place.switch.asked.clear()
        for _ in range(10):
            place.direct("ana", TEN)
        taken = [entry.seconds for entry in place.switch.asked]
        assert len(taken) > 100
        assert statistics.median(taken) <= 0.001, taken
