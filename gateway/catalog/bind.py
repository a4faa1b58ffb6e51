"""Joins a table's entry with Iceberg's schema; any difference quarantines that table alone."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.catalog.iceberg import IcebergField, IcebergTable
from gateway.catalog.model import Column, Problem, Table, TokenDomain
from gateway.catalog.nodes import Node
from gateway.catalog.spec import ColumnSpec, TableSpec
from gateway.catalog.token_domains import binding_problem
from gateway.datatypes import DataType

_WRITTEN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NOTHING = DataType("unknown")


def bind(
    file: str,
    domain: str,
    spec: TableSpec,
    iceberg: IcebergTable,
    token_domains: Mapping[str, TokenDomain],
) -> tuple[Table | None, tuple[Problem, ...]]:
    """Give the governed table, or None with the reasons for its quarantine."""
    binding = _Binding(file, spec, iceberg, token_domains)
    columns = binding.columns()
    if binding.problems:
        return None, tuple(binding.problems)
    table = Table(
        name=spec.name,
        domain=domain,
        columns=columns,
        tags=spec.tags,
        product=spec.product,
        uuid=iceberg.uuid,
        schema_id=iceberg.schema_id,
        metadata_location=iceberg.location,
        comment=iceberg.comment,
        kind="view" if iceberg.view else "table",
        view=iceberg.view,
        moved=any(column.name in iceberg.moved for column in columns),
    )
    return table, ()


class _Binding:
    def __init__(
        self,
        file: str,
        spec: TableSpec,
        iceberg: IcebergTable,
        token_domains: Mapping[str, TokenDomain],
    ) -> None:
        self._file = file
        self._spec = spec
        self._iceberg = iceberg
        self._token_domains = token_domains
        self.problems: list[Problem] = []

    def columns(self) -> tuple[Column, ...]:
        """Give the columns in Iceberg's order: the declared ones, or all where exposed."""
        declared = {column.name: column for column in self._spec.columns}
        fields = self._fields()
        for name in declared.keys() - fields.keys():
            message = f"{self._spec.name} has no column {name}; it has {', '.join(fields)}"
            self._report(declared[name].mark, "unknown-column", message)
        return tuple(
            self._column(declared.get(name, ColumnSpec(name, self._spec.mark)), field)
            for name, field in fields.items()
            if name in declared or self._spec.expose
        )

    def _fields(self) -> dict[str, IcebergField]:
        fields: dict[str, IcebergField] = {}
        for field in self._iceberg.fields:
            name = field.name.lower()
            if name in fields:
                message = f"{self._spec.name} has {field.name} and {fields[name].name}"
                self._report(self._spec.mark, "name-collision", message)
            fields[name] = field
        return fields

    def _column(self, spec: ColumnSpec, field: IcebergField) -> Column:
        if not _WRITTEN.fullmatch(field.name):
            message = f"column {field.name!r} of {self._spec.name} is not an identifier"
            self._report(spec.mark, "bad-name", message)
        if spec.field_id is not None and spec.field_id != field.field_id:
            message = (
                f"{self._spec.name}.{spec.name} is field {field.field_id} now, "
                f"{spec.field_id} was reviewed: check what it holds"
            )
            self._report(spec.mark, "field-moved", message)
        if field.type is None:
            message = f"{self._spec.name}.{spec.name} is {field.written}, which is not served"
            self._report(spec.mark, "unsupported-type", message)
        else:
            self._check_tokens(spec, field)
        return Column(
            name=field.name.lower(),
            type=field.type or _NOTHING,
            field_id=field.field_id,
            required=field.required,
            doc=field.doc,
            tags=spec.tags,
            classification=spec.classification,
            token_domain=spec.token_domain,
            stored_canonical=spec.stored_canonical,
            written=field.name if self._iceberg.view else "",
        )

    def _check_tokens(self, spec: ColumnSpec, field: IcebergField) -> None:
        domain = self._token_domains.get(spec.token_domain or "")
        if domain is None or field.type is None:
            return
        wrong = binding_problem(field.type, domain)
        if wrong:
            message = f"{self._spec.name}.{spec.name} cannot carry {domain.name}: {wrong}"
            self._report(spec.token_mark or spec.mark, "token-type", message)

    def _report(self, mark: Node, code: str, message: str) -> None:
        self.problems.append(Problem(self._file, mark.line, mark.column, code, message))
