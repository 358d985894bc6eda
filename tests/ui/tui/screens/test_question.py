"""A small question."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from usi.ui.tui.screens.question import Question

pytestmark = pytest.mark.slow

Open = Callable[..., AbstractAsyncContextManager]


@pytest.mark.parametrize(("press", "result"), [(["enter"], "a"), (["right", "enter"], "b"), (["escape"], None)])
async def test_its_answers(open_stage: Open, press: list[str], result: str | None) -> None:
    async with open_stage() as stage:
        answers: list[str | None] = []
        question = Question("[/oops]", "Really? \x1b[31m[/oops]", (("a", "yes"), ("b", "[/oops]")))
        await stage.app.push_screen(question, answers.append)
        await stage.pilot.pause()
        await stage.pilot.press(*press)
        await stage.until(lambda: answers)
        assert answers == [result]
