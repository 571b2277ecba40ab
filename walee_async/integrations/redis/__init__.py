"""Replicas that share a limit through Redis (the extra `redis`): one pace, one pause and one budget between them.

    sharing = SharedGate("redis://cache:6379/0")
    async with WaleeClient(rate=50, options=Options(sharing=sharing)) as walee:
        ...

- gate.py, gate.lua: the gate's turns, reserved on the server
- budget.py, budget.lua: a budget that several processes spend from
- link.py: the connection
"""

from __future__ import annotations

from walee_async.errors import ConfigError

try:
    import redis as _redis
except ImportError:
    raise ConfigError("Sharing through Redis needs redis: pip install 'walee-async[redis]'") from None
else:
    del _redis

from walee_async.integrations.redis.budget import SharedBudget
from walee_async.integrations.redis.gate import SharedGate

__all__ = ["SharedBudget", "SharedGate"]
