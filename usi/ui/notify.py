"""Desktop notifications: which message is worth one, how it is said, and the way to the desktop.

What other people wrote goes no further than they could see it on this screen: without control characters, cut, and
never as markup or as an option of a program.
"""

from __future__ import annotations

import asyncio
import html
import logging
import math
import shutil
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module

from usi.core import events as ev
from usi.core import text
from usi.core.language import labelled, tr

PAUSE = 5.0
"""Seconds between two notifications of one conversation; what comes meanwhile is summed up in the next."""
BURST = 6
"""Notifications in one pause over all conversations: a host can invent as many of these as it likes."""
CONVERSATIONS = 100
"""Conversations that are kept in mind at once, for the same reason; those that are quiet do not count."""
DEADLINE = 5.0
"""Seconds for the desktop to take a notification; a healthy one needs a few hundredths."""
LONGEST_TEXT = 200
LONGEST_NAME = 40
PRESENCE = 20.0
"""Seconds after a key for which somebody is taken to look, where the terminal does not tell."""

_APP = "USI"
_PLYER = {"win32": "win", "cygwin": "win", "darwin": "macosx"}
"""What plyer calls the systems other than the free desktops, by `sys.platform`."""
_WINDOWS_TEXT = 255  # UTF-16 code units in a balloon; plyer fails on one more


@dataclass(frozen=True)
class Note:
    """A notification as it is read: plain text, one line each."""

    title: str
    body: str = ""


class Unheard(Exception):
    """The desktop did not take a notification; the message is a sentence for people."""


# --- what is said, and when ------------------------------------------------------------------------------------------


Heard = ev.Message | ev.FileOffer | ev.FileDone | ev.FileFailed | ev.Conversation | ev.Password
"""What a notification may be about: of a conversation and of a password, that somebody asks for it and waits."""
_TRANSFERS = ""
"""Stands for the conversation of files that have arrived or stopped: they are told of together."""
_PASSWORDS = "/password"
"""And for requests to compare one; no conversation is called so."""


@dataclass
class _Held:
    """What is still to be said of one conversation."""

    said: float
    """When it was last decided to say something."""
    count: int = 0
    latest: Heard | None = None


class Digest:
    """Messages and news of files in, notifications out, never more than may be shown. No clock, thread or desktop."""

    def __init__(self, *, with_content: bool) -> None:
        self._with_content = with_content
        self._held: dict[str, _Held] = {}
        """By conversation."""
        self._due: dict[str, None] = {}
        """Conversations of which something may be said now, the first to wait first."""
        self._decided: deque[float] = deque(maxlen=BURST)

    def hear(self, heard: Heard, now: float) -> None:
        """Take note of something that its reader has not seen."""
        room = _room(heard)
        if room in self._held or len(self._held) < CONVERSATIONS:
            held = self._held.setdefault(room, _Held(-math.inf))
            held.count += 1
            held.latest = heard
        self.ripen(now)

    def ripen(self, now: float) -> None:
        """Let through what has waited long enough, and forget conversations that are quiet."""
        for room, held in list(self._held.items()):
            if now - held.said < PAUSE:
                continue
            if not held.count:
                del self._held[room]
            elif len(self._decided) < BURST or now - self._decided[0] >= PAUSE:
                self._decided.append(now)
                self._due[room] = None
                held.said = now

    @property
    def is_due(self) -> bool:
        """Whether `take` has something to give."""
        return bool(self._due)

    def take(self) -> Note | None:
        """The next notification, which sums up everything up to this moment; None if nothing is due."""
        if not self._due:
            return None
        room = next(iter(self._due))
        del self._due[room]
        held = self._held[room]
        count, held.count = held.count, 0
        return self._note(held.latest, count) if held.latest is not None else None

    def forget(self, room: str | None = None) -> None:
        """What was heard of this conversation (None: of all) is seen, or not wanted."""
        for name in [room] if room is not None else list(self._held):
            self._due.pop(name, None)
            if name in self._held:
                self._held[name].count = 0

    def _note(self, heard: Heard, count: int) -> Note:
        if isinstance(heard, ev.Message):
            return self._message_note(heard, count)
        if isinstance(heard, ev.Conversation | ev.Password):
            return Note(_request_title(heard, count))
        title = _offer_title(heard, count) if isinstance(heard, ev.FileOffer) else _transfer_title(heard, count)
        return Note(title, _brief(heard.name, LONGEST_TEXT) if self._with_content else "")

    def _message_note(self, message: ev.Message, count: int) -> Note:
        # A text whose author is in doubt belongs beside the warning that the screen gives with it.
        proven = message.signature == "good" and message.signed_as is None
        body = _content(message) if proven and self._with_content else ""
        return Note(_title(message, count, proven=proven), body)


