"""A host's limits in words."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from usi.config import Limits
from usi.core import limits
from usi.core.facts import Load
from usi.core.wire import LimitValue
from usi.net.limits import Use, values


def test_every_limit_that_a_host_tells_has_words_here() -> None:
    load = Load(**{field.name: 1 for field in fields(Load)})
    use: dict[str, Any] = {field.name: 1 for field in fields(Use)} | {"hub": load}
    told = values(Limits(), Use(**use))
    rows = limits.rows(told)
    assert [row.name for row in rows] == [value.name for value in told]
    assert len({row.name for row in rows}) == len(rows) > 20
    assert all(row.text and row.text != row.name for row in rows)
    assert "(1 now)" in next(row.text for row in rows if row.name == "seat_seconds")


def test_a_limit_of_a_newer_host_is_called_by_its_name() -> None:
    (row,) = limits.rows([LimitValue("of_the_future", 7.0, 3.0, 0)])
    assert (row.name, row.text, row.limit, row.used) == ("of_the_future", "of_the_future", 7.0, 3.0)
