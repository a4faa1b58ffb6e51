"""The people and accounts the gateway knows: one YAML file, read once, immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from gateway.identity.principal import Attribute, Principal

_KEYS = frozenset(
    {"kind", "groups", "attributes", "default_purpose", "may_impersonate", "operator"}
)
_KINDS = ("user", "service")


class DirectoryError(ValueError):
    """The directory file cannot be trusted; its text names the file, the principal and the key."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One principal with what only the gateway itself needs to know of it.

    ``may_impersonate`` holds principal ids, or ``*`` for anyone in the directory.
    ``operator`` may cancel everyone's queries. A ``default_purpose`` is an attribute of the
    principal, so that policies see it too.
    """

    principal: Principal
    may_impersonate: frozenset[str] = frozenset()
    operator: bool = False


@dataclass(frozen=True, slots=True)
class Directory:
    """All known principals by id. Unknown ids have no principal: nobody is invented."""

    entries: Mapping[str, Entry] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def load(cls, path: Path) -> Directory:
        """Read ``principals.yaml``; raises DirectoryError naming what to mend."""
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise DirectoryError(f"{path}: cannot be read: {error}") from None
        return cls.of(document, where=str(path))

    @classmethod
    def of(cls, document: object, *, where: str = "directory") -> Directory:
        """Build from a parsed document ``{principals: {id: {…}}}``."""
        if not isinstance(document, Mapping) or set(document) != {"principals"}:
            raise DirectoryError(f"{where}: expected one top-level key 'principals'")
        people = document["principals"]
        if not isinstance(people, Mapping):
            raise DirectoryError(f"{where}: 'principals' must map ids to their entries")
        entries = {str(id_): _entry(id_, body, where) for id_, body in people.items()}
        return cls(MappingProxyType(entries))

    def principal(self, id: str, method: str = "none") -> Principal | None:  # noqa: A002 - the word
        """The principal of this exact id, marked with how it authenticated."""
        entry = self.entries.get(id)
        return replace(entry.principal, method=method) if entry else None

    def may_impersonate(self, actor: str, subject: str) -> bool:
        """Whether ``actor`` may run statements as ``subject``; both must be known."""
        entry = self.entries.get(actor)
        if entry is None or subject not in self.entries:
            return False
        return subject in entry.may_impersonate or "*" in entry.may_impersonate

    def is_operator(self, id: str) -> bool:  # noqa: A002 - the word
        """Whether this principal may cancel everyone's queries."""
        entry = self.entries.get(id)
        return entry is not None and entry.operator


def reserved(id_: str) -> bool:
    """Names with a meaning of their own: ``meshgate…``, ``…@direct``, blanks, or empty."""
    folded = id_.casefold()
    return (
        not id_
        or folded.startswith("meshgate")
        or folded.endswith("@direct")
        or not id_.isprintable()
        or any(char.isspace() for char in id_)
    )


def _entry(id_: object, body: object, where: str) -> Entry:
    if not isinstance(id_, str) or reserved(id_):
        raise DirectoryError(
            f"{where}: '{id_}' cannot name a principal: ids are text without blanks, "
            "do not start with 'meshgate' and do not end with '@direct'"
        )
    at = f"{where}: principal '{id_}'"
    fields: Mapping[str, Any] = {} if body is None else _mapping(body, at)
    if unknown := sorted(set(fields) - _KEYS):
        raise DirectoryError(f"{at}: unknown key '{unknown[0]}'; known are {sorted(_KEYS)}")
    kind = fields.get("kind", "user")
    if kind not in _KINDS:
        raise DirectoryError(f"{at}: kind must be one of {list(_KINDS)}")
    operator = fields.get("operator", False)
    if not isinstance(operator, bool):
        raise DirectoryError(f"{at}: operator must be true or false")
    attributes = _attributes(_mapping(fields.get("attributes") or {}, at), at)
    purpose = fields.get("default_purpose")
    if purpose is not None and not isinstance(purpose, str):
        raise DirectoryError(f"{at}: default_purpose must be text")
    if purpose is not None:
        attributes = MappingProxyType({**attributes, "default_purpose": purpose})
    principal = Principal(id_, kind, frozenset(_texts(fields, "groups", at)), attributes)
    targets = _texts(fields, "may_impersonate", at)
    if wrong := [name for name in targets if reserved(name)]:
        raise DirectoryError(f"{at}: may_impersonate: '{wrong[0]}' cannot name a principal")
    return Entry(principal, frozenset(targets), operator)


def _mapping(value: object, at: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise DirectoryError(f"{at}: expected names with values")
    return value


def _texts(fields: Mapping[str, Any], key: str, at: str) -> tuple[str, ...]:
    value = fields.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DirectoryError(f"{at}: {key} must be a list of names")
    return tuple(value)


def _attributes(raw: Mapping[str, Any], at: str) -> Mapping[str, Attribute]:
    return MappingProxyType({key: _attribute(value, f"{at}: {key}") for key, value in raw.items()})


def _attribute(value: object, at: str) -> Attribute:
    if isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if isinstance(value, list) and all(type(item) is int for item in value):
        return tuple(value)
    raise DirectoryError(f"{at}: an attribute is text, a whole number, true, false, or a list")