def _room(heard: Heard) -> str:
    match heard:
        case ev.Message() | ev.FileOffer() | ev.Conversation():
            return heard.room
        case ev.Password():
            return _PASSWORDS
        case _:
            return _TRANSFERS


def _concerns(event: ev.Event) -> bool:
    """Whether this is something that its person would miss."""
    match event:
        case ev.Message():
            return not event.history
        case ev.Conversation() | ev.Password():
            return event.state == "asked"
        case _:
            return isinstance(event, Heard)


def _request_title(asked: ev.Conversation | ev.Password, count: int) -> str:
    if isinstance(asked, ev.Conversation):
        sentence = tr("{name} asks to talk privately with you")
        name = next((partner.name for partner in asked.members if partner.opener), asked.room)
    else:
        sentence = tr("{name} asks you to compare a password")
        if count > 1:
            sentence = tr("{count} requests to compare a password")
        name = asked.name
    return sentence.format(count=count, name=_brief(name, LONGEST_NAME))


def _offer_title(offer: ev.FileOffer, count: int) -> str:
    match count, offer.private:
        case 1, True:
            sentence = tr("{name} offers you a file privately")
        case 1, False:
            sentence = tr("{name} offers a file in #{room}")
        case _, True:
            sentence = tr("{count} private messages")
        case _:
            sentence = tr("{count} messages in #{room}")
    name, room = _brief(offer.from_, LONGEST_NAME), _brief(offer.room, LONGEST_NAME)
    return sentence.format(count=count, name=name, room=room)


def _transfer_title(ended: ev.FileDone | ev.FileFailed, count: int) -> str:
    match count, ended, ended.direction:
        case 1, ev.FileDone(), "in":
            sentence = tr("A file from {name} has arrived")
        case 1, ev.FileDone(), _:
            sentence = tr("{name} has received your file")
        case 1, _, "in":
            sentence = tr("A file from {name} has stopped on its way")
        case 1, _, _:
            sentence = tr("A file to {name} has stopped on its way")
        case _:
            sentence = tr("{count} transfers have ended")
    return sentence.format(count=count, name=_brief(ended.peer, LONGEST_NAME))


def _title(message: ev.Message, count: int, *, proven: bool) -> str:
    # The fields are filled in here, because `tr` would translate a name that is also a phrase of ours.
    match count, message.private, proven:
        case 1, True, True:
            sentence = tr("Private message from {name}")
        case 1, True, False:
            sentence = tr("Private message, its author not proven")
        case 1, False, True:
            sentence = tr("Message from {name} in #{room}")
        case 1, False, False:
            sentence = tr("Message in #{room}, its author not proven")
        case _, True, _:
            sentence = tr("{count} private messages")
        case _:
            sentence = tr("{count} messages in #{room}")
    name, room = _brief(message.from_, LONGEST_NAME), _brief(message.room, LONGEST_NAME)
    return sentence.format(count=count, name=name, room=room)


def _content(message: ev.Message) -> str:
    said = _brief(message.text, LONGEST_TEXT)
    name = _brief(message.from_, LONGEST_NAME)
    return f"{name} {said}" if message.kind == "me" else labelled(name, said)


