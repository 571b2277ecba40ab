"""The gateway's endpoint as OpenAPI; that the answers fit it is what `nox -s openapi` shows."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from walee_async.client import BASE_URL
from walee_async.testing import Gateway, Maker
from walee_async.testing.openapi import describe
from walee_async.wire.verdict import CODES

DESCRIPTION = Path(__file__).parent.parent / "docs" / "openapi.json"
REAL = Path(__file__).parent / "data" / "tiktok-macro.json.gz"


@cache
def schemas() -> dict[str, Any]:
    parts: dict[str, Any] = describe()["components"]["schemas"]
    return parts


def everything(value: Any) -> Iterator[Any]:
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from everything(inner)


def undescribed(value: Any, schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The paths of the keys of a report that its schema does not have."""
    if "$ref" in schema:
        schema = schemas()[schema["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        for row in value:
            yield from undescribed(row, schema["items"], path)
    elif isinstance(value, dict):
        for name, inner in value.items():
            where = f"{path}.{name}"
            known = schema["properties"].get(name)
            yield from [where] if known is None else undescribed(inner, known, where)


def test_the_file_is_what_the_structs_come_to() -> None:
    """docs/openapi.json is generated, and from the Structs as they are now."""
    made = msgspec.json.format(msgspec.json.encode(describe()), indent=2) + b"\n"
    assert made == DESCRIPTION.read_bytes(), "nox -s openapi -- --write"


def test_it_describes_the_gateway_that_is_asked() -> None:
    """Its server is the client's own base URL."""
    assert describe()["servers"][0]["url"] == BASE_URL


@pytest.mark.parametrize("code", CODES)
def test_every_known_code_is_told_of(code: str) -> None:
    """Whoever writes a client from it learns of every code that this package knows."""
    answers = describe()["paths"]["/ask/tt/creator/report"]["get"]["responses"].values()
    places = [answer["description"] for answer in answers]
    assert any(f"`{code}`" in text for text in places)


def test_what_is_unknown_is_absent() -> None:
    """No part of a report may be null, has a default, or needs a key."""
    report = {name: schema for name, schema in schemas().items() if name not in {"Delivered", "Refused"}}
    said = [value for value in everything(report) if isinstance(value, dict)]
    assert not any(value.get("type") == "null" or "default" in value or "required" in value for value in said)


def test_no_key_of_a_report_is_left_out() -> None:
    """Whatever a real report and made-up ones hold is described."""
    real = msgspec.json.decode(gzip.decompress(REAL.read_bytes()))
    made = [Maker(5, creators=20).report(index) for index in range(20)]
    report = {"$ref": "#/components/schemas/CreatorReport"}
    assert {path for answer in (real, *made) for path in undescribed(answer["payload"], report)} == set()


@pytest.mark.anyio
async def test_the_gateway_describes_itself(gateway: Gateway) -> None:
    """A running gateway serves its description, with itself as the server, and counts no request for it."""
    url = f"{gateway.base_url.removesuffix('/api')}/_gateway/openapi.json"
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        told = await answer.json()
    assert told == describe("/api")
    assert gateway.requests_seen == 0
