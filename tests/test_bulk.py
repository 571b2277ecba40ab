from __future__ import annotations

import asyncio
import gc
from collections import Counter
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from walee_async import Failed, Fetched, Headline, Options, Transport, WaleeClient
from walee_async.errors import (
    AccountError,
    AmbiguousError,
    ConfigError,
    DeadlineError,
    DecodeError,
    InvalidHandleError,
    LongPauseError,
    NoReportError,
    NotAttemptedError,
    NotSentError,
    RefusedKeyError,
    RunEndedError,
    UnexpectedAnswerError,
)
from walee_async.events import AttemptEnded, Event, OutcomeReached
from walee_async.handles import Entry
from walee_async.outcomes import Charge
from walee_async.retry import RetryPolicy
from walee_async.testing import (
    Code,
    Drop,
    Fault,
    Gateway,
    Hang,
    Html,
    Mix,
    Quota,
    Redirect,
    RetryLater,
    Revoke,
    Slow,
    Status,
    Truncate,
    WrongType,
)
from walee_async.testing.maker import Maker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from walee_async.outcomes import Outcome

pytestmark = pytest.mark.anyio

QUICK = RetryPolicy(base=0.01, cap=0.02)


def client(gateway: Gateway, *, rate: float = 2000.0, **options: Any) -> WaleeClient:
    return WaleeClient(
        gateway.key, base_url=gateway.base_url, rate=rate, options=Options(**{"retry": QUICK, **options})
    )


def handles_of(outcomes: list[Outcome[Any]]) -> list[str]:
    return [outcome.handle for outcome in outcomes]


async def test_every_distinct_handle_comes_out_once(gateway: Gateway) -> None:
    """However a handle is written and however often it is named, it is bought once and has one outcome."""
    spellings = [f"@{gateway.handles[0].upper()}", f"https://www.tiktok.com/@{gateway.handles[0]}?lang=en", " "]
    async with client(gateway) as walee:
        run = walee.creator_reports(
            [*gateway.handles, *gateway.handles, *spellings, "nobody.here", "no body", "no body"]
        )
        outcomes = await run.collect()
    assert Counter(handles_of(outcomes)) == Counter({*gateway.handles, "nobody.here", "no body", " "})
    assert gateway.requests_seen == len(gateway.handles) + 1
    errors = {outcome.handle: type(outcome.error) for outcome in outcomes if isinstance(outcome, Failed)}
    assert errors == {"nobody.here": NoReportError, "no body": InvalidHandleError, " ": InvalidHandleError}
    assert run.progress().duplicates == len(gateway.handles) + 3


async def test_an_entry_that_is_no_handle_names_its_line(gateway: Gateway) -> None:
    """What cannot be a handle costs no request and says where in the list it stands."""
    async with client(gateway) as walee:
        outcomes = await walee.creator_reports([Entry(text="no body", source="list.txt", line=17)]).collect()
    assert isinstance(outcomes[0], Failed)
    assert "list.txt" in str(outcomes[0].error)
    assert "17" in str(outcomes[0].error)
    assert gateway.requests_seen == 0


@pytest.mark.parametrize("ordered", [True, False])
async def test_the_order_of_the_list_is_kept_on_request(gateway: Gateway, ordered: bool) -> None:
    """In input order the slowest report holds the others back; in order of completion it comes last."""
    gateway.plan(gateway.handles[0], Slow(0.3))
    async with client(gateway) as walee:
        outcomes = await walee.creator_reports(gateway.handles, ordered=ordered).collect()
    if ordered:
        assert handles_of(outcomes) == gateway.handles
    else:
        assert handles_of(outcomes)[-1] == gateway.handles[0]


