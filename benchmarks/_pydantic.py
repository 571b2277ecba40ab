"""The models of this package as pydantic's, made from their definitions, so that both read the same."""

from __future__ import annotations

import types
from functools import cache, reduce
from importlib import import_module
from operator import or_
from typing import Any, Union, get_args, get_origin

import msgspec

from walee_async.models import CreatorReport

pydantic = import_module("pydantic")


@cache
def model_of(struct: type[msgspec.Struct]) -> Any:
    """A Struct as a pydantic model with the same fields and defaults."""
    fields: dict[str, Any] = {
        field.encode_name: (_type_of(field.type), field.default) for field in msgspec.structs.fields(struct)
    }
    return pydantic.create_model(struct.__name__, __config__=pydantic.ConfigDict(frozen=True), **fields)


def _type_of(kind: Any) -> Any:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return reduce(or_, map(_type_of, parts))
    if origin is tuple:
        return tuple.__class_getitem__((_type_of(parts[0]), ...))
    return model_of(kind) if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else kind


def answer_model() -> Any:
    """A whole answer: the envelope with the report in it."""
    return pydantic.create_model("Answer", payload=(model_of(CreatorReport), ...))
