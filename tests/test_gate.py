from __future__ import annotations

import asyncio
import math
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from walee_async.breaker import BREAKER, FIRST_PROBE, LAST_PROBE
from walee_async.bucket import HELD_UP, LATENESS, Bucket, Spacing
from walee_async.errors import ConfigError, DeadlineError, LongPauseError, RefusedKeyError
from walee_async.events import Emitter, Event, GatePaused, PaceCut
from walee_async.gate import Gate, Permit
from walee_async.testing.clock import VirtualClockLoop, run_virtually

if TYPE_CHECKING:
    from collections.abc import Sequence

    from walee_async.interfaces import Door, Turns


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "asyncio", {"loop_factory": VirtualClockLoop}


pytestmark = pytest.mark.anyio


def now() -> float:
    return asyncio.get_running_loop().time()


async def granted(gate: Gate, count: int) -> list[float]:
    """The times of `count` grants to a caller who always wants the next one."""
    times = []
    for _ in range(count):
        permit = await gate.permit()
        assert permit is not None
        with permit:
            permit.answered()
        times.append(permit.granted_at)
    return times


def assert_never_above(times: Sequence[float], rate: float, burst: int) -> None:
    """At most rate * window + burst in every window that begins and ends with a grant, so in every window."""
    for first, begin in enumerate(times):
        for count, end in enumerate(times[first:], start=1):
            assert count <= rate * (end - begin) + burst + 1e-6, (begin, end, count)


async def probing(gate: Gate) -> Permit:
    """Close a gate without a word for how long, and return its first probe."""
    permit = await gate.permit()
    assert permit is not None
    permit.too_fast(None)
    probe = await gate.permit()
    assert probe is not None
    return probe


async def test_turns_come_at_the_pace() -> None:
    """A busy caller is let through once every 1/rate seconds, the first time at once."""
    times = await granted(Gate(50.0), 501)
    assert times[0] < 1e-6
    assert times[-1] == pytest.approx(10.0, rel=1e-6)


async def test_a_rest_earns_the_burst_and_no_more() -> None:
    """After a rest as many may go at once as the burst allows, and then the pace holds again."""
    gate = Gate(10.0, burst=4)
    await granted(gate, 4)
    await asyncio.sleep(60)
    times = await granted(gate, 14)
    assert times[3] - times[0] < 0.01
    assert_never_above(times, 10.0, 4)
    assert times[-1] - times[0] == pytest.approx(1.0, abs=0.01)


@given(
    rate=st.floats(0.5, 500),
    burst=st.integers(1, 5),
    rests=st.lists(st.one_of(st.just(0.0), st.floats(0, 0.01), st.floats(0, 3)), min_size=1, max_size=40),
    callers=st.integers(1, 4),
)
@example(rate=250.0, burst=1, rests=[0.0, 0.006, 0.0], callers=1)
def test_no_window_holds_more_than_the_rate_and_the_burst(
    rate: float, burst: int, rests: list[float], callers: int
) -> None:
    """Whenever callers come, every window holds at most rate * window + burst grants."""

    async def main() -> list[float]:
        gate = Gate(rate, burst=burst)
        times: list[float] = []

        async def caller() -> None:
            for rest in rests:
                await asyncio.sleep(rest)
                times.extend(await granted(gate, 1))

        await asyncio.gather(*(caller() for _ in range(callers)))
        return times

    assert_never_above(run_virtually(main()), rate, burst)


Answer = tuple[str, float]
ANSWERS = st.one_of(
    st.just(("ok", 0.0)),
    st.just(("failed", 0.0)),
    st.just(("silent", 0.0)),
    st.tuples(st.just("paused"), st.floats(0, 20)),
)