def _brief(value: str, longest: int) -> str:
    """Somebody else's text in one visible line, cut after so many characters."""
    # Much longer texts are cut beforehand as well: there is no use in cleaning what nobody will see.
    shown = text.visible_line(value[: 8 * longest]).strip()
    return shown if len(shown) <= longest and len(value) <= 8 * longest else f"{shown[: longest - 1].rstrip()}…"


# --- the way to the desktop ------------------------------------------------------------------------------------------


def deliver(note: Note) -> None:
    """Show it, by plyer or the way that plyer would go. Blocks; raises `Unheard`, or anything that plyer lets through.

    On the free desktops plyer knows three ways and does not say which of them worked. Its D-Bus one is used as it is,
    where there is a Python package `dbus`. Its `notify-send` is not: the text can become an option of that program,
    which has the terminal to write on and whose failure is not told. Its third, the portal of Flatpak, breaks at an
    apostrophe."""
    system = _PLYER.get(sys.platform)
    if system is not None:
        _by_plyer(system, note)
    elif _has_dbus():
        _by_dbus(note)
    elif (program := shutil.which("notify-send")) is not None:
        _by_notify_send(program, note)
    else:
        raise Unheard(
            tr("Notifications need the program notify-send. On Debian and Ubuntu, install the package libnotify-bin.")
        )


def _by_plyer(system: str, note: Note) -> None:
    """Windows and macOS."""
    try:
        way = import_module(f"plyer.platforms.{system}.notification").instance()
    except ImportError as error:
        sentence = tr("Notifications need the Python package {package}. Install it with pip.")
        raise Unheard(sentence.format(package=error.name or "plyer")) from error
    title, body = note.title, note.body
    if system == "win":  # a balloon's title is shorter than ours may be, and one without a text is not shown
        title, body = _APP, _cut_utf16(f"{title}\n{body}".strip(), _WINDOWS_TEXT)
    way.notify(title=title, message=body, app_name=_APP)


def _has_dbus() -> bool:
    try:
        import_module("dbus")
    except ImportError:
        return False
    return True


def _by_dbus(note: Note) -> None:
    from plyer.platforms.linux.notification import NotifyDbus

    log = logging.getLogger("dbus")
    if not log.handlers:  # else what fails is printed on the terminal
        log.addHandler(logging.NullHandler())
    NotifyDbus().notify(title=note.title, message=_unmarked(note.body), app_name=_APP)


