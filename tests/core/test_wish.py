"""When a name that was asked for comes to its member after all."""

import pytest

from usi.core.errors import RESUMABLE
from usi.core.wish import PATIENCE, Wish

NOW = 1_700_000_000.0


@pytest.fixture
def wish() -> Wish:
    wish = Wish()
    wish.make("bob", NOW)
    return wish


@pytest.mark.parametrize("code", sorted(RESUMABLE))
@pytest.mark.parametrize("seconds", [0, 31, PATIENCE])
def test_it_comes_true_once_when_its_holder_was_cut(wish: Wish, code: str, seconds: float) -> None:
    assert wish.comes_true(["alice", "Bob"], code, NOW + seconds) == "bob"
    assert wish.name is None
    assert wish.comes_true(["bob"], code, NOW + seconds) is None


@pytest.mark.parametrize(
    ("leavers", "code", "seconds"),
    [
        (["bob"], "left", 1),
        (["bob"], "kicked", 1),
        (["bob"], "replaced", 1),
        (["bob"], "cut", PATIENCE + 1),
        (["bob"], "cut", -PATIENCE - 1),
        (["alice", "bob-2"], "cut", 1),
        ([], "cut", 1),
    ],
)
def test_otherwise_it_waits(wish: Wish, leavers: list[str], code: str, seconds: float) -> None:
    assert wish.comes_true(leavers, code, NOW + seconds) is None
    assert wish.name == "bob"


def test_who_has_chosen_another_name_wishes_for_nothing(wish: Wish) -> None:
    wish.forget()
    assert wish.comes_true(["bob"], "cut", NOW) is None
    assert Wish().comes_true(["bob"], "cut", NOW) is None
