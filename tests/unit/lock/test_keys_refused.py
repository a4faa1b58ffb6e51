"""A token that the cluster has not proven to compute rightly is no mask for a direct login."""

from __future__ import annotations

from tests.unit.lock.asking import Asking

ANA = "ana@direct"
PEOPLE, ORDERS = "lake.shop.people", "lake.shop.orders"


async def test_masks_of_an_unproven_key_fail_the_statement(asking: Asking) -> None:
    refused: dict[str, str] = {}
    asking.lock._refused = lambda domain, _version: refused.get(domain)
    (domain,) = asking.world.snapshot.token_domains
    refused[domain] = "its fingerprint is another"
    assert await asking.masks(ANA, PEOPLE) == (500, b"")
    assert (await asking.masks(ANA, ORDERS))[0] == 200
    refused.clear()
    status, masks = await asking.masks(ANA, PEOPLE)
    assert status == 200
    assert any('"gov"."gw"."keys"' in mask["viewExpression"]["expression"] for mask in masks)
