# %% [markdown]
# # A shortlist, scored
# The cells run in Jupyter and in editors that know `# %%`; as a script the file does the same and shows less.
# The key is read from WALEE_API_KEY. Every report is bought once: run a cell again, and it comes from the store.

# %%
import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from walee_async import Brief, Failed, WaleeClient, rescore
from walee_async.client import BASE_URL
from walee_async.scores import ScoreRun
from walee_async.scoring import rank

HANDLES = os.environ.get("HANDLES", "river.kites amber.anchor").split()
BRIEF = Brief.make(name="Skin care", countries=["US"], genders=["FEMALE"], ages=["18-34"])


# %%
async def buy() -> ScoreRun:
    """Score the list, and buy what the store has not."""
    base_url = os.environ.get("WALEE_BASE_URL", BASE_URL)
    async with WaleeClient(store="reports.db", base_url=base_url) as walee, walee.scores(HANDLES, brief=BRIEF) as run:
        async for outcome in run:
            if isinstance(outcome, Failed):
                print(outcome.error)
    return run


# `run = await buy()` does the same in a notebook. A thread does it everywhere, also where a loop is running already.
with ThreadPoolExecutor(1) as pool:
    run = pool.submit(asyncio.run, buy()).result()
print(run.ledger.bought, "bought,", run.ledger.reused, "from the store")
run

# %% [markdown]
# The best one, taken apart.

# %%
run.top[0]

# %% [markdown]
# Another brief costs nothing: all that is in the store is scored again.

# %%
OTHER = Brief.make(name="Games", countries=["US", "GB"], genders=["MALE"], ages=["18-24"])
for score in sorted(rescore("reports.db", OTHER, jobs=1), key=rank):
    print(f"{score.handle}: {score.explanation}")
