"""Bounded decompression: the same bytes and the same errors from every back end."""

from __future__ import annotations

import gzip
import importlib
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walee_async.errors import InflateError
from walee_async.inflate import BACKENDS, MAX_INFLATED, inflate


def find_zstd() -> Any:
    for module in ("compression.zstd", "backports.zstd"):
        with suppress(ImportError):
            return importlib.import_module(module)
    return None


zstd = find_zstd()
SAMPLE = gzip.decompress((Path(__file__).parent / "data" / "tiktok-macro.json.gz").read_bytes())
MEGABYTE = 1024 * 1024
each_backend = pytest.mark.parametrize("backend", BACKENDS)
each_encoding = pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw"])


def compress(data: bytes, encoding: str, level: int = 6) -> bytes:
    wbits = {"gzip": 31, "deflate": 15, "raw": -15}[encoding]
    stream = zlib.compressobj(level, zlib.DEFLATED, wbits)
    return stream.compress(data) + stream.flush()


def name(encoding: str) -> str:
    return "deflate" if encoding == "raw" else encoding


def ending(body: bytes, encoding: str, cap: int, backend: str) -> bytes | str:
    """What comes of it: the content, or the error's sentence."""
    try:
        return inflate(body, encoding, cap, backend=backend)
    except InflateError as error:
        return error.detail


@each_encoding
@each_backend
def test_a_report_comes_back_whole(backend: str, encoding: str) -> None:
    """Whatever compressed a report, its bytes come back."""
    assert inflate(compress(SAMPLE, encoding), name(encoding), backend=backend) == SAMPLE


@given(data=st.binary(max_size=5000), repeat=st.integers(1, 60), level=st.integers(0, 9))
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw"])
def test_any_content_survives_the_round_trip(encoding: str, data: bytes, repeat: int, level: int) -> None:
    """Compressed and inflated, any content is what it was, for every back end and level."""
    body = compress(data * repeat, encoding, level)
    assert {inflate(body, name(encoding), backend=backend) for backend in BACKENDS} == {data * repeat}


@each_encoding
@each_backend
def test_content_larger_than_a_chunk_comes_back_whole(backend: str, encoding: str) -> None:
    """Content of several megabytes, inflated in steps, is joined in order."""
    data = b"".join(index.to_bytes(4, "big") for index in range(MEGABYTE))
    assert inflate(compress(data, encoding, 1), name(encoding), backend=backend) == data


def test_the_name_of_an_encoding_is_read_in_any_case() -> None:
    """`GZIP`, `x-gzip` and blanks around mean gzip, an empty name means identity."""
    body = compress(b"content", "gzip")
    assert [inflate(body, encoding) for encoding in ("GZIP", "x-gzip", " gzip ")] == [b"content"] * 3
    assert inflate(b"content", "") == inflate(b"content", "identity") == b"content"


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "utf-8"])
def test_an_unknown_encoding_is_named(encoding: str) -> None:
    """An encoding nobody can undo is an error that names it."""
    with pytest.raises(InflateError, match=encoding):
        inflate(b"content", encoding)


@each_encoding
@each_backend
def test_the_cap_is_exact(backend: str, encoding: str) -> None:
    """Content of exactly the cap passes; one byte more is refused with the encoding, the size and the cap."""
    body = compress(SAMPLE, encoding)
    assert inflate(body, name(encoding), len(SAMPLE), backend=backend) == SAMPLE
    with pytest.raises(InflateError) as caught:
        inflate(body, name(encoding), len(SAMPLE) - 1, backend=backend)
    assert caught.value.detail == (
        f"The {name(encoding)} body of {len(body):,} bytes inflates past the cap of {len(SAMPLE) - 1:,} bytes"
    )


def test_a_plain_body_over_the_cap_is_refused() -> None:
    """The cap holds for a body that was never compressed."""
    assert inflate(b"12345", "identity", 5) == b"12345"
    with pytest.raises(InflateError, match="past the cap of 4 bytes"):
        inflate(b"12345", "identity", 4)


@each_backend
def test_a_cap_of_nothing_lets_only_nothing_through(backend: str) -> None:
    """A cap of 0 is no cap of infinity."""
    assert inflate(compress(b"", "gzip"), "gzip", 0, backend=backend) == b""
    with pytest.raises(InflateError, match="past the cap"):
        inflate(compress(b"x", "gzip"), "gzip", 0, backend=backend)


@each_encoding
@each_backend
def test_a_bomb_takes_no_more_memory_than_the_cap(backend: str, encoding: str) -> None:
    """A small body that would inflate to 200 MiB is refused before more than the cap is allocated."""
    bomb = compress(bytes(200 * MEGABYTE), encoding, 9)
    assert len(bomb) < 256 * 1024
    cap = 8 * MEGABYTE
    tracemalloc.start()
    with pytest.raises(InflateError, match="past the cap"):
        inflate(bomb, name(encoding), cap, backend=backend)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < cap + 2 * MEGABYTE + len(bomb)


@each_backend
def test_a_bomb_that_lies_about_its_size_is_damaged(backend: str) -> None:
    """A trailer that promises little does not get much through; one that promises gigabytes gets no memory."""
    body = compress(bytes(4 * MEGABYTE), "gzip")
    for size in (100, 0, 2**32 - 1, 4 * MEGABYTE + 1):
        lie = body[:-4] + size.to_bytes(4, "little")
        tracemalloc.start()
        with pytest.raises(InflateError, match="damaged"):
            inflate(lie, "gzip", backend=backend)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MAX_INFLATED


