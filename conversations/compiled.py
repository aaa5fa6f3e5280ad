"""Questions that the ORM puts together once, and not each time they are asked.

Making the SQL of a query with a few joins costs several times what the database needs to answer it. A question whose
shape never changes is made with marks in the places of its values; what is kept is the SQL, and where each value goes::

    by_ids = Compiled(lambda ids: Message.objects.filter(pk__in=ids).values_list("pk", "body", named=True))
    rows = by_ids([1, 2, 3])

The rest is Django's: converters, named tuples, instances. See docs/decisions/0020-compiled-questions.md.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from copy import copy
from functools import partial
from typing import Any, Generic, TypeVar

from django.db import connections
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler

Row = TypeVar("Row")
Value = int | str | Sequence[int]
"""Those that reach a database as they are. Moments and UUIDs do not on each of them."""
_FIRST_MARK = -(2**40)


class Compiled(Generic[Row]):
    """``question`` is given the values, and must use each of them as it is; lists of ids for ``__in``.

    What is given by name is no value: it may decide anything about the question, and each of its kinds is put together
    for itself. Give what has few.
    """

    def __init__(self, question: Callable[..., QuerySet[Any, Row]]) -> None:
        self._question = question
        self._known: dict[tuple[object, ...], _Made[Row]] = {}

    def __call__(self, *given: Value, **kind: Hashable) -> list[Row]:
        if any(isinstance(value, Sequence) and not value for value in given):
            return []  # in an empty list there is nothing
        values = [value if isinstance(value, int | str) else _padded(value) for value in given]
        shape = (
            *(len(value) if isinstance(value, list) else type(value) for value in values),
            *kind.items(),
        )
        made = self._known.get(shape)
        if made is None:
            made = self._known[shape] = _Made(partial(self._question, **kind), values)
        return made.asked(values)


class _Made(Generic[Row]):
    def __init__(self, question: Callable[..., QuerySet[Any, Row]], values: Sequence[Any]) -> None:
        flat = _flat(values)
        marks = [
            _FIRST_MARK - at if isinstance(value, int) else f"mark {at}" for at, value in enumerate(flat)
        ]
        self._rows = question(*_shaped(values, marks))
        self._compiler = self._rows.query.get_compiler(using=self._rows.db)
        self._sql, params = self._compiler.as_sql()
        self._params = tuple(params)
        places = {mark: at for at, mark in enumerate(marks)}
        self._places = [(at, places[param]) for at, param in enumerate(params) if param in places]
        if {mark for _at, mark in self._places} != set(range(len(marks))):
            raise ValueError("a value of this question does not reach its SQL as it is")
        self._converters = self._compiler.get_converters([column for column, *_ in self._compiler.select])

    def asked(self, values: Sequence[Any]) -> list[Row]:
        flat, params = _flat(values), list(self._params)
        for at, place in self._places:
            params[at] = flat[place]
        compiler: SQLCompiler = copy(self._compiler)
        compiler.connection = connections[self._rows.db]
        compiler.as_sql = lambda *_args, **_options: (self._sql, tuple(params))  # type: ignore[method-assign]
        compiler.get_converters = lambda expressions: self._converters  # type: ignore[method-assign]
        rows = self._rows._chain()  # type: ignore[attr-defined]
        rows.query.get_compiler = lambda *_args, **_options: compiler
        return list(rows)


def _padded(ids: Sequence[int]) -> list[int]:
    """To the next power of two, so that there are few shapes; the last one again changes nothing within ``IN``."""
    size = 1 << (len(ids) - 1).bit_length()
    return [*ids, *[ids[-1]] * (size - len(ids))]


def _flat(values: Sequence[Any]) -> list[Any]:
    return [one for value in values for one in (value if isinstance(value, list) else [value])]


def _shaped(values: Sequence[Any], marks: list[Any]) -> list[Any]:
    """The marks as the values are: one for each, a list for a list."""
    left = iter(marks)
    return [[next(left) for _one in value] if isinstance(value, list) else next(left) for value in values]
