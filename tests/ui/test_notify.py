"""Desktop notifications: what is said, when, and that a real notification service gets it.

The services here are our own, each on a message bus of its own (dbus-daemon). The notifications go the whole way to
them, through the program that Debian has for it (notify-send).
"""

import asyncio
import html
import importlib.util
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jeepney import HeaderFields, Message, MessageType, new_error, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.asyncio import DBusConnection, DBusRouter, Proxy, open_dbus_connection

from usi.core import events as ev
from usi.core import language, text
from usi.ui import notify
from usi.ui.notify import (
    BURST,
    CONVERSATIONS,
    LONGEST_TEXT,
    PAUSE,
    PRESENCE,
    Attention,
    Digest,
    Note,
    Notifier,
    Unheard,
)

NOW = datetime(2030, 5, 17, 9, 41, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
PATIENCE = 20  # seconds after which a test gives up; nothing is measured by it
THREAD = "usi-notify"

HOSTILE = {
    "markup": "<b>bold</b> <a href='http://x'>y</a> &amp; &#27; <img src=\"z\"/> [/oops]",
    "escape": "\x1b[31mred\x1b[0m \x1b]0;title\x07\x9b2J\r\b\x7f\x00",
    "c-escapes": r"\033[1m \342\200\256 \377 \n \t \\ end" + "\\",
    "option": "--version",
    "options": "-A=x --wait",
    "shell": "$(reboot) `reboot` ; reboot | reboot > /dev/null 'x' \"y\" %s %n {name} {0}",
    "right-to-left": "\u202etxt.exe\u202c \u2066a\u2069",
    "invisible": "a\u200bb\u200dc\ufeffd\u00ade\u2060",
    "emoji": "👩‍👩‍👧👍🏽🇫🇷" * 30,
    "accents": "e" + "\u0301" * 4000 + " n\u0303",
    "long-word": "x" * 10_000,
    "lines": "\n" * 30 + "end\u2028and\u0085more",
    "odd": "\ud800 \uffff \U000e0041",
    "space": " \t ",
}
hostile = pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)


def message(said: str = "hello", /, **fields: Any) -> ev.Message:
    usual = {"time": NOW, "sent_at": NOW, "id": "01", "room": "general", "from_": "alice", "member": "a1", "text": said}
    return ev.Message(**{**usual, "mine": False, "signature": "good", **fields})


def titles(digest: Digest) -> list[str]:
    """What is due, taken."""
    return [note.title for note in iter(digest.take, None)]


def offer(**fields: Any) -> ev.FileOffer:
    usual = {"time": NOW, "transfer": 1, "id": "01", "room": "general", "from_": "alice", "member": "a1", "size": 1}
    return ev.FileOffer(**{**usual, "name": "report.pdf", "files": None, "mine": False, **fields})


def ended(kind: type[ev.FileDone | ev.FileFailed] = ev.FileDone, **fields: Any) -> ev.FileDone | ev.FileFailed:
    usual = {"time": NOW, "transfer": 1, "direction": "in", "peer": "alice", "name": "report.pdf"}
    rest = {"path": "x", "size": 1, "seconds": 1} if kind is ev.FileDone else {"code": "cut", "text": "x", "kept": 0}
    return kind(**{**usual, **rest, **fields})


def note_of(*messages: notify.Heard, with_content: bool = False) -> Note:
    """The notification of these messages, all of one conversation."""
    digest = Digest(with_content=with_content)
    for one in messages:
        digest.hear(one, 0.0)
    note = digest.take()
    assert note is not None
    assert digest.take() is None
    return note


# --- what is said ---


def test_a_message_is_told_without_its_content() -> None:
    assert note_of(message("secret")) == Note("Message from alice in #general")


def test_the_content_is_told_where_it_is_asked_for() -> None:
    assert note_of(message("hello"), with_content=True) == Note("Message from alice in #general", "alice: hello")


def test_an_action_is_told_as_one() -> None:
    assert note_of(message("waves", kind="me"), with_content=True).body == "alice waves"


def test_several_messages_are_summed_up_with_the_newest_content() -> None:
    both = message("one"), message("two", from_="bob")
    assert note_of(*both) == Note("2 messages in #general")
    assert note_of(*both, with_content=True) == Note("2 messages in #general", "bob: two")


