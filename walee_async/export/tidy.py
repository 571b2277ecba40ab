"""The tables of a store: what one report comes to in each, and the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from walee_async.export.columns import Column, Kind, Row, Table
from walee_async.export.flat import Flat
from walee_async.export.units import unit_of
from walee_async.models import CreatorReport, HistogramBucket, Post, ProfileMonth, RelatedUser, RelevantTag, TopHashtag
from walee_async.models.profile import ascending
from walee_async.store import AttemptRecord, Version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from walee_async.export.columns import Cell
    from walee_async.models import Audience, AudienceData

# Not the report's own id: the gateway sells one report several times, reports may lack it, and a join by it would then
# multiply rows. This is of the very row of the store, and the same in every export and after an import elsewhere.
_KEY: Final = Column("report_key", description="Names the stored report; the same in every table and every export.")
_KEYS: Final = (_KEY, Column("handle", description="The creator, as asked for."))
_AUDIENCE: Final = Column("audience", description="`followers`, `likers` or `commenters`.")
_RANK: Final = Column("rank", Kind.INTEGER, description="The place in the list, from 1.")


def _list(description: str) -> Column:
    return Column("list", description=description)


class Stored(Struct, frozen=True):
    """One report of a store, with what the store knows of it."""

    version: Version
    report: CreatorReport

    @property
    def keys(self) -> tuple[str, str]:
        """The cells that every row of this report begins with."""
        return key_of(self.version), self.version.handle

    @property
    def audiences(self) -> Iterator[tuple[str, AudienceData]]:
        """The audiences that are there, by name."""
        report = self.report
        blocks = (report.audience_followers, report.audience_likers, report.audience_commenters)
        for name, block in zip(("followers", "likers", "commenters"), blocks, strict=True):
            data = _data(block)
            if data is not None:
                yield name, data


class Tidy(Struct, frozen=True):
    """A table, and the rows in it that one report comes to, without their keys."""

    table: Table
    rows: Callable[[Stored], Iterable[Row]]

    def of(self, stored: Stored) -> list[Row]:
        """The whole rows of a report."""
        keys = stored.keys
        return [(*keys, *row) for row in self.rows(stored)]


def key_of(version: Version) -> str:
    """The key of a stored report: of its handle, when it came and its bytes. The `r` keeps it from being a number."""
    said = f"{version.handle}\n{version.received_at!r}\n{version.sha256}"
    return f"r{hashlib.blake2b(said.encode(), digest_size=8).hexdigest()}"


@cache
def tidy_tables() -> tuple[Tidy, ...]:
    """The tables with the rows of reports."""
    return (_creators(), _history(), _audience(), _posts(), _people(), _tags(), _histogram())


@cache
def ledger() -> tuple[Table, Callable[[AttemptRecord], Row]]:
    """The table of attempts, and how one becomes a row of it."""
    flat = Flat(AttemptRecord, names={"id": "attempt", "key": "key_label", "status": "http_status"})
    table = Table(
        "ledger", tuple(flat.columns), "One row for each request that was sent or about to be, and its charge."
    )
    return table, flat.cells


def _creators() -> Tidy:
    said_by_the_report = {"handle", "created", "report_id", "user_id", "encoding", "request"}
    names = {
        "id": "version_id",
        "key": "key_label",
        "status": "http_status",
        "size": "body_bytes",
        "sha256": "body_sha256",
    }
    kept, whole = Flat(Version, leave=said_by_the_report, names=names), Flat(CreatorReport)

    def rows(stored: Stored) -> Iterator[Row]:
        yield [*kept.cells(stored.version), *whole.cells(stored.report)]

    return _tidy(
        "creators", "One row for each report: all of it that is not a list.", [*kept.columns, *whole.columns], rows
    )


def _history() -> Tidy:
    def months(stored: Stored) -> Iterable[ProfileMonth]:
        profile = stored.report.user_profile
        return ascending(profile.stat_history if profile else None)

    flat = Flat(ProfileMonth)
    rows = _each(flat, months)
    return _tidy(
        "history", "One row for each month of a creator, ascending; the last is the report's own.", flat.columns, rows
    )


def _posts() -> Tidy:
    def lists(stored: Stored) -> Iterator[_Listed]:
        profile = stored.report.user_profile
        if profile is not None:
            yield ("top",), profile.top_posts
            yield ("recent",), profile.recent_posts

    flat = Flat(Post)
    columns = [_list("`top` (by likes) or `recent` (newest first); a post may be in both."), _RANK, *flat.columns]
    return _tidy("posts", "One row for each post that a report lists.", columns, _ranked(flat, lists))


def _people() -> Tidy:
    def lists(stored: Stored) -> Iterator[_Listed]:
        profile = stored.report.user_profile
        if profile is not None:
            yield ("similar", None), profile.similar_users
        for name, data in stored.audiences:
            yield ("lookalike", name), data.audience_lookalikes
            yield ("notable", name), data.notable_users

    flat = Flat(RelatedUser)
    which = "`similar` to the creator, `lookalike` (also followed by the audience) or `notable` (in the audience)."
    columns = [_list(which), _AUDIENCE, _RANK, *flat.columns]
    return _tidy("people", "One row for each other account that a report lists.", columns, _ranked(flat, lists))


def _tags() -> Tidy:
    def rows(stored: Stored) -> Iterator[Row]:
        profile = stored.report.user_profile
        if profile is None:
            return
        for rank, top in enumerate(profile.top_hashtags or (), 1):
            yield "top", rank, top.tag, top.weight, None, None
        for rank, near in enumerate(profile.relevant_tags or (), 1):
            yield "relevant", rank, near.tag, None, near.distance, near.freq

    top, near = Flat(TopHashtag), Flat(RelevantTag)
    columns = [_list("`top` (used by the creator) or `relevant` (close to its subjects)."), _RANK]
    columns += [Column("tag", description="With its `#` if it is a top one, without if relevant.")]
    columns += [column for column in (*top.columns, *near.columns) if column.name != "tag"]
    return _tidy("tags", "One row for each hashtag or subject that a report lists.", columns, rows)


def _histogram() -> Tidy:
    def lists(stored: Stored) -> Iterator[_Listed]:
        yield (), stored.report.extra.engagement_rate_histogram if stored.report.extra else None

    flat = Flat(HistogramBucket)
    told = "How many creators of the same tier have an engagement rate from min to max, by bucket."
    return _tidy("histogram", told, [_RANK, *flat.columns], _ranked(flat, lists))


def _audience() -> Tidy:
    columns = [
        _AUDIENCE,
        Column("segment", description="`gender`, `age`, `gender_age`, `language`, `country` or `reachability`."),
        Column("code", description="As sent; of `gender_age` both, such as `FEMALE 18-24`."),
        Column("name", description="Of the language or country, in English."),
        Column("gender", description="`FEMALE` or `MALE`, in the segments `gender` and `gender_age`."),
        Column("age", description="In years, such as `18-24`, in the segments `age` and `gender_age`."),
        Column("weight", Kind.NUMBER, unit_of("weight"), "The share of the whole audience, 0 to 1."),
    ]

    def rows(stored: Stored) -> Iterator[Row]:
        for name, data in stored.audiences:
            for row in _segments(data):
                yield name, *row

    told = "One row for each share of an audience. A row that is not there is unknown; countries below 1 % have none."
    return _tidy("audience", told, columns, rows)


def _segments(data: AudienceData) -> Iterator[Row]:
    """Segment, code, name, gender, age, weight."""
    for one in data.audience_genders or ():
        yield "gender", one.code, None, one.code and one.code.upper(), None, one.weight
    for one in data.audience_ages or ():
        yield "age", one.code, None, None, one.code, one.weight
    for both in data.audience_genders_per_age or ():
        for gender, weight in (("FEMALE", both.female), ("MALE", both.male)):
            yield "gender_age", both.code and f"{gender} {both.code}", None, gender, both.code, weight
    for language in data.audience_languages or ():
        yield "language", language.code, language.name, None, None, language.weight
    for country in (data.audience_geo.countries if data.audience_geo else None) or ():
        yield "country", country.code, country.name, None, None, country.weight
    for one in data.audience_reachability or ():
        yield "reachability", one.code, None, None, None, one.weight


_Listed = tuple["Row", "Sequence[Any] | None"]
"""The cells that name a list, and the list."""


def _tidy(name: str, told: str, columns: Iterable[Column], rows: Callable[[Stored], Iterable[Row]]) -> Tidy:
    return Tidy(Table(name, (*_KEYS, *columns), told), rows)


def _each(flat: Flat, parts: Callable[[Stored], Iterable[Struct]]) -> Callable[[Stored], Iterator[Row]]:
    return lambda stored: map(flat.cells, parts(stored))


def _ranked(flat: Flat, lists: Callable[[Stored], Iterable[_Listed]]) -> Callable[[Stored], Iterator[Row]]:
    def rows(stored: Stored) -> Iterator[list[Cell]]:
        for names, parts in lists(stored):
            for rank, part in enumerate(parts or (), 1):
                yield [*names, rank, *flat.cells(part)]

    return rows


def _data(block: Audience | None) -> AudienceData | None:
    return block.data_or_none if block is not None else None
