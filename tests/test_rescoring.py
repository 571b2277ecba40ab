"""Scoring beside other processes: who scores what, and when it is given away."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from walee_async.rescoring import ASIDE, Scored, Scorer, _shared
from walee_async.scoring import Grade, Score
from walee_async.store import Finding
from walee_async.workers import Piece, Workers


def scored(number: int) -> Score:
    return Score(handle=str(number), coverage=1.0, grade=Grade.REVIEW, explanation="", brief="", version="1")


class Own(Scorer):
    """What this process scores: `kept` of it until it is its turn."""

    def __init__(self) -> None:
        self.kept = 0

    def scores(self, versions: Sequence[int]) -> Iterator[Score]:
        return map(scored, versions)

    def scored(self, versions: Sequence[int], scores: object) -> Scored:
        self.kept += 1
        return Scored(list(self.scores(versions)), [])

    def take_troubles(self) -> list[Finding]:
        return []


class Others(Workers[list[int], Scored]):
    """Processes that are not there before some turns, and answer each question after some more, in their order."""

    def __init__(self, there: int, turns: Iterable[int], room: int = 2) -> None:
        self._there, self._turns, self._room = there, iter(turns), room
        self._asked: deque[tuple[Piece[Scored], list[int], int]] = deque()
        self._now = 0

    def hand_out(self, questions: Iterator[list[int]], most: int) -> list[Piece[Scored]]:
        self._now += 1
        while self._asked and self._asked[0][2] <= self._now:
            piece, question, _ = self._asked.popleft()
            piece.came = Scored([scored(number) for number in question], [])
        pieces: list[Piece[Scored]] = []
        while self._now > self._there and len(self._asked) < self._room and len(pieces) < most:
            question = next(questions, [])
            if not question:
                break
            pieces.append(Piece())
            self._asked.append((pieces[-1], question, self._now + next(self._turns, 1)))
        return pieces

    def wait(self) -> None:
        assert self._asked, "it would wait for ever"
        self._now = max(self._now, self._asked[0][2] - 1)


class Chunks(Iterator[list[int]]):
    """Chunks of three; `taken` so far."""

    def __init__(self, count: int) -> None:
        self.taken, self._count = 0, count

    def __next__(self) -> list[int]:
        if self.taken == self._count:
            raise StopIteration
        self.taken += 1
        return list(range(3 * self.taken - 3, 3 * self.taken))


@given(st.integers(0, 40), st.integers(2, 12), st.integers(0, 20), st.lists(st.integers(1, 9)), st.integers(1, 5))
def test_all_are_given_in_order_and_few_have_to_wait(
    count: int, ahead: int, there: int, turns: list[int], room: int
) -> None:
    """However fast the others are: each score once, in the store's order, and no more chunks under way than allowed."""
    chunks, given_away = Chunks(count), list[str | None]()
    for found in _shared(Others(there, turns, room), Own(), chunks, ahead, None):
        given_away.append(found.handle)
        assert chunks.taken - len(given_away) // 3 <= ahead + 1
    assert given_away == [str(number) for number in range(3 * count)]


def test_beside_others_as_fast_nothing_that_is_scored_here_has_to_wait() -> None:
    """Each answer takes as long as scoring a chunk here; theirs have come when it is their turn."""
    own = Own()
    scores = list(_shared(Others(5, [2] * 100), own, Chunks(100), 16, None))
    assert (len(scores), own.kept) == (300, 0)


def test_while_others_are_slow_this_process_goes_on() -> None:
    """What does not come for long keeps nobody from scoring all that may be ahead of it."""
    own, chunks = Own(), Chunks(100)
    scores = _shared(Others(0, [1000, 1000]), own, chunks, 16, None)
    came = 3 * ASIDE + 1
    assert [next(scores).handle for _ in range(came)] == [str(number) for number in range(came)]
    assert (chunks.taken, own.kept) == (ASIDE + 16, 14)