def test_a_private_message_names_no_room() -> None:
    private = message(private=True, room="alice-bob")
    assert note_of(private) == Note("Private message from alice")
    assert note_of(private, private, private) == Note("3 private messages")


@pytest.mark.parametrize("doubt", [{"signature": "bad"}, {"signature": "missing"}, {"signed_as": "mallory"}], ids=str)
def test_nobody_is_named_whose_signature_does_not_say_so(doubt: dict[str, Any]) -> None:
    """The warning that belongs to such a text is on the screen, not in the notification."""
    doubtful = message("send me your key", **doubt)
    assert note_of(doubtful, with_content=True) == Note("Message in #general, its author not proven")
    private = message("send me your key", private=True, **doubt)
    assert note_of(private, with_content=True) == Note("Private message, its author not proven")
    assert note_of(message("fine"), doubtful, with_content=True) == Note("2 messages in #general")
    assert note_of(doubtful, message("fine"), with_content=True) == Note("2 messages in #general", "alice: fine")


def asked(name: str = "alice") -> ev.Conversation:
    """Somebody asks to talk privately, and waits for an answer."""
    partners = [
        ev.Partner(name=who, member=who, verified=False, me=who == "bob", opener=who == name) for who in ("bob", name)
    ]
    return ev.Conversation(
        time=NOW, room=f"@{name}", state="asked", members=partners, verified=False, text="…", private=True
    )


def password(name: str = "alice") -> ev.Password:
    return ev.Password(time=NOW, name=name, member="a1", state="asked")


def test_who_asks_for_something_is_told_by_name() -> None:
    assert note_of(asked(), with_content=True) == Note("alice asks to talk privately with you")
    assert note_of(asked(), asked()) == Note("alice asks to talk privately with you")
    assert note_of(password(), with_content=True) == Note("alice asks you to compare a password")
    assert note_of(password(), password("carol")) == Note("2 requests to compare a password")


def test_an_offer_is_told_as_a_message_is() -> None:
    assert note_of(offer()) == Note("alice offers a file in #general")
    assert note_of(offer(), with_content=True) == Note("alice offers a file in #general", "report.pdf")
    assert note_of(message(), offer()) == Note("2 messages in #general")
    private = offer(private=True, room="@alice")
    assert note_of(private) == Note("alice offers you a file privately")
    assert note_of(private, private) == Note("2 private messages")


def test_the_end_of_a_transfer_is_told() -> None:
    failed = ended(ev.FileFailed)
    assert note_of(ended()) == Note("A file from alice has arrived")
    assert note_of(ended(), with_content=True) == Note("A file from alice has arrived", "report.pdf")
    assert note_of(ended(direction="out")) == Note("alice has received your file")
    assert note_of(failed) == Note("A file from alice has stopped on its way")
    assert note_of(ended(ev.FileFailed, direction="out")) == Note("A file to alice has stopped on its way")
    assert note_of(ended(), failed) == Note("2 transfers have ended")


@hostile
def test_hostile_names_of_files_are_one_short_visible_line(said: str) -> None:
    for heard in (offer(name=said, from_=said, room=said), ended(name=said, peer=said)):
        note = note_of(heard, with_content=True)
        for line in (note.title, note.body):
            assert text.visible_line(line) == line
            assert len(line) < LONGEST_TEXT + 60


def test_a_long_text_is_cut() -> None:
    body = note_of(message("x" * 10_000), with_content=True).body
    assert body == f"alice: {'x' * (LONGEST_TEXT - 1)}…"
    assert note_of(message("x" * LONGEST_TEXT), with_content=True).body == f"alice: {'x' * LONGEST_TEXT}"


@hostile
def test_hostile_text_is_one_short_visible_line(said: str) -> None:
    note = note_of(message(said, from_=said, room=said), with_content=True)
    for line in (note.title, note.body):
        assert text.visible_line(line) == line
        assert line.isprintable() or "\u200d" in line  # joiners inside emoji
        assert len(line) < LONGEST_TEXT + 60
    assert note_of(message("x", from_=said, room=said)).title.startswith("Message from ")


