"""Fetch TikTok creator reports from the Walee gateway: every handle accounted for, at the pace the key allows.

    async with WaleeClient() as walee:  # the key is read from WALEE_API_KEY
        report = await walee.creator_report("river.kites")

Every name here is loaded when it is first used: importing the package costs next to nothing and leaves aiohttp alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from walee_async import errors as errors
    from walee_async.budget import Budget as Budget
    from walee_async.bulk import Run as Run
    from walee_async.client import WaleeClient as WaleeClient
    from walee_async.errors import AccountError as AccountError
    from walee_async.errors import ConfigError as ConfigError
    from walee_async.errors import NoReportError as NoReportError
    from walee_async.errors import RunEndedError as RunEndedError
    from walee_async.errors import WaleeError as WaleeError
    from walee_async.handles import parse_handle as parse_handle
    from walee_async.interfaces import Hook as Hook
    from walee_async.interfaces import Source as Source
    from walee_async.ledger import Ledger as Ledger
    from walee_async.models import CreatorReport as CreatorReport
    from walee_async.models import Headline as Headline
    from walee_async.options import Options as Options
    from walee_async.outcomes import Charge as Charge
    from walee_async.outcomes import Failed as Failed
    from walee_async.outcomes import Fetched as Fetched
    from walee_async.outcomes import Outcome as Outcome
    from walee_async.outcomes import Payload as Payload
    from walee_async.rescoring import rescore as rescore
    from walee_async.retry import RetryPolicy as RetryPolicy
    from walee_async.scoring import Brief as Brief
    from walee_async.scoring import Score as Score
    from walee_async.scoring import ScoreView as ScoreView
    from walee_async.scoring import read_brief as read_brief
    from walee_async.scoring import score as score
    from walee_async.store import Store as Store
    from walee_async.transport import Transport as Transport

    __version__: str

__all__ = [
    "AccountError",
    "Brief",
    "Budget",
    "Charge",
    "ConfigError",
    "CreatorReport",
    "Failed",
    "Fetched",
    "Headline",
    "Hook",
    "Ledger",
    "NoReportError",
    "Options",
    "Outcome",
    "Payload",
    "RetryPolicy",
    "Run",
    "RunEndedError",
    "Score",
    "ScoreView",
    "Source",
    "Store",
    "Transport",
    "WaleeClient",
    "WaleeError",
    "errors",
    "parse_handle",
    "read_brief",
    "rescore",
    "score",
]

_HOMES = {
    "budget": ("Budget",),
    "bulk": ("Run",),
    "client": ("WaleeClient",),
    "errors": ("AccountError", "ConfigError", "NoReportError", "RunEndedError", "WaleeError"),
    "handles": ("parse_handle",),
    "interfaces": ("Hook", "Source"),
    "ledger": ("Ledger",),
    "models": ("CreatorReport", "Headline"),
    "options": ("Options",),
    "outcomes": ("Charge", "Failed", "Fetched", "Outcome", "Payload"),
    "rescoring": ("rescore",),
    "retry": ("RetryPolicy",),
    "scoring": ("Brief", "Score", "ScoreView", "read_brief", "score"),
    "store": ("Store",),
    "transport": ("Transport",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    value: Any
    if name == "__version__":
        from importlib.metadata import version

        value = version("walee-async")
    elif name == "errors":
        value = import_module("walee_async.errors")
    elif name in _HOME:
        value = getattr(import_module(f"walee_async.{_HOME[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__, "__version__"})