@given(rate=st.floats(1, 100), answers=st.lists(ANSWERS, min_size=1, max_size=60), service=st.floats(0, 2))
def test_under_any_answers_the_rate_and_every_pause_hold(rate: float, answers: list[Answer], service: float) -> None:
    """Whatever comes back and however late, no window is above the rate and nobody is let through during a pause."""

    async def main() -> None:
        gate = Gate(rate)
        times: list[float] = []
        pauses: list[tuple[float, float]] = []

        async def send(answer: Answer) -> None:
            permit = await gate.permit()
            assert permit is not None
            with permit:
                times.append(permit.granted_at)
                await asyncio.sleep(service)
                kind, seconds = answer
                if kind == "ok":
                    permit.answered()
                elif kind == "failed":
                    permit.failed()
                else:
                    permit.too_fast(None if kind == "silent" else seconds)
                    pauses.append((now(), now() + seconds))

        await asyncio.gather(*(send(answer) for answer in answers))
        assert len(times) == len(answers) == gate.statistics().granted
        assert_never_above(sorted(times), rate, 1)
        assert not [time for time in times for begin, end in pauses if begin < time < end - 1e-6]

    run_virtually(main())


@given(st.lists(st.floats(0, 100), min_size=1, max_size=10))
def test_a_pause_is_never_shortened(lengths: list[float]) -> None:
    """However many pauses overlap, the gate opens when the longest is over."""

    async def main() -> float:
        gate = Gate(100.0)
        for length in lengths:
            gate.pause(length, "test")
        return (await granted(gate, 1))[0]

    assert run_virtually(main()) == pytest.approx(max(lengths), abs=1e-6)


async def test_one_too_fast_makes_everybody_wait() -> None:
    """A pause holds all who wait at the gate, and they go on at the pace when it is over, in the order they came."""
    gate = Gate(10.0)
    order: list[int] = []

    async def caller(place: int) -> None:
        permit = await gate.permit()
        assert permit is not None
        order.append(place)
        with permit:
            if place == 0:
                permit.too_fast(30.0)

    async with asyncio.TaskGroup() as group:
        for place in range(20):
            group.create_task(caller(place))
    assert order == list(range(20))
    assert now() >= 30.0 + 18 / 10.0


async def test_one_cut_for_one_congestion() -> None:
    """Ten requests in flight that are all turned away cut the pace once, and are told of as one cut."""
    events: list[Event] = []
    gate = Gate(10.0, label="key 1", emitter=Emitter(events.append))
    permits = [await gate.permit() for _ in range(10)]
    for permit in permits:
        assert permit is not None
        permit.too_fast(1.0)
    assert gate.statistics().too_fast == 10
    assert gate.statistics().cuts == 1
    assert [event for event in events if isinstance(event, PaceCut)] == [PaceCut("key 1", 10.0, 7.0)]


async def test_the_pace_comes_back_after_a_cut() -> None:
    """After a cut the pace grows by 5 % a second until the stated rate is reached, and not a send above it."""
    gate = Gate(10.0)
    permit = await gate.permit()
    assert permit is not None
    permit.too_fast(0.0)
    times = await granted(gate, 200)
    assert gate.statistics().pace == 10.0
    assert_never_above(times, 10.0, 1)
    assert times[1] - times[0] == pytest.approx(1 / 7.0, rel=0.02)


async def test_without_a_word_for_how_long_one_probe_at_a_time_goes_out() -> None:
    """A "too fast" without Retry-After closes the gate: one probe after 0.5 s, the next after 1 s, up to 8 s."""
    gate = Gate(100.0)
    permit = await gate.permit()
    assert permit is not None
    with permit:
        permit.too_fast(None)
    waits = []
    for _ in range(7):
        since = now()
        probe = await gate.permit()
        assert probe is not None
        waits.append(now() - since)
        with probe:
            probe.too_fast(None)
    assert waits == pytest.approx([0.5, 1, 2, 4, 8, 8, 8], abs=0.05)
    assert (FIRST_PROBE, LAST_PROBE) == (0.5, 8.0)


async def test_nobody_follows_a_probe_until_it_is_back() -> None:
    """While a probe is out the others wait for it, and a good answer lets them all through."""
    gate = Gate(100.0)
    probe = await probing(gate)
    followers = [asyncio.create_task(granted(gate, 1)) for _ in range(5)]
    await asyncio.sleep(60)
    assert not any(task.done() for task in followers)
    with probe:
        probe.answered()
    await asyncio.wait_for(asyncio.gather(*followers), 1)
    assert not gate.statistics().probing


