"""What a host keeps: nothing is readable without the passphrase, nothing that was committed is lost, and every way in
which a file can be wrong has its own sentence."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.keeping import (
    CONVERSATION,
    GENERAL,
    PASSPHRASE,
    STAFF,
    allow_cheap_keys,
    everything,
    numbers,
    opened,
    posts,
)
from usi.core import wire
from usi.core.content import Body, ConversationKey
from usi.core.crypto import PrivateKey, PublicKey, random_bytes, sha256
from usi.core.errors import (
    CannotKeep,
    DamagedHistory,
    InUse,
    LocalError,
    MayOnlyBeRead,
    NewerHistory,
    NoRoomLeft,
    NotAHistory,
    TruncatedHistory,
    UnreadableFile,
    WrongPassphrase,
)
from usi.store.history import History, Room, RoomKey
from usi.store.vault import Cost, Header

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    allow_cheap_keys(monkeypatch.setattr)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.usi"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    history = opened(path)
    history.keep_room(GENERAL)
    history.keep_room(STAFF)
    yield history
    history.close()


def edit(path: Path, *statements: str) -> None:
    """What somebody with the file and without its passphrase does to it."""
    with sqlite3.connect(path, isolation_level=None) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


def filled(path: Path, count: int = 20) -> None:
    """A history with so many posts in each of two rooms, closed again."""
    history = opened(path)
    for room in (GENERAL, STAFF):
        history.keep_room(room)
        history.append(posts(range(1, count + 1), room), {})
    history.close()


# --- keeping and reading --------------------------------------------------------------------------------------------


def test_posts_come_back_as_they_were(history: History, path: Path) -> None:
    kept = posts(range(1, 31))
    history.append(kept[:10], {})
    history.append(kept[10:], {})
    assert [each.posted for each in everything(history)] == kept
    history.close()
    again = opened(path)
    assert again.rooms() == [GENERAL, STAFF] or again.rooms() == [STAFF, GENERAL]
    assert [each.posted for each in everything(again)] == kept
    assert (again.first(CONVERSATION), again.last(CONVERSATION), again.count(CONVERSATION)) == (1, 30, 30)
    assert (again.first(STAFF.conversation), again.last(STAFF.conversation)) == (1, 0)
    again.close()


def test_pages(history: History) -> None:
    history.append(posts(range(1, 31)), {})

    def page(before: int | None, count: int) -> list[int]:
        return [kept.posted.number for kept in history.page(CONVERSATION, before, count).kept]

    assert page(None, 10) == list(range(21, 31))
    assert page(21, 10) == list(range(11, 21))
    assert page(5, 10) == [1, 2, 3, 4]
    assert page(1, 10) == page(0, 10) == page(-3, 10) == page(None, 0) == page(10, -1) == []
    assert page(2**80, 2) == [29, 30]


def test_signatures_hold_in_a_later_run(history: History, path: Path, keys: dict[str, PrivateKey]) -> None:
    alice, host = keys["alice"], keys["host"]
    secret = random_bytes(32)
    key = ConversationKey(CONVERSATION, host.public.id, secret)
    post = key.seal(alice, Body("text", "bonjour", "alice", 1, bytes(8), 1))
    posted = wire.Posted(post.conversation, post.key_id, post.sender, post.id, 1, post.sealed)
    history.keep_key(CONVERSATION, RoomKey(host.public.id, secret))
    history.append([posted], {alice.public.id: alice.public.modulus})
    history.close()

    again = opened(path)
    (kept,) = everything(again)
    found = again.key(CONVERSATION, kept.posted.key_id)
    modulus = again.author(kept.posted.sender)
    assert found is not None
    assert modulus is not None
    content = ConversationKey(CONVERSATION, found.holder, found.key).open(kept.posted)
    assert content.is_by(PublicKey(modulus))
    assert content.body().text == "bonjour"
    assert again.key(STAFF.conversation, kept.posted.key_id) is None
    assert again.author(sha256(b"nobody")) is None
    again.close()


def test_an_author_is_written_once(history: History) -> None:
    moduli = {sha256(b"member"): bytes(256)}
    history.append(posts([1]), moduli)
    history.append(posts([2, 3]), moduli)
    with history._database.reading() as db:
        assert db.execute("SELECT count(*) FROM authors").fetchone() == (1,)


def test_a_room_changes_and_keeps_its_posts(history: History, path: Path) -> None:
    history.append(posts(range(1, 4)), {})
    renamed = Room(CONVERSATION, "lounge", "new topic", True, False)
    history.keep_room(renamed)
    history.close()
    again = opened(path)
    assert renamed in again.rooms()
    assert numbers(again) == [1, 2, 3]
    again.close()


def test_a_forgotten_room_is_gone(history: History, path: Path) -> None:
    for room in (GENERAL, STAFF):
        history.append(posts(range(1, 4), room), {})
        history.keep_key(room.conversation, RoomKey(bytes(32), bytes(32)))
    history.forget_room(CONVERSATION)
    assert history.rooms() == [STAFF]
    history.close()
    again = opened(path)
    assert again.rooms() == [STAFF]
    assert numbers(again, STAFF) == [1, 2, 3]
    with again._database.reading() as db:
        for table in ("rooms", "keys"):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)
    again.close()


@pytest.mark.parametrize("wrong", [[2], [0], [1, 1], [1, 3], [2, 1]])
def test_numbers_have_no_holes(history: History, wrong: list[int]) -> None:
    with pytest.raises(ValueError, match="does not follow"):
        history.append(posts(wrong), {})
    assert history.last(CONVERSATION) == 0
    history.append(posts([1, 2]), {})
    assert numbers(history) == [1, 2]


def test_a_search_goes_backwards_through_all(history: History) -> None:
    history.append(posts(range(1, 601)), {})
    pages = history.pages(CONVERSATION)
    newest = next(pages)
    history.append(posts([601]), {})
    history.retire(CONVERSATION, most=400)
    rest = [kept.posted.number for page in pages for kept in reversed(page.kept)]
    assert [kept.posted.number for kept in reversed(newest.kept)] + rest == list(range(600, 201, -1))


@settings(max_examples=15)
@given(data=st.data())
def test_any_order_of_doings(data: st.DataObject) -> None:
    """Compared with two lists in memory, through appends in batches, retention, changes and new starts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "h"
        history = opened(path)
        kept: dict[bytes, list[wire.Posted]] = {}
        last = {room.conversation: 0 for room in (GENERAL, STAFF)}
        for room in (GENERAL, STAFF):
            history.keep_room(room)
            kept[room.conversation] = []
        for doing in data.draw(
            st.lists(st.sampled_from(["append", "retire", "reopen", "fail", "rename"]), max_size=12)
        ):
            room = data.draw(st.sampled_from([GENERAL, STAFF]))
            at = room.conversation
            if doing == "append":
                sizes = data.draw(st.lists(st.sampled_from([272, 5_000, 67_088]), min_size=1, max_size=9))
                new = [posts([last[at] + i], room, size)[0] for i, size in enumerate(sizes, start=1)]
                history.append(new, {})
                last[at] += len(new)
                kept[at] += new
            elif doing == "retire":
                most = data.draw(st.integers(0, 12))
                removed = history.retire(at, most=most)
                assert removed == max(0, len(kept[at]) - most)
                kept[at] = kept[at][removed:]
            elif doing == "fail":
                with pytest.raises(ValueError, match="does not follow"):
                    history.append([*posts([last[at] + 1], room), *posts([last[at] + 9], room)], {})
            elif doing == "rename":
                history.keep_room(Room(at, data.draw(st.text(max_size=9)), room.topic, room.private))
            else:
                history.close()
                history = opened(path)
            assert history.count(at) == len(kept[at])
            before, count = data.draw(st.integers(0, last[at] + 2)), data.draw(st.integers(0, 20))
            expected = [post for post in kept[at] if post.number < before and post.number >= before - count]
            if before <= last[at] + 1:
                assert [each.posted for each in history.page(at, before, count).kept] == expected
        for room in (GENERAL, STAFF):
            assert [each.posted for each in everything(history, room)] == kept[room.conversation]
            assert history.last(room.conversation) == last[room.conversation]
        assert history.stray_rows() == 0
        assert history.faults() == history.damaged_rows() == []
        history.close()