@settings(max_examples=100)
@given(st.text(st.characters(), max_size=2000), st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_one_short_line(said: str, name: str, room: str) -> None:
    note = note_of(message(said, from_=name, room=room), with_content=True)
    for line in (note.title, note.body):
        assert not set(line) & {chr(code) for code in (*range(32), *range(127, 160), 0x2028, 0x2029, 0x202E, 0x2066)}
        assert len(line) < LONGEST_TEXT + 60
        line.encode()


def test_it_is_said_in_the_language_of_the_person_but_names_are_not() -> None:
    phrases = {"Message from {name} in #{room}": "Message de {name} dans #{room}", "alice": "wrong", "general": "wrong"}
    language.install(lambda sentence: phrases.get(sentence, sentence))
    try:
        assert note_of(message()).title == "Message de alice dans #general"
    finally:
        language.install(None)


# --- when ---


def test_what_comes_during_the_pause_is_summed_up_in_the_next() -> None:
    digest = Digest(with_content=False)
    digest.hear(message(), 100.0)
    assert titles(digest) == ["Message from alice in #general"]
    for now in (100.0, 102.0, 100.0 + PAUSE - 0.1):
        digest.hear(message(), now)
        assert not digest.is_due
    digest.hear(message(), 100.0 + PAUSE)
    assert titles(digest) == ["4 messages in #general"]
    digest.hear(message(), 100.0 + PAUSE + 1)
    assert not titles(digest)
    digest.hear(message(), 100.0 + 3 * PAUSE)
    assert titles(digest) == ["2 messages in #general"]


def test_what_waited_can_be_told_without_a_further_message() -> None:
    digest = Digest(with_content=False)
    digest.hear(message(), 0.0)
    digest.take()
    digest.hear(message(from_="bob"), 1.0)
    digest.ripen(PAUSE - 1)
    assert not titles(digest)
    digest.ripen(PAUSE)
    assert titles(digest) == ["Message from bob in #general"]
    digest.ripen(9 * PAUSE)
    assert not titles(digest)


def test_conversations_wait_each_for_itself() -> None:
    digest = Digest(with_content=False)
    digest.hear(message(room="one"), 0.0)
    digest.hear(message(room="two"), 1.0)
    assert titles(digest) == ["Message from alice in #one", "Message from alice in #two"]
    digest.hear(message(room="two"), PAUSE)
    assert not titles(digest)
    digest.hear(message(room="one"), PAUSE)
    assert titles(digest) == ["Message from alice in #one"]


def test_what_comes_while_the_desktop_is_busy_joins_what_waits_for_it() -> None:
    digest = Digest(with_content=True)
    digest.hear(message("first"), 0.0)
    digest.hear(message("second"), 1.0)
    digest.hear(message("third"), 2 * PAUSE)
    note = digest.take()
    assert note == Note("3 messages in #general", "alice: third")
    assert digest.take() is None
    digest.hear(message("fourth"), 2 * PAUSE + 1)  # the pause begins with what was told last
    assert digest.take() is None


def test_what_was_seen_before_the_desktop_took_it_is_not_told() -> None:
    digest = Digest(with_content=False)
    for room in ("one", "two", "three"):
        digest.hear(message(room=room), 0.0)
    digest.forget("two")
    digest.forget("never heard of")
    assert titles(digest) == ["Message from alice in #one", "Message from alice in #three"]
    digest.hear(message(room="one"), PAUSE)
    digest.forget()
    assert not titles(digest)
    digest.hear(message(room="one"), 2 * PAUSE)
    assert titles(digest) == ["Message from alice in #one"]


def test_many_conversations_do_not_flood_the_desktop() -> None:
    digest = Digest(with_content=False)
    for number in range(1000):
        digest.hear(message(room=f"room{number}"), 0.0)
    assert titles(digest) == [f"Message from alice in #room{number}" for number in range(BURST)]
    told = 0
    for turn in range(1, 2 * CONVERSATIONS):
        digest.ripen(turn * PAUSE)
        now = len(titles(digest))
        assert now <= BURST
        told += now
    assert told == CONVERSATIONS - BURST
    digest.hear(message(room="new"), 1e6)
    assert titles(digest) == ["Message from alice in #new"]


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 4)), max_size=40))
def test_every_message_is_counted_once_and_never_two_notes_in_a_pause(heard: list[tuple[str, float]]) -> None:
    digest, now, counted = Digest(with_content=False), 0.0, 0
    last: dict[str, float] = {}
    for room, step in [*heard, ("a", 9.0), ("b", 9.0), ("c", 9.0), ("a", 9.0)]:
        now += step
        digest.hear(message(room=room), now)
        for title in titles(digest):
            where = title[-1]
            assert now - last.get(where, -PAUSE) >= PAUSE
            last[where] = now
            counted += 1 if title.startswith("Message") else int(title.split()[0])
    assert counted == len(heard) + 4


