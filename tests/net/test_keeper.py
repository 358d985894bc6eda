"""Writing what moderators have decided: the newest state, one write at a time, and once more where the disk refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from usi.core.errors import CannotKeep, LocalError
from usi.core.moderation import Decided, Term
from usi.net.keeper import Keeper
from usi.store.moderation import ModerationFile


class Desk:
    def __init__(self, path: Path) -> None:
        self.file = ModerationFile(path)
        self.bans = 0
        self.writes: list[int] = []
        self.refuses = False
        self.troubles: list[str] = []
        self._write = self.file.write
        self.file.write = self.write  # type: ignore[method-assign]
        self.keeper = Keeper(self.file, self.decided, self.hear)

    def decided(self) -> Decided:
        return Decided(tuple(Term((f"key {number:064x}",), None) for number in range(self.bans)))

    def hear(self, error: LocalError) -> None:
        self.troubles.append(error.code)

    def write(self, decided: Decided) -> None:
        self.writes.append(len(decided.bans))
        if self.refuses:
            raise CannotKeep(path=self.file.path, why="no space left on device")
        self._write(decided)

    def kept(self) -> int:
        return len(ModerationFile(self.file.path).decided.bans)


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "moderation.json")


async def test_the_newest_state_is_written_and_many_changes_cost_few_writes(desk: Desk) -> None:
    await desk.keeper.start()
    assert desk.kept() == 0
    for _ in range(500):
        desk.bans += 1
        desk.keeper.note()
    await desk.keeper.close()
    assert desk.kept() == 500
    assert len(desk.writes) <= 3
    assert not desk.troubles


async def test_a_disk_that_refuses_is_told_and_tried_again(desk: Desk) -> None:
    await desk.keeper.start()
    desk.bans, desk.refuses = 1, True
    desk.keeper.note()
    await desk.keeper.close()
    assert desk.troubles
    assert desk.kept() == 0
    desk.refuses = False
    await desk.keeper.close()
    assert desk.kept() == 1


async def test_a_place_that_cannot_be_written_is_told_before_anybody_comes(tmp_path: Path) -> None:
    with pytest.raises(CannotKeep):
        await Desk(tmp_path / "nowhere" / "moderation.json").keeper.start()


async def test_without_a_file_nothing_happens() -> None:
    keeper = Keeper(None, Decided, lambda error: None)
    await keeper.start()
    keeper.note()
    await keeper.close()
