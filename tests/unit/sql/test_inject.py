"""The fixed shape of a secured sub-query, and what has none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.policy.model import ColumnDecision, FieldCondition, Mask
from gateway.sql.inject import secured
from tests.unit.sql.sqlback import SALT, decide, domain, scan, table

EU = FieldCondition("eq", "region", "EU")
ORDERS = table()


def write(engine="trino", used=("id",), alias="$g", **decided):
    return secured(
        scan(ORDERS, decide(ORDERS, **decided), used), engine, {"member": domain()}, SALT, alias
    )


def test_the_shape_on_trino():
    assert write(row_filter=EU) == (
        '(SELECT "$g"."id" AS "id" FROM "lake"."sales"."orders" AS "$g" '
        'WHERE "$g"."region" = \'EU\') AS "orders"'
    )


def test_the_shape_on_duckdb():
    assert write("duckdb", row_filter=EU) == (
        '(SELECT "$g"."id" AS "id" FROM "lake.sales.orders:0" AS "$g" '
        'WHERE "$g"."region" = \'EU\') AS "orders"'
    )


def test_columns_stand_in_catalog_order():
    assert write(used=("number", "id")).startswith('(SELECT "$g"."id" AS "id", "$g"."number"')


def test_no_column_is_one():
    assert write(used=()).startswith('(SELECT 1 AS "$n" FROM')


def test_a_hidden_column_may_filter():
    text = write(row_filter=EU, denied=("region",))
    assert '"$g"."region" = \'EU\'' in text
    assert '"region" AS' not in text


def test_the_private_alias_is_the_caller_s():
    assert '"$g"' not in write(row_filter=EU, alias="$g7")


def test_the_alias_is_quoted():
    one = replace(scan(ORDERS, decide(ORDERS), ("id",)), alias='o"o')
    assert secured(one, "trino", {}, SALT).endswith('AS "o""o"')


@pytest.mark.parametrize("engine", ["trino", "duckdb"])
def test_what_is_not_allowed_has_no_text(engine):
    good = decide(ORDERS)
    unclear = ColumnDecision("id", "mask", None)
    contrary = ColumnDecision("id", "allow", Mask("replace-with-null"))
    for decided in (
        decide(ORDERS, denied=("id",)),
        replace(good, effect="deny"),
        replace(good, columns=good.columns[1:]),
        replace(good, columns=(unclear, *good.columns[1:])),
        replace(good, columns=(contrary, *good.columns[1:])),
        replace(good, columns=(ColumnDecision("id", "maybe"), *good.columns[1:])),
    ):
        with pytest.raises(ValueError):
            secured(scan(ORDERS, decided, ("id",)), engine, {}, SALT)


def test_an_unknown_column_has_no_text():
    with pytest.raises(ValueError, match="does not have"):
        write(used=("id", "no_such"))


def test_an_old_state_stands_between_table_and_alias_on_trino_alone():
    one = scan(ORDERS, decide(ORDERS), ("id",))
    old = replace(one, ref=replace(one.ref, version="FOR VERSION AS OF 1"))
    assert '"orders" FOR VERSION AS OF 1 AS "$g"' in secured(old, "trino", {}, SALT)
    with pytest.raises(ValueError, match="time travel"):
        secured(old, "duckdb", {}, SALT)
