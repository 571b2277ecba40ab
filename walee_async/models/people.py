"""Other accounts a report names: similar creators, lookalikes, notable followers."""

from __future__ import annotations

from walee_async.models.base import Part
from walee_async.models.geo import Geo, country_code


class RelatedStats(Part, frozen=True, kw_only=True):
    """A related account's engagement on one type of post."""

    post_type: str | None = None
    """TikTok has the one type `all`."""
    engagements: float | None = None
    """Average likes per post."""


class RelatedUser(Part, frozen=True, kw_only=True):
    """One row of `similar_users`, `audience_lookalikes` or `notable_users`."""

    user_id: str | None = None
    """Up to 19 digits; the stable identity, as handles change hands."""
    username: str | None = None
    """The handle."""
    picture: str | None = None
    """An address that expires within about a day."""
    followers: int | None = None
    fullname: str | None = None
    url: str | None = None
    geo: Geo | None = None
    is_verified: bool | None = None
    engagements: float | None = None
    """Average likes per post."""
    stats: tuple[RelatedStats, ...] | None = None
    score: float | None = None
    """Distance from the creator, or from the audience's taste: lower is closer. Notable users have none."""

    @property
    def country_code(self) -> str | None:
        """ISO 3166-1 alpha-2 code of the account's country, or None."""
        return country_code(self.geo)
