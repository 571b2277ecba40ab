"""The options of the commands, in groups that commands share. Light: `walee --help` imports it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cyclopts import Token

BASE_URL = "https://api.gateway.walee.ai/api"
"""As in walee_async.client, which loads aiohttp."""
BASE_URL_VARIABLE = "WALEE_BASE_URL"

STORE = Path("reports.db")
"""Where people work and see it: what was paid for belongs beside the list it was bought for, not in a hidden folder."""

ON_PAGE = 3000
"""Creators of a page, if nobody says: 3.5 MB, and nothing in it takes longer than a fifth of a second."""

_RETRY = (
    "Try again what earlier runs have given up, such as handles without a report. A REASON limits it: a kind from the "
    "summary (`no-report`), an error's name (NoReportError) or the gateway's code (account_is_private)."
)
_OUT = (
    "The file of JSON lines, one for each report, from the store or bought, and for each failure; `-` is standard "
    "output. A file that exists is continued: handles whose reports are in it are skipped. Left out: standard output, "
    "or reports.jsonl if that is a terminal."
)
_SCHEDULER = (
    "Fetch on the workers of a Dask cluster, or on processes of this machine (`local`). --out is then a folder: in it "
    "are a store for each worker, and reports.db, into which they are merged."
)
_SCORES_THERE = "Let the workers score all by a brief, as Parquet in the folder `scores`."
_DEADLINE = (
    "How long one handle is tried, counted from its first failure, and longer by the queue, but for too fast. Below "
    "the 60 s that an answer may take, it can cut off requests that are paid for."
)
RESEND = "How often to send again after a request that may have bought its report; 0 never buys twice."
_TABLES = (
    "Write tidy tables into a folder, for analysis: creators, history, audience, posts, people, tags, histogram and "
    "ledger."
)

_SCORES = (
    "Write the scores to a file, the best first: CSV and Parquet a row each, JSON lines with all that a score rests on."
)


def _whole(kind: object, tokens: Sequence[Token]) -> int:
    """A whole number; cyclopts would round 2.6 reports to 3."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError from None  # which says nothing, so that the command says it as of any other value


