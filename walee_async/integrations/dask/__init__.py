"""Lists that outgrow one machine, on a Dask cluster (the extra `dask`): the same promises, over all workers.

- run.py: the client's part, a list that is handed out in chunks; orders.py: what client and workers tell each other
- desk.py: a worker's part; shard.py: its store, and what all the stores of a folder know together
- place.py: a cluster to work on, of this machine or another
- rescoring.py, tables.py: scores and tables made by the workers
- scheduler.py, turns.py: the gate and the budget that workers share through the scheduler, where there is no Redis
"""

from __future__ import annotations

from walee_async.errors import ConfigError

try:
    import distributed as _distributed
except ImportError:
    raise ConfigError("A cluster needs Dask: pip install 'walee-async[dask]'") from None
else:
    del _distributed

from walee_async.integrations.dask.orders import Kept, Terms
from walee_async.integrations.dask.rescoring import rescore_on_dask, write_scores_on_dask
from walee_async.integrations.dask.run import ClusterRun, fetch_on_dask
from walee_async.integrations.dask.scheduler import Keeper, SchedulerGate
from walee_async.integrations.dask.shard import merge_shards
from walee_async.integrations.dask.tables import write_tables_on_dask

__all__ = [
    "ClusterRun",
    "Keeper",
    "Kept",
    "SchedulerGate",
    "Terms",
    "fetch_on_dask",
    "merge_shards",
    "rescore_on_dask",
    "write_scores_on_dask",
    "write_tables_on_dask",
]