async def test_an_async_iterable_is_as_good_as_a_list(gateway: Gateway) -> None:
    """Handles may come from anything that can be awaited for them."""

    async def later() -> AsyncIterator[str]:
        for handle in gateway.handles:
            await asyncio.sleep(0)
            yield handle

    async with client(gateway) as walee:
        outcomes = await walee.creator_reports(later(), view=Headline).collect()
    assert sorted(handles_of(outcomes)) == sorted(gateway.handles)
    assert all(isinstance(outcome, Fetched) and isinstance(outcome.report, Headline) for outcome in outcomes)


async def test_an_endless_list_is_read_only_as_far_as_there_is_room() -> None:
    """A consumer that stops reading stops the sending: no more is taken from the list than fits in the buffer."""
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        for handle in maker.handles():
            taken += 1
            yield handle

    maker = Maker(creators=5000, small=True)
    async with Gateway(maker) as gateway, client(gateway) as walee:
        async with walee.creator_reports(endless(), concurrency=8) as run:
            await anext(run)
            await asyncio.sleep(0.3)
            assert taken <= 3 * 8 + 1
            assert gateway.requests_seen <= 3 * 8 + 1
            for _ in range(200):
                await anext(run)
        assert taken <= 201 + 3 * 8


@pytest.fixture
def distant() -> Iterator[Gateway]:
    """A gateway in a thread of its own, so that the tasks of this loop are the client's alone."""
    with Gateway(creators=20).in_thread() as gateway:
        yield gateway


async def test_leaving_early_cancels_at_once_and_leaves_nothing(distant: Gateway) -> None:
    """Breaking out of the block ends what is under way: no task, permit or connection is held afterwards."""
    gateway = distant
    for handle in gateway.handles[5:]:
        gateway.plan(handle, Hang())
    before = asyncio.all_tasks()
    async with client(gateway) as walee:
        async with walee.creator_reports(gateway.handles) as run:
            async for _ in run:
                break
            await asyncio.sleep(0.2)
        assert asyncio.all_tasks() == before
        (key,) = walee.statistics()
        assert key.gate.waiting == 0
        assert run.ledger.sent == key.gate.granted
        assert run.ledger.charges[Charge.AMBIGUOUS] == 15
        assert set(run.ledger.ambiguous) == set(gateway.handles[5:])


async def test_a_storm_of_cancellations_leaves_the_client_whole(distant: Gateway) -> None:
    """Runs that are cancelled at any moment give everything back: the client then fetches the whole list as ever."""
    gateway = distant
    before = asyncio.all_tasks()
    async with client(gateway, rate=500.0) as walee:

        async def read() -> None:
            async with walee.creator_reports(gateway.handles, concurrency=7) as run:
                async for _ in run:
                    await asyncio.sleep(0.001)

        for step in range(40):
            task = asyncio.create_task(read())
            await asyncio.sleep(step * 0.0013)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert asyncio.all_tasks() == before
        (key,) = walee.statistics()
        assert (key.gate.waiting, key.gate.probing) == (0, False)
        outcomes = await walee.creator_reports(gateway.handles).collect()
    assert all(isinstance(outcome, Fetched) for outcome in outcomes)
    assert len(outcomes) == 20


async def test_what_the_consumer_raises_comes_out_as_it_is(gateway: Gateway) -> None:
    """An error in the caller's own loop is neither swallowed nor wrapped."""

    class ConsumerError(Exception):
        pass

    async with client(gateway) as walee:
        with pytest.raises(ConsumerError) as caught:
            async with walee.creator_reports(gateway.handles) as run:
                async for _ in run:
                    raise ConsumerError
    assert type(caught.value) is ConsumerError


async def test_a_bug_in_the_list_is_raised_not_counted(gateway: Gateway) -> None:
    """A list whose iterator breaks ends the run with that very error, after what had come in before it."""

    def broken() -> Iterator[str]:
        yield from gateway.handles[:3]
        raise ZeroDivisionError("in the list")

    seen = []
    async with client(gateway) as walee:
        with pytest.raises(ZeroDivisionError, match="in the list"):
            async with walee.creator_reports(broken(), concurrency=1) as run:
                async for outcome in run:
                    seen.append(outcome.handle)
    assert seen == gateway.handles[:3]


