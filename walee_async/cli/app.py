"""The commands and their options. Light: what a command needs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from walee_async.cli.exits import Exit, epilogue
from walee_async.cli.options import (
    ON_PAGE,
    RESEND,
    STORE,
    WHOLE,
    AccountOptions,
    FetchOptions,
    GatewayOptions,
    ListOptions,
    PaceOptions,
    ResumeOptions,
    ScoreOptions,
    SpendOptions,
    StoreOptions,
)
from walee_async.cli.store_commands import STORE_PATH, export, import_, merge, prune, status, verify

_HANDLES = (
    "Handles (river.kites, @river.kites, a profile address), files of them (text, CSV, JSONL), or - for standard "
    "input; in any mixture."
)
_PAGE = "The file to make. An older page of walee's is replaced, any other file is not."
_ACCOUNT = AccountOptions()
_PACE = PaceOptions()
_LISTS = ListOptions()
_FETCH = FetchOptions()
_STORE = StoreOptions()
_RESUME = ResumeOptions()
_SPEND = SpendOptions()
_SCORE = ScoreOptions()
_GATEWAY = GatewayOptions()


def _version() -> str:
    from importlib.metadata import version

    return f"walee_async {version('walee-async')}"


app = App(
    name="walee",
    help="Fetch TikTok creator reports from the Walee gateway, at the pace your key allows.",
    help_epilogue=epilogue(),
    help_format="plaintext",
    version=_version,
    default_parameter=Parameter(negative=()),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)


@app.command
def fetch(
    *handles: Annotated[str, Parameter(allow_leading_hyphen=True, metavar="HANDLES|FILE|-", help=_HANDLES)],
    account: AccountOptions = _ACCOUNT,
    pace: PaceOptions = _PACE,
    lists: ListOptions = _LISTS,
    output: FetchOptions = _FETCH,
    store: ResumeOptions = _RESUME,
    spend: SpendOptions = _SPEND,
) -> Exit:
    """Fetch the reports of many creators; those in the store are not bought again.

    Ctrl-C stops in good order and keeps what arrived; the same command again goes on.
    """
    from walee_async.cli.fetch import Order
    from walee_async.cli.fetch import fetch as run

    order = Order(targets=handles, account=account, pace=pace, lists=lists, output=output, store=store, spend=spend)
    return run(order)


@app.command
def plan(
    *handles: Annotated[str, Parameter(allow_leading_hyphen=True, metavar="HANDLES|FILE|-", help=_HANDLES)],
    json: Annotated[bool, Parameter(help="Print it as JSON.")] = False,
    account: AccountOptions = _ACCOUNT,
    pace: PaceOptions = _PACE,
    lists: ListOptions = _LISTS,
    store: ResumeOptions = _RESUME,
    spend: SpendOptions = _SPEND,
) -> Exit:
    """Say what `walee fetch` would buy, what that costs and how long it takes. Sends nothing and needs no key."""
    from walee_async.cli.plan import Question
    from walee_async.cli.plan import plan as run

    question = Question(targets=handles, account=account, pace=pace, lists=lists, store=store, spend=spend)
    return run(question, json=json)


@app.command
def score(
    *targets: Annotated[
        str,
        Parameter(
            allow_leading_hyphen=True, metavar="STORE|HANDLES|FILE|-", help=f"A store; or which of --store: {_HANDLES}"
        ),
    ],
    options: ScoreOptions = _SCORE,
    account: AccountOptions = _ACCOUNT,
    pace: PaceOptions = _PACE,
    lists: ListOptions = _LISTS,
    store: ResumeOptions = _RESUME,
    spend: SpendOptions = _SPEND,
) -> Exit:
    """Score the creators of a store by a brief, the best first. Buys nothing without --buy.

    Exit code 0: all that is in the store was scored; 3: some reports cannot be read, or some arguments are no handles.
    """
    from walee_async.cli.rating import Order
    from walee_async.cli.score import score as run

    order = Order(targets=targets, score=options, account=account, pace=pace, lists=lists, store=store, spend=spend)
    return run(order)


@app.command
def page(
    store: STORE_PATH = STORE,
    *,
    brief: Annotated[Path | None, Parameter(metavar="FILE", help="The brief, TOML or JSON.")] = None,
    out: Annotated[Path, Parameter(name=["--out", "-o"], metavar="FILE.html", help=_PAGE)] = Path("shortlist.html"),
    top: Annotated[int, WHOLE, Parameter(help="The best so many.")] = ON_PAGE,
    price: Annotated[float | None, Parameter(metavar="P", help="What one report costs.")] = None,
) -> Exit:
    """Write the creators of a store, scored by a brief, as one HTML file that needs no server and no network."""
    from walee_async.cli.page import page as run

    return run(store, brief, out, top, price)


@app.command
def compare(
    *handles: Annotated[str, Parameter(metavar="HANDLE")],
    brief: Annotated[Path | None, Parameter(metavar="FILE", help="The brief, TOML or JSON.")] = None,
    store: Annotated[Path, Parameter(metavar="FILE", help="The store.")] = STORE,
) -> Exit:
    """Show creators of a store side by side: who they are, how they score, whom they reach."""
    from walee_async.cli.compare import compare as run

    return run(handles, brief, store)


@app.command
def brief(
    file: Annotated[Path | None, Parameter(metavar="FILE", help="The brief, TOML or JSON.")] = None,
) -> Exit:
    """Print a brief to begin with, every key with its default and meaning; of a FILE, check it and say it in words."""
    from walee_async.cli.briefs import brief as run

    return run(file)


app.command(status)
app.command(verify)
app.command(prune)
app.command(export)
app.command(import_, name="import")
app.command(merge)


@app.command
def report(
    handle: str,
    *,
    json: Annotated[bool, Parameter(help="Print the whole report as JSON, as it came.")] = False,
    page: Annotated[Path | None, Parameter(metavar="FILE.html", help=f"Make a page of it instead. {_PAGE}")] = None,
    brief: Annotated[Path | None, Parameter(metavar="FILE", help="The brief that the page scores it by.")] = None,
    resend_ambiguous: Annotated[int, WHOLE, Parameter(help=RESEND)] = 1,
    account: AccountOptions = _ACCOUNT,
    store: StoreOptions = _STORE,
) -> Exit:
    """Show the report of one creator: the one in the store, else buy it.

    Parameters
    ----------
    handle
        A handle or a profile address.
    """
    from walee_async.cli.report import Form
    from walee_async.cli.report import report as run
    from walee_async.retry import RetryPolicy

    form = Form(json=json, page=page, brief=brief)
    return run(handle, account, store, form, RetryPolicy(resend_ambiguous=resend_ambiguous))


@app.command
def demo(
    *,
    creators: Annotated[int, WHOLE] = 300,
    seed: Annotated[int, WHOLE] = 0,
) -> Exit:
    """Show it at work on made-up creators: a gateway on this machine, no key, nothing bought.

    Parameters
    ----------
    creators
        How many.
    seed
        Another number, other creators.
    """
    from walee_async.cli.demo import demo as run

    return run(creators, seed)


@app.command
def gateway(options: GatewayOptions = _GATEWAY) -> Exit:
    """Run a gateway with made-up creators on this machine until Ctrl-C, to develop against.

    The first line on standard output is JSON with its base_url and keys, the last one its counters.
    """
    from walee_async.cli.gateway import gateway as run

    return run(options)


@app.command
def doctor(*, account: AccountOptions = _ACCOUNT) -> Exit:
    """Look for what could keep walee from working. Buys nothing, and shows no key."""
    from walee_async.cli.doctor import doctor as run

    return run(account)
