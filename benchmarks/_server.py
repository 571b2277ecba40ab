"""A server that costs the client nothing to compare: every report prepared, in a process of its own.

nginx serves them as files that are compressed already, where it is installed; else our own test gateway does,
which has small reports among them.
"""

from __future__ import annotations

import gzip
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path

from walee_async.testing.maker import Maker

SEED = 7
KEY = "bench-key-0123456789"
SHAPE = range(85_000, 96_000)
"""Bytes of JSON in real reports of TikTok; the maker also makes small ones, of creators whom hardly anybody follows."""
CONFIG = """
worker_processes 1;
daemon off;
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections 512; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/t; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;
    uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
    open_file_cache max=500 inactive=10m;  # each holds a descriptor, of which there are often 1,024
    server {{
        listen 127.0.0.1:{port};
        location = /api/ask/tt/creator/report {{
            gzip_static {static};
            default_type application/json;
            alias {folder}/reports/$arg_handle;
        }}
    }}
}}
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def answers(distinct: int) -> list[bytes]:
    """So many different answers of the size that real ones have; some 24 KB when `packed`."""
    maker = Maker(SEED)
    made = (maker.body(index) for index in count())
    return list(islice((body for body in made if len(body) in SHAPE), distinct))


def packed(body: bytes) -> bytes:
    """An answer gzipped, as servers do it unless told otherwise."""
    return gzip.compress(body, 6, mtime=0)


def prepare(folder: Path, creators: int, distinct: int, *, gzipped: bool) -> None:
    """Lay out one answer for each handle; only so many are distinct, the rest are links to them."""
    maker = Maker(SEED, creators=creators)
    folder.mkdir()
    for index, body in enumerate(answers(distinct)):
        file = folder / maker.handle(index)
        file.write_bytes(body)
        if gzipped:
            Path(f"{file}.gz").write_bytes(packed(body))
    for index in range(distinct, creators):
        for suffix in (".gz", "") if gzipped else ("",):
            first = folder / f"{maker.handle(index % distinct)}{suffix}"
            Path(f"{folder / maker.handle(index)}{suffix}").symlink_to(first)


@contextmanager
def server(creators: int, *, distinct: int = 200, gzipped: bool = True) -> Iterator[tuple[str, str]]:
    """Serve the reports of so many creators; the base URL, and what serves them."""
    nginx = shutil.which("nginx")
    with tempfile.TemporaryDirectory(prefix="walee-bench-") as name:
        folder, port = Path(name), free_port()
        words = subprocess.DEVNULL if nginx is None else None  # our gateway greets and sums up, nginx only complains
        if nginx is None:
            command = [sys.executable, "-m", "walee_async", "gateway", "--creators", str(creators), "--seed", str(SEED)]
            command += ["--port", str(port), "--key", KEY]
        else:
            folder.chmod(0o755)
            prepare(folder / "reports", creators, min(distinct, creators), gzipped=gzipped)
            config = CONFIG.format(folder=folder, port=port, static="always" if gzipped else "off")
            (folder / "nginx.conf").write_text(config, "utf-8")
            command = [nginx, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=words) as process:
            try:
                _wait(port)
                yield f"http://127.0.0.1:{port}/api", "nginx" if nginx else "our gateway"
            finally:
                process.terminate()


def _wait(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
        else:
            return