@pytest.mark.parametrize("lost_with", [Revoke(), Code("no_tokens_remaining")])
async def test_a_run_that_loses_its_last_key_accounts_for_every_handle(gateway: Gateway, lost_with: Fault) -> None:
    """The run ends with the reason; what was not sent says so, and nothing is sent any more."""
    gateway.plan(gateway.handles[7], lost_with)
    outcomes = []
    async with client(gateway) as walee:
        with pytest.raises(RunEndedError) as caught:
            async with walee.creator_reports(gateway.handles, concurrency=4) as run:
                async for outcome in run:
                    outcomes.append(outcome)
    assert sorted(handles_of(outcomes)) == sorted(gateway.handles)
    not_attempted = [o for o in outcomes if isinstance(o, Failed)]
    assert {type(outcome.error) for outcome in not_attempted} == {NotAttemptedError}
    assert len(not_attempted) >= 9
    assert caught.value.__cause__ is not None
    assert gateway.requests_seen == run.ledger.sent <= 8 + 4


async def test_collecting_keeps_what_was_fetched_when_the_key_is_lost(gateway: Gateway) -> None:
    """`collect()` raises, and the error holds one outcome for every handle: nothing paid for is thrown away."""
    gateway.plan(gateway.handles[3], Revoke())
    async with client(gateway) as walee:
        with pytest.raises(RunEndedError) as caught:
            await walee.creator_reports(gateway.handles, concurrency=1).collect()
    assert isinstance(caught.value.__cause__, RefusedKeyError)
    assert [type(outcome) for outcome in caught.value.outcomes] == [Fetched] * 3 + [Failed] * 17


async def test_a_pause_past_the_deadline_ends_the_run_resumably(gateway: Gateway) -> None:
    """Told to wait for an hour, a run says so at once; it neither sleeps through it nor drops a handle."""
    gateway.plan(gateway.handles[3], Status(429, retry_after=3600))
    async with client(gateway, retry=RetryPolicy(deadline=5.0)) as walee:
        with pytest.raises(RunEndedError, match="3600 s"):
            await asyncio.wait_for(walee.creator_reports(gateway.handles).collect(), 3)


@pytest.mark.parametrize("answer", [Status(404), Html(status=200), Redirect("https://elsewhere.example/")])
async def test_an_address_of_something_else_ends_the_run(answer: Fault) -> None:
    """Where the first ten answers are none of the gateway's, nothing more is sent and the address is doubted."""
    async with Gateway(creators=100, faults=Mix(1.0, (answer,))) as gateway, client(gateway) as walee:
        with pytest.raises(RunEndedError, match=r"the first 10 answers were none .*; check the base URL") as caught:
            await walee.creator_reports(gateway.handles, concurrency=4).collect()
        assert 10 <= gateway.requests_seen < 10 + 4
    assert isinstance(caught.value.__cause__, AccountError)
    assert len(caught.value.outcomes) == 100


async def test_a_strange_answer_among_others_ends_nothing(gateway: Gateway) -> None:
    """A proxy that fails now and then is no wrong address, however many strange answers it gives."""
    for handle in gateway.handles[1:]:
        gateway.plan(handle, Status(404))
    async with client(gateway) as walee:
        outcomes = await walee.creator_reports(gateway.handles, concurrency=1).collect()
    assert [type(outcome) for outcome in outcomes] == [Fetched] + [Failed] * 19


async def test_who_says_too_fast_is_the_gateway(gateway: Gateway) -> None:
    """An answer that only the gateway gives among the first ten shows that the address is its own."""
    gateway.plan(gateway.handles[0], Status(429, retry_after=0.01))
    for handle in gateway.handles:
        gateway.plan(handle, Status(404))
    async with client(gateway) as walee:
        outcomes = await walee.creator_reports(gateway.handles, concurrency=1).collect()
    assert [type(outcome.error) for outcome in outcomes if isinstance(outcome, Failed)] == [UnexpectedAnswerError] * 20


