"""Lists that outgrow one machine, on a Dask cluster (the extra `dask`): the same promises, over all workers.

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
