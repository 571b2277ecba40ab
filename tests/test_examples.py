"""The examples do what they say: each runs as a process of its own, against the gateway."""

from __future__ import annotations

import asyncio
import csv
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from anyio import open_process, run_process
from anyio.abc import Process

from walee_async import Store
from walee_async.testing import Drop, Gateway, Revoke

pytestmark = pytest.mark.anyio

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))


def environment(gateway: Gateway, **more: str) -> dict[str, str]:
    return os.environ | {"WALEE_API_KEY": gateway.key, "WALEE_BASE_URL": gateway.base_url} | more


def command(name: str, *given: str) -> list[str]:
    return [sys.executable, "-W", "error", str(FOLDER / name), *given]


@pytest.fixture
def port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def kept(path: Path) -> set[str]:
    async with Store.open(path / "reports.db") as store:
        return {payload.handle async for payload in store.payloads()}


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    while not await holds():  # noqa: ASYNC110 - it is another process that does it
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_an_example_is_short(path: Path) -> None:
    """An example is read at one go: under sixty lines."""
    assert len(path.read_text("utf-8").splitlines()) < 60


# -- the script -------------------------------------------------------------------------------------------------------


async def test_the_script_prints_numbers_and_goes_on(gateway: Gateway, tmp_path: Path) -> None:
    """Numbers go to standard output, what failed to the other one; the second time nothing is bought."""
    (tmp_path / "handles.txt").write_text("\n".join([*gateway.handles[:3], "nobody.here"]), "utf-8")
    ended = [
        await run_process(command("script.py", "handles.txt"), cwd=tmp_path, env=environment(gateway), check=False)
        for _ in range(2)
    ]
    assert [done.returncode for done in ended] == [3, 3]
    for done, told in zip(
        ended, ["3 bought, 0 from the store, 1 failed", "0 bought, 3 from the store, 1 failed"], strict=True
    ):
        rows = list(csv.DictReader(done.stdout.decode().splitlines()))
        assert {row["handle"] for row in rows} == set(gateway.handles[:3])
        assert all(int(row["followers"]) > 0 for row in rows)
        refused, *_, last = done.stderr.decode().splitlines()
        assert refused.startswith("nobody.here: ")
        assert last == told
    assert gateway.billed.total() == 3


async def test_the_script_says_that_the_account_is_refused(gateway: Gateway, tmp_path: Path) -> None:
    """A refused key ends it with the code 4 and a sentence."""
    (tmp_path / "handles.txt").write_text("\n".join(gateway.handles[:3]), "utf-8")
    gateway.plan(gateway.handles[0], Revoke())
    done = await run_process(command("script.py", "handles.txt"), cwd=tmp_path, env=environment(gateway), check=False)
    assert done.returncode == 4
    assert "the run ended before the list did" in done.stderr.decode().splitlines()[-1]


# -- the notebook -----------------------------------------------------------------------------------------------------


async def test_the_notebook_runs_as_a_script(gateway: Gateway, tmp_path: Path) -> None:
    """As a process it buys the list once, and scores it by one brief and by another."""
    given = environment(gateway, HANDLES=" ".join(gateway.handles[:3]))
    for told in ("3 bought, 0 from the store", "0 bought, 3 from the store"):
        done = await run_process(command("notebook.py"), cwd=tmp_path, env=given)
        first, *rest = done.stdout.decode().splitlines()
        assert first == told
        assert {line.partition(":")[0] for line in rest} == set(gateway.handles[:3])
    assert gateway.billed.total() == 3


CELLS = """
import ast, asyncio, pathlib, sys

async def show():  # as a notebook does: cell by cell inside a running loop, and the last expression is what is shown
    names = {"__name__": "__main__"}
    for cell in pathlib.Path(sys.argv[1]).read_text("utf-8").split("# %%"):
        tree = ast.parse("#" + cell)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "cell", "exec"), names)
        shown = eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None
        if shown is not None:
            print("shown:", shown._repr_html_()[:5], type(shown).__name__)

asyncio.run(show())
"""