async def test_a_gateway_that_is_not_there_ends_the_run_resumably(gateway: Gateway) -> None:
    """Where nobody answers for as long as the deadline, a run ends and says what failed, however long its list is."""
    async with Gateway(creators=1) as gone:
        address = gone.base_url
    options = Options(retry=RetryPolicy(deadline=1.0))
    outcomes = []
    async with WaleeClient(gateway.key, base_url=address, options=options) as walee:
        with pytest.raises(RunEndedError, match=r"no answer for 1 s, \d+ failures in a row, the last: ") as caught:
            async with walee.creator_reports((f"h{n}" for n in range(2000)), concurrency=4) as run:
                async for outcome in run:
                    outcomes.append(outcome)
    assert len(outcomes) == 2000
    assert isinstance(caught.value.__cause__, LongPauseError)
    kinds = Counter(type(outcome.error) for outcome in outcomes if isinstance(outcome, Failed))
    assert kinds[NotAttemptedError] > 1900
    assert set(kinds) <= {NotAttemptedError, NotSentError, DeadlineError}
    late = [o.error for o in outcomes if isinstance(o, Failed) and isinstance(o.error, DeadlineError)]
    assert all("the last failure: " in error.detail and error.fault == "network" for error in late)


async def test_stopping_lets_those_under_way_finish(gateway: Gateway) -> None:
    """After `stop()` no handle is taken from the list, and what has been sent still comes in."""
    gateway.latency = 0.05
    async with client(gateway) as walee, walee.creator_reports(gateway.handles, concurrency=4) as run:
        first = await anext(run)
        run.stop()
        rest = [outcome async for outcome in run]
    assert isinstance(first, Fetched)
    assert all(isinstance(outcome, Fetched) for outcome in rest)
    assert run.ledger.bought == gateway.billed.total() == 1 + len(rest) < 20


async def test_a_report_that_does_not_fit_is_an_outcome_with_its_bytes(gateway: Gateway) -> None:
    """A field of the wrong type fails that handle alone, names the field, keeps the bytes and buys nothing again."""
    gateway.plan(gateway.handles[0], WrongType("user_profile.followers", "many"))
    async with client(gateway) as walee:
        outcomes = await walee.creator_reports(gateway.handles, ordered=True).collect()
    failed = outcomes[0]
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, DecodeError)
    assert "user_profile.followers" in failed.error.path
    assert failed.error.payload is not None
    assert failed.error.payload.body
    assert gateway.billed == Counter(gateway.handles)


async def test_a_report_cut_short_may_have_been_bought_and_is_asked_for_once_more(gateway: Gateway) -> None:
    """By default an ambiguous request is sent again once, and the ledger names the handle."""
    gateway.plan(gateway.handles[0], Truncate())
    async with client(gateway) as walee:
        run = walee.creator_reports(gateway.handles[:1])
        (outcome,) = await run.collect()
    assert isinstance(outcome, Fetched)
    assert [attempt.charge for attempt in outcome.payload.attempts] == [Charge.AMBIGUOUS, Charge.BILLED]
    assert run.ledger.ambiguous == Counter({gateway.handles[0]: 1})
    assert gateway.billed[gateway.handles[0]] == 2


async def test_nothing_is_bought_twice_where_that_is_forbidden(gateway: Gateway) -> None:
    """With `resend_ambiguous=0` a request that may have bought the report is not sent again."""
    gateway.plan(gateway.handles[0], Drop("request"))
    policy = RetryPolicy(resend_ambiguous=0, base=0.01)
    async with client(gateway, retry=policy) as walee:
        (outcome,) = await walee.creator_reports(gateway.handles[:1]).collect()
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, AmbiguousError)
    assert gateway.requests_seen == 1


