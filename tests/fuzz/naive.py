"""The positive control: a rewriter as one writes it first. WITH names count everywhere."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from gateway.sql.model import Defaults


def naive(text: str, defaults: Defaults) -> str:
    """Put a secured sub-query at each table; raises sqlglot's errors."""
    tree = sqlglot.parse_one(text, read="trino")
    names = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for table in list(tree.find_all(exp.Table)):
        if table.name.lower() in names and not table.db:
            continue
        base = exp.table_(
            table.name.lower(),
            db=table.db.lower() or defaults.schema,
            catalog=table.catalog.lower() or defaults.catalog,
            quoted=True,
        )
        inner = exp.select("*").from_(exp.alias_(base, "$g", table=True, quoted=True))
        table.replace(inner.subquery(exp.to_identifier(table.alias_or_name, quoted=True)))
    return tree.sql(dialect="trino", identify=True)
