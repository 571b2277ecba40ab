"""The names that `walee_async` offers, and what importing them costs."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Union, get_origin

import pytest

import walee_async

ROOT = Path(__file__).parent.parent


def _modules_after(code: str) -> set[str]:
    """Run `code` in a fresh interpreter; return the names of the modules it has then."""
    code = f"import sys\n{code}\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_the_public_names_are_few_and_sorted() -> None:
    """There are few public names, in order, each of them once."""
    assert walee_async.__all__ == sorted(set(walee_async.__all__))
    assert len(walee_async.__all__) <= 30


@pytest.mark.parametrize("name", walee_async.__all__)
def test_every_public_name_can_be_had(name: str) -> None:
    """Every public name exists, is listed by dir(), and is documented unless it is a mere union of others."""
    value = getattr(walee_async, name)
    assert name in dir(walee_async)
    assert inspect.getdoc(value) or get_origin(value) is Union


@pytest.mark.parametrize("name", walee_async.__all__)
def test_no_public_name_is_hidden_by_a_module(name: str) -> None:
    """A name shared with a module of the package would turn into it once that module is imported."""
    if find_spec(f"walee_async.{name}") is not None:
        assert getattr(walee_async, name) is import_module(f"walee_async.{name}")


def test_type_checkers_and_programs_see_the_same_names() -> None:
    """What is imported for type checkers is what is public, from the module where it is found at run time."""
    tree = ast.parse(inspect.getsource(walee_async))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert sorted(alias.name for node in imports for alias in node.names) == walee_async.__all__
    for node in imports:
        for alias in node.names:
            assert getattr(import_module(str(node.module)), alias.name) is getattr(walee_async, alias.name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A name that does not exist is refused as by any module."""
    with pytest.raises(AttributeError, match="module 'walee_async' has no attribute 'WaleeClients'"):
        walee_async.WaleeClients  # noqa: B018


def test_the_version_is_the_projects() -> None:
    """The version is written in one place, the project's metadata."""
    assert walee_async.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def test_importing_the_package_imports_nothing_else() -> None:
    """`import walee_async` loads none of its modules and no third-party package."""
    new = _modules_after("import walee_async") - _modules_after("import importlib, typing")
    assert {module for module in new if module.partition(".")[0] not in sys.stdlib_module_names} == {"walee_async"}


@pytest.mark.parametrize(
    "names", ["CreatorReport, Headline", "errors, Fetched, Failed", "Ledger, RetryPolicy, parse_handle"]
)
def test_words_and_rules_are_had_without_aiohttp(names: str) -> None:
    """What sends nothing loads no HTTP library."""
    assert "aiohttp" not in _modules_after(f"from walee_async import {names}")


def test_scoring_a_store_loads_only_what_reads_it() -> None:
    """What scores a store, as each process beside the first does, loads neither asyncio nor what writes."""
    loaded = _modules_after("from walee_async import rescore, score\nfrom walee_async.store import StoreReader, Views")
    assert "walee_async.store.reader" in loaded
    assert not {"asyncio", "walee_async.store.store", "walee_async.store.journal", "walee_async.wire"} & loaded