FAULTS = st.sampled_from(
    [
        Status(500),
        Status(503, retry_after=0.02),
        Status(429, retry_after=0.02),
        Status(420, retry_after=0.03),
        Html(502),
        Drop("request"),
        Drop("headers"),
        Drop(100),
        Truncate(),
        Slow(0.02),
        Code("account_is_private"),
        WrongType("user_profile.followers", []),
    ]
)


@settings(max_examples=12)
@given(
    faults=st.lists(FAULTS, min_size=1, max_size=6, unique_by=repr), share=st.floats(0.05, 0.5), seed=st.integers(0, 9)
)
async def test_under_any_faults_the_books_agree_with_the_gateway(faults: list[Fault], share: float, seed: int) -> None:
    """Whatever goes wrong: one outcome a handle, grants equal requests seen, and the charges equal what was billed."""
    maker = Maker(seed, creators=30, small=True)
    async with Gateway(maker, faults=Mix(share, tuple(faults), seed=seed)) as gateway, client(gateway) as walee:
        run = walee.creator_reports(gateway.handles, concurrency=16)
        outcomes = await run.collect()
        (key,) = walee.statistics()
    assert sorted(handles_of(outcomes)) == sorted(gateway.handles)
    assert key.gate.granted == gateway.requests_seen == run.ledger.sent == run.ledger.charges.total()
    assert run.ledger.bought <= gateway.billed.total() <= run.ledger.bought + run.ledger.ambiguous.total()
    assert run.ledger.fetched <= run.ledger.bought


async def test_the_progress_adds_up(gateway: Gateway) -> None:
    """At every moment done and in flight are what was taken from the list, and at the end all is done."""
    async with client(gateway) as walee, walee.creator_reports(gateway.handles, total=20, concurrency=3) as run:
        async for _ in run:
            progress = run.progress()
            assert progress.done == progress.fetched + progress.failed
            assert progress.done + progress.in_flight <= 20
        assert (run.progress().done, run.progress().in_flight, run.progress().eta) == (20, 0, 0.0)


async def test_the_hook_is_told_of_every_outcome(gateway: Gateway) -> None:
    """Each outcome is an event that names the run, the handle and what went wrong."""
    events: list[Event] = []
    async with client(gateway, hook=events.append) as walee:
        run = walee.creator_reports([*gateway.handles[:2], "nobody.here"], ordered=True)
        await run.collect()
    told = {event.handle: (event.run, event.error) for event in events if isinstance(event, OutcomeReached)}
    assert told == {
        gateway.handles[0]: (run.id, None),
        gateway.handles[1]: (run.id, None),
        "nobody.here": (run.id, "NoReportError"),
    }


async def test_one_text_is_not_a_list(gateway: Gateway) -> None:
    """A handle where a list belongs would be read letter by letter; it is refused instead."""
    async with client(gateway) as walee:
        with pytest.raises(ConfigError, match=r"pass \['river.kites'\]"):
            walee.creator_reports("river.kites")


async def test_a_run_must_be_entered_and_only_once(gateway: Gateway) -> None:
    """Misuse gets a sentence, not a hang."""
    async with client(gateway) as walee:
        run = walee.creator_reports(gateway.handles[:1])
        with pytest.raises(ConfigError, match="Enter the run first"):
            await anext(run)
        with pytest.raises(ConfigError, match="Enter the run first"):
            run.progress()
        await run.collect()
        with pytest.raises(ConfigError, match="entered once"):
            await run.collect()


async def test_a_concurrency_below_one_is_refused(gateway: Gateway) -> None:
    """Nobody could work."""
    async with client(gateway) as walee:
        with pytest.raises(ConfigError, match="concurrency"):
            walee.creator_reports([], concurrency=0)


async def test_a_run_that_is_never_entered_costs_nothing(gateway: Gateway) -> None:
    """Making a run starts no task and leaves nothing to warn about."""
    async with client(gateway) as walee:
        walee.creator_reports(gateway.handles)
        gc.collect()
    assert gateway.requests_seen == 0


