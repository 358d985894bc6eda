"""How a host hears of connections that were turned away."""

from __future__ import annotations

from usi.core import events as ev
from usi.core.errors import REFUSED_BECAUSE, Busy, PeerError, WrongKey
from usi.net.refusals import TOLD, Refusals


def test_the_first_of_a_second_are_told_and_the_rest_counted() -> None:
    told: list[ev.Event] = []
    refusals = Refusals(told.append)
    for number in range(TOLD + 3):
        refusals.note(f"192.0.2.{number}:1", WrongKey())
    assert [event.code for event in told if isinstance(event, ev.Notice)] == ["wrong-key"] * TOLD
    refusals.tick()
    assert isinstance(told[-1], ev.Notice)
    assert told[-1].text.startswith("3 more connections")
    refusals.tick()
    refusals.note("192.0.2.1:1", Busy())
    assert len(told) == TOLD + 2


def test_every_reason_is_of_an_error_that_there_is() -> None:
    def below(kind: type[PeerError]) -> set[str]:
        return {kind.code}.union(*map(below, kind.__subclasses__()))

    assert set(REFUSED_BECAUSE) <= below(PeerError)


def test_another_reason_is_said_in_its_own_words() -> None:
    told: list[ev.Event] = []
    error = PeerError()
    Refusals(told.append).note("192.0.2.1:1", error)
    assert isinstance(told[0], ev.Notice)
    assert str(error).rstrip(".") in told[0].text
