"""The examples do what they say: each runs as a process of its own, against the gateway; for the service see
tests/integrations.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import pytest
from anyio import open_process, run_process, sleep

from walee_async.testing import Gateway, Revoke

pytestmark = pytest.mark.anyio

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))


def environment(gateway: Gateway, **more: str) -> dict[str, str]:
    return os.environ | {"WALEE_API_KEY": gateway.key, "WALEE_BASE_URL": gateway.base_url} | more


def command(name: str, *given: str) -> list[str]:
    return [sys.executable, "-W", "error", str(FOLDER / name), *given]


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
    (sentence,) = done.stderr.decode().splitlines()  # and none for those it did not come to
    assert "the run ended before the list did" in sentence


async def test_the_script_tells_a_lost_store_from_a_refused_account(gateway: Gateway, tmp_path: Path) -> None:
    """A store that is taken away ends it with the code 5."""
    (tmp_path / "handles.txt").write_text("\n".join(gateway.handles), "utf-8")
    gateway.latency = 0.3
    async with await open_process(
        command("script.py", "handles.txt"), cwd=tmp_path, env=environment(gateway)
    ) as process:
        while not gateway.requests_seen:  # noqa: ASYNC110 - it is another process that asks
            await sleep(0.01)
        (tmp_path / "reports.db").unlink()
        assert process.stderr is not None
        said = b"".join([part async for part in process.stderr]).decode()
        assert await process.wait() == 5
    assert "the run ended before the list did" in said


async def test_the_script_without_a_list_says_how_it_is_used(gateway: Gateway, tmp_path: Path) -> None:
    """No argument, no file, no store that can be: each is one sentence and the code 2, and nothing is printed."""
    (tmp_path / "handles.txt").write_text("river.kites", "utf-8")
    (tmp_path / "reports.db").write_text("not a store", "utf-8")
    for given, told in ([], "Usage: "), (["none.txt"], "there is no file"), (["handles.txt"], "reports.db"):
        done = await run_process(command("script.py", *given), cwd=tmp_path, env=environment(gateway), check=False)
        assert (done.returncode, done.stdout) == (2, b"")
        (sentence,) = done.stderr.decode().splitlines()
        assert told in sentence
    assert gateway.requests_seen == 0


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