# --- who looks ---


def test_a_terminal_that_tells_of_its_focus_is_believed() -> None:
    attention = Attention(0.0)
    attention.focus(True)
    assert attention.is_here(1e6)
    attention.focus(False)
    assert not attention.is_here(0.0)
    attention.typed(1.0)
    assert attention.is_here(1e6)


def test_elsewhere_a_key_stands_for_it() -> None:
    attention = Attention(100.0)
    assert attention.is_here(100.0 + PRESENCE - 1)
    assert not attention.is_here(100.0 + PRESENCE)
    attention.typed(200.0)
    assert attention.is_here(201.0)
    assert not attention.is_here(200.0 + PRESENCE)


# --- the notifier ---


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    for thread in threads():
        thread.join(PATIENCE)
        assert not thread.is_alive()


async def all_done() -> None:
    """The thread has nothing more to say, and what it said has arrived."""
    for thread in threads():
        await asyncio.to_thread(thread.join, PATIENCE)
    await asyncio.sleep(0)


class Told:
    """A desktop that is a list, and the problems that a notifier told of."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.notes: asyncio.Queue[Note] = asyncio.Queue()
        self.problems: asyncio.Queue[str] = asyncio.Queue()
        self.heard_in: list[int] = []
        self.loop = asyncio.get_running_loop()
        self.open = threading.Event()
        """While it is not set, the desktop hangs."""
        self.open.set()
        self.notifier = Notifier(with_content=False, on_problem=self.problem, deliver=self.deliver)

    def deliver(self, note: Note) -> None:
        assert self.open.wait(PATIENCE)
        self.loop.call_soon_threadsafe(self.notes.put_nowait, note)
        if self.failure is not None:
            raise self.failure

    def problem(self, sentence: str) -> None:
        self.heard_in.append(threading.get_ident())
        self.problems.put_nowait(sentence)

    async def next_title(self) -> str:
        return (await asyncio.wait_for(self.notes.get(), PATIENCE)).title

    async def hear(self, now: float, room: str = "general") -> None:
        """A message comes; what is due then has been told when this returns."""
        self.notifier.consider(message(room=room), focused=False, now=now)
        await all_done()


async def test_only_what_others_say_now_is_told() -> None:
    told = Told()
    for event in (
        message(history=True, room="history"),
        message(mine=True, room="mine"),
        offer(mine=True, room="mine"),
        ev.MemberJoined(time=NOW, name="bob", member="b0"),
        msgspec.structs.replace(asked(), state="opening"),
        msgspec.structs.replace(password(), state="sent"),
        ev.Notice(time=NOW, code="x", text="y"),
    ):
        told.notifier.consider(event, focused=False, now=0.0)
        await all_done()
    await told.hear(0.0)
    assert await told.next_title() == "Message from alice in #general"
    assert told.notes.empty()
    assert told.problems.empty()


async def test_nothing_is_told_to_somebody_who_looks() -> None:
    told = Told()
    told.notifier.consider(message(), focused=True, now=0.0)
    told.notifier.flush(focused=True, now=100.0)
    assert not threads()
    told.notifier.consider(message(room="other"), focused=False, now=100.0)
    assert await told.next_title() == "Message from alice in #other"


async def test_who_looked_has_seen_what_waited() -> None:
    told = Told()
    notifier = told.notifier
    for room in ("one", "two"):
        await told.hear(0.0, room)
        await told.hear(1.0, room)
        assert await told.next_title() == f"Message from alice in #{room}"
    assert told.notes.empty()
    notifier.flush(focused=True, now=2.0)
    notifier.flush(focused=False, now=PAUSE)
    await told.hear(PAUSE, "one")
    assert await told.next_title() == "Message from alice in #one"
    await told.hear(PAUSE + 1, "one")
    notifier.consider(message(room="two"), focused=True, now=PAUSE + 1)
    await told.hear(3 * PAUSE, "one")
    assert await told.next_title() == "Message from alice in #one"


async def test_who_answers_has_seen_what_waited_there() -> None:
    told = Told()
    for room in ("one", "two"):
        await told.hear(0.0, room)
        assert await told.next_title() == f"Message from alice in #{room}"
        await told.hear(1.0, room)
    told.notifier.consider(message(room="one", mine=True), focused=False, now=2.0)
    await told.hear(PAUSE, "one")
    assert sorted([await told.next_title(), await told.next_title()]) == [
        "Message from alice in #one",
        "Message from alice in #two",
    ]


async def test_what_waited_is_told_in_time() -> None:
    told = Told()
    for now in (0.0, 1.0, 2.0):
        await told.hear(now)
    assert await told.next_title() == "Message from alice in #general"
    told.notifier.flush(focused=False, now=PAUSE - 1)
    told.notifier.flush(focused=False, now=PAUSE)
    assert await told.next_title() == "2 messages in #general"


async def test_a_muted_conversation_is_silent_until_it_is_heard_again() -> None:
    told = Told()
    notifier = told.notifier
    assert notifier.mute("general") is True
    notifier.consider(message(), focused=False, now=0.0)
    notifier.flush(focused=False, now=100.0)
    assert not threads()
    notifier.consider(message(room="other"), focused=False, now=100.0)
    assert await told.next_title() == "Message from alice in #other"
    assert notifier.mute("general") is False
    notifier.consider(message(), focused=False, now=100.0)
    assert await told.next_title() == "Message from alice in #general"


async def test_muting_takes_back_what_waits() -> None:
    told = Told()
    told.notifier.consider(message(), focused=False, now=0.0)
    assert await told.next_title() == "Message from alice in #general"
    told.notifier.consider(message(), focused=False, now=1.0)
    told.notifier.mute("general")
    told.notifier.mute("general")
    told.notifier.consider(message(), focused=False, now=PAUSE)
    assert await told.next_title() == "Message from alice in #general"


async def test_a_hanging_desktop_stalls_nothing_and_costs_one_thread() -> None:
    told = Told()
    told.open.clear()
    for turn in range(20):
        for room in ("one", "two"):
            told.notifier.consider(message(room=room), focused=False, now=turn * PAUSE)
            assert len(threads()) == 1
    assert threads()[0].daemon  # the program can end meanwhile
    told.open.set()
    heard = []
    while sum(heard) < 40:
        title = await told.next_title()
        heard.append(1 if title.startswith("Message") else int(title.split()[0]))
    await all_done()
    assert told.notes.empty()
    assert sum(heard) == 40
    assert len(heard) <= 3
    assert not threads()
    told.notifier.consider(message(room="three"), focused=False, now=1000.0)
    assert await told.next_title() == "Message from alice in #three"


@pytest.mark.parametrize("failure", [Unheard("Nobody there."), OSError("no"), ValueError("odd")], ids=repr)
async def test_a_problem_is_told_once_in_the_loop_and_harms_nothing(failure: Exception) -> None:
    told = Told(failure)
    for room in ("one", "two", "three"):
        told.notifier.consider(message(room=room), focused=False, now=0.0)
        assert await told.next_title() == f"Message from alice in #{room}"
    await all_done()
    sentence = await asyncio.wait_for(told.problems.get(), PATIENCE)
    assert sentence == "Nobody there." or sentence.startswith("No notification can be shown: no notification service")
    assert told.problems.empty()
    assert told.heard_in == [threading.get_ident()]
    told.failure = None
    told.notifier.consider(message(), focused=False, now=100.0)
    assert await told.next_title() == "Message from alice in #general"
    await all_done()
    assert told.problems.empty()


def test_a_problem_after_the_end_is_told_to_nobody() -> None:
    may_go = threading.Event()
    problems: list[str] = []

    def deliver(note: Note) -> None:
        assert may_go.wait(PATIENCE)
        raise Unheard("too late")

    async def run() -> None:
        Notifier(with_content=False, on_problem=problems.append, deliver=deliver).consider(
            message(), focused=False, now=0.0
        )

    asyncio.run(run())
    (thread,) = threads()
    may_go.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert not problems


async def test_no_thread_to_be_had_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    told = Told()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        told.notifier.consider(message(), focused=False, now=0.0)
    told.notifier.consider(message(), focused=False, now=1.0)
    assert await told.next_title() == "2 messages in #general"


# --- a real service on a real bus ---

CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
"""A bus that starts no services, so that nothing of the machine's own answers."""
SERVICE = "org.freedesktop.Notifications"