async def test_a_probe_that_is_cancelled_gives_its_place_to_the_next() -> None:
    """A probe whose caller goes away without an answer does not lock the gate."""
    gate = Gate(100.0)
    permit = await gate.permit()
    assert permit is not None
    permit.too_fast(None)
    probe = await gate.permit()
    assert probe is not None
    follower = asyncio.create_task(granted(gate, 1))
    await asyncio.sleep(0)
    with probe:
        pass
    await asyncio.wait_for(follower, 1)


async def test_an_answer_from_before_the_trouble_does_not_open_the_gate() -> None:
    """Only the probe opens a closed gate: requests that were under way when it closed say nothing of now."""
    gate = Gate(100.0)
    early = await gate.permit()
    late = await gate.permit()
    assert early is not None
    assert late is not None
    late.too_fast(None)
    early.answered()
    assert gate.statistics().probing


async def test_failures_in_a_row_close_the_gate() -> None:
    """The tenth failure in a row closes the gate until a probe is answered; a success in between starts anew."""
    gate = Gate(100.0)

    async def fail(count: int) -> None:
        for _ in range(count):
            permit = await gate.permit()
            assert permit is not None
            with permit:
                permit.failed()

    await fail(BREAKER - 1)
    await granted(gate, 1)
    await fail(BREAKER - 1)
    assert not gate.statistics().probing
    await fail(1)
    assert gate.statistics().probing
    assert gate.statistics().paused == pytest.approx(FIRST_PROBE)


async def test_a_turn_past_the_deadline_is_refused_at_once() -> None:
    """Who could not be served in time is told so immediately, not when the time is up."""
    gate = Gate(1.0)
    waiting = [asyncio.create_task(gate.permit()) for _ in range(10)]
    await asyncio.sleep(0)
    with pytest.raises(DeadlineError, match="past the deadline"):
        await gate.permit(deadline=now() + 5)
    assert now() < 1e-6
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert gate.statistics().waiting == 0


async def in_time(gate: Gate, callers: int, seconds: float) -> list[float | DeadlineError]:
    """What becomes of so many who come at once and can wait so long: the time of the turn, or the refusal."""

    async def caller() -> float | DeadlineError:
        try:
            permit = await gate.permit(deadline=deadline)
        except DeadlineError as late:
            assert now() <= deadline + 1e-6
            return late
        assert permit is not None
        return permit.granted_at

    deadline = now() + seconds
    return await asyncio.gather(*(caller() for _ in range(callers)))


async def test_who_can_be_served_when_the_pace_has_grown_is_not_refused() -> None:
    """While a limit is looked for, and after a cut, the wait is not told by the pace of now."""
    assert [time for time in await in_time(Gate("auto"), 64, 10.0) if isinstance(time, DeadlineError)] == []
    assert now() < 5.0
    gate = Gate(10.0)
    permit = await gate.permit()
    assert permit is not None
    permit.too_fast(0.0)
    since = now()
    assert [time for time in await in_time(gate, 60, 7.5) if isinstance(time, DeadlineError)] == []
    assert now() < since + 7.5 < since + 60 / 7.0


async def test_who_cannot_be_served_however_the_pace_grows_is_refused_at_once() -> None:
    """So that a service can say so while somebody listens."""
    gate = Gate("auto")
    waiting = [asyncio.create_task(gate.permit()) for _ in range(64)]
    await asyncio.sleep(0)
    with pytest.raises(DeadlineError, match=r"the next turn is [45]\.\d s away, past the deadline"):
        await gate.permit(deadline=now() + 4)
    assert now() < 1e-6
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_turn_that_is_put_off_past_the_deadline_is_not_taken() -> None:
    """Where the pace is cut while they wait, those who come too late now are told in time and leave their turns."""
    gate = Gate("auto")
    permit = await gate.permit()
    assert permit is not None
    waiting = asyncio.create_task(in_time(gate, 20, 4.0))
    await asyncio.sleep(1)
    permit.too_fast(0.0)
    ends = await waiting
    times = [time for time in ends if not isinstance(time, DeadlineError)]
    assert 0 < len(times) < 20
    assert max(times) <= 4.0
    assert gate.statistics().granted == 1 + len(times)