def _by_notify_send(program: str, note: Note) -> None:
    # It reads C escapes in the body, and only there. Its arguments are UTF-8 whatever the locale is. They stand in the
    # list of processes for a moment, which is one more reason why the content must be asked for.
    body = _unmarked(note.body).replace("\\", "\\\\")
    options = (f"--app-name={_APP}", "--category=im.received", "--")  # what follows is no option, whatever it says
    try:
        done = subprocess.run(  # noqa: S603 (no shell, and the text is no option)
            [program, *options, note.title.encode(), body.encode()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=DEADLINE,
            start_new_session=True,  # neither Ctrl+C nor a closing terminal is meant for it
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unheard(
            tr("No notification can be shown: the desktop's notification service does not answer. All else goes on.")
        ) from None
    if done.returncode != 0:
        raise Unheard(_refused())


def _refused() -> str:
    return tr("No notification can be shown: no notification service of a desktop took it. All else goes on.")


def _unmarked(body: str) -> str:
    """The services of the free desktops read the body, and only the body, as markup."""
    return html.escape(body, quote=False)


def _cut_utf16(value: str, longest: int) -> str:
    """The text, cut to so many UTF-16 code units and not inside a character."""
    return value.encode("utf-16-le")[: 2 * longest].decode("utf-16-le", "ignore")


# --- who is told -----------------------------------------------------------------------------------------------------


class Attention:
    """Whether somebody looks at this terminal.

    Most terminals tell when they gain or lose the focus, and are believed. Others never do (tmux with its own settings,
    the Linux console): there, a key that was pressed lately stands for it, the one that started the program included.
    """

    def __init__(self, now: float) -> None:
        self._focused: bool | None = None
        self._typed = now

    def focus(self, focused: bool) -> None:
        """The terminal says that it has, or has not, the focus."""
        self._focused = focused

    def typed(self, now: float) -> None:
        """A key was pressed, or the mouse was used."""
        self._typed = now
        if self._focused is False:
            self._focused = True

    def is_here(self, now: float) -> bool:
        if self._focused is not None:
            return self._focused
        return now - self._typed < PRESENCE


class Notifier:
    """Hears every event of a conversation and tells the desktop of those that its person would miss.

    Use it from the event loop. The desktop is spoken to by a thread, at most one at a time, which ends when there is
    nothing more to say and never keeps the program from ending. `now` is any clock in seconds that only goes forward.
    """

    def __init__(
        self,
        *,
        with_content: bool,
        on_problem: Callable[[str], None],
        deliver: Callable[[Note], None] = deliver,
    ) -> None:
        """`on_problem` is called in the event loop, once, with a sentence for the person, if the desktop does not take
        notifications; whatever fails after that is not mentioned. `deliver` takes the place of the real way there."""
        self._on_problem = on_problem
        self._deliver = deliver
        self._complained = False
        """Known to the thread alone."""
        self._muted: set[str] = set()
        """Known to the event loop alone."""
        self._lock = threading.Lock()
        """Held for what is below, which both know; never while something is waited for."""
        self._digest = Digest(with_content=with_content)
        self._working = False

    def consider(self, event: ev.Event, *, focused: bool, now: float) -> None:
        """Tell of this event, if somebody else said, offered or asked something, or a file has arrived or stopped, and
        nobody looks. `focused`: somebody looks."""
        if not isinstance(event, Heard) or not _concerns(event):
            return
        mine = isinstance(event, ev.Message | ev.FileOffer) and event.mine
        with self._lock:
            if focused:
                self._digest.forget()
            elif mine or _room(event) in self._muted:
                self._digest.forget(_room(event))  # who answers has read
            else:
                self._digest.hear(event, now)
        self._speak()

    def flush(self, *, focused: bool, now: float) -> None:
        """Tell of what had to wait, if nobody has looked meanwhile; to be called every few seconds."""
        with self._lock:
            if focused:
                self._digest.forget()
            else:
                self._digest.ripen(now)
        self._speak()

    def mute(self, room: str) -> bool:
        """Silence a conversation, or let it be heard again; returns whether it is silent now."""
        with self._lock:
            self._muted ^= {room}
            self._digest.forget(room)
            return room in self._muted

    def _speak(self) -> None:
        """Have what is due told by the thread."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._working or not self._digest.is_due:
                return
            self._working = True
        try:
            # A daemon, and so are the threads that plyer starts in it: a hanging desktop does not hold up the exit.
            threading.Thread(target=self._work, args=(loop,), name="usi-notify", daemon=True).start()
        except RuntimeError:  # the system gives no more threads; what was due waits for the next time
            with self._lock:
                self._working = False

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while (note := self._next()) is not None:
            try:
                self._deliver(note)
            except Unheard as problem:
                self._complain(loop, str(problem))
            except Exception:  # noqa: BLE001 (plyer raises what the libraries of the system raise)
                self._complain(loop, _refused())

    def _next(self) -> Note | None:
        with self._lock:
            note = self._digest.take()
            self._working = note is not None
            return note

    def _complain(self, loop: asyncio.AbstractEventLoop, sentence: str) -> None:
        if not self._complained:
            self._complained = True
            with suppress(RuntimeError):  # the loop is closed: the program is leaving
                loop.call_soon_threadsafe(self._on_problem, sentence)
