"""Whether Dask is here, for the tests and the benchmark that need it."""

from __future__ import annotations

import importlib.util
import os


def needs_dask() -> None:
    """Skip the module where there is no Dask; in CI, fail."""
    import pytest

    if importlib.util.find_spec("distributed") is None:
        said = "there is no Dask here; `pip install -e '.[dask]'` brings it"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said, allow_module_level=True)
