"""What one look at something came to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from usi.core.errors import UsiError
from usi.core.language import tr

State = Literal["good", "attention", "bad"]
Fact = str | int | float | bool | None
Facts = dict[str, Fact]


@dataclass(frozen=True)
class Finding:
    """`text` says what is so, `advice` what to do about it. `facts` are for programs."""

    name: str
    state: State
    text: str
    advice: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    unreachable: bool = False
    """The host that was asked about cannot be reached, or is none."""


Look = Callable[[], Iterable[Finding]]


def looked(name: str, look: Look) -> Iterator[Finding]:
    """What a look finds; that it failed is a finding, too."""
    try:
        yield from look()
    except TimeoutError:
        yield Finding(name, "attention", tr("Looking at this took too long ({name}).", name=name), tr("Try again."))
    except Exception as error:  # noqa: BLE001 (whatever a strange machine answers, the other checks go on)
        said = str(error) if isinstance(error, UsiError) else type(error).__name__
        yield Finding(name, "attention", tr("This could not be looked at ({name}: {error}).", name=name, error=said))
