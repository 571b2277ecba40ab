"""Columns out of Structs: a part of a report, with the parts in it, as one flat row."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from msgspec.inspect import (
    BoolType,
    EnumType,
    FloatType,
    IntType,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from walee_async.export.columns import Column, Kind
from walee_async.export.units import unit_of
from walee_async.fielddocs import field_docs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from msgspec import Struct

    from walee_async.export.columns import Cell

_KINDS: Final[dict[type[Type], Kind]] = {
    BoolType: Kind.TRUTH,
    EnumType: Kind.TEXT,
    FloatType: Kind.NUMBER,
    IntType: Kind.INTEGER,
    StrType: Kind.TEXT,
}
# Parts that group what belongs to the part above them: no name of theirs is needed to tell their fields apart.
_SILENT: Final = {"report_info", "user_profile", "geo", "coords", "data", "extra", "value_description", "stat"}


class Flat:
    """The columns of a Struct and of the Structs in it, and how to read their cells.

    A part within is named before its fields, `language` and `code` as `language_code`. A time is read where the Struct
    has it as an aware datetime (`created` by way of `created_at`) or as Unix seconds (`received_at`). A tuple of texts
    is one text with spaces between; a tuple of Structs is none of its columns, but rows of another table.
    """

    def __init__(self, model: type[Struct], *, leave: Collection[str] = (), names: Mapping[str, str] | None = None):
        self._names = names or {}
        self._said = {field: " ".join(said.split()) for field, said in field_docs(model).items()}
        self._model = model
        self.columns: list[Column] = []
        read: list[str] = []
        self._steps: list[Flat | Callable[[Any], Cell] | None] = []
        info = type_info(model)
        assert isinstance(info, StructType)
        for field in info.fields:
            if field.name not in leave and (attribute := self._take(field.name, _known(field.type))):
                read.append(attribute)
        self._values = _reader(read)
        self._unknown: list[Cell] = [None] * len(self.columns)

    def cells(self, part: Struct | None) -> list[Cell]:
        """The row of a part, in the order of the columns; all unknown when there is none."""
        if part is None:
            return self._unknown
        cells: list[Cell] = []
        for value, step in zip(self._values(part), self._steps, strict=True):
            if step is None:
                cells.append(value)
            elif isinstance(step, Flat):
                cells += step.cells(value)
            else:
                cells.append(None if value is None else step(value))
        return cells

    def _take(self, name: str, kind: Type) -> str | None:
        """Add the columns of a field, and return the attribute to read them from; None when it has none."""
        if isinstance(kind, StructType):
            part = Flat(kind.cls)
            self.columns += [_within(name, column) for column in part.columns]
            self._steps += [part] if part.columns else []
            return name if part.columns else None
        if isinstance(kind, VarTupleType) and isinstance(kind.item_type, StrType):
            return self._add(name, Kind.TEXT, _joined)
        if hasattr(self._model, f"{name}_at"):
            return self._add(name, Kind.TIME, None, f"{name}_at")
        if isinstance(kind, FloatType) and name.endswith("_at"):
            return self._add(name, Kind.TIME, None)
        step = str if isinstance(kind, EnumType) else None
        return self._add(name, _KINDS[type(kind)], step) if type(kind) in _KINDS else None

    def _add(self, name: str, kind: Kind, step: Callable[[Any], Cell] | None, attribute: str = "") -> str:
        unit = unit_of(name) if kind in (Kind.INTEGER, Kind.NUMBER) else None
        # The field's own words are about the text it is; the attribute's, up to the first comma, about the time.
        said = _doc(getattr(self._model, attribute)) if attribute else self._said.get(name, "")
        said = said or ("Separated by spaces." if step == _joined else "")
        self.columns.append(Column(self._names.get(name, name), kind, unit, said))
        self._steps.append(step)
        return attribute or name


def _doc(documented: object) -> str:
    return f"{(inspect.getdoc(documented) or '').partition(',')[0]}."


def _reader(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Reads the attributes of these names."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda part: tuple(getattr(part, name) for name in names)


def _known(kind: Type) -> Type:
    """The type of a field when it is not None."""
    if not isinstance(kind, UnionType):
        return kind
    (known,) = (each for each in kind.types if not isinstance(each, NoneType))
    return known


def _within(part: str, column: Column) -> Column:
    if part in _SILENT or column.name.startswith(f"{part}_"):
        return column
    return Column(f"{part}_{column.name}", column.kind, column.unit, column.description)


def _joined(texts: tuple[str, ...]) -> str:
    return " ".join(texts)