async def test_a_long_queue_fails_nobody() -> None:
    """In a run the wait for a turn is the length of the list: it is no reason to miss a handle's deadline."""
    async with Gateway(Maker(creators=30, small=True), quota=Quota(1000)) as gateway:
        policy = RetryPolicy(deadline=0.2)
        async with client(gateway, rate=40.0, retry=policy) as walee:
            outcomes = await walee.creator_reports(gateway.handles).collect()
    assert all(isinstance(outcome, Fetched) for outcome in outcomes)


@pytest.mark.parametrize("odd", [None, 17, float("nan"), b"river.kites", ["river.kites"]])
async def test_an_entry_that_is_no_text_fails_alone(gateway: Gateway, odd: Any) -> None:
    """A hole in a column of a table is one failed entry; the handles around it are fetched."""
    async with client(gateway) as walee:
        outcomes = await walee.creator_reports([gateway.handles[0], odd, gateway.handles[1]], ordered=True).collect()
    assert [type(outcome) for outcome in outcomes] == [Fetched, Failed, Fetched]
    assert isinstance(outcomes[1], Failed)
    assert isinstance(outcomes[1].error, InvalidHandleError)


async def test_a_number_is_not_the_handle_of_its_digits() -> None:
    """Each has its outcome, whichever comes first."""
    numbered = Maker(creators=1)
    async with Gateway(numbered) as gateway:
        gateway.plant(numbered.creator(0, handle="123"))
        async with client(gateway) as walee:
            for entries in ([123, "123"], ["123", 123]):
                outcomes = await walee.creator_reports(entries, ordered=True).collect()  # type: ignore[list-item]
                expected = [Failed if isinstance(entry, int) else Fetched for entry in entries]
                assert [type(outcome) for outcome in outcomes] == expected


async def test_a_bug_is_raised_when_what_was_under_way_has_come(gateway: Gateway) -> None:
    """Requests that were sent before the list broke are paid for: their outcomes come first, then the error."""
    gateway.latency = 0.1

    def broken() -> Iterator[str]:
        yield from gateway.handles[:8]
        raise ZeroDivisionError

    seen = []
    async with client(gateway) as walee:
        with pytest.raises(ZeroDivisionError):
            async with walee.creator_reports(broken()) as run:
                async for outcome in run:
                    seen.append(outcome.handle)
    assert sorted(seen) == sorted(gateway.handles[:8])


async def test_a_view_whose_code_raises_loses_no_report(gateway: Gateway) -> None:
    """A bug in the caller's view is a failed outcome with the bytes in hand."""

    class Broken(msgspec.Struct):
        version: str | None = None

        def __post_init__(self) -> None:
            raise LookupError("mine")

    async with client(gateway) as walee:
        (outcome,) = await walee.creator_reports(gateway.handles[:1], view=Broken).collect()
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, DecodeError)
    assert "LookupError: mine" in str(outcome.error)
    assert outcome.error.payload is not None


async def test_a_generator_may_hold_a_timeout_open(gateway: Gateway) -> None:
    """An async list is read by one task from beginning to end, as a timeout or a task group inside it asks for."""

    async def timed() -> AsyncIterator[str]:
        async with asyncio.timeout(5), asyncio.TaskGroup():
            for handle in gateway.handles:
                yield handle

    async with client(gateway) as walee:
        outcomes = await walee.creator_reports(timed(), concurrency=4).collect()
    assert sorted(handles_of(outcomes)) == sorted(gateway.handles)


