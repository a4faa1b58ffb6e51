"""Asks the cluster what it holds and compares it with Iceberg's own catalogs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.catalog.connection import Connection
from gateway.catalog.domains import Declared
from gateway.catalog.drift import Difference, differences, listing_sql, told_by_trino
from gateway.catalog.inspecting import tables_of
from gateway.catalog.stores import CatalogUnreachableError
from gateway.engines.trino.cluster import TrinoCluster
from gateway.engines.trino.service import ServiceError
from gateway.secrets import SecretError
from gateway.settings import TrinoSettings


class DriftError(ValueError):
    """The comparison could not be made; the text says which side did not answer."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What was compared (tables of either side) and what differs."""

    tables: int
    differences: tuple[Difference, ...]


async def drift(declared: Declared, settings: TrinoSettings) -> Drift:
    """Compare every schema of every open domain.

    Raises:
        DriftError: no cluster is set, or one side cannot be asked.

    """
    if not settings.url:
        raise DriftError("set MESHGATE_TRINO__URL to the cluster to compare with")
    try:
        cluster = TrinoCluster(settings)
    except (ValueError, SecretError) as error:
        raise DriftError(str(error)) from None
    try:
        parts = [
            await _of(cluster, connection, sorted(schemas))
            for connection, schemas in _schemas(declared)
        ]
    finally:
        await cluster.close()
    found = tuple(difference for part in parts for difference in part.differences)
    return Drift(sum(part.tables for part in parts), found)


def _schemas(declared: Declared) -> Iterable[tuple[Connection, set[str]]]:
    for connection in declared.connections.values():
        owned = [spec.domain for spec in declared.open if spec.connection == connection]
        yield connection, {schema for domain in owned if domain for schema in domain.schemas}


async def _of(cluster: TrinoCluster, connection: Connection, schemas: list[str]) -> Drift:
    name = connection.name
    try:
        iceberg = await asyncio.to_thread(tables_of, connection, schemas)
    except CatalogUnreachableError as error:
        message = f"catalog {name} cannot be opened at {connection.where}: {error}"
        raise DriftError(message) from None
    try:
        rows = await cluster.queries.service_query(listing_sql(name, schemas))
    except ServiceError as error:
        raise DriftError(f"the cluster did not list catalog {name}: {error.told}") from None
    trino = told_by_trino(rows)
    return Drift(len(iceberg.keys() | trino.keys()), tuple(differences(name, iceberg, trino)))
