"""What decoding a report costs: this package's typed report and small view, against what others decode with.

The bodies are decompressed beforehand, and so many different ones that none is met again soon. msgspec, orjson and json
give dicts and lists; pydantic and this package give checked objects with attributes; simdjson gives dicts and lists of
what it has parsed, as a proxy of its own would only put that off.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from _runner import Measured, clocked, dump, in_turn, keep, table, there
from _server import answers

from walee_async import CreatorReport, ScoreView
from walee_async.decode import decode_bytes

DISTINCT = 300
Decode = Callable[[bytes], Any]


def _walee() -> Decode:
    return lambda body: decode_bytes(body, CreatorReport)


def _walee_view() -> Decode:
    return lambda body: decode_bytes(body, ScoreView)


def _msgspec() -> Decode:
    import msgspec

    return msgspec.json.Decoder().decode


def _orjson() -> Decode:
    loads: Decode = import_module("orjson").loads
    return loads


def _simdjson() -> Decode:
    parser = import_module("simdjson").Parser()
    return lambda body: parser.parse(body).as_dict()


def _pydantic() -> Decode:
    from _pydantic import answer_model

    decode: Decode = answer_model().model_validate_json
    (one,) = answers(1)
    theirs = decode(one)
    ours = decode_bytes(one, CreatorReport).user_profile
    if ours is None or len(theirs.payload.user_profile.stat_history) != len(ours.stat_history or ()):
        raise SystemExit("pydantic reads something else")
    return decode


CONTENDERS: dict[str, Callable[[], Decode]] = {
    "walee": _walee,
    "walee_view": _walee_view,
    "msgspec": _msgspec,
    "orjson": _orjson,
    "json": lambda: json.loads,
    "pydantic": _pydantic,
    "simdjson": _simdjson,
}
NEEDS: Mapping[str, Sequence[str]] = dict.fromkeys(CONTENDERS, ()) | {
    name: (name,) for name in ("orjson", "pydantic", "simdjson")
}


def measure(name: str, rounds: int) -> Measured:
    """Run one contender in this process."""
    bodies, decode = answers(DISTINCT), CONTENDERS[name]()

    def work() -> int:
        for _ in range(rounds):
            for body in bodies:
                decode(body)
        return rounds * len(bodies)

    decode(bodies[0])
    return clocked(work)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help=f"of {DISTINCT} reports")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single result there")
    parser.add_argument("--measure", choices=CONTENDERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        dump(measure(given.measure, given.rounds))
        return
    found = in_turn(__file__, there(NEEDS), given.repeats, ["--rounds", str(given.rounds)])
    against = "orjson" if "orjson" in found else "json"
    print(f"{given.rounds * DISTINCT:,} reports, {given.repeats} times", *table(found, against), sep="\n")
    keep(given.json, found)


if __name__ == "__main__":
    main()
