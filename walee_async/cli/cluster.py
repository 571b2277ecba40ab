"""`walee fetch --scheduler`: the list goes to the workers of a cluster, and what they bought comes into one store."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from walee_async.cli.bar import Bar
from walee_async.cli.buying import exit_after
from walee_async.cli.clusterfile import OutcomeFile
from walee_async.cli.digest import Account, Digest, summary
from walee_async.cli.exits import Exit
from walee_async.cli.interrupts import Interrupts
from walee_async.cli.keeping import age_of, open_store
from walee_async.cli.keys import find_keys
from walee_async.cli.merging import merge_all
from walee_async.cli.options import STORE
from walee_async.cli.reasons import reasons
from walee_async.cli.runner import finish
from walee_async.cli.screen import Screen
from walee_async.cli.sources import HandleList
from walee_async.cli.text import clean, plural
from walee_async.errors import ConfigError, StoreError
from walee_async.integrations.dask import (
    ClusterRun,
    Terms,
    fetch_on_dask,
    write_scores_on_dask,
    write_tables_on_dask,
)
from walee_async.integrations.dask.place import LOCAL, cluster_at
from walee_async.integrations.dask.shard import MERGED, readers_of, shards_of
from walee_async.retry import RetryPolicy
from walee_async.scoring import read_brief
from walee_async.store import StoreReader
from walee_async.store.files import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from walee_async.cli.fetch import Order
    from walee_async.cli.runner import Ending
    from walee_async.scoring import Brief
    from walee_async.store import Finding


_KEYS: Final = "WALEE_API_KEYS"


class Pulse:
    """How fast a cluster goes. What holds a worker up is not known here."""

    def __init__(self, run: ClusterRun) -> None:
        self._run = run

    async def hold(self, seconds: float) -> None:
        """The workers have been told to stop; wait for them."""
        await asyncio.sleep(seconds)

    def speed(self, rate: float) -> str:
        """The rate, against the limit of all workers together."""
        return f"{rate:.1f}/s of {self._run.terms.rate:.3g}/s"

    def pause(self) -> str:
        """How many workers were lost."""
        lost = self._run.lost
        return (
            f"{plural(lost, 'worker')} lost, and what {'it' if lost == 1 else 'they'} had is done again" if lost else ""
        )


def fetch_on_cluster(order: Order) -> Exit:
    """Fetch the reports of many creators on a cluster, and return the exit code.

    Raises:
        ConfigError: something in the order is wrong, or there is no cluster; nothing was sent.
        OutputError: the outcomes cannot be written.
        StoreError: the shards cannot be merged.
    """
    _check(order)
    screen = Screen()
    terms = _terms(order)
    brief = read_brief(order.output.brief) if order.output.brief is not None else None
    handles = HandleList(order.targets, column=order.lists.column, format=order.lists.format)
    total = handles.total()
    assert order.output.out is not None
    keys = find_keys(order.account.key_file, screen).keys if order.output.scheduler == LOCAL else ()
    folder = Path(order.output.out).absolute()
    try:
        make_folder(folder)
    except OSError as error:
        raise ConfigError(f"The folder {folder} cannot be made: {error.strerror}") from None
    _look_into(folder, screen)
    with _in_environment(keys):
        return asyncio.run(_run(order, handles, total, terms, folder, brief, screen))


def _look_into(folder: Path, screen: Screen) -> None:
    """Before anything is bought: all that is in the folder can be read, and what is bought can be merged.

    Raises:
        StoreError: it cannot.
    """
    open_store(folder / MERGED, screen, create=True).close()
    for reader in readers_of(folder):
        reader.close()


@contextmanager
def _in_environment(keys: Sequence[str]) -> Iterator[None]:
    """Put keys where worker processes of this machine find them, also one that takes the place of a dead one."""
    before = os.environ.get(_KEYS)
    if keys:
        os.environ[_KEYS] = " ".join(keys)
    try:
        yield
    finally:
        if before is not None:
            os.environ[_KEYS] = before
        elif keys:
            del os.environ[_KEYS]


def _check(order: Order) -> None:
    output, store = order.output, order.store
    if output.out is None or output.out == "-" or Path(output.out).is_file():
        raise ConfigError("On a cluster, --out names a folder: for the stores of the workers and what is made of them")
    if output.view != "full" or output.ordered:
        raise ConfigError("On a cluster the reports stay in stores; --view and --ordered are about a file of them")
    if store.store != STORE or store.no_store or store.fresh_store:
        raise ConfigError("On a cluster the stores are in the folder of --out; --store and the like do not go with it")
    if order.pace.rate == "auto":
        raise ConfigError("The workers of a cluster share a stated rate; --rate auto is for one process alone")
    if output.scheduler == LOCAL:
        if output.workers is not None and output.workers < 1:
            raise ConfigError(f"--workers is {output.workers}; it must be at least 1")
        return
    if "://" not in (output.scheduler or ""):
        raise ConfigError(
            f"--scheduler is {output.scheduler!r}; it must be local, or an address such as tcp://host:8786"
        )
    if output.workers is not None:
        raise ConfigError("--workers is for --scheduler local; another cluster has the workers it has")
    if order.account.key_file is not None:
        raise ConfigError("The workers of a cluster read the API key from their own environment, not from --key-file")


def _terms(order: Order) -> Terms:
    pace, spend = order.pace, order.spend
    return Terms(
        rate=float(pace.rate),
        burst=pace.burst,
        base_url=order.account.base_url,
        concurrency=pace.concurrency,
        retry=RetryPolicy(deadline=pace.deadline, resend_ambiguous=pace.resend_ambiguous),
        max_age=age_of(order.store),
        fresh=order.store.fresh,
        retry_failed=tuple(reasons(order.store.retry_failed)),
        max_reports=spend.max_reports,
        max_spend=spend.max_spend,
        price=spend.price,
        redis=order.output.redis,
    )


async def _run(
    order: Order,
    handles: HandleList,
    total: int | None,
    terms: Terms,
    folder: Path,
    brief: Brief | None,
    screen: Screen,
) -> Exit:
    digest = Digest()
    output = order.output
    assert output.scheduler is not None
    with Interrupts() as interrupts, OutcomeFile(folder / "outcomes.jsonl") as file:

        async def take(outcome: Any) -> None:
            await file.write(outcome)
            digest.add(outcome)

        async with cluster_at(output.scheduler, output.workers) as client, aclosing(handles.entries()) as entries:
            run = fetch_on_dask(client, entries, folder, terms, total=total)
            ending = await finish(run, take, interrupts, Bar(run, Pulse(run), screen), endless=handles.endless)
            if ending.broken is not None:
                raise ending.broken
            merged = await _merge(run, screen)
            if merged is Exit.FETCHED and interrupts.exit is None:
                await _products(client, order, folder, brief, screen)
        _tell(order, run, digest, ending, file, screen)
    found = exit_after(ending, run.ledger, interrupts)
    return merged if merged and found in {Exit.FETCHED, Exit.SOME_FAILED} else found


async def _merge(run: ClusterRun, screen: Screen) -> Exit | None:
    """Bring the shards into one store, and take the account of the run from its books; None if there are none here."""
    shards = await asyncio.to_thread(shards_of, run.folder)
    if not shards:
        if run.ledger.fetched:
            screen.warn(
                "The shards are on disks of the workers: bring them together, and `walee merge` makes them one."
            )
        return None
    try:
        with open_store(run.folder / MERGED, screen, create=True) as store:
            code = await merge_all(store, shards, screen)
    except StoreError as error:
        screen.warn(str(error))
        return Exit.STORE
    with StoreReader.open(run.folder / MERGED) as reader:
        # A worker that died has told nobody what it bought; its shard knows.
        mine = [known.id for known in reader.runs() if known.command == run.id]
        run.ledger.charges.clear()
        run.ledger.ambiguous.clear()
        for number in mine:
            run.ledger.charges += reader.charges(number)
            run.ledger.ambiguous += reader.ambiguous(number)
    return code


async def _products(client: Any, order: Order, folder: Path, brief: Brief | None, screen: Screen) -> None:
    def tell(finding: Finding) -> None:
        screen.warn(f"Left out: {finding.handle or 'a report'}, {finding.problem}.")

    if brief is not None:
        rows = await write_scores_on_dask(client, folder / MERGED, folder / "scores", brief, on_trouble=tell)
        screen.say(clean(f"{plural(rows, 'score')} written to {folder / 'scores'}."))
    if order.output.tables:
        shards = await asyncio.to_thread(shards_of, folder)
        rows = await write_tables_on_dask(client, shards, folder / "tables", on_trouble=tell)
        screen.say(
            clean(f"{plural(rows, 'report')} written to {folder / 'tables'} as tables, a folder for each shard.")
        )


def _tell(order: Order, run: ClusterRun, digest: Digest, ending: Ending, file: OutcomeFile, screen: Screen) -> None:
    rate = max(0, run.ledger.sent - 1) / ending.seconds
    account = Account(
        ledger=run.ledger,
        digest=digest,
        ending=ending,
        speed=f"{rate:.1f}/s of {run.terms.rate:.3g}/s",
        place=str(file.path),
        store=str(run.folder / MERGED),
        fresh=order.store.fresh,
        price=order.spend.price,
        again=not order.store.fresh,
        way="The same command again goes on from here." if not order.store.fresh else "Without --fresh, it goes on.",
    )
    for part in summary(account):
        screen.show(part)
