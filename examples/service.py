"""A service that gives out the numbers of creators; each report is bought once and kept.

    WALEE_API_KEY=... python examples/service.py     # GET /creators/river.kites and GET /health, on port 8080

Replicas with one REDIS_URL keep to one limit. SIGTERM ends one in good order: calls under way are answered first.
"""

import os
from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from walee_async import Headline, Options, RetryPolicy, WaleeClient, WaleeError, errors
from walee_async.client import BASE_URL
from walee_async.integrations.redis import SharedGate

WALEE = web.AppKey("walee", WaleeClient)
REDIS = os.environ.get("REDIS_URL")
# Seconds that a call takes at most: more than an exchange can (60), so that none is cut off that may be paid for.
OPTIONS = Options(retry=RetryPolicy(deadline=75.0), sharing=SharedGate(REDIS) if REDIS else None)
STATUSES = {errors.InvalidHandleError: 400, errors.NoReportError: 404}  # all else is 503


async def open_client(app: web.Application) -> AsyncIterator[None]:
    """Keep one client for as long as the service runs: one pace for each key, one store, shared purchases."""
    store, base_url = os.environ.get("STORE", "reports.db"), os.environ.get("WALEE_BASE_URL", BASE_URL)
    async with WaleeClient(store=store, base_url=base_url, options=OPTIONS) as walee:
        app[WALEE] = walee
        yield


def answer(said: object, status: int = 200) -> web.Response:
    """JSON, as msgspec writes it."""
    return web.Response(body=msgspec.json.encode(said), status=status, content_type="application/json")


async def creator(request: web.Request) -> web.Response:
    """Give the headline of a creator's report, from the store or bought."""
    try:
        return answer(await request.app[WALEE].creator_report(request.match_info["handle"], view=Headline))
    except WaleeError as error:
        # Only what is wrong with the handle is the caller's to know.
        said = str(error) if error.fault == "handle" else "There is no report at the moment."
        return answer({"error": type(error).__name__, "detail": said}, STATUSES.get(type(error), 503))


async def health(request: web.Request) -> web.Response:
    """Tell whether reports can be bought, without buying one: 503 when the gateway refuses every key."""
    pauses = [key.gate.paused for key in request.app[WALEE].statistics() if key.benched is None]
    return answer({"keys": len(pauses), "paused_seconds": min(pauses, default=None)}, 200 if pauses else 503)


if __name__ == "__main__":
    service = web.Application()
    service.cleanup_ctx.append(open_client)
    service.add_routes([web.get("/creators/{handle}", creator), web.get("/health", health)])
    # Whoever stops it should wait for as long before killing it.
    web.run_app(service, port=int(os.environ.get("PORT", "8080")), shutdown_timeout=OPTIONS.retry.deadline + 5)