# --- retention ------------------------------------------------------------------------------------------------------


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def aged(path: Path, *times: float) -> tuple[History, Clock]:
    """A history with one post at each of these times."""
    clock = Clock()
    history = opened(path, clock=clock)
    history.keep_room(GENERAL)
    for number, at in enumerate(times, start=1):
        clock.now = at
        history.append(posts([number]), {})
    return history, clock


def test_retention_by_age(path: Path) -> None:
    history, _ = aged(path, 1_000, 2_000, 3_000, 4_000)
    assert [kept.kept_at for kept in everything(history)] == [1_000_000, 2_000_000, 3_000_000, 4_000_000]
    assert history.retire(CONVERSATION, before=1_000) == 0
    assert history.retire(CONVERSATION, before=2_500) == 2
    assert numbers(history) == [3, 4]
    assert history.retire(CONVERSATION, before=9_000) == 2
    assert (numbers(history), history.first(CONVERSATION), history.last(CONVERSATION)) == ([], 5, 4)
    history.append(posts([5]), {})
    assert numbers(history) == [5]
    history.close()


def test_retention_by_age_goes_far(path: Path) -> None:
    history, clock = aged(path, 1_000)
    history.append(posts(range(2, 700)), {})
    clock.now = 2_000
    history.append(posts(range(700, 710)), {})
    assert history.retire(CONVERSATION, before=1_500) == 699
    assert numbers(history) == list(range(700, 710))
    history.close()


