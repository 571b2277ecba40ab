"""Buy the reports of a list and print the numbers as CSV; the same command again goes on where this one ended.

WALEE_API_KEY=... python examples/script.py handles.txt > numbers.csv
"""

import asyncio
import csv
import os
import sys

from walee_async import Failed, Fetched, Headline, RunEndedError, WaleeClient, errors
from walee_async.client import BASE_URL
from walee_async.handles import read_entries

CODES = {errors.BudgetError: 6, errors.StoreError: 5}  # why a run ended; all else is the account: 4


async def main(path: str) -> int:
    """Return the exit code: 0, 3 when some have no report; when the run ended early 4, 5 (store) or 6 (budget)."""
    out = csv.writer(sys.stdout)
    base_url = os.environ.get("WALEE_BASE_URL", BASE_URL)
    entries = read_entries(path)
    async with (
        WaleeClient(store="reports.db", base_url=base_url) as walee,
        walee.creator_reports(entries, view=Headline) as run,
    ):
        out.writerow(["handle", "followers", "engagement_rate", "quality"])
        try:
            async for outcome in run:
                match outcome:
                    case Fetched(handle=handle, report=Headline(user_profile=profile) as report):
                        followers = profile.followers if profile else None  # None is not known: an empty cell
                        rate = profile.engagement_rate if profile else None
                        out.writerow([handle, followers, rate, report.cqs_value])
                    case Failed(error=error) if not isinstance(error, errors.NotAttemptedError):
                        print(error, file=sys.stderr)
        except RunEndedError as ended:
            print(ended, file=sys.stderr)
            return next((code for kind, code in CODES.items() if isinstance(ended.__cause__, kind)), 4)
    ledger = run.ledger
    print(f"{ledger.bought} bought, {ledger.reused} from the store, {ledger.failed} failed", file=sys.stderr)
    return 3 if ledger.failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("Usage: python script.py FILE, a list of handles; - is standard input", file=sys.stderr)
        sys.exit(2)
    try:
        sys.exit(asyncio.run(main(sys.argv[1])))
    except (errors.ConfigError, errors.StoreError) as error:  # it could not begin
        print(error, file=sys.stderr)
        sys.exit(2)
