"""What a client's answers depend on, as one short text for caches to key on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import orjson

from gateway.identity.principal import Principal


def fingerprint(principal: Principal, purpose: str, revisions: Mapping[str, str]) -> str:
    """Sixteen hexadecimal digits of subject attributes, purpose and policy revisions.

    Equal texts mean equal rights; any change of rights changes the text.
    """
    facts = {
        "id": principal.id,
        "kind": principal.kind,
        "groups": sorted(principal.groups),
        "attributes": {name: _plain(value) for name, value in principal.attributes.items()},
        "purpose": purpose,
        "revisions": dict(revisions),
    }
    canonical = orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()[:16]


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