WHOLE = Parameter(metavar="N", converter=_whole)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class AccountOptions:
    """Where the gateway is, and who asks."""

    key_file: Annotated[Path | None, Parameter(metavar="FILE")] = None
    """A file with an API key on each line, instead of WALEE_API_KEY or WALEE_API_KEYS."""
    base_url: Annotated[str, Parameter(metavar="URL", env_var=BASE_URL_VARIABLE)] = BASE_URL
    """Where the gateway is. Keys are sent there and nowhere else."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class PaceOptions:
    """How fast, and how hard to try."""

    rate: Annotated[float | Literal["auto"], Parameter(metavar="N|auto", show_choices=False)] = 8.0
    """Requests per second and key; `auto` finds the limit by itself."""
    burst: Annotated[int, WHOLE] = 1
    """Requests that may go at once after a rest."""
    concurrency: Annotated[int, WHOLE] = 64
    """Handles under way at once."""
    deadline: Annotated[float, Parameter(metavar="SECONDS", help=_DEADLINE)] = 300.0
    resend_ambiguous: Annotated[int, WHOLE, Parameter(help=RESEND)] = 1


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """How lists of handles are read."""

    column: Annotated[str | None, Parameter(metavar="NAME|N")] = None
    """The column of a CSV file, by name or number from 1, or the key of a JSONL file; guessed if left out."""
    format: Annotated[
        Literal["text", "csv", "jsonl"] | None, Parameter(metavar="text|csv|jsonl", show_choices=False)
    ] = None
    """How lists are written, if their names do not tell: standard input has none."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class FetchOptions:
    """What is written, and where the work is done."""

    out: Annotated[
        str | None, Parameter(name=["--out", "-o"], metavar="FILE|-", allow_leading_hyphen=True, help=_OUT)
    ] = None
    view: Annotated[Literal["full", "headline"], Parameter(metavar="full|headline", show_choices=False)] = "full"
    """`full` writes the whole report as it came, `headline` only who, how big, how engaging, how good."""
    ordered: bool = False
    """Write in the order of the list. Reports then wait in memory for those before them."""
    scheduler: Annotated[str | None, Parameter(metavar="tcp://HOST:PORT|local", help=_SCHEDULER)] = None
    workers: Annotated[int | None, WHOLE] = None
    """Worker processes of --scheduler local. Left out: one for each core."""
    redis: Annotated[str | None, Parameter(metavar="URL")] = None
    """A Redis for the workers to share the limit and the budget through. Left out: the scheduler does it."""
    brief: Annotated[Path | None, Parameter(metavar="FILE", help=_SCORES_THERE)] = None
    tables: bool = False
    """Let the workers write tidy tables of what each has, as Parquet in the folder `tables`."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class StoreOptions:
    """Where reports are kept, and when a kept one will do."""

    store: Annotated[Path, Parameter(metavar="FILE")] = STORE
    """The store: one file with every report that was bought. A report in it is not bought again."""
    no_store: bool = False
    """Keep nothing and reuse nothing."""
    max_age: Annotated[float, Parameter(metavar="DAYS")] = 55.0
    """A report younger than that, by its own date, is reused."""
    fresh: bool = False
    """Buy, whatever is in the store; what is there stays there as well."""

    @property
    def path(self) -> Path | None:
        """The store, if there is to be one."""
        return None if self.no_store else self.store


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ResumeOptions(StoreOptions):
    """How to go on from an earlier run."""

    retry_failed: Annotated[tuple[str, ...], Parameter(metavar="REASON", help=_RETRY)] = ()
    fresh_store: bool = False
    """Start over: remove the store with all its reports first. Asks before it does."""
    yes: bool = False
    """Do not ask."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SpendOptions:
    """What may be spent in this run."""

    max_reports: Annotated[int | None, WHOLE] = None
    """Buy at most so many reports."""
    max_spend: Annotated[float | None, Parameter(metavar="X")] = None
    """Spend at most so much, in the unit of --price."""
    price: Annotated[float | None, Parameter(metavar="P")] = None
    """What one report costs; the summary then tells what was spent."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """By which brief, and what is shown."""

    brief: Annotated[Path | None, Parameter(metavar="FILE")] = None
    """The brief, TOML or JSON; `walee brief` prints one to begin with. Left out: no target, all that is well made."""
    top: Annotated[int | None, WHOLE] = None
    """The best so many; 0 is all. Left out: 50 in the table, all in a file or as JSON."""
    out: Annotated[Path | None, Parameter(name=["--out", "-o"], metavar="FILE.csv|.jsonl|.parquet", help=_SCORES)] = (
        None
    )
    replace: bool = False
    """Put the file in the place of one of that name."""
    bom: bool = False
    """CSV that Excel opens right: marked as UTF-8, long ids kept from becoming numbers."""
    json: bool = False
    """Print the scores as JSON lines, the best first; with --explain one object."""
    explain: Annotated[str | None, Parameter(metavar="HANDLE")] = None
    """Show how the score of one creator comes about."""
    jobs: Annotated[int | None, WHOLE] = None
    """Processes that score. Left out: one for each core, and none more for a small store."""
    buy: bool = False
    """Fetch the reports that are not in the store, and score all as they come; the options of `walee fetch` hold."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What of a store is written, and as what."""

    tables: Annotated[Path | None, Parameter(metavar="DIR", help=_TABLES)] = None
    format: Annotated[
        Literal["parquet", "csv", "jsonl"] | None, Parameter(metavar="parquet|csv|jsonl", show_choices=False)
    ] = None
    """The format of the tables; left out: Parquet, which needs pyarrow."""
    bom: bool = False
    """CSV that Excel opens right: marked as UTF-8, long ids kept from becoming numbers."""
    replace: bool = False
    """Put the tables in the place of those in the folder."""
    latest: bool = False
    """Only the newest report of each creator."""
    every: bool = False
    """Every version of each creator's report."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class GatewayOptions:
    """What `walee gateway` is like."""

    creators: Annotated[int, WHOLE] = 500
    """How many creators it knows."""
    quota: Annotated[str | None, Parameter(metavar="N/TIME")] = None
    """Requests that a key may send, such as 20/s or 600/min; more are answered 429. Left out: any number."""
    faults: Annotated[str, Parameter(metavar="SHARE")] = "0%"
    """The share of requests that go wrong in ways a client should recover from."""
    port: Annotated[int, WHOLE] = 0
    """The port on 127.0.0.1; 0 takes a free one."""
    seed: Annotated[int, WHOLE] = 0
    """Another number, other creators."""
    key: Annotated[tuple[str, ...], Parameter(metavar="KEY")] = ()
    """A key to accept, made up by you; may be given several times. Left out, one is made up for you."""
    credits: Annotated[int | None, WHOLE] = None
    """Reports that each key can buy. Left out: any number."""
    small: bool = False
    """Reports of 1 KB instead of 90, for load tests."""
    handles_out: Annotated[Path | None, Parameter(metavar="FILE")] = None
    """Write the creators' handles to a file, for `walee fetch FILE`."""
    replace: bool = False
    """Put that file in the place of one of that name."""
