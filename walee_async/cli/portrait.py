"""One creator on a terminal. What a report does not say is "not known", never zero; its texts are strangers'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from walee_async.cli.text import UNKNOWN, big, clean, known, percent, sparkline
from walee_async.models.profile import ascending

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from walee_async.models import CreatorReport
    from walee_async.models.audience import AudienceData
    from walee_async.models.posts import Post
    from walee_async.models.profile import ProfileMonth, UserProfile
    from walee_async.models.quality import CreatorQuality

TOP: Final = 5
"""Rows of a list that are shown."""
BAR: Final = 24
"""Columns of a bar that stands for everybody."""

_SCORES: Final = (
    ("engagement rate", "engagement_rate_score"),
    ("followers growth", "followers_growth_score"),
    ("likes growth", "likes_growth_score"),
    ("audience location", "audience_location_score"),
    ("audience reachability", "audience_reachability_score"),
    ("followers credibility", "followers_credibility_score"),
)


def portrait(report: CreatorReport) -> Iterator[RenderableType]:
    """The parts of the picture, from top to bottom."""
    profile = report.user_profile
    yield Text("")
    if profile is None:
        yield Text(f"The creator's profile is {UNKNOWN}.")
    else:
        yield from _identity(profile, report)
        yield from _section("Numbers", _numbers(profile))
        yield from _growth(ascending(profile.stat_history))
    yield from _quality(report.cqs)
    yield from _audience(report.audience)
    if profile is not None:
        yield from _posts(profile.recent_posts or ())
    yield Text("")


def _identity(profile: UserProfile, report: CreatorReport) -> Iterator[RenderableType]:
    name = Text(known(profile.fullname), style="bold")
    name.append(f"  @{clean(profile.username or UNKNOWN, 64)}", style="not bold")
    if profile.is_verified:
        name.append("  ✓ verified", style="not bold cyan")
    yield name
    country = profile.geo.country.name if profile.geo and profile.geo.country else None
    language = profile.language.name if profile.language else None
    made = report.report_info.created_at if report.report_info else None
    about = [f"country {known(country)}", f"language {known(language)}", f"report of {made:%Y-%m-%d}" if made else ""]
    yield Text(" · ".join(part for part in about if part), style="dim")
    if profile.description:
        yield Text(clean(profile.description, 200))


def _section(heading: str, body: RenderableType) -> Iterator[RenderableType]:
    yield Text("")
    yield Text(heading, style="bold")
    yield body


def _grid(rows: Sequence[Sequence[RenderableType]], right: Sequence[int] = (), *, wide: bool = False) -> Table:
    """Rows under each other. In a `wide` grid the last column has what room the others leave."""
    table = Table.grid(padding=(0, 2), expand=wide)
    for column in range(len(rows[0]) if rows else 0):
        table.add_column(
            justify="right" if column in right else "left",
            no_wrap=True,
            overflow="ellipsis",
            ratio=1 if wide and column == len(rows[0]) - 1 else None,
        )
    for row in rows:
        table.add_row(*row)
    return table


def _text(text: str) -> Text:
    return Text(text, style="dim" if text == UNKNOWN else "")


def _numbers(profile: UserProfile) -> Table:
    pairs = [
        ("followers", big(profile.followers)),
        ("engagement", percent(profile.engagement_rate)),
        ("likes a post", big(profile.avg_likes)),
        ("views a post", big(profile.avg_views)),
        ("comments a post", big(profile.avg_comments)),
        ("shares a post", big(profile.avg_shares)),
        ("saves a post", big(profile.avg_saves)),
        ("posts in 4 weeks", big(profile.avg_posts4w)),
        ("posts", big(profile.posts_count)),
        ("likes in all", big(profile.total_likes)),
    ]
    half = len(pairs) // 2
    rows = [
        (f"  {left[0]}", _text(left[1]), f"  {right[0]}", _text(right[1]))
        for left, right in zip(pairs[:half], pairs[half:], strict=True)
    ]
    return _grid(rows, right=(1, 3))


def _growth(months: Sequence[ProfileMonth]) -> Iterator[RenderableType]:
    counts = [month.followers for month in months if month.followers is not None]
    if len(counts) < 2:
        yield from _section("Growth", _text(f"  {UNKNOWN}"))
        return
    whole = counts[-1] / counts[0] - 1 if counts[0] else None
    heading = f"Growth  {sparkline(counts)}  {percent(whole, 1, signed=True)} followers over {len(counts) - 1} months"
    rows: list[Sequence[RenderableType]] = [
        tuple(Text(name, style="dim") for name in ("  month", "followers", "change", "likes a post", "views a post"))
    ]
    before: int | None = None
    for month in months:
        change = month.followers / before - 1 if before and month.followers is not None else None
        first = "" if before is None else percent(change, 1, signed=True)
        numbers = (big(month.followers), first, big(month.avg_likes), big(month.avg_views))
        rows.append((f"  {known(month.month)}", *map(_text, numbers)))
        before = month.followers
    yield from _section(heading, _grid(rows, right=(1, 2, 3, 4)))


def _quality(cqs: CreatorQuality | None) -> Iterator[RenderableType]:
    if cqs is None:
        yield from _section("Quality", _text(f"  {UNKNOWN}"))
        return
    heading = f"Quality  {UNKNOWN if cqs.cqs_value is None else f'{cqs.cqs_value:g} of 100'}"
    parts = cqs.value_description
    scores = [(name, getattr(parts, field) if parts is not None else None) for name, field in _SCORES]
    rows = [
        (f"  {name}", _text(UNKNOWN if score.value is None else f"{score.value:g}"), Text(known(score.mark)))
        for name, score in scores
        if score is not None
    ]
    yield from _section(f"{heading}  {clean(cqs.mark or '', 40)}".rstrip(), _grid(rows, right=(1,)))


def _audience(data: AudienceData | None) -> Iterator[RenderableType]:
    if data is None:
        yield from _section("Audience", _text(f"  {UNKNOWN}"))
        return
    countries = (data.audience_geo.countries if data.audience_geo else None) or ()
    reached = [data.reachability("-500"), data.reachability("500-1000")]
    shares: list[tuple[str, float | None]] = [
        ("female", data.gender("FEMALE")),
        ("male", data.gender("MALE")),
        ("likely to see a post", None if None in reached else sum(share or 0.0 for share in reached)),
    ]
    ages = [(_age(row.code), row.weight) for row in data.audience_ages or ()]
    yield from _section("Audience", _bars([*shares, *ages]))
    yield from _section(
        "Where they are", _bars([(row.name or row.code or UNKNOWN, row.weight) for row in countries[:TOP]])
    )


def _age(code: str | None) -> str:
    return f"aged {code[:-1]} and over" if code and code.endswith("-") else f"aged {known(code)}"


def _bars(shares: Sequence[tuple[str, float | None]]) -> RenderableType:
    if not shares:
        return _text(f"  {UNKNOWN}")
    rows: list[Sequence[RenderableType]] = []
    for name, share in shares:
        bar = Text("━" * round(BAR * min(1.0, max(0.0, share or 0.0))), style="green")
        rows.append((Text(f"  {clean(name, 30)}"), _text(percent(share, 1)), bar))
    return _grid(rows, right=(1,))


def _posts(posts: Sequence[Post]) -> Iterator[RenderableType]:
    if not posts:
        yield from _section("Recent posts", _text(f"  {UNKNOWN}"))
        return
    rows: list[Sequence[RenderableType]] = [
        tuple(Text(name, style="dim") for name in ("  day", "views", "likes", "comments", "text"))
    ]
    for post in posts[:TOP]:
        made, stat = post.created_at, post.stat
        numbers = (stat.views, stat.likes, stat.comments) if stat is not None else (None, None, None)
        day = f"  {made:%Y-%m-%d}" if made is not None else f"  {UNKNOWN}"
        rows.append((_text(day), *(_text(big(number)) for number in numbers), Text(clean(post.text or "", 120))))
    yield from _section("Recent posts", _grid(rows, right=(1, 2, 3), wide=True))