@pytest.mark.parametrize("holding", [anyio.create_task_group, partial(anyio.fail_after, 5), asyncio.TaskGroup])
@pytest.mark.parametrize("leave", ["break", "stop", "raise"])
async def test_a_list_that_is_not_read_to_its_end_is_closed(gateway: Gateway, holding: Any, leave: str) -> None:
    """By the task that read it, with all the time it takes, and nothing of it comes out of the block."""
    closed: list[object] = []

    async def held() -> AsyncIterator[str]:
        reader = asyncio.current_task()
        try:
            async with AsyncExitStack() as stack:
                scope = holding()
                await stack.enter_async_context(scope) if hasattr(scope, "__aenter__") else stack.enter_context(scope)
                for handle in gateway.handles:
                    yield handle
        finally:
            await asyncio.sleep(0.01)
            closed.append(asyncio.current_task() is reader)

    async with client(gateway) as walee:
        with suppress(LookupError):
            async with walee.creator_reports(held(), concurrency=2) as run:
                async for _ in run:
                    if leave == "break":
                        break
                    if leave == "raise":
                        raise LookupError
                    run.stop()
        assert closed == [True]


async def test_what_the_list_raises_is_never_taken_for_its_end(gateway: Gateway) -> None:
    """Also what the library itself raises and handles elsewhere."""

    class Broken:
        def __aiter__(self) -> AsyncIterator[str]:
            return self

        async def __anext__(self) -> str:
            raise anyio.ClosedResourceError

    async with client(gateway) as walee:
        with pytest.raises(anyio.ClosedResourceError):
            await walee.creator_reports(Broken()).collect()


class Odd(BaseException):
    """What no `except Exception` sees, such as the failure of a test."""


@pytest.mark.parametrize("later", [True, False])
@pytest.mark.parametrize("error", [asyncio.CancelledError, Odd])
async def test_a_list_that_is_cut_short_is_not_whole(gateway: Gateway, error: type[BaseException], later: bool) -> None:
    """Whatever it ends with, the run does not come to its end as if nothing were."""

    async def waited() -> AsyncIterator[str]:
        for handle in now():
            yield handle

    def now() -> Iterator[str]:
        yield from gateway.handles[:3]
        raise error

    async with client(gateway) as walee:
        with pytest.raises(RunEndedError if error is asyncio.CancelledError else Odd):
            await walee.creator_reports(waited() if later else now()).collect()


async def test_a_list_that_cleans_up_for_long_can_be_left(gateway: Gateway) -> None:
    """It has its time; who is cancelled once more does not wait for it."""

    async def held() -> AsyncIterator[str]:
        try:
            for handle in gateway.handles:
                yield handle
        finally:
            leaving.set()
            await asyncio.sleep(60)

    async def read() -> None:
        async with walee.creator_reports(held(), concurrency=2) as run:
            await anext(run)

    leaving = asyncio.Event()
    async with client(gateway) as walee:
        reading = asyncio.create_task(read())
        await leaving.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(reading, 5)


async def test_a_run_may_be_held_by_a_generator(distant: Gateway) -> None:
    """Who breaks out of it goes on undisturbed, whoever closes the generator, and when."""

    async def reports() -> AsyncGenerator[Outcome[Any], None]:
        async with walee.creator_reports(distant.handles, concurrency=2) as run:
            async for outcome in run:
                yield outcome

    before = asyncio.all_tasks()
    async with client(distant, rate=100.0) as walee:
        async for _ in reports():
            break  # nobody closes it: Python does, in a task of its own
        abandoned = reports()
        await anext(abandoned)
        await asyncio.create_task(abandoned.aclose())
        gc.collect()
        await asyncio.sleep(0.2)
        me = asyncio.current_task()
        assert me is not None
        assert me.cancelling() == 0
        assert asyncio.all_tasks() - before == set()
        assert isinstance((await walee.creator_reports(distant.handles).collect())[0], Fetched)


async def test_a_report_is_asked_for_again_though_the_list_says_nothing(gateway: Gateway) -> None:
    """What is being prepared is due when it is due, not when the list goes on; and not after the list has ended."""
    for handle in gateway.handles[:3]:
        gateway.plan(handle, RetryLater(0.01))
    came: list[str] = []
    enough = asyncio.Event()

    async def quiet() -> AsyncIterator[str]:
        for handle in gateway.handles[:3]:
            yield handle
        await enough.wait()

    async with client(gateway) as walee, walee.creator_reports(quiet(), concurrency=4) as run:
        async for outcome in run:
            assert isinstance(outcome, Fetched)
            came.append(outcome.handle)
            if len(came) == 3:
                enough.set()
    assert sorted(came) == sorted(gateway.handles[:3])


