"""A service that gives out the numbers of creators; each report is bought once and kept.

    WALEE_API_KEY=... python examples/service.py     # then: curl http://127.0.0.1:8080/creators/river.kites

HOST=0.0.0.0 serves other machines; replicas with one REDIS_URL keep to one limit. SIGTERM waits for calls, up to 80 s.
"""

from collections.abc import AsyncIterator
from os import environ

import msgspec
from aiohttp import web

from walee_async import Headline, Options, RetryPolicy, WaleeClient, WaleeError, errors
from walee_async.client import BASE_URL

WALEE = web.AppKey("walee", WaleeClient)
SHARING = None
if REDIS := environ.get("REDIS_URL"):
    from walee_async.integrations.redis import SharedGate

    SHARING = SharedGate(REDIS)
OPTIONS = Options(retry=RetryPolicy(deadline=75.0), sharing=SHARING)  # one exchange can take 60 s, and is paid for
STATUSES = {errors.InvalidHandleError: 400, errors.NoReportError: 404}  # all else is 503


async def open_client(app: web.Application) -> AsyncIterator[None]:
    """Keep one client for as long as the service runs: one pace for each key, one store, shared purchases."""
    store, base_url = environ.get("STORE", "reports.db"), environ.get("WALEE_BASE_URL", BASE_URL)
    async with WaleeClient(store=store, base_url=base_url, options=OPTIONS) as app[WALEE]:
        yield


def answer(said: object, status: int = 200) -> web.Response:
    """JSON, as msgspec writes it."""
    return web.Response(body=msgspec.json.encode(said), status=status, content_type="application/json")


async def creator(request: web.Request) -> web.Response:
    """Give the headline of a report, stored or bought; only what is wrong with the handle is the caller's to know."""
    try:
        return answer(await request.app[WALEE].creator_report(request.match_info["handle"], view=Headline))
    except WaleeError as error:
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
    host, wait = environ.get("HOST", "127.0.0.1"), OPTIONS.retry.deadline + 5
    web.run_app(service, host=host, port=int(environ.get("PORT", "8080")), shutdown_timeout=wait)