async def test_the_notebook_shows_what_its_cells_end_with(gateway: Gateway, tmp_path: Path) -> None:
    """Run cell by cell inside a loop, as notebooks do, it shows the ranking and the best score as HTML."""
    given = environment(gateway, HANDLES=" ".join(gateway.handles[:3]))
    run = [sys.executable, "-W", "error", "-c", CELLS, str(FOLDER / "notebook.py")]
    done = await run_process(run, cwd=tmp_path, env=given)
    shown = [line for line in done.stdout.decode().splitlines() if line.startswith("shown: ")]
    assert shown == ["shown: <div> ScoreRun", "shown: <div> Score"]


# -- the service ------------------------------------------------------------------------------------------------------


class Service:
    """The service as a process, and a caller of it."""

    def __init__(self, process: Process, http: aiohttp.ClientSession) -> None:
        self.process = process
        self._http = http
        self._stopped = False

    async def get(self, path: str) -> tuple[int, Any]:
        async with self._http.get(path) as response:
            return response.status, await response.json()

    def stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            self.process.send_signal(signal.SIGTERM)

    async def answers(self) -> bool:
        assert self.process.returncode is None
        try:
            await self.get("/health")
        except aiohttp.ClientConnectorError:
            return False
        return True


@asynccontextmanager
async def serving(gateway: Gateway, folder: Path, port: int) -> AsyncIterator[Service]:
    """Run the service until the block is left, and see that it ends well."""
    given = environment(gateway, PORT=str(port))
    async with (
        await open_process(command("service.py"), cwd=folder, env=given) as process,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        service = Service(process, http)
        try:
            await until(service.answers)
            yield service
            service.stop()
            assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
        assert process.stderr is not None
        assert [part async for part in process.stderr] == []


async def test_the_service_gives_reports_and_buys_each_once(gateway: Gateway, tmp_path: Path, port: int) -> None:
    """A report is bought for the first of its callers and read from the store for the others, also after a restart."""
    handle = gateway.handles[0]
    for _ in range(2):
        async with serving(gateway, tmp_path, port) as service:
            answers = await asyncio.gather(*(service.get(f"/creators/{handle}") for _ in range(5)))
            assert {status for status, _ in answers} == {200}
            assert all(said["user_profile"]["username"] for _, said in answers)
    assert gateway.billed == {handle: 1}


async def test_the_service_tells_callers_what_is_theirs_to_know(gateway: Gateway, tmp_path: Path, port: int) -> None:
    """A wrong handle is 400, one without a report 404; what is wrong with the account is 503, and also the health."""
    async with serving(gateway, tmp_path, port) as service:
        assert await service.get("/health") == (200, {"keys": 1, "waiting": 0, "paused_seconds": 0.0})
        status, said = await service.get("/creators/no%20handle!")
        assert (status, said["error"]) == (400, "InvalidHandleError")
        status, said = await service.get("/creators/nobody.here")
        assert (status, said["error"]) == (404, "NoReportError")
        gateway.plan(gateway.handles[0], Revoke())
        status, said = await service.get(f"/creators/{gateway.handles[0]}")
        assert (status, said) == (503, {"error": "RefusedKeyError", "detail": "There is no report at the moment."})
        assert await service.get("/health") == (503, {"keys": 0, "waiting": 0, "paused_seconds": None})


async def test_the_service_ends_when_it_has_answered(gateway: Gateway, tmp_path: Path, port: int) -> None:
    """SIGTERM while reports are under way loses none and buys none twice.

    That holds as well for one that has to be tried again, and for one whose caller has gone.
    """
    gateway.latency = 0.5
    gateway.plan(gateway.handles[1], Drop("request"))

    async def sent() -> bool:
        return gateway.requests_seen >= 4

    async with serving(gateway, tmp_path, port) as service:
        calls = [asyncio.create_task(service.get(f"/creators/{handle}")) for handle in gateway.handles[:4]]
        await until(sent)
        calls[3].cancel()
        service.stop()
        answers = await asyncio.gather(*calls[:3])
    assert [status for status, _ in answers] == [200, 200, 200]
    assert await kept(tmp_path) == set(gateway.handles[:4])
    assert gateway.billed == dict.fromkeys(gateway.handles[:4], 1)