async def test_closing_the_client_amid_answers_is_no_bug() -> None:
    """Whatever was on its way may have been bought, and is said to be so; nothing of the transport comes out."""

    def close(event: Event) -> None:
        if isinstance(event, AttemptEnded):
            closings.append(asyncio.ensure_future(walee.aclose()))

    half = Mix(0.5, (Slow(0.1, pieces=2),))
    with Gateway(Maker(creators=200), faults=half, latency=0.05).in_thread() as gateway:
        for _ in range(5):
            closings: list[asyncio.Future[None]] = []
            transport = Transport(connections=200)
            walee = client(gateway, rate=1e6, hook=close, burst=200, transport=transport)
            async with walee:
                with pytest.raises(RunEndedError, match="the client was closed meanwhile"):
                    await walee.creator_reports(gateway.handles, concurrency=200).collect()
            await asyncio.gather(*closings)


async def test_stopping_does_not_wait_for_a_list_that_says_nothing(gateway: Gateway) -> None:
    """A run over a queue ends when it is stopped, though the queue is silent."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    queue.put_nowait(gateway.handles[0])

    async def forever() -> AsyncIterator[str]:
        while True:
            yield await queue.get()

    async with client(gateway) as walee, walee.creator_reports(forever()) as run:
        await anext(run)
        run.stop()
        assert [outcome async for outcome in run] == []


async def test_a_handle_that_is_always_too_fast_comes_to_an_end(gateway: Gateway) -> None:
    """The deadline of a handle covers the waits that the gateway imposes on it again and again."""
    gateway.plan(gateway.handles[0], *[Status(429, retry_after=0.1)] * 1000)
    async with client(gateway, retry=RetryPolicy(deadline=0.7)) as walee:
        outcomes = await asyncio.wait_for(walee.creator_reports(gateway.handles[:3]).collect(), 5)
    failed = {outcome.handle: type(outcome.error) for outcome in outcomes if isinstance(outcome, Failed)}
    assert failed == {gateway.handles[0]: DeadlineError}


async def test_more_requests_than_connections_do_not_go_all_at_once() -> None:
    """When a stalled gateway wakes up, those who waited for a connection still go at the pace."""
    async with (
        Gateway(Maker(creators=60, small=True), latency=1.0) as gateway,
        client(gateway, rate=40.0, transport=Transport(connections=8)) as walee,
    ):
        asyncio.get_running_loop().call_later(0.5, setattr, gateway, "latency", 0.0)
        await walee.creator_reports(gateway.handles, concurrency=60).collect()
        assert gateway.accounts[gateway.key].busiest(0.5) <= 40 * 0.5 + 2


async def test_a_broken_line_does_not_swallow_a_good_one(gateway: Gateway) -> None:
    """A line that cannot be read fails by itself, whatever handle its text would be."""
    handle = gateway.handles[0]
    broken = Entry(text=handle, source="list.csv", line=2, problem="the row has 1 of at least 2 cells")
    async with client(gateway) as walee:
        run = walee.creator_reports([broken, Entry(text=handle, source="list.csv", line=3)], ordered=True)
        outcomes = await run.collect()
    assert [type(outcome) for outcome in outcomes] == [Failed, Fetched]


async def test_what_had_come_when_a_run_was_left_can_still_be_had(distant: Gateway) -> None:
    """Whatever was bought by the time of leaving is either delivered afterwards or named as perhaps bought."""
    for step in range(40):
        async with client(distant) as walee:
            async with walee.creator_reports(distant.handles) as run:
                for _ in range(step % 7):
                    await anext(run)
                await asyncio.sleep(step * 0.0007)
            had = step % 7 + len([outcome async for outcome in run if isinstance(outcome, Fetched)])
        assert run.ledger.bought == had
