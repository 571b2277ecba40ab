"""`python -m walee_async` is the command `walee`."""

from __future__ import annotations

from walee_async.cli import main

if __name__ == "__main__":
    main()