async def test_a_turn_past_the_deadline_is_told_with_its_wait() -> None:
    """In seconds from the moment that it is asked for."""
    gate = Gate(10.0)
    await asyncio.sleep(100)
    gate.pause(now() + 20, "why")
    with pytest.raises(DeadlineError, match=r"the next turn is 20\.0 s away, past the deadline"):
        await gate.permit(deadline=now() + 5)


async def test_those_who_wait_are_told_of_a_pause_past_their_deadline() -> None:
    """When the pause begins, with its length, and not when their time is up."""
    gate = Gate(10.0)
    permit = await gate.permit()
    assert permit is not None
    waiting = asyncio.create_task(gate.permit(deadline=now() + 5))
    await asyncio.sleep(0)
    permit.too_fast(20.0)
    with pytest.raises(DeadlineError, match=r"the next turn is 19\.9 s away, past the deadline"):
        await waiting
    assert now() < 1.0


async def test_the_next_turn_is_told_as_far_as_it_is_known() -> None:
    """After a rest it is now, after a turn one interval later, and then one for each who waits already."""
    gate = Gate(4.0)
    await asyncio.sleep(60)
    assert gate.ready_at() == now()
    (at,) = await granted(gate, 1)
    assert gate.ready_at() == pytest.approx(at + 0.25)
    waiting = [asyncio.create_task(gate.permit()) for _ in range(8)]
    await asyncio.sleep(0)
    assert gate.ready_at() == pytest.approx(at + 0.25 + 8 / 4.0)
    for task in waiting:
        task.cancel()


async def test_while_a_probe_is_out_the_next_turn_is_guessed() -> None:
    """It is that of another probe if this one fails; once it is answered, that of the pace."""
    gate = Gate(100.0)
    probe = await probing(gate)
    assert gate.ready_at() == pytest.approx(probe.granted_at + FIRST_PROBE)
    with probe:
        probe.answered()
    assert gate.ready_at() == pytest.approx(probe.granted_at + 1 / gate.statistics().pace, abs=0.001)


async def test_a_pause_as_long_as_allowed_is_waited_out() -> None:
    """What is left of it counts, whatever the clock shows."""
    await asyncio.sleep(100)
    gate = Gate(10.0, longest_pause=60.0)
    gate.pause(now() + 59.0, "told")
    assert await granted(gate, 1) == [pytest.approx(159.0)]


async def test_a_pause_longer_than_allowed_is_not_slept_through() -> None:
    """Those who wait when a very long pause begins are told, and so is whoever comes after."""
    gate = Gate(10.0, longest_pause=60.0, label="key 1")
    permit = await gate.permit()
    assert permit is not None
    waiting = [asyncio.create_task(gate.permit()) for _ in range(5)]
    await asyncio.sleep(0)
    permit.too_fast(3600.0)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, LongPauseError) for result in results)
    assert now() < 1.0
    with pytest.raises(LongPauseError, match="key 1: told to wait 3600 s, longer than 60 s"):
        await gate.permit()


async def test_the_breakers_own_pause_is_no_word_of_the_gateways() -> None:
    """While the gate probes it may be closed for longer than the longest pause: that is not what the limit is for."""
    gate = Gate(100.0, longest_pause=1.0)
    permit = await gate.permit()
    assert permit is not None
    permit.too_fast(None)
    for _ in range(4):
        probe = await gate.permit()
        assert probe is not None
        with probe:
            probe.too_fast(None)
    assert gate.statistics().paused == pytest.approx(LAST_PROBE)


