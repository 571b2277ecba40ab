from __future__ import annotations

import pickle

import pytest

from walee_async import errors
from walee_async.errors import BudgetError, NotReadyError, NotSentError, RefusedKeyError, RunEndedError, WaleeError
from walee_async.outcomes import Attempt, Charge, Exchange

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, WaleeError)]


def full(kind: type[WaleeError]) -> WaleeError:
    """An error of the class with everything that an error can carry."""
    exchange = Exchange(method="GET", url="https://x.example/r?handle=a", key="key 1", sent_at=1.0, seconds=0.5)
    error = kind("what was wrong", handle="a", status=400, code="c", message="said", exchange=exchange)
    error.attempts = (Attempt(handle="a", number=1, key="key 1", charge=Charge.FAILED),)
    return error


@pytest.mark.parametrize("kind", ALL)
def test_an_error_survives_pickling_with_all_it_carries(kind: type[WaleeError]) -> None:
    """Errors cross process boundaries: class, text, attempts and exchange come out as they went in."""
    error = full(kind)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert (str(again), repr(again), again.args) == (str(error), repr(error), error.args)


@pytest.mark.parametrize("kind", ALL)
def test_an_error_says_which_handle_what_was_wrong_and_what_to_do(kind: type[WaleeError]) -> None:
    """The text of an error begins with the handle, holds the gateway's words and ends with advice."""
    text = str(full(kind))
    assert text.startswith("a: what was wrong (the gateway said: said).")
    assert text.endswith(kind.advice)


@pytest.mark.parametrize("detail", ["it is so", "it is so.", "is it so?"])
def test_a_sentence_has_one_end(detail: str) -> None:
    """What ends already gets no second full stop before the advice."""
    end = detail if detail.endswith("?") else "it is so."
    assert str(NotSentError(detail)) == f"{end} {NotSentError.advice}"


def test_every_class_stands_in_the_tree_at_the_top_of_the_module() -> None:
    """The drawn tree is the whole tree: each class is in it, below its parent."""
    lines = (errors.__doc__ or "").splitlines()
    depth = {
        line.split()[-1 - (len(line.split()) - 1 - i)]: len(line) - len(line.lstrip(" │├└─"))
        for line in lines
        for i, word in enumerate(line.split())
        if word.endswith("Error") and i <= line.count("│") + 1
    }
    for kind in ALL[1:]:
        parent = next(base for base in kind.__mro__[1:] if base in ALL)
        assert depth[kind.__name__] > depth[parent.__name__], kind


def test_the_same_error_can_be_told_of_another_handle() -> None:
    """A refused key stops many handles: each gets an error of its own with the same evidence, and its own attempts."""
    error = full(NotReadyError)
    assert isinstance(error, NotReadyError)
    error.eta = 300.0
    other = error.about("b")
    assert (other.handle, other.eta, other.status, other.attempts) == ("b", 300.0, 400, ())
    assert (error.handle, len(error.attempts)) == ("a", 1)


def test_a_run_that_ended_says_why_in_another_process_too() -> None:
    """The reason, and by it whose fault it was, survive pickling and being told of another handle."""
    spent = BudgetError("the budget of 2 reports is spent")
    lost = RefusedKeyError("refused", status=401)
    for reason, fault in ((spent, "caller"), (lost, "account")):
        ended = RunEndedError("the run ended").because_of(reason)
        for error in (ended, pickle.loads(pickle.dumps(ended)), ended.about("b")):
            assert (error.fault, type(error.__cause__), str(error.__cause__)) == (fault, type(reason), str(reason))
    foreign = NotSentError("nobody is there")
    foreign.__cause__ = OSError("which may hold anything")
    # What is handed to pickle: Dask brings a library that pickles the causes of all exceptions by itself.
    assert foreign.__reduce__()[1][-1] is None


def test_one_clause_catches_everything() -> None:
    """Every error descends from the root, and says who can mend it."""
    assert all(issubclass(kind, WaleeError) and kind.fault for kind in ALL)
