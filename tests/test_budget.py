"""The cap on what may be bought, by itself."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from walee_async.budget import Budget
from walee_async.errors import BudgetError, ConfigError
from walee_async.outcomes import Attempt, Charge

pytestmark = pytest.mark.anyio


def attempt(charge: Charge) -> Attempt:
    return Attempt(handle="a", number=1, key="key 1", charge=charge)


@asynccontextmanager
async def set_aside(budget: Budget, attempts: Sequence[Attempt] = ()) -> AsyncIterator[None]:
    """One report set aside for an attempt that is next to be sent."""
    with budget.place(attempts) as ready:
        await ready()
        yield


@pytest.mark.parametrize(
    ("given", "cap"),
    [
        ({}, math.inf),
        ({"max_reports": 0}, 0),
        ({"max_reports": 3.0}, 3),
        ({"max_spend": 0, "price": 0.5}, 0),
        ({"max_spend": 1.2, "price": 0.5}, 2),
        ({"max_spend": 0.3, "price": 0.1}, 3),
        ({"max_reports": 2, "max_spend": 5, "price": 1}, 2),
        ({"max_reports": 9, "max_spend": 5, "price": 1}, 5),
        ({"price": 0}, math.inf),
        ({"price": 0.5}, math.inf),
        ({"max_reports": 2, "price": 0.5}, 2),
    ],
)
def test_the_cap_is_what_can_be_bought_whole(given: dict[str, Any], cap: float) -> None:
    """Of reports and money the one that ends first, in whole reports; without either there is no cap."""
    budget = Budget(**given)
    assert (budget.cap, budget.left, budget.spent, budget.reserved_now) == (cap, cap, 0, 0)
    assert budget.price == given.get("price")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"max_reports": -1}, "The budget's max_reports is -1; it must be a number of at least 0, and finite"),
        ({"max_reports": True}, "The budget's max_reports is True; it must be a number"),
        ({"max_reports": 2.5}, "The budget's max_reports is 2.5; it must be a whole number"),
        ({"max_spend": math.inf, "price": 1}, "The budget's max_spend is inf; it must be a number"),
        ({"max_spend": "5", "price": 1}, "The budget's max_spend is '5'; it must be a number"),
        ({"price": -0.5}, "The budget's price is -0.5; it must be a number"),
        ({"price": math.nan}, "The budget's price is nan; it must be a number"),
        ({"max_spend": 5}, "A budget with max_spend needs the price of one report"),
        ({"max_spend": 5, "price": 0}, "A budget with max_spend needs the price of one report"),
        ({"max_spend": 0.4, "price": 0.5}, "The budget's max_spend is 0.4, and one report costs 0.5: give as much"),
    ],
)
def test_a_budget_that_cannot_be_names_what_is_wrong(given: dict[str, Any], said: str) -> None:
    """The sentence has the parameter and its value."""
    with pytest.raises(ConfigError, match=f"^{re.escape(said)}"):
        Budget(**given)


@pytest.mark.parametrize(
    ("charges", "spent"),
    [
        ([], 0),
        ([Charge.BILLED], 1),
        ([Charge.AMBIGUOUS], 1),
        ([Charge.FAILED], 0),
        ([Charge.REJECTED], 0),
        ([Charge.NOT_SENT], 0),
    ],
)
async def test_one_report_is_set_aside_and_settled_by_its_charge(charges: list[Charge], spent: int) -> None:
    """While an attempt is under way it takes up a report; what was, or may have been, bought stays taken."""
    budget = Budget(max_reports=5)
    attempts = [attempt(Charge.BILLED)]
    async with set_aside(budget, attempts):
        assert (budget.reserved_now, budget.spent, budget.left) == (1, 0, 4)
        attempts += map(attempt, charges)
    assert (budget.reserved_now, budget.spent, budget.left) == (0, spent, 5 - spent)


async def test_an_attempt_that_breaks_off_gives_its_report_back() -> None:
    """An error inside settles what was set aside, like any other end."""
    budget = Budget(max_reports=1)
    with pytest.raises(ZeroDivisionError):
        async with set_aside(budget):
            raise ZeroDivisionError
    assert budget.left == 1


async def test_who_comes_while_the_last_is_under_way_waits_for_its_end() -> None:
    """If it fails there is room for one more; when all is spent, whoever waits is told so."""
    budget = Budget(max_reports=1)
    ends = [asyncio.Event() for _ in range(3)]
    inside: list[int] = []

    async def buy(place: int, charge: Charge) -> None:
        attempts: list[Attempt] = []
        async with set_aside(budget, attempts):
            inside.append(place)
            await ends[place].wait()
            attempts.append(attempt(charge))

    buyers = [
        asyncio.create_task(buy(place, charge))
        for place, charge in enumerate((Charge.FAILED, Charge.BILLED, Charge.BILLED))
    ]
    await asyncio.sleep(0)
    assert (inside, budget.left) == ([0], 0)
    ends[0].set()
    await buyers[0]
    await asyncio.sleep(0)
    assert inside == [0, 1]
    ends[1].set()
    await buyers[1]
    with pytest.raises(BudgetError, match="the budget of 1 reports is spent"):
        await asyncio.wait_for(buyers[2], 5)
    assert (inside, budget.spent, budget.reserved_now) == ([0, 1], 1, 0)


async def test_a_large_budget_is_told_in_thousands() -> None:
    """Its end is a number that can be read."""
    budget = Budget(max_reports=12_000)
    budget.spent = 12_000
    with pytest.raises(BudgetError, match="budget of 12,000 reports"):
        async with set_aside(budget):
            pass
