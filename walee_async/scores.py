"""A run whose reports are scored as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from walee_async.bulk import Run
from walee_async.decode import decode
from walee_async.errors import ConfigError
from walee_async.scoring import Brief, Score, ScoreView, Top, score
from walee_async.scoring.notebook import ranking_html

if TYPE_CHECKING:
    from walee_async.events import Emitter
    from walee_async.feed import Handles
    from walee_async.interfaces import Source
    from walee_async.options import RunOptions
    from walee_async.outcomes import Payload


class ScoreRun(Run[Score]):
    """A run that gives a score for a report: `Fetched.report` is the `Score`, and the best of them are kept.

    Memory holds the best `top` scores, however long the list is.
    """

    def __init__(
        self,
        source: Source,
        entries: Handles,
        options: RunOptions,
        emitter: Emitter | None = None,
        *,
        brief: Brief,
        top: int,
    ) -> None:
        if not isinstance(brief, Brief):
            raise ConfigError(f"The brief is {brief!r}; it must be a Brief, such as read_brief makes of a file")
        super().__init__(source, entries, options, emitter)
        self._brief = brief
        self._top = Top(top)

    @property
    def top(self) -> tuple[Score, ...]:
        """The best scores so far, the best first; see `walee_async.scoring.rank`."""
        return tuple(self._top)

    def _repr_html_(self) -> str:
        """How notebooks show it: the best so far."""
        return ranking_html(self.top)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """The same, and a sentence for each where there is no HTML."""
        told = "\n".join(f"{found.handle}: {found.explanation}" for found in self.top)
        return {"text/html": self._repr_html_(), "text/plain": told or "no scores yet"}

    def _report(self, payload: Payload) -> Score:
        view: Any = decode(payload, ScoreView, cap=self._options.max_inflated)
        found = score(view, self._brief, handle=payload.handle)
        self._top.add(found)
        return found
