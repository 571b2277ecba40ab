"""Scores of a run, and of a store."""

from __future__ import annotations

import os
import pickle
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from walee_async import Brief, Failed, Fetched, ScoreView, WaleeClient, rescore, score
from walee_async.decode import decode
from walee_async.errors import ConfigError, DecodeError, StoreDamagedError, StorePathError
from walee_async.rescoring import Packed, Scored, Scorer, scorer_of
from walee_async.scoring import Score, rank
from walee_async.store import Finding, Store, StoreReader, Views
from walee_async.testing import Code, Gateway, Maker, WrongType
from walee_async.workers import Workers

pytestmark = pytest.mark.anyio

BRIEF = Brief.make(countries=["US"], genders="FEMALE")


def client(gateway: Gateway, path: Path | None = None) -> WaleeClient:
    return WaleeClient(gateway.key, base_url=gateway.base_url, rate=5000.0, store=path, max_age=1e12)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reports.db"


async def test_a_run_scores_what_it_fetches(gateway: Gateway) -> None:
    """Every report comes as its score, failures come as they are, and the best are kept in their order."""
    gateway.plan(gateway.handles[3], Code("account_is_private"))
    async with client(gateway) as walee, walee.scores(gateway.handles, brief=BRIEF, top=5) as run:
        outcomes = [outcome async for outcome in run]
    found = [outcome.report for outcome in outcomes if isinstance(outcome, Fetched)]
    assert [outcome.handle for outcome in outcomes if isinstance(outcome, Failed)] == [gateway.handles[3]]
    assert len(found) == 19
    for outcome in outcomes:
        if isinstance(outcome, Fetched):
            assert outcome.report == score(decode(outcome.payload, ScoreView), BRIEF, handle=outcome.handle)
    assert list(run.top) == sorted(found, key=rank)[:5]
    assert (run.ledger.bought, run.ledger.failed) == (19, 1)


async def test_a_report_that_cannot_be_read_is_a_failure(gateway: Gateway) -> None:
    """As in any run: the report was bought, its bytes are kept, and the others are scored."""
    gateway.plan(gateway.handles[0], WrongType("user_profile.followers", "many"))
    async with client(gateway) as walee:
        outcomes = await walee.scores(gateway.handles).collect()
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    assert [type(outcome.error) for outcome in failed] == [DecodeError]
    assert len(outcomes) == 20


async def filled(gateway: Gateway, path: Path) -> None:
    async with client(gateway, path) as walee:
        await walee.creator_reports(gateway.handles).collect()


async def test_a_store_is_scored_in_its_own_order(path: Path) -> None:
    """Whatever the number of processes: the same scores in the order in which the reports were kept."""
    async with Gateway(Maker(4, creators=2100, small=True)) as gateway:
        await filled(gateway, path)
    with StoreReader.open(path) as reader:
        order = [payload.handle for payload in reader.payloads()]
    alone, shared, chosen = (list(rescore(path, BRIEF, jobs=jobs)) for jobs in (1, 2, None))
    assert [found.handle for found in alone] == order
    assert msgspec.json.encode(alone) == msgspec.json.encode(shared) == msgspec.json.encode(chosen)
    assert list(rescore(path, BRIEF, handles=[order[5], "nobody", order[2]])) == [alone[5], alone[2]]


async def test_an_iteration_that_is_left_early_leaves_nothing_behind(path: Path) -> None:
    """The first score can be had without the rest; processes and files are let go."""
    async with Gateway(Maker(4, creators=1300, small=True)) as gateway:
        await filled(gateway, path)
    scores = rescore(path, jobs=2)
    assert next(scores).handle
    scores.close()
    assert len(list(rescore(path))) == 1300


async def test_trouble_is_told_or_raised(gateway: Gateway, path: Path) -> None:
    """A report that cannot be read is left out and named; without a listener it is an error."""
    gateway.plan(gateway.handles[4], WrongType("user_profile.followers", "many"))
    await filled(gateway, path)
    for jobs in (1, 2):
        told: list[Finding] = []
        assert len(list(rescore(path, jobs=jobs, on_trouble=told.append))) == 19
        assert [(finding.handle, finding.damage) for finding in told] == [(gateway.handles[4], False)]
        with pytest.raises(DecodeError, match=r"followers") as caught:
            list(rescore(path, jobs=jobs))
        assert caught.value.handle == gateway.handles[4]