async def test_a_silence_longer_than_allowed_is_not_waited_out() -> None:
    """Where nothing is answered for the longest pause, those who waited it out are told why; who comes then may try."""
    gate = Gate(100.0, longest_pause=60.0, label="key 1")

    async def send(times: int) -> None:
        for _ in range(times):
            permit = await gate.permit(since=began)
            assert permit is not None
            with permit:
                permit.failed("nobody is there")

    began = now()
    await send(1)
    results = await asyncio.gather(*(send(12) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(result, LongPauseError) for result in results)
    assert re.match(r"key 1: no answer for 60 s, \d+ failures in a row, the last: nobody is there", str(results[0]))
    assert 60 < now() - began < 60 + 2 * LAST_PROBE
    late = await gate.permit()
    assert late is not None
    with late:
        late.answered()
    assert await gate.permit() is not None


async def test_too_fast_breaks_a_silence() -> None:
    """A gateway that says too fast is there, however long it has failed before."""
    gate = Gate(100.0, longest_pause=60.0)
    for _ in range(4):
        permit = await gate.permit()
        assert permit is not None
        with permit:
            permit.failed("broken")
        await asyncio.sleep(50)
        permit = await gate.permit()
        assert permit is not None
        with permit:
            permit.too_fast(None)
    assert await gate.permit() is not None


async def test_who_can_be_served_elsewhere_sooner_leaves() -> None:
    """A pause that ends after `patience` returns no permit, so that another key can be used."""
    gate = Gate(10.0)
    gate.pause(now() + 30, "test")
    assert await gate.permit(patience=now() + 5) is None
    assert await gate.permit(patience=now() + 60) is not None


async def test_closing_tells_all_who_wait() -> None:
    """A gate that is closed for good lets nobody through; each caller gets the reason as an error of its own."""
    gate = Gate(10.0, label="key 1")
    gate.pause(now() + 1000, "test")
    waiting = [asyncio.create_task(gate.permit()) for _ in range(3)]
    await asyncio.sleep(0)
    reason = RefusedKeyError("the key is refused")
    gate.close(reason)
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in errors] == [RefusedKeyError] * 3
    assert len({id(error) for error in errors} | {id(reason)}) == 4
    assert now() < 1e-6


async def test_a_cancelled_caller_leaves_no_trace() -> None:
    """Callers who give up while waiting take no turn with them."""
    gate = Gate(1.0)
    await granted(gate, 1)
    waiting = [asyncio.create_task(gate.permit()) for _ in range(100)]
    await asyncio.sleep(0.5)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (await granted(gate, 1))[0] == pytest.approx(1.0, abs=0.01)
    assert gate.statistics().granted == 2


async def test_pauses_are_told() -> None:
    """The hook is told of a pause with its length and reason, and not again by a shorter one."""
    events: list[Event] = []
    gate = Gate(10.0, label="key 1", emitter=Emitter(events.append))
    gate.pause(now() + 10, "why")
    gate.pause(now() + 5, "shorter")
    gate.pause(gate.ready_at(), "as long")
    assert events == [GatePaused("key 1", 10.0, "why")]


async def test_why_it_pauses_is_told() -> None:
    """Told for how long, not told for how long, or failing: each pause has its reason and its length."""
    events: list[Event] = []
    gate = Gate(100.0, label="key 1", emitter=Emitter(events.append))
    for answer in (lambda p: p.too_fast(3.0), lambda p: p.too_fast(None)):
        permit = await gate.permit()
        assert permit is not None
        answer(permit)
    failing = Gate(100.0, label="key 2", emitter=Emitter(events.append))
    for _ in range(BREAKER):
        permit = await failing.permit()
        assert permit is not None
        permit.failed()
    pauses = [(event.key, event.seconds, event.reason) for event in events if isinstance(event, GatePaused)]
    assert pauses == [
        ("key 1", pytest.approx(3.0), "the gateway said too fast"),
        ("key 1", pytest.approx(FIRST_PROBE), "the gateway said too fast and not for how long"),
        ("key 2", pytest.approx(FIRST_PROBE), f"{BREAKER} failures in a row"),
    ]
    assert gate.statistics().cuts == 2


async def test_a_limit_that_the_gateway_states_is_kept() -> None:
    """Once it is told the gate goes no faster, and the statistics show it."""
    gate = Gate(50.0)
    gate.learn(21, 1.0)
    assert (gate.statistics().limit, gate.statistics().pace) == (20.0, 20.0)
    times = await granted(gate, 60)
    assert_never_above(times[1:], 20.0, 1)


