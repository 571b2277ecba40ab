"""The commands and their options. Light: what a command needs is imported when it runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from walee_async.cli.exits import Exit, epilogue
from walee_async.cli.options import AccountOptions, ListOptions, OutputOptions, PaceOptions

app = App(
    name="walee",
    help="Fetch TikTok creator reports from the Walee gateway, at the pace your key allows.",
    help_epilogue=epilogue(),
    help_format="plaintext",
    version=lambda: _version(),
    default_parameter=Parameter(negative=()),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)


def _version() -> str:
    import walee_async

    return f"walee_async {walee_async.__version__}"


@app.command
def fetch(
    *handles: Annotated[str, Parameter(allow_leading_hyphen=True, metavar="HANDLES|FILE|-")],
    account: AccountOptions = AccountOptions(),
    pace: PaceOptions = PaceOptions(),
    lists: ListOptions = ListOptions(),
    output: OutputOptions = OutputOptions(),
) -> Exit:
    """Buy the reports of many creators.

    Ctrl-C stops in good order and keeps what arrived; the same command again goes on.

    Parameters
    ----------
    handles
        Handles (river.kites, @river.kites, a profile address), files of them (text, CSV, JSONL), or - for standard
        input; in any mixture.
    """
    from walee_async.cli.fetch import Order
    from walee_async.cli.fetch import fetch as run

    return run(Order(targets=handles, account=account, pace=pace, lists=lists, output=output))
