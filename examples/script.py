"""Buy the reports of a list and print the numbers as CSV; the same command again goes on where this one ended.

WALEE_API_KEY=... python examples/script.py handles.txt > numbers.csv
"""

import asyncio
import csv
import os
import sys

from walee_async import Failed, Fetched, Headline, RunEndedError, WaleeClient
from walee_async.client import BASE_URL
from walee_async.handles import read_entries


async def main(path: str) -> int:
    """Return the exit code: 0, 3 when some have no report, 4 when the gateway refused the account."""
    out = csv.writer(sys.stdout)
    out.writerow(["handle", "followers", "engagement_rate", "quality"])
    base_url = os.environ.get("WALEE_BASE_URL", BASE_URL)
    async with (
        WaleeClient(store="reports.db", base_url=base_url) as walee,
        walee.creator_reports(read_entries(path), view=Headline) as run,
    ):
        try:
            async for outcome in run:
                match outcome:
                    case Fetched(handle=handle, report=Headline(user_profile=profile) as report):
                        followers = profile.followers if profile else None  # None is not known: an empty cell
                        rate = profile.engagement_rate if profile else None
                        out.writerow([handle, followers, rate, report.cqs_value])
                    case Failed(error=error):
                        print(error, file=sys.stderr)
        except RunEndedError as ended:
            print(ended, file=sys.stderr)
            return 4
    ledger = run.ledger
    print(f"{ledger.bought} bought, {ledger.reused} from the store, {ledger.failed} failed", file=sys.stderr)
    return 3 if ledger.failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