@pytest.fixture
async def bus(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The address of a message bus, which is the session's for all programs that are started."""
    folder = tmp_path_factory.mktemp("bus")  # short: the path of a socket has about a hundred bytes
    configuration = folder / "bus.conf"
    configuration.write_text(CONFIGURATION.format(socket=folder / "socket"), "utf-8")
    daemon = await asyncio.create_subprocess_exec(
        *("dbus-daemon", f"--config-file={configuration}", "--nofork", "--nosyslog", "--nopidfile", "--print-address"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert daemon.stdout is not None
    try:
        address = (await asyncio.wait_for(daemon.stdout.readline(), PATIENCE)).decode().strip()
        assert address.startswith("unix:")
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        yield address
    finally:
        daemon.terminate()
        await daemon.communicate()


@pytest.fixture(autouse=True)
def without_dbus_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a virtual environment on a fresh Debian."""
    monkeypatch.setitem(sys.modules, "dbus", None)


@dataclass
class Shown:
    """What the service was asked to show."""

    app: str
    title: str
    body: str
    actions: list[str]
    hints: dict[str, tuple[str, Any]]


@dataclass
class Service:
    """A notification service, as a desktop has one."""

    connection: DBusConnection
    hangs: bool
    shown: asyncio.Queue[Shown] = field(default_factory=asyncio.Queue)

    async def serve(self) -> None:
        while True:
            call = await self.connection.receive()
            if call.header.message_type is MessageType.method_call and not self.hangs:
                await self.connection.send(self._answer(call))

    def _answer(self, call: Message) -> Message:
        match call.header.fields[HeaderFields.member]:
            case "Notify":
                app, _replaces, _icon, title, body, actions, hints, _expires = call.body
                self.shown.put_nowait(Shown(app, title, body, actions, hints))
                return new_method_return(call, "u", (1,))
            case "GetServerInformation":
                return new_method_return(call, "ssss", ("test", "USI", "1", "1.2"))
            case "GetCapabilities":
                return new_method_return(call, "as", (["body", "body-markup"],))
            case _:
                return new_error(call, "org.freedesktop.DBus.Error.UnknownMethod")

    async def next(self) -> Shown:
        return await asyncio.wait_for(self.shown.get(), PATIENCE)


@pytest.fixture
async def start_service(bus: str) -> AsyncIterator[Callable[..., Any]]:
    """Starts the service on the bus; `hangs=True` makes it one that never answers."""
    started: list[tuple[Service, asyncio.Task[None]]] = []

    async def start(*, hangs: bool = False) -> Service:
        connection = await open_dbus_connection(bus)
        async with DBusRouter(connection) as router:
            assert await Proxy(message_bus, router).RequestName(SERVICE) == (1,)
        service = Service(connection, hangs)
        started.append((service, asyncio.create_task(service.serve())))
        return service

    yield start
    for service, task in started:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await service.connection.close()


@pytest.fixture
async def desktop(start_service: Callable[..., Any]) -> Service:
    return await start_service()


class Real:
    """A notifier that goes the whole way."""

    def __init__(self, *, with_content: bool = False) -> None:
        self.problems: list[str] = []
        self._notifier = Notifier(with_content=with_content, on_problem=self.problems.append)

    async def consider(self, event: ev.Event, now: float, *, focused: bool = False) -> None:
        """Consider it, and wait until that is done."""
        self._notifier.consider(event, focused=focused, now=now)
        await all_done()


async def test_the_desktop_shows_who_wrote_where_and_not_what(desktop: Service) -> None:
    real = Real()
    await real.consider(message("secret"), 0.0)
    shown = await desktop.next()
    assert (shown.app, shown.title, shown.body) == ("USI", "Message from alice in #general", "")
    assert shown.actions == []
    assert shown.hints["category"] == ("s", "im.received")
    assert "secret" not in repr(shown)
    assert not real.problems


async def test_the_desktop_shows_what_if_asked(desktop: Service) -> None:
    real = Real(with_content=True)
    await real.consider(message("ça marche nickel ! 😀"), 0.0)
    shown = await desktop.next()
    assert (shown.title, shown.body) == ("Message from alice in #general", "alice: ça marche nickel ! 😀")
    assert not real.problems


async def test_the_desktop_sees_one_in_a_pause_and_the_sum(desktop: Service) -> None:
    real = Real()
    for now in (0.0, 1.0, 2.0, PAUSE):
        await real.consider(message("x"), now)
    await real.consider(message("seen"), 3 * PAUSE, focused=True)
    await real.consider(message("x", room="last"), 3 * PAUSE)
    assert [(await desktop.next()).title for _ in range(3)] == [
        "Message from alice in #general",
        "3 messages in #general",
        "Message from alice in #last",
    ]
    assert desktop.shown.empty()
    assert not real.problems


@hostile
async def test_hostile_text_reaches_the_desktop_as_text(
    desktop: Service, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """No markup that the service would render, nothing undone by notify-send, no word taken as its option."""
    expected = note_of(message(said, from_=said, room=said), with_content=True)
    real = Real(with_content=True)
    await real.consider(message(said, from_=said, room=said), 0.0)
    shown = await desktop.next()
    assert shown.title == expected.title
    assert not set(shown.body) & {"<", ">"}
    assert html.unescape(shown.body) == expected.body
    assert shown.body == html.escape(expected.body, quote=False)
    assert set(shown.hints) <= {"category", "urgency", "sender-pid"}
    assert shown.actions == []
    assert not real.problems
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE)
async def test_nothing_depends_on_our_words_standing_first(desktop: Service, line: str) -> None:
    """A translation may begin with the name: a title or a body that looks like an option is a title or a body."""
    safe = text.visible_line(line)[:200]
    await asyncio.to_thread(notify.deliver, Note(safe, safe))
    shown = await desktop.next()
    assert (shown.title, html.unescape(shown.body)) == (safe, safe)


@pytest.mark.parametrize("locale", ["C", "fr_FR.ISO-8859-1", "nonsense"])
async def test_accents_arrive_whatever_the_locale_is(
    desktop: Service, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    monkeypatch.setenv("PYTHONUTF8", "0")
    monkeypatch.setenv("PYTHONCOERCECLOCALE", "0")
    script = (
        "import sys; sys.modules['dbus'] = None; from usi.ui.notify import *; deliver(Note('\\xe9', '\\u65e5\\xe9'))"
    )
    program = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=ROOT)
    assert await asyncio.wait_for(program.wait(), PATIENCE) == 0
    shown = await desktop.next()
    assert (shown.title, shown.body) == ("é", "日é")


async def test_a_desktop_without_a_service_is_told_once_and_tried_again(
    start_service: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    real = Real()
    await real.consider(message(), 0.0)
    (sentence,) = real.problems
    assert sentence.startswith("No notification can be shown: no notification service of a desktop took it.")
    await real.consider(message(), PAUSE)
    desktop = await start_service()
    await real.consider(message(), 2 * PAUSE)
    assert (await desktop.next()).title == "Message from alice in #general"
    assert len(real.problems) == 1
    assert capfd.readouterr() == ("", "")  # notify-send has not written over the screen


async def test_no_bus_at_all_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path / 'nothing'}")
    real = Real()
    for turn in range(3):
        await real.consider(message(), turn * PAUSE)
    (sentence,) = real.problems
    assert sentence.startswith("No notification can be shown: no notification service of a desktop took it.")
    assert capfd.readouterr() == ("", "")


async def test_no_notify_send_is_told_with_what_to_install(
    desktop: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A fresh Debian: plyer is there, and neither of the ways that it knows."""
    real = Real()
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        for turn in range(3):
            await real.consider(message(), turn * PAUSE)
    (sentence,) = real.problems
    assert "notify-send" in sentence
    assert "libnotify-bin" in sentence
    await real.consider(message(), 3 * PAUSE)  # it was installed meanwhile
    assert (await desktop.next()).title == "Message from alice in #general"
    assert len(real.problems) == 1
    assert capfd.readouterr() == ("", "")


async def test_a_service_that_never_answers_is_given_up(
    start_service: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop = await start_service(hangs=True)
    monkeypatch.setattr(notify, "DEADLINE", 0.3)
    real = Real()
    await real.consider(message(), 0.0)
    await real.consider(message(), PAUSE)
    (sentence,) = real.problems
    assert sentence.startswith("No notification can be shown: the desktop's notification service does not answer.")
    assert desktop.shown.empty()


# --- plyer's own ways ---

FAKE_DBUS = """
from types import SimpleNamespace
calls = []
class SessionBus:
    def get_object(self, *where):
        return where
def Interface(where, name):
    return SimpleNamespace(Notify=lambda *call: calls.append((where, name, call)))
"""


async def test_where_there_is_a_python_package_for_it_plyer_speaks_to_the_bus_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dbus.py").write_text(FAKE_DBUS, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "dbus")
    real = Real(with_content=True)
    await real.consider(message(r"a < b & c \n"), 0.0)
    ((where, interface, call),) = sys.modules["dbus"].calls
    monkeypatch.delitem(sys.modules, "dbus")
    assert where == (SERVICE, "/org/freedesktop/Notifications")
    assert interface == SERVICE
    assert call[0] == "USI"
    assert call[3:5] == ("Message from alice in #general", r"alice: a &lt; b &amp; c \n")
    assert not real.problems


def on_windows(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Takes the place of plyer's balloons, with the lengths that they have room for."""
    balloons: list[dict[str, str]] = []

    def show(title: str, message: str, app_name: str) -> None:
        for value, room in ((title, 64), (message, 256), (app_name, 128)):
            assert len(value.encode("utf-16-le")) // 2 < room
        assert message  # Windows does not show a balloon without a text
        balloons.append({"title": title, "message": message, "app": app_name})

    way = SimpleNamespace(instance=lambda: SimpleNamespace(notify=show))
    monkeypatch.setattr(notify, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setitem(sys.modules, "plyer.platforms.win.notification", way)
    return balloons


def test_windows_gets_all_of_it_as_the_text_of_a_balloon(monkeypatch: pytest.MonkeyPatch) -> None:
    balloons = on_windows(monkeypatch)
    notify.deliver(Note("Message from alice in #general"))
    notify.deliver(Note("Message from alice in #general", "alice: a < b"))
    assert balloons == [
        {"title": "USI", "message": "Message from alice in #general", "app": "USI"},
        {"title": "USI", "message": "Message from alice in #general\nalice: a < b", "app": "USI"},
    ]


@pytest.mark.parametrize("said", ["😀" * 300, "x" + "😀" * 300, "é" * 300, "<" * 300])
@pytest.mark.parametrize("name", ["alice", "😀" * 40])
def test_a_balloon_is_not_overfilled(monkeypatch: pytest.MonkeyPatch, said: str, name: str) -> None:
    balloons = on_windows(monkeypatch)
    notify.deliver(note_of(message(said, from_=name, room=name), with_content=True))
    notify.deliver(Note("x" * 300, said))
    for balloon in balloons:
        balloon["message"].encode()  # no half of a character
        assert len(balloon["message"].encode("utf-16-le")) // 2 > 200
    assert len(balloons) == 2


def test_macos_says_which_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("pyobjus") is not None:
        monkeypatch.setitem(sys.modules, "pyobjus", None)
    monkeypatch.setattr(notify, "sys", SimpleNamespace(platform="darwin"))
    with pytest.raises(Unheard, match="Notifications need the Python package pyobjus"):
        notify.deliver(Note("x"))


def test_plyer_is_loaded_at_the_first_notification_only() -> None:
    script = "import sys, usi.ui.notify; sys.exit('plyer' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
