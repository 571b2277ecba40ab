"""A budget that several processes spend from: every report is set aside in Redis before it is bought."""

from __future__ import annotations

from functools import partial

from walee_async.integrations.redis.link import RedisLink, check_url
from walee_async.integrations.shared.budget import CommonBudget


class SharedBudget(CommonBudget):
    """At most so many reports, or so much money, for all processes that name the same budget; enter it in each.

    Args:
        url: The address of a Redis. Let it write to disk: an account that is lost while nobody uses it begins anew.
        name: What the processes call this budget; another name is another account.
        max_reports: Reports that may be bought, the same number everywhere.
        max_spend: Money that may be spent, in the unit of `price`.
        price: What one report costs.

    Nothing is bought while the server is away: what is left cannot be known, and money that is spent twice does not
    come back. A report set aside by a process that died counts as bought.

    Raises:
        ConfigError: the address or the name cannot be used, or a number as for `Budget`.
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        max_reports: int | None = None,
        max_spend: float | None = None,
        price: float | None = None,
    ) -> None:
        link = partial(RedisLink, check_url(url), "budget.lua")
        super().__init__(link, name, max_reports=max_reports, max_spend=max_spend, price=price)
