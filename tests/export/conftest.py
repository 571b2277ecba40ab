"""What the tests of tables have: a store with made-up reports, a real one and a hostile one, and their JSON."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from walee_async.export import Kind, Row, Table, uncover
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.store import Store
from walee_async.testing import Maker

REAL = Path(__file__).parent.parent / "data" / "tiktok-macro.json.gz"
HOSTILE = '=HYPERLINK("http://x")\r\n"quoted", \u202eRTL\u202c \0 ' + "n" * 100_000


def wrap(report: dict[str, Any]) -> bytes:
    """The gzipped answer around a report."""
    return gzip.compress(msgspec.json.encode({"success": True, "message": "fetched", "payload": report}), mtime=0)


async def keep(path: Path, reports: Iterable[tuple[str, bytes]]) -> None:
    """Buy reports into a store, a second apart, each with one attempt."""
    async with Store.open(path) as store:
        run = await store.begin_run("test")
        for at, (handle, body) in enumerate(reports):
            intent = store.intend(handle, 1, "key 1 (…a3f9)", run)
            await intent
            billed = Attempt(
                handle=handle,
                number=1,
                key="key 1 (…a3f9)",
                charge=Charge.BILLED,
                status=200,
                queue_seconds=0.25,
                service_seconds=1.5,
            )
            payload = Payload(
                handle=handle, body=body, encoding="gzip", key="key 1 (…a3f9)", received_at=1_768_000_000.5 + at
            )
            await store.settle(intent, billed, payload)


def hostile() -> dict[str, Any]:
    post = {"post_id": "7" * 19, "text": HOSTILE, "hashtags": ["a", "b"], "created": "2023-04-17T20:17:46+0200"}
    profile = {
        "username": "hostile",
        "fullname": HOSTILE,
        "description": "'=x",
        "user_id": "6" * 19,
        "top_posts": [post],
    }
    return {"success": True, "user_profile": profile, "location": "\uff1d1+1"}


@pytest.fixture
def put() -> Callable[[Path, Iterable[tuple[str, bytes]]], None]:
    """Makes a store, or adds to it: `put(path, [(handle, gzipped answer)])`."""
    return lambda path, reports: anyio.run(keep, path, list(reports))


@pytest.fixture
def answer() -> Callable[[dict[str, Any]], bytes]:
    """Wraps a report as the gateway does."""
    return wrap


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, Any]]]:
    """A store with 27 reports of 25 creators, two of them replaced since; and the JSON of the newest of each."""
    path = tmp_path_factory.mktemp("stored") / "reports.db"
    maker = Maker(creators=24)
    bodies = [(maker.handle(index), maker.gzip(index)) for index in range(24)]
    newer = [(maker.handle(index), maker.gzip(maker.creator(index, followers=777_777))) for index in (3, 5)]
    made = [*bodies, *newer, ("real", wrap(_payload(gzip.decompress(REAL.read_bytes())))), ("hostile", wrap(hostile()))]
    anyio.run(keep, path, made)
    return path, {handle: _payload(gzip.decompress(body)) for handle, body in made}


def _payload(body: bytes) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(body)
    return document.get("payload", document)


_READ: dict[Kind, Callable[[str], object]] = {
    Kind.TEXT: uncover,
    Kind.INTEGER: int,
    Kind.NUMBER: float,
    Kind.TRUTH: {"true": True, "false": False}.__getitem__,
    Kind.TIME: datetime.fromisoformat,
}


def read_csv(path: Path, table: Table) -> list[Row]:
    """The rows of a CSV file, as a program reads them that knows the kinds of the columns."""
    before = csv.field_size_limit(1_000_000)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names, *rows = csv.reader(file)
    finally:
        csv.field_size_limit(before)
    assert tuple(names) == table.names
    return [
        tuple(_READ[column.kind](cell) if cell else None for column, cell in zip(table.columns, row, strict=True))
        for row in rows
    ]


def read_jsonl(path: Path, table: Table) -> list[Row]:
    """The rows of a file of JSON lines."""
    found = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        fields = msgspec.json.decode(line)
        assert set(fields) <= set(table.names)
        assert None not in fields.values()
        times = {column.name for column in table.columns if column.kind is Kind.TIME} & fields.keys()
        fields |= {name: datetime.fromisoformat(fields[name]) for name in times}
        found.append(tuple(fields.get(name) for name in table.names))
    return found


@pytest.fixture
def rows_of() -> Callable[[Path, Table], list[Row]]:
    """Reads the rows of a CSV or JSONL file."""
    return lambda path, table: (read_csv if path.suffix == ".csv" else read_jsonl)(path, table)
