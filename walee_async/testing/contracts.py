"""What a gate promises, as tests: for this package's own gates, and for turns of yours that processes share.

    class TestMyTurns(SharedGateContract):
        @pytest.fixture
        def turns(self) -> MakeTurns:
            return MySharing("…").turns("a key")

They run on any clock and any machine: what must not happen is counted, and what must happen is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import pytest

from walee_async.errors import DeadlineError, LongPauseError, RefusedKeyError
from walee_async.gate import Gate
from walee_async.interfaces import MakeTurns

PATIENCE: Final = 30.0
"""Seconds that something may take which must happen; a busy machine stalls."""
SOON: Final = 10.0
"""Seconds until who stays has had the whole pace for `LONG`: only then is one forgotten that went without a word."""
LONG: Final = 3.0
"""Seconds of the whole pace: one that went without a word is missed after one, and then costs half of it."""
MANY: Final = 20
"""Callers who give up: had they taken their turns along, the next one would come that much later."""


def now() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()


def excess(times: Sequence[float], rate: float) -> float:
    """The most by which any window held more than `rate * window` of these times."""
    ordered = sorted(times)
    return max(
        number - rate * (end - begin)
        for first, begin in enumerate(ordered)
        for number, end in enumerate(ordered[first:], start=1)
    )


async def let_through(gate: Gate, count: int) -> list[float]:
    """The times at which a caller is let through who always wants the next turn; each request is answered well."""
    times = []
    for _ in range(count):
        permit = await gate.permit()
        assert permit is not None
        with permit:
            permit.answered()
        times.append(permit.granted_at)
    return times


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: it does not come to hold.
    """
    begin = now()
    while not holds():
        if now() - begin > PATIENCE:
            raise TimeoutError
        await asyncio.sleep(0.01)


class GateContract:
    """What every gate promises; the fixture `turns` says what hands out its turns (None: a bucket of its own)."""

    pytestmark = pytest.mark.anyio

    @pytest.fixture
    def anyio_backend(self) -> Any:
        """What the tests run on."""
        return "asyncio"

    @pytest.fixture
    def turns(self) -> MakeTurns | None:
        """What hands out the turns of every gate of a test, shared among them if it is shared at all."""
        return None

    @pytest.fixture
    async def gate(self, turns: MakeTurns | None) -> AsyncIterator[Callable[..., Gate]]:
        """Makes gates that use these turns."""
        gates = []

        def make(rate: float, **options: Any) -> Gate:
            gates.append(Gate(rate, turns=turns, **options))
            return gates[-1]

        yield make
        for gate in gates:
            await gate.aclose()

    async def test_no_window_holds_more_than_the_rate_and_the_burst(self, gate: Callable[..., Gate]) -> None:
        """No window holds more than `rate * window + burst`, and half a turn for late timers."""
        for burst in (1, 3):
            mine = gate(50.0, burst=burst)
            groups = await asyncio.gather(*(let_through(mine, 8) for _ in range(4)))
            assert excess([at for times in groups for at in times], 50.0) <= burst + 0.5
            await asyncio.sleep(0.2)

    async def test_who_comes_first_goes_first(self, gate: Callable[..., Gate]) -> None:
        """Turns are first come, first served."""
        mine, order = gate(200.0), []

        async def caller(place: int) -> None:
            await let_through(mine, 1)
            order.append(place)

        async with asyncio.TaskGroup() as group:
            for place in range(MANY):
                group.create_task(caller(place))
        assert order == list(range(MANY))

    async def test_one_too_fast_makes_everybody_wait(self, gate: Callable[..., Gate]) -> None:
        """Nobody is let through before the time that the gateway asks for, also those who wait already."""
        mine = gate(100.0)
        permit = await mine.permit()
        assert permit is not None
        waiting = [asyncio.create_task(let_through(mine, 1)) for _ in range(3)]
        await asyncio.sleep(0)
        permit.too_fast(0.4)
        over = now() + 0.4
        mine.pause(now() + 0.1, "a shorter pause changes nothing")
        times = [at for (at,) in await asyncio.gather(*waiting)]
        assert min(times) >= over - 0.001

    async def test_a_turn_past_the_deadline_is_refused_and_not_taken(self, gate: Callable[..., Gate]) -> None:
        """Who could not be served in time is told so before the deadline, and leaves the turn to the next."""
        mine = gate(4.0)
        (first,) = await let_through(mine, 1)
        for _ in range(MANY):
            with pytest.raises(DeadlineError, match="deadline"):
                await mine.permit(deadline=first + 0.05)
        (second,) = await let_through(mine, 1)
        assert 0.12 <= second - first <= MANY / 4.0 / 2

    async def test_a_caller_who_gives_up_takes_no_turn(self, gate: Callable[..., Gate]) -> None:
        """Callers who are cancelled while they wait leave their turns to the others."""
        mine = gate(4.0)
        (first,) = await let_through(mine, 1)
        for _ in range(MANY):
            caller = asyncio.create_task(mine.permit())
            await asyncio.sleep(0.005)
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
        (second,) = await let_through(mine, 1)
        assert 0.12 <= second - first <= MANY / 4.0 / 2
        assert mine.statistics().waiting == 0

    async def test_a_pause_that_is_too_long_is_not_slept_through(self, gate: Callable[..., Gate]) -> None:
        """Who waits when a very long pause begins is told, and so is whoever comes after."""
        mine = gate(100.0, longest_pause=60.0)
        permit = await mine.permit()
        assert permit is not None
        permit.too_fast(3600.0)
        for _ in range(2):
            with pytest.raises(LongPauseError, match="3600 s"):
                await mine.permit()

    async def test_who_can_be_served_elsewhere_sooner_leaves(self, gate: Callable[..., Gate]) -> None:
        """A pause that ends after `patience` gives no permit, so that another key can be used."""
        mine = gate(100.0)
        mine.pause(now() + 0.5, "a test")
        assert await mine.permit(patience=now() + 0.1) is None

    async def test_closing_tells_all_who_wait(self, gate: Callable[..., Gate]) -> None:
        """A gate that is closed lets nobody through; each caller gets the reason as an error of its own."""
        mine = gate(0.1)
        await let_through(mine, 1)
        mine.pause(now() + 1000, "a test")
        waiting = [asyncio.create_task(mine.permit()) for _ in range(3)]
        await asyncio.sleep(0)
        mine.close(RefusedKeyError("the key is refused"))
        errors = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(error) for error in errors] == [RefusedKeyError] * 3