async def test_who_shares_the_turns_is_told_of_pauses_and_cuts() -> None:
    """How long nobody may send and, of a cut, the new pace; what others tell is followed without being told again."""
    told: list[tuple[float, float | None]] = []
    events: list[Event] = []

    class Shared(Bucket):
        def tell(self, until: float, pace: float | None) -> None:
            told.append((until, pace))

    def turns(gate: Door, rate: float, burst: int) -> Turns:
        return Shared(rate, burst)

    gate = Gate(10.0, label="key 1", emitter=Emitter(events.append), turns=turns)
    early, late = [await gate.permit() for _ in range(2)]
    assert early is not None
    assert late is not None
    start = now()
    late.too_fast(5.0)
    early.too_fast(9.0)
    gate.pause(start + 20.0, "why")
    assert told == [(start + 5.0, 7.0), (start + 9.0, None), (start + 20.0, None)]
    gate.follow(8.0)
    gate.follow(4.0)
    gate.hold(start + 30.0, "theirs")
    assert len(told) == 3
    assert [event for event in events if isinstance(event, PaceCut)] == [
        PaceCut("key 1", 10.0, 7.0),
        PaceCut("key 1", 7.0, 4.0),
    ]
    assert gate.ready_at() == start + 30.0
    assert gate.statistics().pace == 4.0


async def test_who_hands_out_the_turns_knows_for_whom() -> None:
    """The gate gives itself, and for each turn the deadline and how many wait; refused one, it asks again."""
    asked: list[tuple[float, int]] = []
    doors: list[Door] = []

    class Shared(Bucket):
        async def take(self, deadline: float, waiting: int) -> float | None:
            asked.append((deadline, waiting))
            return None if len(asked) == 1 else await super().take(deadline, waiting)

    def turns(gate: Door, rate: float, burst: int) -> Turns:
        doors.append(gate)
        return Shared(rate, burst)

    gate = Gate(10.0, turns=turns)
    assert await gate.permit(deadline=50.0) is not None
    assert (doors, asked) == ([gate], [(50.0, 1), (50.0, 1)])


async def test_a_cut_that_nobody_listens_to_is_followed_too() -> None:
    """Hooks are told and decide nothing; what was sent before it tells of the same congestion."""
    gate = Gate(10.0)
    permit = await gate.permit()
    assert permit is not None
    gate.follow(4.0)
    permit.too_fast(0.0)
    assert (gate.statistics().pace, gate.statistics().cuts) == (4.0, 0)


async def test_who_is_not_held_back_proves_nothing_about_the_limit() -> None:
    """After a cut, requests that come slower than the pace do not raise it."""
    gate = Gate(10.0)
    permit = await gate.permit()
    assert permit is not None
    permit.too_fast(0.0)
    for _ in range(5):
        await asyncio.sleep(1)
        await granted(gate, 1)
    assert gate.statistics().pace == 7.0


class LateLoop(VirtualClockLoop):
    """On a busy machine every timer fires late."""

    def call_at(self, when: float, *args: Any, **options: Any) -> asyncio.TimerHandle:
        return super().call_at(when + 0.75 * LATENESS, *args, **options)


@pytest.mark.parametrize("rate", [50.0, 200.0, 1000.0])
def test_late_timers_cost_the_pace_nothing(rate: float) -> None:
    """Turns that a late timer held up are made good at once, at high rates several of them."""

    async def main() -> float:
        times = await granted(Gate(rate), 501)
        return times[-1] - times[0]

    with asyncio.Runner(loop_factory=LateLoop) as runner:
        assert runner.run(main()) == pytest.approx(500 / rate, abs=2 * LATENESS)


async def test_a_change_of_rate_neither_gives_nor_takes_turns() -> None:
    """What was earned at the old rate can be used, and from then on the new one holds."""
    bucket = Bucket(10.0, 3)
    for _ in range(3):
        await bucket.take(math.inf, 1)
    await asyncio.sleep(0.1)
    since = now()
    await bucket.change(1.0)
    times = []
    for _ in range(3):
        await bucket.take(math.inf, 1)
        times.append(now() - since)
    assert times == pytest.approx([0.0, 1.0, 2.0], abs=0.02)


