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


class Chunks(Iterator[list[int]]):
    """Chunks of three, each with one trouble; `open` are those that nobody has been asked for or has scored."""

    def __init__(self, count: int) -> None:
        self.taken, self._count = 0, count
        self.open: list[list[int]] = []

    def __next__(self) -> list[int]:
        if self.taken == self._count:
            raise StopIteration
        self.taken += 1
        chunk = list(range(3 * self.taken - 3, 3 * self.taken))
        self.open.append(chunk)
        return chunk


class Own(Scorer):
    """What this process scores: `kept` are the chunks of it that have to wait until it is their turn."""

    def __init__(self, chunks: Chunks) -> None:
        self.kept: list[int] = []
        self.troubles = []
        self._chunks = chunks

    def scores(self, versions: Sequence[int]) -> Iterator[Score]:
        self._chunks.open.remove(list(versions))
        self.troubles.append(Finding("", version=versions[0]))
        return map(scored, versions)

    def scored(self, versions: Sequence[int], scores: object) -> Scored:
        self.kept.append(versions[0])
        return Scored(list(self.scores(versions)), self.take_troubles())


class Others(Workers[list[int], Scored]):
    """Processes that are not there before some turns, and answer each question some turns later, in their order."""

    def __init__(self, chunks: Chunks, there: int, turns: Iterable[int], room: int = 2) -> None:
        self._chunks, self._there, self._turns, self._room = chunks, there, iter(turns), room
        self._asked: deque[tuple[Piece[Scored], list[int], int]] = deque()
        self._turn = self.waits = 0

    def hand_out(self, questions: Iterator[list[int]], most: int) -> list[Piece[Scored]]:
        assert questions is self._chunks
        assert len(self._chunks.open) <= ASIDE, "more is kept from them than they are told"
        self._turn += 1
        while self._asked and self._asked[0][2] <= self._turn:
            piece, question, _ = self._asked.popleft()
            piece.came = Scored([scored(number) for number in question], [Finding("", version=question[0])])
        pieces: list[Piece[Scored]] = []
        while self._turn > self._there and len(self._asked) < self._room and len(pieces) < most:
            question = next(questions, [])
            if not question:
                break
            self._chunks.open.remove(question)
            pieces.append(Piece())
            self._asked.append((pieces[-1], question, self._turn + next(self._turns, 1)))
        return pieces

    def wait(self) -> None:
        assert self._asked, "it would wait for ever"
        self.waits += 1
        self._turn = max(self._turn, self._asked[0][2] - 1)


@given(st.integers(0, 40), st.integers(2, 12), st.integers(0, 20), st.lists(st.integers(1, 9)), st.integers(1, 5))
def test_all_are_given_in_order_and_few_have_to_wait(
    count: int, ahead: int, there: int, turns: list[int], room: int
) -> None:
    """However fast the others are: each score and trouble once, in the store's order, and few chunks under way."""
    chunks, told, given_away = Chunks(count), list[Finding](), list[str | None]()
    for found in _shared(Others(chunks, there, turns, room), Own(chunks), chunks, ahead, told.append):
        given_away.append(found.handle)
        assert chunks.taken - len(given_away) // 3 <= ahead + 1
    assert given_away == [str(number) for number in range(3 * count)]
    assert [trouble.version for trouble in told] == list(range(0, 3 * count, 3))


def test_beside_others_as_fast_nothing_that_is_scored_here_has_to_wait() -> None:
    """Each answer takes as long as scoring a chunk here; theirs have come when it is their turn."""
    chunks = Chunks(100)
    own, others = Own(chunks), Others(chunks, 5, [2] * 100)
    scores = list(_shared(others, own, chunks, 16, None))
    assert (len(scores), own.kept, others.waits) == (300, [], 0)


def test_while_others_are_slow_this_process_goes_on() -> None:
    """What does not come for long keeps nobody from scoring what comes after it, in order; then this process rests."""
    chunks = Chunks(100)
    own, others = Own(chunks), Others(chunks, 0, [1000, 2000])
    scores = _shared(others, own, chunks, 16, None)
    assert [next(scores).handle for _ in range(7)] == [str(number) for number in range(7)]
    assert (own.kept, others.waits) == ([3 * number for number in range(4, 18)], 1)
    assert [next(scores).handle for _ in range(3)] == ["7", "8", "9"]
    assert (own.kept, others.waits) == ([3 * number for number in range(4, 19)], 2)
