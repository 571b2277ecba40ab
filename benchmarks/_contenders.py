"""What is compared: ways to fetch and decode reports, each as its users would write it. One runs in one process."""

from __future__ import annotations

import asyncio
import atexit
import json
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from _server import KEY

AT_ONCE = 32
Contender = Callable[[str, Sequence[str]], Coroutine[Any, Any, int]]
"""Takes the base URL and the handles; returns how many reports it decoded."""


async def _each(handles: Sequence[str], one: Callable[[str], Awaitable[Any]]) -> int:
    """Call `one` for every handle, so many at a time: the semaphore that everybody writes."""
    limit, done = asyncio.Semaphore(AT_ONCE), 0

    async def work(handle: str) -> None:
        nonlocal done
        async with limit:
            await one(handle)
            done += 1

    await asyncio.gather(*(work(handle) for handle in handles))
    return done


def typed_decoder() -> Any:
    """What decodes an answer into our models, without our decoding."""
    import msgspec

    from walee_async.models import CreatorReport

    return msgspec.json.Decoder(msgspec.defstruct("Answer", [("payload", CreatorReport)]))


async def aiohttp_msgspec(base_url: str, handles: Sequence[str]) -> int:
    """An expert's twenty lines: one aiohttp session, a typed msgspec decoder, default settings."""
    import aiohttp

    decoder = typed_decoder()
    async with aiohttp.ClientSession(headers={"x-api-key": KEY}) as session:

        async def one(handle: str) -> None:
            async with session.get(f"{base_url}/ask/tt/creator/report", params={"handle": handle}) as response:
                response.raise_for_status()
                decoder.decode(await response.read())

        return await _each(handles, one)


async def aiohttp_json(base_url: str, handles: Sequence[str]) -> int:
    """The same with the standard library's JSON."""
    import aiohttp

    async with aiohttp.ClientSession(headers={"x-api-key": KEY}) as session:

        async def one(handle: str) -> None:
            async with session.get(f"{base_url}/ask/tt/creator/report", params={"handle": handle}) as response:
                response.raise_for_status()
                json.loads(await response.read())

        return await _each(handles, one)


async def httpx_pydantic(base_url: str, handles: Sequence[str]) -> int:
    """What most would write first: httpx and pydantic models."""
    from _pydantic import answer_model

    httpx, model = import_module("httpx"), answer_model()
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    async with httpx.AsyncClient(headers={"x-api-key": KEY}, limits=limits) as client:

        async def one(handle: str) -> None:
            response = await client.get(f"{base_url}/ask/tt/creator/report", params={"handle": handle})
            response.raise_for_status()
            model.model_validate_json(response.content)

        return await _each(handles, one)


async def pyreqwest_msgspec(base_url: str, handles: Sequence[str]) -> int:
    """Rust's reqwest with typed msgspec."""
    decoder, builder = typed_decoder(), import_module("pyreqwest.client").ClientBuilder()
    async with builder.default_headers({"x-api-key": KEY}).gzip(True).error_for_status(True).build() as client:

        async def one(handle: str) -> None:
            request = client.get(f"{base_url}/ask/tt/creator/report").query({"handle": handle}).build()
            response = await request.send()
            decoder.decode(memoryview(await response.bytes()))

        return await _each(handles, one)


async def niquests_msgspec(base_url: str, handles: Sequence[str]) -> int:
    """The successor of requests, asynchronous, with typed msgspec."""
    decoder = typed_decoder()
    async with import_module("niquests").AsyncSession(pool_maxsize=AT_ONCE) as session:
        session.headers["x-api-key"] = KEY

        async def one(handle: str) -> None:
            response = await session.get(f"{base_url}/ask/tt/creator/report", params={"handle": handle})
            response.raise_for_status()
            decoder.decode(response.content or b"")

        return await _each(handles, one)


async def curl_cffi_msgspec(base_url: str, handles: Sequence[str]) -> int:
    """The library curl with typed msgspec."""
    decoder, requests = typed_decoder(), import_module("curl_cffi.requests")
    async with requests.AsyncSession(max_clients=AT_ONCE, headers={"x-api-key": KEY}) as session:

        async def one(handle: str) -> None:
            response = await session.get(f"{base_url}/ask/tt/creator/report", params={"handle": handle})
            response.raise_for_status()
            decoder.decode(response.content)

        return await _each(handles, one)


async def _ours(base_url: str, handles: Sequence[str], view: Any, store: Path | None) -> int:
    from walee_async import Fetched, WaleeClient

    done = 0
    async with (
        WaleeClient(KEY, rate=1e6, base_url=base_url, store=store) as walee,
        walee.creator_reports(handles, view=view, concurrency=AT_ONCE) as run,
    ):
        async for outcome in run:
            done += isinstance(outcome, Fetched)
    return done


async def walee(base_url: str, handles: Sequence[str]) -> int:
    """This package: gate, retry, ledger and dedupe on, no store."""
    from walee_async import CreatorReport

    return await _ours(base_url, handles, CreatorReport, None)


async def walee_view(base_url: str, handles: Sequence[str]) -> int:
    """This package with the small view that scoring reads."""
    from walee_async import ScoreView

    return await _ours(base_url, handles, ScoreView, None)


async def walee_store(base_url: str, handles: Sequence[str]) -> int:
    """This package with a store: every report on disk before it is delivered."""
    from walee_async import CreatorReport

    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)  # nobody removes his reports when they have come: it is not of the time
    return await _ours(base_url, handles, CreatorReport, Path(folder) / "reports.db")


CONTENDERS: dict[str, Contender] = {
    function.__name__: function
    for function in (
        walee,
        walee_view,
        walee_store,
        aiohttp_msgspec,
        aiohttp_json,
        httpx_pydantic,
        pyreqwest_msgspec,
        niquests_msgspec,
        curl_cffi_msgspec,
    )
}
NEEDS: Mapping[str, Sequence[str]] = dict.fromkeys(CONTENDERS, ()) | {
    "httpx_pydantic": ("httpx", "pydantic"),
    "pyreqwest_msgspec": ("pyreqwest",),
    "niquests_msgspec": ("niquests",),
    "curl_cffi_msgspec": ("curl_cffi",),
}
"""The packages of a contender that are not this one's."""