def test_retention_by_both(path: Path) -> None:
    history, _ = aged(path, 1_000, 2_000, 3_000, 4_000)
    assert history.retire(CONVERSATION, before=1_500, most=2) == 2
    assert history.retire(CONVERSATION, before=3_500, most=100) == 1
    assert numbers(history) == [4]
    history.close()


@pytest.mark.parametrize(
    ("times", "left"),
    [
        pytest.param([3_000, 1_000, 1_000, 3_100], [1, 2, 3, 4], id="put back: nothing young goes"),
        pytest.param([1_000, 9_000, 9_000, 2_000, 3_000], [5], id="ahead, then put right: they go with the older ones"),
        pytest.param([9_000, 9_000], [1, 2], id="all from the future"),
        pytest.param([1_000, 9_000, 3_000], [2, 3], id="ahead, and nothing old behind"),
        pytest.param([1_000, 9_000], [2], id="perhaps young"),
    ],
)
def test_a_clock_that_was_wrong(path: Path, times: list[float], left: list[int]) -> None:
    history, clock = aged(path, *times)
    clock.now = 4_000
    history.retire(CONVERSATION, before=2_500)
    assert numbers(history) == left
    history.close()


def test_what_is_deleted_is_overwritten(history: History, path: Path) -> None:
    history.append(posts(range(1, 40)), {})
    with history._database.reading() as db:
        rows = [row for (row,) in db.execute("SELECT sealed FROM posts ORDER BY number")]
    history.retire(CONVERSATION, most=1)
    history.close()
    data = path.read_bytes()
    assert not any(row[:64] in data for row in rows[:-1])
    assert rows[-1] in data
    assert not path.with_name(path.name + "-journal").exists()


# --- what the file tells --------------------------------------------------------------------------------------------


def test_nothing_can_be_read_from_the_file(path: Path, keys: dict[str, PrivateKey]) -> None:
    """Neither names nor rooms, texts, ids, keys or times, in any of the forms that they could have."""
    history, clock = aged(path)
    clock.now = 1_764_156_254.125
    alice, host = keys["alice"].public, keys["host"].public
    secret = random_bytes(32)
    key = ConversationKey(CONVERSATION, host.id, secret)
    history.keep_key(CONVERSATION, RoomKey(host.id, secret))
    history.keep_room(STAFF)
    seals = []
    for number in range(1, 200):
        post = key.seal(keys["alice"], Body("text", f"our secret {number}", "alice-in-chains", 1, bytes(8), number))
        seals.append(post.sealed)
        history.append(
            [wire.Posted(post.conversation, post.key_id, post.sender, post.id, number, post.sealed)],
            {alice.id: alice.modulus},
        )
    journal = path.with_name(path.name + "-journal")
    everything_written = [path.read_bytes(), journal.read_bytes() if journal.exists() else b""]
    history.retire(CONVERSATION, most=150)
    history.close()
    everything_written.append(path.read_bytes())
    data = b"".join(everything_written)
    now = int(clock.now * 1000)
    secrets = [
        b"general-room", b"staff-room", b"what-we-talk", b"alice", b"our secret", PASSPHRASE.encode(), secret,
        alice.id, host.id, alice.modulus[:32], alice.modulus[-32:], CONVERSATION, STAFF.conversation, key.key_id,
        now.to_bytes(8, "big"), now.to_bytes(6, "big"), now.to_bytes(6, "little"), str(now)[:10].encode(),
        *seals,
    ]  # fmt: skip
    for value in secrets:
        for form in (value, value.hex().encode(), value[::-1]):
            assert form not in data, value
    assert "general-room".encode("utf-16-le") not in data