class SharedGateContract(GateContract):
    """What gates that share their turns promise besides; two of them stand for two processes."""

    async def test_together_they_keep_to_the_limit_and_share_it_fairly(self, gate: Callable[..., Gate]) -> None:
        """Of two gates that always want more, each gets its half, and no window holds more than of one."""
        pair = [gate(50.0), gate(50.0)]
        times: list[list[float]] = [[], []]

        async def want(place: int) -> None:
            while len(times[0]) + len(times[1]) < 60:
                times[place] += await let_through(pair[place], 1)

        await asyncio.gather(*(want(place) for place in (0, 1) for _ in range(3)))
        assert excess([*times[0], *times[1]], 50.0) <= 1.5
        assert all(0.8 <= len(own) * 2 / len([*times[0], *times[1]]) <= 1.25 for own in times)

    async def test_a_too_fast_anywhere_makes_all_wait(self, gate: Callable[..., Gate]) -> None:
        """What one is told holds for the other too, without a request of its own, and so does the cut of the pace."""
        told, other = gate(20.0), gate(20.0)
        await let_through(other, 1)
        permit = await told.permit()
        assert permit is not None
        permit.too_fast(1.5)
        over = now() + 1.5
        await until(lambda: other.statistics().paused > 0 or now() > over)
        assert other.statistics().pace == pytest.approx(told.statistics().pace) == 14.0
        (at,) = await let_through(other, 1)
        assert at >= over - 0.05

    async def test_a_newcomer_takes_no_turn_past_its_deadline(self, gate: Callable[..., Gate]) -> None:
        """Who comes to a gate that others use is refused a turn past the deadline, and leaves it to them."""
        mine = gate(4.0)
        (first,) = await let_through(mine, 1)
        for _ in range(MANY):
            with pytest.raises(DeadlineError, match="deadline"):
                await gate(4.0).permit(deadline=first + 0.1)
        (second,) = await let_through(mine, 1)
        assert second - first <= MANY / 4.0 / 2

    async def test_who_leaves_gives_way(self, gate: Callable[..., Gate]) -> None:
        """When one is closed the other goes on, and soon at the whole pace: it leaves no turns to who is not there."""
        rate = 10.0  # so slow that a busy machine is in time for most turns
        leaving, staying = gate(rate), gate(rate)
        await asyncio.gather(let_through(leaving, 3), let_through(staying, 3))
        await leaving.aclose()
        begin, times, turns = now(), await let_through(staying, 1), int(LONG * rate)
        while len(times) <= turns or times[-1] - times[-1 - turns] > 1.25 * LONG:
            times += await let_through(staying, 1)
            assert times[-1] - begin <= SOON
        assert excess(times, rate) <= 1.5
