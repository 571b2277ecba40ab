"""The people a report mentions: similar users, lookalikes, notable followers.

They are drawn from a stock per tier which many reports share, as real reports share their celebrities, so that a report
is made and compressed quickly.
"""

from __future__ import annotations

import math
from base64 import urlsafe_b64encode
from functools import lru_cache
from random import Random
from typing import Any, Literal

import msgspec
from msgspec import Struct

from walee_async.testing.encoding import Piece, shared_piece
from walee_async.testing.maker.places import AUDIENCE_CODES, GEO
from walee_async.testing.maker.tiers import STARTS
from walee_async.testing.maker.words import full_name, username

MEDIA = "https://media.example.com"
VARIANTS = 6
_PICTURE = f"{MEDIA}/tos-xy-avt-0068/"
_TAIL = "~c5_300x300.webp?lk3s=a5d48078&nonce=41902&x-expires=17"

Kind = Literal["similar", "lookalike", "notable"]


class Stock(Struct, frozen=True):
    """Which people: of a seed, for creators of a tier, with or without `stats`, one of a few variants."""

    seed: int
    kind: Kind
    tier: int
    stats: bool
    variant: int


class Noise:
    """Random-looking text for links, which is what makes reports compress as badly as they do."""

    def __init__(self, rng: Random, size: int) -> None:
        self._text = urlsafe_b64encode(rng.randbytes(size * 3 // 4 + 3)).decode()
        self._at = 0

    def take(self, size: int) -> str:
        """Return the next characters."""
        start, self._at = self._at, self._at + size
        if self._at > len(self._text):
            start, self._at = 0, size
        return self._text[start : self._at]


def user_id(rng: Random) -> str:
    """Return a 19-digit id."""
    return str(6_500_000_000_000_000_000 + rng.getrandbits(60))


@lru_cache(maxsize=512)
def people(stock: Stock, count: int) -> Piece:
    """Return a JSON list of the stock's first `count` people, compressed once."""
    return shared_piece(msgspec.json.encode(_everybody(stock)[:count]))


@lru_cache(maxsize=64)
def _everybody(stock: Stock) -> list[dict[str, Any]]:
    rng = Random(f"{stock.seed}/{stock.kind}/{stock.tier}/{stock.variant}")
    number = 60 if stock.kind == "notable" else 30
    noise = Noise(rng, 160 * number)
    persons = [_person(rng, noise, stock) for _ in range(number)]
    if stock.kind == "notable":
        return sorted(persons, key=lambda person: -int(person["followers"]))
    low, high = (0.02, 0.17) if stock.kind == "similar" else (0.17, 0.42)
    scores = sorted(low + (high - low) * rng.random() for _ in persons)
    return [{**person, "score": round(score, 6)} for person, score in zip(persons, scores, strict=True)]


def _person(rng: Random, noise: Noise, stock: Stock) -> dict[str, Any]:
    identity, followers = user_id(rng), _followers(rng, stock)
    engagements = int(followers * math.exp(-7.5 + 5.5 * rng.random()))
    person: dict[str, Any] = {
        "user_id": identity,
        "username": username(rng),
        "picture": f"{_PICTURE}{noise.take(20 + int(16 * rng.random()))}{_TAIL}{int(1e8 * rng.random()):08}",
        "followers": followers,
        "fullname": full_name(rng, "en" if rng.random() < 0.75 else "ur" if rng.random() < 0.5 else "ru"),
        "url": f"{MEDIA}/@{identity}",
    }
    if rng.random() < 0.94:
        person["geo"] = GEO[AUDIENCE_CODES[int(len(AUDIENCE_CODES) * rng.random() ** 2)]]
    person["is_verified"] = rng.random() < (0.6 if followers > 1_000_000 else 0.05)
    person["engagements"] = engagements
    if stock.stats:
        person["stats"] = [{"post_type": "all", "engagements": engagements}]
    return person


def _followers(rng: Random, stock: Stock) -> int:
    if stock.kind == "similar":
        return int(1_000 * math.exp(4.8 * rng.random() ** 2))
    start = STARTS[stock.tier] if stock.tier else 1_500
    if stock.kind == "lookalike":
        return int(start * math.exp(3.0 * rng.random()))
    # Whoever has more followers is followed by more notable accounts.
    return int(20_000 * math.exp(stock.tier * 0.75) * math.exp(3.0 * rng.random() ** 2))
