"""The maker: any creator's report by seed and index, alone, and the same in every run."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec

from walee_async.testing.answers import FETCHED
from walee_async.testing.encoding import Piece, join_gzip
from walee_async.testing.maker.audience import EMPTY, demographics
from walee_async.testing.maker.creator import CREATED, Creator, draw
from walee_async.testing.maker.people import VARIANTS, Kind, Noise, Stock, people, user_id
from walee_async.testing.maker.posts import moment, recent_posts, top_posts
from walee_async.testing.maker.profile import identity, performance, surroundings
from walee_async.testing.maker.quality import quality
from walee_async.testing.maker.tiers import extra, tier_of
from walee_async.testing.maker.words import handle_at, index_of

_SLOT = re.compile(rb'"@@people-(\d)"')
_SMALL_SORTS = 64
_NOISE = 9_000


class Maker:
    """Makes up `creators` creators and their reports, all determined by `seed`.

    Every report was created at `created`, an aware datetime; the default is a fixed day, so that the same seed gives
    the same bytes in every run. `small` makes answers of about 1 KB on the wire for load tests: the profile's numbers,
    one month, genders and ages, score; no people, posts, tags or histogram. There are 64 sorts of these, and within a
    sort only handle and id differ.
    """

    def __init__(self, seed: int = 0, *, creators: int = 500, small: bool = False, created: datetime = CREATED) -> None:
        self.seed = seed
        self.creators = creators
        self.small = small
        self.created = created
        self._sorts: dict[int, tuple[Creator, bytes]] = {}

    def handle(self, index: int) -> str:
        """Return the handle of a creator; any index from 0 has one, no two the same."""
        return handle_at(self.seed, index)

    def handles(self, count: int | None = None) -> list[str]:
        """Return the first handles; as many as there are creators, unless told otherwise."""
        return [handle_at(self.seed, index) for index in range(self.creators if count is None else count)]

    def index(self, handle: str) -> int | None:
        """Return the index of the creator with this handle, or None when there is none."""
        index = index_of(self.seed, handle)
        return index if index is not None and index < self.creators else None

    def creator(self, index: int, **traits: Any) -> Creator:
        """Return a creator with its drawn traits; those given replace the drawn ones.

        Raises:
            TypeError: a trait is not one of Creator's.
        """
        rng = Random(f"{self.seed}/{index}")
        given = {"index": index, "handle": self.handle(index), "user_id": user_id(rng), "created": self.created}
        return draw(rng, given, traits)

    def report(self, who: int | Creator, **traits: Any) -> dict[str, Any]:
        """Return a creator's whole answer as plain objects: the envelope with `payload` inside."""
        report: dict[str, Any] = msgspec.json.decode(self.body(who, **traits))
        return report

    def body(self, who: int | Creator, **traits: Any) -> bytes:
        """Return a creator's answer as minified UTF-8 JSON."""
        return b"".join(piece.raw for piece in self.pieces(who, **traits))

    def gzip(self, who: int | Creator, **traits: Any) -> bytes:
        """Return a creator's answer, gzipped."""
        return join_gzip(self.pieces(who, **traits))

    def pieces(self, who: int | Creator, **traits: Any) -> list[Piece]:
        """Return a creator's answer in pieces, of which those that many share are compressed already."""
        if self.small and isinstance(who, int) and not traits:
            return [Piece(self._small(who))]
        if isinstance(who, int):
            who = self.creator(who, **traits)
        elif traits:
            who = msgspec.structs.replace(who, **traits)
        if self.small:
            return [Piece(_encode(_small_payload(who, self.seed)))]
        slots: list[Piece] = []
        parts = _SLOT.split(_encode(_payload(who, self.seed, slots)))
        # Splitting by a pattern with a group alternates what is between the slots with the slots' numbers.
        return [slots[int(part)] if place % 2 else Piece(part) for place, part in enumerate(parts)]

    def _small(self, index: int) -> bytes:
        sort = index % _SMALL_SORTS
        if sort not in self._sorts:
            creator = self.creator(sort)
            self._sorts[sort] = creator, _encode(_small_payload(creator, self.seed))
        creator, body = self._sorts[sort]
        body = body.replace(creator.handle.encode(), self.handle(index).encode())
        return body.replace(creator.user_id.encode(), str(int(creator.user_id) + index - sort).encode())


def _encode(payload: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"success": True, "message": FETCHED, "payload": payload})


def _payload(creator: Creator, seed: int, slots: list[Piece]) -> dict[str, Any]:
    """Return the payload; lists of people are written as slots, to be filled by the pieces appended to `slots`."""
    rng = Random(f"{seed}/{creator.index}/report")
    noise = Noise(rng, _NOISE)
    tier = tier_of(creator.followers)

    def put(kind: Kind, count: int) -> str:
        stock = Stock(seed, kind, tier, creator.recent_schema, int(VARIANTS * rng.random()))
        slots.append(people(stock, count))
        return f"@@people-{len(slots) - 1}"

    profile = {**identity(creator, rng, noise), **performance(creator, rng), **surroundings(creator, rng)}
    if tier > 0 or rng.random() < 0.7:
        profile["similar_users"] = put("similar", 30)
    if creator.posts:
        profile["top_posts"] = top_posts(creator, rng, noise)
        profile["recent_posts"] = recent_posts(creator, rng, noise)
    followers = EMPTY
    if creator.audience:
        data = demographics(creator, rng)
        notable = (12 * tier + int(20 * rng.random()) if tier < 3 else 57 + int(4 * rng.random())) if tier else 0
        if notable:
            data = {"notable_users_ratio": round(0.01 + 0.02 * tier * (0.5 + rng.random()), 6), **data}
        if tier > 0 or rng.random() < 0.6:
            data["audience_lookalikes"] = put("lookalike", 30)
        if notable:
            data["notable_users"] = put("notable", notable)
        followers = {"success": True, "data": data}
    return _frame(creator, seed, profile, followers, extra(creator.followers))


def _small_payload(creator: Creator, seed: int) -> dict[str, Any]:
    rng = Random(f"{seed}/{creator.index}/report")
    profile = {**identity(creator, rng, Noise(rng, _NOISE)), **performance(creator, rng)}
    profile["stat_history"] = profile["stat_history"][-1:]
    profile.pop("stats", None)
    followers = EMPTY
    if creator.audience:
        data = demographics(creator, rng)
        followers = {"success": True, "data": {name: data[name] for name in ("audience_genders", "audience_ages")}}
    extras = {"followers_range": extra(creator.followers)["followers_range"]}
    payload = _frame(creator, seed, profile, followers, extras)
    if creator.cqs is not None:
        del payload["cqs"]["value_description"]
    return payload


def _frame(
    creator: Creator, seed: int, profile: dict[str, Any], followers: dict[str, Any], extras: dict[str, Any]
) -> dict[str, Any]:
    rng = Random(f"{seed}/{creator.index}/frame")
    old_style = not creator.recent_schema
    payload = {
        "success": True,
        "version": "2",
        "report_info": {
            "report_id": f"{rng.getrandbits(96):024x}",
            "created": moment(creator.created, old_style),
            "profile_updated": moment(creator.created + timedelta(seconds=3, milliseconds=110), old_style),
        },
        "user_profile": profile,
        "audience_likers": EMPTY,
        "audience_followers": followers,
        "audience_commenters": EMPTY,
        "extra": extras,
    }
    score = quality(creator, rng)
    if score is not None:
        payload["cqs"] = score
    if creator.location is not None:
        payload["location"] = creator.location
    return payload