def test_two_files_have_nothing_in_common(tmp_path: Path) -> None:
    rows = []
    for name in ("one", "two"):
        history = opened(tmp_path / name)
        history.keep_room(GENERAL)
        with history._database.reading() as db:
            rows.append(db.execute("SELECT tag FROM rooms").fetchone())
        history.close()
    assert rows[0] != rows[1]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_only_the_owner_may_read_it(history: History, path: Path) -> None:
    history.append(posts([1]), {})
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


# --- the passphrase -------------------------------------------------------------------------------------------------


def test_a_wrong_passphrase(path: Path) -> None:
    filled(path)
    before = path.read_bytes()
    for wrong in ("", "correct horse ", "Correct horse"):
        with pytest.raises(WrongPassphrase):
            opened(path, wrong)
    assert path.read_bytes() == before


def test_the_same_passphrase_from_another_keyboard(path: Path) -> None:
    opened(path, "cl\u00e9").close()
    opened(path, "cle\u0301").close()


def test_it_is_asked_for_as_new_or_known(path: Path) -> None:
    asked: list[bool] = []

    def ask(new: bool) -> str:
        asked.append(new)
        return PASSPHRASE

    for _ in range(2):
        History.open(path, ask, cost=Cost(2, 1, 1)).close()
    assert asked == [True, False]


