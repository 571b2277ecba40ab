"""The commands and their options. Light: what a command needs is imported when it runs."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from walee_async.cli.exits import Exit, epilogue
from walee_async.cli.options import AccountOptions, GatewayOptions, ListOptions, OutputOptions, PaceOptions

_HANDLES = (
    "Handles (river.kites, @river.kites, a profile address), files of them (text, CSV, JSONL), or - for standard "
    "input; in any mixture."
)
_ACCOUNT = AccountOptions()
_PACE = PaceOptions()
_LISTS = ListOptions()
_OUTPUT = OutputOptions()
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
    output: OutputOptions = _OUTPUT,
) -> Exit:
    """Buy the reports of many creators.

    Ctrl-C stops in good order and keeps what arrived; the same command again goes on.
    """
    from walee_async.cli.fetch import Order
    from walee_async.cli.fetch import fetch as run

    return run(Order(targets=handles, account=account, pace=pace, lists=lists, output=output))


@app.command
def report(
    handle: str,
    *,
    json: Annotated[bool, Parameter(help="Print the whole report as JSON, as it came.")] = False,
    account: AccountOptions = _ACCOUNT,
) -> Exit:
    """Buy the report of one creator and show it. Each call buys it again.

    Parameters
    ----------
    handle
        A handle or a profile address.
    """
    from walee_async.cli.report import report as run

    return run(handle, account, json=json)


@app.command
def demo(
    *,
    creators: Annotated[int, Parameter(metavar="N")] = 300,
    seed: Annotated[int, Parameter(metavar="N")] = 0,
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