@each_encoding
@each_backend
def test_a_body_cut_anywhere_is_cut_short(backend: str, encoding: str) -> None:
    """Wherever a body is cut, also within its header or trailer, the error says so and how much there was."""
    body = compress(b"some content, some more content", encoding)
    for length in range(len(body)):
        with pytest.raises(InflateError, match=f"cut short after {length} bytes"):
            inflate(body[:length], name(encoding), backend=backend)


@each_backend
def test_several_members_are_refused(backend: str) -> None:
    """A second gzip member is refused, even one that ends in the very bytes of the first."""
    body = compress(SAMPLE, "gzip")
    for second in (body, compress(SAMPLE, "gzip", 1), compress(b"other", "gzip")):
        with pytest.raises(InflateError, match="several members"):
            inflate(body + second, "gzip", backend=backend)


@each_encoding
@each_backend
def test_trailing_bytes_are_refused(backend: str, encoding: str) -> None:
    """Bytes after the end are counted and refused, even when they repeat the trailer."""
    body = compress(SAMPLE, encoding)
    for rest in (b"x", b"\0\0\0\0", body[-4:], body[-8:]):
        with pytest.raises(InflateError, match=f"followed by {len(rest)} bytes that do not belong"):
            inflate(body + rest, name(encoding), backend=backend)


@given(data=st.data(), encoding=st.sampled_from(["gzip", "deflate", "raw"]))
def test_every_back_end_ends_alike_on_a_damaged_body(data: st.DataObject, encoding: str) -> None:
    """With bytes changed, cut or added anywhere, every back end gives the same content or the same sentence."""
    body = bytearray(compress(data.draw(st.binary(min_size=1, max_size=200)) * 20, encoding))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    body = body[: data.draw(st.integers(0, len(body)))] + data.draw(st.binary(max_size=8))
    cap = data.draw(st.sampled_from([100, MEGABYTE]))
    assert len({ending(bytes(body), name(encoding), cap, backend) for backend in BACKENDS}) == 1


@each_backend
def test_a_gzip_header_with_a_file_name_is_read(backend: str) -> None:
    """Optional header fields are read, and a wrong header checksum is damage, by every back end."""
    body = compress(SAMPLE, "gzip")
    named = body[:3] + b"\x08" + body[4:10] + b"report.json\0" + body[10:]
    assert inflate(named, "gzip", backend=backend) == SAMPLE
    checked = body[:3] + b"\x02" + body[4:10] + b"\xff\xff" + body[10:]
    with pytest.raises(InflateError, match="damaged: header crc mismatch"):
        inflate(checked, "gzip", backend=backend)


@each_backend
def test_what_is_not_compressed_at_all_is_damaged(backend: str) -> None:
    """JSON that calls itself gzip is an error that names the encoding."""
    with pytest.raises(InflateError, match="gzip body of 17 bytes is damaged: incorrect header check"):
        inflate(b'{"success": true}', "gzip", backend=backend)


@given(body=st.binary(max_size=300), encoding=st.sampled_from(["gzip", "deflate", "zstd", "identity", "br", ""]))
def test_any_bytes_end_in_content_or_in_an_inflate_error(body: bytes, encoding: str) -> None:
    """No bytes raise anything else."""
    with suppress(InflateError):
        assert len(inflate(body, encoding, 1000)) <= 1000


@pytest.mark.skipif(zstd is None, reason="no zstd installed")
def test_zstd_is_read_within_the_same_bounds() -> None:
    """A zstd body comes back whole, up to the cap; cut, damaged, followed and repeated ones are told apart."""
    body = zstd.compress(SAMPLE)
    assert inflate(body, "zstd") == inflate(body, "zstd", len(SAMPLE)) == SAMPLE
    other = zstd.compress(b"other")
    for broken, cap, sentence in [
        (body, len(SAMPLE) - 1, "The zstd body of [0-9,]+ bytes inflates past the cap"),
        (zstd.compress(bytes(40 * MEGABYTE)), MAX_INFLATED, "past the cap"),
        (body[:-1], MAX_INFLATED, "cut short"),
        (b"", MAX_INFLATED, "cut short after 0 bytes"),
        (
            b"\0" + body,
            MAX_INFLATED,
            r"The zstd body of [0-9,]+ bytes is damaged: .+ Zstandard data: [^.]+\. The bytes",
        ),
        (body + b"xyz", MAX_INFLATED, "followed by 3 bytes"),
        (body + other, MAX_INFLATED, "several members"),
    ]:
        with pytest.raises(InflateError, match=sentence):
            inflate(broken, "zstd", cap)


@pytest.mark.skipif(zstd is None, reason="no zstd installed")
def test_a_zstd_window_beyond_8_mib_is_refused() -> None:
    """A frame that makes its reader allocate a huge window is refused, however small its content."""
    options = {zstd.CompressionParameter.window_log: 27}
    stream = zstd.ZstdCompressor(options=options)
    body = stream.compress(b"content", zstd.ZstdCompressor.FLUSH_BLOCK) + stream.flush()
    with pytest.raises(InflateError, match="damaged"):
        inflate(body, "zstd")


@pytest.mark.skipif(zstd is not None, reason="zstd is installed")
def test_zstd_without_its_package_names_the_package() -> None:
    """Where zstd cannot be read, the error says what to install."""
    with pytest.raises(InflateError, match=r"pip install backports\.zstd"):
        inflate(b"", "zstd")
