from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from walee_async.errors import NoReportError, ServerError
from walee_async.events import RunEnded
from walee_async.ledger import Ledger
from walee_async.outcomes import Attempt, Charge, Failed, Fetched, Payload

ATTEMPTS = st.builds(
    Attempt,
    handle=st.sampled_from(["a", "b", "c"]),
    number=st.integers(1, 5),
    key=st.just("key 1"),
    charge=st.sampled_from(Charge),
)


@given(st.lists(ATTEMPTS))
def test_every_attempt_is_entered_once_under_its_charge(attempts: list[Attempt]) -> None:
    """The charges add up to the attempts, and what was sent is all but what never reached the gateway."""
    ledger = Ledger()
    for attempt in attempts:
        ledger.add_attempt(attempt)
    assert ledger.charges.total() == len(attempts)
    assert ledger.sent == sum(attempt.charge is not Charge.NOT_SENT for attempt in attempts)
    assert ledger.bought == sum(attempt.charge is Charge.BILLED for attempt in attempts)
    assert ledger.ambiguous.total() == sum(attempt.charge is Charge.AMBIGUOUS for attempt in attempts)


def test_outcomes_are_counted_by_reason() -> None:
    """Each outcome is fetched or failed, and the failed ones are told apart by the class of their error."""
    ledger = Ledger()
    ledger.add_outcome(Fetched("a", object(), Payload(handle="a", body=b"")))
    ledger.add_outcome(Failed("b", NoReportError("none")))
    ledger.add_outcome(Failed("c", ServerError("down")))
    ledger.add_outcome(Failed("d", ServerError("down")))
    assert (ledger.outcomes, ledger.fetched, ledger.failed) == (4, 1, 3)
    assert ledger.failures == {"NoReportError": 1, "ServerError": 2}


def test_handles_that_may_have_been_bought_are_named() -> None:
    """An ambiguous attempt names its handle, even if a later one delivered: it may have been bought twice."""
    ledger = Ledger()
    ledger.add_attempt(Attempt(handle="a", number=1, key="key 1", charge=Charge.AMBIGUOUS))
    ledger.add_attempt(Attempt(handle="a", number=2, key="key 1", charge=Charge.BILLED))
    assert ledger.ambiguous == {"a": 1}
    ledger.add_attempt(Attempt(handle="b", number=1, key="key 1", charge=Charge.AMBIGUOUS))
    assert repr(ledger) == "Ledger(fetched=0, failed=0, ambiguous=2, billed=1)"


def test_the_account_of_a_run_is_a_value() -> None:
    """What was spent is what was bought at its price, and the end of a run is told with all its numbers."""
    ledger = Ledger()
    for charge in (Charge.BILLED, Charge.BILLED, Charge.BILLED, Charge.AMBIGUOUS, Charge.NOT_SENT):
        ledger.add_attempt(Attempt(handle="a", number=1, key="key 1", charge=charge))
    for reused in (True, False, False):
        ledger.add_outcome(Fetched("a", object(), Payload(handle="a", body=b"", reused=reused)))
    ledger.add_outcome(Failed("b", NoReportError("none")))
    assert ledger.spent(0.5) == 1.5
    assert ledger.closed("r1", "left") == RunEnded(
        run="r1", how="left", fetched=3, reused=1, failed=1, bought=3, ambiguous=1
    )