def test_with_the_real_cost(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    history = History.open(path, lambda _new: PASSPHRASE)
    history.keep_room(GENERAL)
    history.close()
    again = History.open(path, lambda _new: PASSPHRASE)
    assert again.rooms() == [GENERAL]
    assert again._database.header().cost == Cost(2**17, 8, 1)
    again.close()


def test_a_passphrase_that_is_not_given_leaves_no_file(path: Path) -> None:
    def ask(_new: bool) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        History.open(path, ask)
    assert not path.exists()


# --- files that are wrong -------------------------------------------------------------------------------------------


def refused(path: Path, error: type[LocalError], **options: bool) -> LocalError:
    """Opening is refused so, twice, and leaves the file as it was; then it may be opened again."""
    before = path.read_bytes() if path.is_file() else None
    for _ in range(2):
        with pytest.raises(error) as caught:
            opened(path, **options)
        assert str(path) in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before
    return caught.value


@pytest.mark.parametrize("content", [b"a" * 5_000, b"PK\x03\x04", b"\0", b"SQLite format 2\0" + bytes(4096)])
def test_another_file(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused(path, NotAHistory)


def test_another_database(path: Path) -> None:
    edit(path, "CREATE TABLE posts (a)")
    refused(path, NotAHistory)


def test_a_newer_format(path: Path) -> None:
    filled(path)
    edit(path, "PRAGMA user_version = 2")
    refused(path, NewerHistory)


def test_a_folder(tmp_path: Path) -> None:
    refused(tmp_path, UnreadableFile)


def test_no_such_folder(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere" / "h", CannotKeep)


def test_nothing_to_check(path: Path) -> None:
    with pytest.raises(UnreadableFile):
        opened(path, check=True)
    assert not path.exists()


@pytest.mark.parametrize("keep", [0, 1, 20, 99, 100, 511, 4_096, 0.3, 0.5, 0.999])
def test_a_file_that_was_cut_off(path: Path, keep: float) -> None:
    filled(path)
    size = path.stat().st_size
    os.truncate(path, keep if isinstance(keep, int) else int(size * keep))
    error = refused(path, TruncatedHistory)
    assert error.fields["found"] < error.fields["size"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE header SET salt = zeroblob(32)",
        "UPDATE header SET salt = 'text'",
        "UPDATE header SET file_id = zeroblob(16)",
        "UPDATE header SET proof = zeroblob(31)",
        "UPDATE header SET checksum = NULL",
        "UPDATE header SET n = n * 2",
        "UPDATE header SET n = 'much'",
        "UPDATE header SET p = 9223372036854775807",
        "DELETE FROM header",
        "INSERT INTO header SELECT * FROM header",
        "DROP TABLE header",
        "DROP TABLE rooms",
        "UPDATE rooms SET sealed = zeroblob(200)",
        "UPDATE rooms SET sealed = 7",
        "UPDATE rooms SET tag = zeroblob(16) WHERE rowid = (SELECT max(rowid) FROM rooms)",
    ],
)
def test_a_damaged_file(path: Path, change: str) -> None:
    filled(path)
    edit(path, change)
    refused(path, DamagedHistory)


@pytest.mark.parametrize("cost", [(1, 1, 1), (2**21, 8, 1), (2**17, 17, 1), (2**17, 8, 5), (3, 1, 1), (2**17, -8, 1)])
def test_a_header_that_asks_for_too_little_or_too_much(path: Path, cost: tuple[int, int, int]) -> None:
    """Also where whoever changed it put the checksum right: refused before any memory is taken."""
    from usi.store import vault

    filled(path)
    edit(path, "UPDATE header SET n = {}, r = {}, p = {}".format(*cost))
    with sqlite3.connect(path) as db:
        _, _, _, *rest = db.execute("SELECT * FROM header").fetchone()
        checksum = vault._checksum(Header(Cost(*cost), *rest))
        db.execute("UPDATE header SET checksum = ?", (checksum,))
    db.close()
    assert "key" in str(refused(path, DamagedHistory))


def test_damaged_pages(path: Path) -> None:
    """Noise in the middle: whatever it hits, a sentence comes and no traceback."""
    filled(path, 200)
    whole = path.read_bytes()
    for page in range(1, len(whole) // 4096):
        path.write_bytes(whole[: page * 4096] + random_bytes(4096) + whole[(page + 1) * 4096 :])
        try:
            history = opened(path)
        except (DamagedHistory, TruncatedHistory):
            continue
        try:
            read = [history.page(room.conversation, None, 200) for room in (GENERAL, STAFF)]
            assert all(len(page.kept) + len(page.lost) == 200 for page in read)
            assert history.faults()
        except DamagedHistory:
            pass
        finally:
            history.close()


def test_in_use_by_another_program(path: Path) -> None:
    filled(path)
    program = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('BEGIN EXCLUSIVE'); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as other:
        assert other.stdout
        other.stdout.readline()
        refused(path, InUse)
        refused(path, InUse, check=True)
        other.communicate(b"\n")


OPEN_IT = """
import sys
from pathlib import Path
from tests.store.keeping import allow_cheap_keys, opened
allow_cheap_keys()
opened(Path(sys.argv[1]), check=sys.argv[2] == "check")
"""


@pytest.mark.parametrize("how", ["host", "check"])
def test_another_program_cannot_have_it_meanwhile(path: Path, how: str) -> None:
    filled(path)
    history = opened(path)
    for number in (21, 22):
        result = subprocess.run(
            [sys.executable, "-c", OPEN_IT, path, how], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert "InUse" in result.stderr, result.stderr
        history.append(posts([number]), {})
    assert numbers(history)[-1] == 22
    history.close()


@pytest.fixture
def as_nobody() -> Iterator[Callable[[], None]]:
    """Give up the right to write everything, where the tests have it."""
    changed = False

    def drop() -> None:
        nonlocal changed
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            os.seteuid(65_534)
            changed = True

    yield drop
    if changed:
        os.seteuid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_a_file_that_may_only_be_read(as_nobody: Callable[[], None]) -> None:
    folder = Path(tempfile.mkdtemp())  # not pytest's, which only its owner may enter
    try:
        path = folder / "h"
        filled(path)
        os.chmod(path, 0o444)
        os.chmod(folder, 0o555)
        as_nobody()
        refused(path, MayOnlyBeRead)
        reader = opened(path, check=True)
        assert len(everything(reader)) == 20
        reader.close()
    finally:
        if hasattr(os, "seteuid") and os.getuid() == 0:
            os.seteuid(0)
        os.chmod(folder, 0o755)
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("change", "error"), [("PRAGMA query_only = 1", MayOnlyBeRead), ("PRAGMA max_page_count = 1", NoRoomLeft)]
)
def test_a_disk_that_takes_no_more(history: History, path: Path, change: str, error: type[LocalError]) -> None:
    """Nothing is half there, nothing before is lost, and the same numbers go on when it takes again."""
    history.append(posts(range(1, 11)), {})
    batch = posts(range(11, 31), size=60_000)
    with history._database.reading() as db:
        db.execute(change)
    for _ in range(2):
        with pytest.raises(error):
            history.append(batch, {sha256(b"member"): bytes(256)})
        assert history.last(CONVERSATION) == 10
        assert numbers(history) == list(range(1, 11))
    with history._database.reading() as db:
        db.execute("PRAGMA query_only = 0")
        db.execute("PRAGMA max_page_count = 100000")
    history.append(batch, {sha256(b"member"): bytes(256)})
    assert history.author(sha256(b"member")) == bytes(256)
    history.close()
    again = opened(path)
    assert numbers(again) == list(range(1, 31))
    again.close()


# --- rows that are wrong --------------------------------------------------------------------------------------------


def lost(path: Path, room: Room = GENERAL) -> dict[int, str]:
    history = opened(path)
    page = history.page(room.conversation, None, 100)
    history.close()
    assert len(page.kept) + len(page.lost) == 20
    return dict(page.lost)


def test_deleted_posts(path: Path) -> None:
    filled(path)
    edit(path, "DELETE FROM posts WHERE number IN (1, 7, 19, 20)")
    assert lost(path) == lost(path, STAFF) == dict.fromkeys((1, 7, 19, 20), "deleted")


def test_changed_posts(path: Path) -> None:
    filled(path)
    edit(
        path,
        "UPDATE posts SET sealed = substr(sealed, 1, 100) || x'00' || substr(sealed, 102) WHERE number = 3",
        "UPDATE posts SET sealed = x'' WHERE number = 4",
        "UPDATE posts SET sealed = 'text' WHERE number = 5",
    )
    assert lost(path) == dict.fromkeys((3, 4, 5), "damaged")


def test_swapped_posts(path: Path) -> None:
    filled(path)
    edit(path, "UPDATE posts SET number = -number WHERE number IN (3, 4)")
    edit(path, "UPDATE posts SET number = 7 + number WHERE number < 0")
    assert lost(path) == {3: "moved", 4: "moved"}


def test_a_post_that_was_put_in_twice(path: Path) -> None:
    filled(path)
    edit(path, "UPDATE posts SET sealed = (SELECT sealed FROM posts WHERE number = 9 LIMIT 1) WHERE number = 3")
    assert set(lost(path).items()) | set(lost(path, STAFF).items()) == {(3, "moved")}


def test_posts_moved_to_another_room(path: Path) -> None:
    filled(path)
    edit(path, "CREATE TABLE two AS SELECT DISTINCT room FROM posts")
    edit(path, "DELETE FROM posts WHERE number = 5 AND room = (SELECT max(room) FROM two)")
    edit(path, "UPDATE posts SET room = (SELECT max(room) FROM two) WHERE number = 5")
    edit(path, "DROP TABLE two")
    assert {*lost(path).values(), *lost(path, STAFF).values()} == {"moved", "deleted"}


def test_posts_of_another_file(path: Path, tmp_path: Path) -> None:
    filled(path)
    filled(tmp_path / "other")
    edit(
        path,
        f"ATTACH '{tmp_path / 'other'}' AS other",
        "UPDATE posts SET sealed = (SELECT sealed FROM other.posts AS o WHERE o.number = posts.number LIMIT 1)"
        " WHERE number = 2",
    )
    assert lost(path) == {2: "damaged"}


# --- killed in the middle -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("batch", "commits"), [(1, 40), (7, 12), (300, 3)])
def test_what_was_committed_survives_kill_9(path: Path, batch: int, commits: int) -> None:
    """A program that keeps posts without end is killed while it does so."""
    told = 0
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.store.keeping", path, str(batch)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        ) as program:  # fmt: skip
            assert program.stdout
            for _ in range(commits):
                told = int(program.stdout.readline())
            program.kill()
            for line in program.stdout:
                told = int(line) if line.endswith("\n") else told
        if sys.platform != "win32":
            assert program.returncode == -signal.SIGKILL
        history = opened(path)
        last = history.last(CONVERSATION)
        assert told <= last <= told + batch
        assert last % batch == 0
        assert numbers(history) == list(range(1, last + 1))
        assert history.faults() == []
        history.close()
