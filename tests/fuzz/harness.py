"""Grows inputs with atheris until one breaks a property: `python harness.py TARGET CORPUS -max_total_time=60`.

The targets are the rows of `TARGETS`. The corpus, a folder, is first filled with seeds from real reports; the options
are those of libFuzzer. What breaks a property is written to a file beside, to be given in place of the corpus.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["walee_async"], exclude=["walee_async.testing"]):
    from properties import CAP, NOW, answer_holds, handle_holds, inflate_holds, list_holds, payload_holds

    from walee_async.outcomes import Payload
    from walee_async.testing import Maker


STATUSES = (200, 201, 302, 400, 401, 402, 403, 404, 408, 418, 420, 429, 500, 503, 524, 999)
HEADERS = ("retry-after", "retry-after-ms", "ratelimit", "ratelimit-policy", "x-ratelimit-reset", "date", "location")
ENCODINGS = ("", "identity", "gzip", "deflate", "zstd", "br", " GZip ", "gzip, gzip")
CAPS = (0, 1, 1000, CAP)
FORMATS = (None, "text", "csv", "jsonl")
COLUMNS = (None, "handle", "1", "2", "")
LIST = Path(tempfile.gettempdir()) / "walee-fuzz-list"


def take(data: bytes, count: int) -> tuple[list[int], bytes]:
    """The first bytes as numbers, and the rest; seeds are then easy to write."""
    return list(data[:count].ljust(count, b"\0")), data[count:]


def answer(data: bytes) -> None:
    """A status, an encoding and a header by their numbers, the header's value up to a line end, the body."""
    (status, encoding, name, packed), rest = take(data, 4)
    value, _, body = rest.partition(b"\n")
    headers = {"content-encoding": ENCODINGS[encoding % len(ENCODINGS)]}
    headers[HEADERS[name % len(HEADERS)]] = value.decode("latin-1")
    if packed % 2 and headers["content-encoding"] == "gzip":
        body = gzip.compress(body, 1, mtime=0)
    answer_holds(STATUSES[status % len(STATUSES)], headers, body)


def report(data: bytes) -> None:
    """A payload that is not compressed."""
    payload_holds(Payload(handle="river.kites", body=data, encoding="identity", received_at=NOW))


def body(data: bytes) -> None:
    """An encoding and a cap by their numbers, the body."""
    (encoding, cap), rest = take(data, 2)
    inflate_holds(rest, ENCODINGS[encoding % len(ENCODINGS)], CAPS[cap % len(CAPS)])


def handle(data: bytes) -> None:
    """A text; bytes that are no UTF-8 become lone surrogates, as they do in arguments of a process."""
    handle_holds(data.decode(errors="surrogateescape"))


def listed(data: bytes) -> None:
    """A format and a column by their numbers, the file."""
    (format, column), rest = take(data, 2)  # noqa: A001
    list_holds(LIST, rest, FORMATS[format % len(FORMATS)], COLUMNS[column % len(COLUMNS)])


def reports() -> Iterator[bytes]:
    """A few real reports, the small ones first."""
    for small in (True, False):
        maker = Maker(3, creators=4, small=small)
        yield from (maker.body(index) for index in range(4))


def answers() -> Iterator[bytes]:
    """Each way to serve a small report, and refusals."""
    first = next(reports())
    for encoding, pack in ((0, bytes), (2, gzip.compress), (3, zlib.compress)):
        yield bytes((0, encoding, 0, 0)) + b"\n" + pack(first)
    for status in range(len(STATUSES)):
        yield bytes((status, 0, 0, 0)) + b'5\n{"success": false, "message": "no" "payload": {"error": "retry_later"}}'
    yield bytes((11, 0, 2, 0)) + b'"default";r=0;t=30\n<html><title>Too fast</title>'


def bodies() -> Iterator[bytes]:
    """A small report in each encoding, and a bomb."""
    first = next(reports())
    for number, pack in ((1, bytes), (2, gzip.compress), (3, zlib.compress)):
        yield bytes((number, 3)) + pack(first)
    yield bytes((2, 2)) + gzip.compress(b"\0" * CAP)


def handles() -> Iterator[bytes]:
    """Handles as people write them."""
    yield from (b"river.kites", b"@River.Kites", b" 'a_b' ", b"tiktok.com/%40a")
    yield b"https://www.tiktok.com/@a.b/video/1?x=1"


def lists() -> Iterator[bytes]:
    """A small list in each format."""
    yield b"\1\0river.kites\n# no\n@a\r\n\r\nhttps://www.tiktok.com/@b"
    yield b'\2\0name;handle\n"x;\ny";a\nz;b\n'
    yield b'\2\1handle\tn\na\t1\n"b'
    yield b'\3\0{"handle": "a"}\n"b"\n12\n{"x": 1}\n['
    yield b"\1\0" + "a\nb".encode("utf-16")


Target = tuple[Callable[[bytes], None], Callable[[], Iterator[bytes]]]
TARGETS: dict[str, Target] = {
    "answer": (answer, answers),
    "report": (report, reports),
    "body": (body, bodies),
    "handle": (handle, handles),
    "list": (listed, lists),
}


def main() -> None:
    """Fill the corpus, and grow it."""
    name, corpus, *options = sys.argv[1:]
    target, seeds = TARGETS[name]
    if Path(corpus).is_dir():
        for number, seed in enumerate(seeds()):
            (Path(corpus) / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], corpus, *options], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
