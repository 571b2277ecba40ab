"""Delivering an answer over aiohttp's server, faithfully or as badly as it is meant to be."""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

    from walee_async.testing.answers import Answer

_LINGER_NONE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class _Gone(web.StreamResponse):
    """Stands for an answer already written, or never to be: aiohttp must add nothing to it."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        raise ConnectionResetError("the test gateway closed this connection on purpose")


async def deliver(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Send an answer and return what aiohttp is to make of it."""
    if answer.wait:
        # A day stands for ever: the gateway closes, or the client goes, long before.
        await asyncio.sleep(min(answer.wait, 86_400.0) if math.isfinite(answer.wait) else 86_400.0)
    if answer.cut is None and answer.pieces == 1:
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
    transport = request.transport
    if transport is not None and not transport.is_closing():
        await _write(transport, answer)
        _close(transport, answer)
    return _Gone()


async def _write(transport: asyncio.Transport, answer: Answer) -> None:
    if answer.cut == -1:
        return
    transport.write(_head(answer))
    body = answer.body if answer.cut is None else answer.body[: answer.cut]
    size = max(1, math.ceil(len(body) / answer.pieces))
    for start in range(0, len(body), size):
        if start and answer.pause:
            await asyncio.sleep(answer.pause)
        if transport.is_closing():
            return
        transport.write(body[start : start + size])


def _head(answer: Answer) -> bytes:
    headers = {**answer.headers, "Content-Length": str(len(answer.body)), "Connection": "close"}
    lines = [
        f"HTTP/1.1 {answer.status} {_reason(answer.status)}",
        *(f"{name}: {text}" for name, text in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _close(transport: asyncio.Transport, answer: Answer) -> None:
    if not answer.reset:
        transport.close()
        return
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
    transport.abort()
