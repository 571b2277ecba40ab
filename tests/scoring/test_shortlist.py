"""The job that users come for: of three thousand creators, those who suit a brief, and a flag on each that is not what
it seems.
"""

from __future__ import annotations

from typing import Any

import pytest

from walee_async import Brief, Fetched, WaleeClient, rescore
from walee_async.scoring import Grade, Score
from walee_async.testing import Gateway, Maker

pytestmark = [pytest.mark.anyio, pytest.mark.long]

BRIEF = Brief.make(
    name="Women 18–34 in Pakistan",
    countries="PK",
    genders="FEMALE",
    ages="18-34",
    followers={"min": 5_000, "max": 5_000_000},
    require={"no_flags": ["hidden", "dormant"]},
    penalties={"growth_month": 25, "likes_spike": 15, "low_engagement": 10},
)
CREATORS = 3_000
EACH = 50
"""Planted creators of each kind."""

YOUNG = (0.05, 0.5, 0.35, 0.06, 0.03, 0.01)
STEADY = {"growth": (0.02,) * 6, "likes": (1.0,) * 7, "hidden": False, "comments_per_like": 0.01, "views_per_like": 8.0}
FIT: dict[str, Any] = {
    **STEADY,
    "followers": 120_000,
    "engagement_rate": 0.09,
    "country": "PK",
    "audience": True,
    "female": 0.85,
    "ages": YOUNG,
    "countries": (("PK", 0.82), ("IN", 0.06), ("US", 0.03)),
    "reachable": 0.75,
    "cqs": 82.0,
    "posts": 300,
    "posts_per_4w": 14.0,
    "last_post_days": 1.5,
}
PLANTED: dict[str, tuple[dict[str, Any], str | None]] = {
    "a fit": (FIT, None),
    "bought followers": ({**FIT, "engagement_rate": 0.0008, "growth": (0.0, 0.0, 0.9, 0.0, 0.0, 0.0)}, "growth_month"),
    "dormant": ({**FIT, "last_post_days": 140.0}, "dormant"),
    "a spike": ({**FIT, "likes": (1.0, 1.0, 1.0, 14.0, 1.0, 1.0, 1.0)}, "likes_spike"),
    "hidden": ({**FIT, "hidden": True}, "hidden"),
    "a giant with the wrong audience": (
        {**FIT, "followers": 80_000_000, "country": "US", "female": 0.2, "countries": (("US", 0.7), ("GB", 0.1))},
        None,
    ),
}


async def test_the_fits_are_on_top_and_every_fraud_is_flagged(tmp_path: Any) -> None:
    """One pass over the list keeps the best fifty; a second look at the store costs nothing and says the same."""
    maker = Maker(21, creators=CREATORS)
    gateway = Gateway(maker)
    kinds: dict[str, str] = {}
    places = iter(range(7, CREATORS, CREATORS // (EACH * len(PLANTED))))
    for kind, (traits, _) in PLANTED.items():
        for _ in range(EACH):
            creator = maker.creator(next(places), **traits)
            gateway.plant(creator)
            kinds[creator.handle] = kind
    scores: dict[str, Score] = {}
    path = tmp_path / "reports.db"
    async with (
        gateway,
        WaleeClient(gateway.key, base_url=gateway.base_url, rate=1e5, store=path) as walee,
        walee.scores(maker.handles(), brief=BRIEF, top=EACH) as run,
    ):
        async for outcome in run:
            assert isinstance(outcome, Fetched)
            scores[outcome.handle] = outcome.report
    assert len(scores) == gateway.billed.total() == CREATORS
    assert len(run.top) == EACH
    assert sum(kinds.get(found.handle or "") == "a fit" for found in run.top) / EACH >= 0.95
    for handle, kind in kinds.items():
        flag = PLANTED[kind][1]
        assert flag is None or flag in {raised.name for raised in scores[handle].flags}, kind
    giants = [found for handle, found in scores.items() if kinds.get(handle) == "a giant with the wrong audience"]
    assert {found.grade for found in giants} == {Grade.REJECT}
    again = {found.handle: found for found in rescore(path, BRIEF, jobs=2)}
    assert again == scores
    assert gateway.requests_seen == CREATORS