async def test_a_burst_that_is_there_in_time_is_not_refused() -> None:
    """With a burst the next turn may come sooner than a whole interval after the last."""
    bucket = Bucket(1.0, 2)
    await bucket.take(math.inf, 1)
    await asyncio.sleep(0.6)
    await bucket.take(math.inf, 1)
    since = now()
    await bucket.take(since + 0.9, 1)
    assert now() - since == pytest.approx(0.4, abs=0.02)


async def test_a_fast_rate_can_be_changed_too() -> None:
    """Where the credit for late timers is as large as the burst, half of what can be held is left after one turn."""
    bucket = Bucket(500.0, 1)
    await bucket.take(math.inf, 1)
    since = now()
    await bucket.change(5.0)
    await bucket.take(math.inf, 1)
    assert now() - since == pytest.approx(0.2, abs=0.01)


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=60), st.floats(0.5, 5000), st.integers(1, 20))
def test_what_was_held_up_is_not_sent_all_at_once(steps: list[float], rate: float, burst: int) -> None:
    """Whenever requests could be sent, no window holds more than the rate allows; and what it allows is let go."""
    spacing, now, sent = Spacing(burst), 0.0, []
    most = burst + max(1.0, HELD_UP * rate)
    for step in steps:
        now += step * step
        if spacing.admits(now, rate):
            sent.append(now)
        else:
            assert any(sum(at >= since for at in sent) + 1 > rate * (now - since) + most - 1e-6 for since in sent)
    for first, since in enumerate(sent):
        for last in range(first, len(sent)):
            assert last - first + 1 <= rate * (sent[last] - since) + most + 1e-6


def test_what_was_not_held_up_is_in_turn() -> None:
    """Requests as far apart as their turns are sent, also some milliseconds late, also a burst of them."""
    spaced, late, together, changed = Spacing(1), Spacing(1), Spacing(5), Spacing(10)
    assert all(spaced.admits(turn / 10, 10.0) for turn in range(50))
    assert all(late.admits(turn // 10 / 50, 500.0) for turn in range(500))  # ten turns each wait for one commit
    assert [together.admits(7.0, 2.0) for _ in range(7)] == [True] * 6 + [False]
    assert together.admits(7.6, 2.0)
    cut = Spacing(1)
    assert [cut.admits(0.0, 2000.0) for _ in range(50)] == [True] * 50
    assert [cut.admits(1.0 * turn, 1.0) for turn in range(1, 5)] == [True] * 4  # after a cut no turn is lost
    pace, at = 2.0, 0.0
    for _ in range(300):  # a pace that grows leaves no debts of the old one
        pace, at = pace * 1.02, at + 1 / pace
        assert changed.admits(at, pace)


@pytest.mark.parametrize("rate", [0, -1.0, math.nan, math.inf, True, "fast", None, 1 / 86_401])
async def test_a_rate_that_cannot_be_is_refused(rate: Any) -> None:
    """A rate must be a number above zero, at least one request a day, and the error says so."""
    with pytest.raises(ConfigError, match="The rate is"):
        Gate(rate)
    assert Gate(1 / 86_400).statistics().pace == 1 / 86_400


async def test_a_burst_below_one_is_refused() -> None:
    """A burst of none could never send."""
    with pytest.raises(ConfigError, match="burst"):
        Gate(1.0, burst=0)


@pytest.mark.parametrize("limit", [4.0, 20.0, 90.0])
async def test_an_unknown_limit_is_found_and_kept(limit: float) -> None:
    """Against a limit it does not know the gate settles within 10 % of it, and fewer than 2 % are turned away."""
    gate = Gate("auto")
    seen: list[float] = []
    taken: list[float] = []
    turned_away = 0
    while len(taken) < max(1000, 40 * limit):
        permit = await gate.permit()
        assert permit is not None
        with permit:
            seen = [time for time in seen if time > now() - 1.0]
            seen.append(now())
            if len(seen) > limit:
                turned_away += 1
                permit.too_fast(1.0)
            else:
                taken.append(now())
                permit.answered()
    settled = [time for time in taken if time > now() - 20.0]
    assert len(settled) >= 0.9 * limit * 20.0
    assert turned_away < 0.02 * len(taken)
