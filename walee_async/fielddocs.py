"""What the source says of each field of a Struct, in the text below it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise

from msgspec import Struct


@cache
def field_docs(model: type[Struct]) -> dict[str, str]:
    """The texts below the fields of a Struct and of those it extends, by field, their lines as they stand there.

    A field with no text below it is left out, and all are where the source is not at hand.
    """
    said: dict[str, str] = {}
    for kind in reversed(model.__mro__[: model.__mro__.index(Struct)]):
        try:
            (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        except OSError:
            continue
        assert isinstance(tree, ast.ClassDef)
        for field, below in pairwise(tree.body):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    said[name] = inspect.cleandoc(text)
    return said