async def test_what_another_process_scored_is_what_it_would_be_here(gateway: Gateway, path: Path) -> None:
    """And what comes before a report that cannot be read comes first."""
    gateway.plan(gateway.handles[4], WrongType("user_profile.followers", "many"))
    await filled(gateway, path)
    with StoreReader.open(path) as reader, closing(Views(reader, ScoreView)) as views:
        scorer = Scorer(reader, views, BRIEF, lenient=False)
        here, there = (scorer.scored(reader.versions(), scores) for scores in ([], Packed(bytearray(), [])))
    begun = list(here.scores)
    assert 0 < len(begun) < 20
    came: Iterator[Score] = pickle.loads(pickle.dumps(there)).opened(None)
    assert [next(came) for _ in range(len(begun))] == begun
    with pytest.raises(DecodeError, match=r"followers"):
        next(came)


@pytest.mark.parametrize("lenient", [True, False])
async def test_trouble_in_another_process_is_told_or_raised_here(gateway: Gateway, path: Path, lenient: bool) -> None:
    """When it is its turn: told before the scores of its chunk, raised after those that come before it."""
    gateway.plan(gateway.handles[4], WrongType("user_profile.followers", "many"))
    await filled(gateway, path)
    with StoreReader.open(path) as reader:
        versions = reader.versions()
    given = (str(path), BRIEF, lenient)
    workers: Workers[list[int], Scored] = Workers(1, scorer_of, given)
    with workers:
        workers.wait()
        (piece,) = workers.hand_out(iter([versions]), 1)
        workers.wait()
    assert piece.came is not None
    told: list[Finding] = []
    scores = piece.came.opened(told.append)
    if lenient:
        assert len(list(scores)) == 19
        assert [finding.handle for finding in told] == [gateway.handles[4]]
    else:
        with pytest.raises(DecodeError, match=r"followers"):
            list(scores)


async def test_damage_is_told_or_raised(gateway: Gateway, path: Path) -> None:
    """A body that is not as it was written is not scored."""
    await filled(gateway, path)
    with StoreReader.open(path) as reader:
        victim = reader.latest(gateway.handles[7])
    assert victim is not None
    content = path.read_bytes()
    at = content.index(victim.body[2000:2040])
    path.write_bytes(content[:at] + bytes(40) + content[at + 40 :])
    told: list[Finding] = []
    assert len(list(rescore(path, on_trouble=told.append))) == 19
    assert [(finding.handle, finding.damage) for finding in told] == [(gateway.handles[7], True)]
    with pytest.raises(StoreDamagedError):
        list(rescore(path))


def test_an_empty_store_has_no_scores(path: Path) -> None:
    """And one that is not there is an error."""
    Store.open(path).close()
    assert list(rescore(path)) == []
    with pytest.raises(StorePathError):
        list(rescore(path.with_name("none.db")))
    with pytest.raises(ConfigError, match="jobs is 0"):
        list(rescore(path, jobs=0))


FROZEN = """
import sys
from walee_async import rescore
sys.frozen, sys.executable = True, "/nowhere/program"
print(len(list(rescore(sys.argv[1], jobs=2))))
"""


async def test_a_frozen_program_scores_alone(gateway: Gateway, path: Path) -> None:
    """What it would start is not an interpreter, but the program again."""
    await filled(gateway, path)
    command = [sys.executable, "-c", FROZEN, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "20\n", "")


INTERRUPTED = """
import signal, sys
from walee_async import rescore
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what is in the background without it
try:
    print("begun", flush=True)
    list(rescore(sys.argv[1], jobs=2))  # an `if` in a loop here jumps back outside of the `try` on Python 3.13
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # when all is scored: an interpreter that ends complains
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups to interrupt")
async def test_ctrl_c_is_heard_by_nobody_else(path: Path, tmp_path: Path) -> None:
    """At whatever moment a whole process group is interrupted, it ends soon and without a word of its processes."""
    async with Gateway(Maker(4, creators=1300, small=True)) as gateway:
        await filled(gateway, path)
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED)
    for wait in (0.05, 0.15, 0.25, 0.35):
        with subprocess.Popen(
            [sys.executable, str(script), str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == "begun\n"
            select.select([process.stderr], [], [], wait)
            os.killpg(process.pid, signal.SIGINT)
            assert process.stderr.read() == ""
            assert process.wait(10) in (130, 0)


@pytest.mark.parametrize("brief", ["brief.toml", {"target": {}}, 5])
async def test_a_brief_is_one(gateway: Gateway, brief: Any) -> None:
    """The path of a brief is told from a brief before anything is bought."""
    async with client(gateway) as walee:
        with pytest.raises(ConfigError, match="it must be a Brief, such as read_brief makes of a file"):
            walee.scores(gateway.handles, brief=brief)
    assert gateway.requests_seen == 0


@pytest.mark.parametrize("top", [-1, None, 2.5, True])
async def test_the_best_to_keep_are_a_whole_number(gateway: Gateway, top: Any) -> None:
    """Anything else is said before a request is sent."""
    async with client(gateway) as walee:
        with pytest.raises(ConfigError, match="must be a whole number of at least 0"):
            walee.scores(gateway.handles, brief=BRIEF, top=top)
