"""Typed lines: one record per command, the parser, and the help text that is made from the records.

`/name` and `!name` are the same; `//` and `!!` at the start stand for a text that starts with the mark.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from usi.core.errors import AwayTooLong, BadCommand, BadTime, NothingToSay, TextTooLong, UnknownCommand
from usi.core.language import tr
from usi.core.moderation import seconds_of
from usi.core.wire import MAX_AWAY, MAX_PAGE, MAX_REASON, MAX_TEXT

MARKS = "/!"


@dataclass(frozen=True)
class Say:
    text: str
    room: str | None = None


@dataclass(frozen=True)
class Act:
    """/me: something done rather than said."""

    text: str
    room: str | None = None


@dataclass(frozen=True)
class Nick:
    name: str


@dataclass(frozen=True)
class Away:
    """Tell the others that one is away, and why; with nothing to say where one is away: that one is back."""

    text: str = ""


@dataclass(frozen=True)
class Help:
    command: str | None = None


@dataclass(frozen=True)
class Users:
    pass


@dataclass(frozen=True)
class Info:
    pass


@dataclass(frozen=True)
class Clear:
    pass


@dataclass(frozen=True)
class Mute:
    """Notifications of the current room, off and on again."""


@dataclass(frozen=True)
class Quit:
    pass


@dataclass(frozen=True)
class Verify:
    """Compare with a member (None: the only one there is to compare with); `match` is what people found."""

    name: str | None = None
    match: bool | None = None


@dataclass(frozen=True)
class Password:
    """Begin to compare a password: a guest sets one, the host answers that member (None: the only one who asked)."""

    name: str | None = None


@dataclass(frozen=True)
class Secret:
    """The password that was then typed, unseen; never parsed from a line. Empty: the person thought better of it."""

    text: str = field(repr=False)


@dataclass(frozen=True)
class Invite:
    """A new invitation; the host's."""


@dataclass(frozen=True)
class Tell:
    """/msg: a text to one member, privately; what is typed next still goes where it went."""

    name: str
    text: str


@dataclass(frozen=True)
class Private:
    """Talk privately with these from now on; nobody named: back to the host's room."""

    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Add:
    """More members for the private conversation that is chosen."""

    names: tuple[str, ...]
    room: str | None = None


@dataclass(frozen=True)
class Block:
    name: str


@dataclass(frozen=True)
class Go:
    """Choose the conversation that is called so; what is typed goes there."""

    room: str


@dataclass(frozen=True)
class Leave:
    """Be out of the private conversation that is chosen."""

    room: str | None = None



@dataclass(frozen=True)
class Send:
    """/send: `line` holds the path and perhaps a name behind it; `usi.core.paths` reads it."""

    line: str
    room: str | None = None


@dataclass(frozen=True)
class Accept:
    """Fetch an offer (None: the only one that is open)."""

    number: int | None = None


@dataclass(frozen=True)
class Decline:
    number: int | None = None


@dataclass(frozen=True)
class Cancel:
    number: int | None = None


@dataclass(frozen=True)
class Files:
    pass


@dataclass(frozen=True)
class Rooms:
    """Which rooms there are."""


@dataclass(frozen=True)
class Order:
    """What moderators and the host may do; `word` and the fields are those of `wire.Order`."""

    word: str
    about: str = ""
    room: str = ""
    text: str = ""
    seconds: int = 0
    private: bool = False


@dataclass(frozen=True)
class Topic:
    """The topic of the chosen room: another one, or (empty) what it is."""

    text: str
    room: str | None = None


@dataclass(frozen=True)
class History:
    """So many earlier messages."""

    count: int
    room: str | None = None


@dataclass(frozen=True)
class Search:
    text: str
    room: str | None = None


ForRoom = Say | Act | Send | Add | Leave | Topic | History | Search
"""What is meant for one conversation: `room` is the key `room` of its events; None: the one that was chosen last."""
ForMember = (
    Say | Act | Nick | Away | Users | Verify | Tell | Private | Add | Block | Go | Leave | Password | Rooms | Order
    | Topic | History | Search
)  # fmt: skip
"""What the member machine carries out; the rest is for the peer or the face."""
ForFiles = Send | Accept | Decline | Cancel | Files
"""What `net.files` carries out."""
Intent = ForMember | ForFiles | Help | Info | Clear | Mute | Quit | Secret | Invite


@dataclass(frozen=True)
class Command:
    """A command: English name first, then its other spellings; what it takes; one line of help."""

    names: tuple[str, ...]
    takes: str
    summary: str
    build: Callable[[str], Intent]
    """Makes the intent from what stands behind the name, stripped; raises `ValueError` where it does not fit."""

    @property
    def usage(self) -> str:
        return self.usage_as(self._english)

    @property
    def spelling(self) -> str:
        """The name in the person's language, behind its mark: the catalogue says which of `names` that is."""
        return tr(self._english)

    @property
    def listed(self) -> str:
        """The usage with the spelling of the person's language first."""
        spelling = self.spelling
        return self.usage if spelling == self._english else self.usage_as(f"{spelling}, {self._english}")

    @property
    def _english(self) -> str:
        return f"/{self.names[0]}"

    def usage_as(self, name: str) -> str:
        """The usage with this spelling, behind its mark."""
        return f"{name} {tr(self.takes)}" if self.takes else name


def _nothing(intent: Intent) -> Callable[[str], Intent]:
    def build(rest: str) -> Intent:
        if rest:
            raise ValueError
        return intent

    return build


def _something(make: Callable[[str], Intent]) -> Callable[[str], Intent]:
    def build(rest: str) -> Intent:
        if not rest:
            raise ValueError
        return make(rest)

    return build


def _numbered(make: Callable[[int | None], Intent]) -> Callable[[str], Intent]:
    def build(rest: str) -> Intent:
        return make(int(rest.removeprefix("#")) if rest else None)

    return build


def _split(line: str) -> tuple[str, str]:
    """The first word and the rest, at any white space: a French keyboard easily makes a no-break one."""
    name, *rest = line.split(maxsplit=1) if line[:1].strip() else ["", line]
    return name, rest[0].strip() if rest else ""


def _tell(rest: str) -> Tell:
    name, said = _split(rest)
    if not said:
        raise ValueError
    return Tell(name, checked(said))


def _away(rest: str) -> Away:
    said = mended(rest)
    if len(said) > MAX_AWAY:
        raise AwayTooLong(size=len(said), limit=MAX_AWAY)
    return Away(said)


def _names(rest: str) -> tuple[str, ...]:
    return tuple(name for name in rest.replace(",", " ").split())


PAGE = 20  # earlier messages where no number is said


def _history(rest: str) -> History:
    count = int(rest) if rest else PAGE
    if not 1 <= count <= MAX_PAGE:
        raise ValueError
    return History(count)


_NEW, _CLOSE = {"new", "nouveau", "nouvelle"}, {"close", "fermer"}


def _room(rest: str) -> Order:
    word, about = _split(rest)
    if word.lower() in _CLOSE and about:
        return Order("room-close", room=about.removeprefix("#"))
    words = about.split()
    private = any(each in ("--private", "--privé", "--prive") for each in words)
    name = " ".join(each for each in words if not each.startswith("--"))
    if word.lower() not in _NEW or not name:
        raise ValueError
    return Order("room-new", name.removeprefix("#"), private=private)


def _right(word: str) -> Callable[[str], Order]:
    def build(rest: str) -> Order:
        name, room = _split(rest)
        if not room:
            raise ValueError
        return Order(word, name, room.removeprefix("#"))

    return build


def _kick(rest: str) -> Order:
    name, reason = _split(rest)
    if not name:
        raise ValueError
    return Order("kick", name, text=_reason(reason))


def _timed(word: str) -> Callable[[str], Order]:
    """NAME [TIME] [REASON]; what is no time begins the reason."""

    def build(rest: str) -> Order:
        about, behind = _split(rest)
        said, reason = _split(behind)
        if not about:
            raise ValueError
        seconds = seconds_of(said) if said else 0
        if seconds is None:
            if said[:1].isdigit():
                raise BadTime(said=said)
            seconds, reason = 0, behind
        return Order(word, about, text=_reason(reason), seconds=seconds)

    return build


def _reason(said: str) -> str:
    return mended(said)[:MAX_REASON]


_ANSWERS = {"yes": True, "oui": True, "no": False, "non": False}


def _verify(rest: str) -> Verify:
    name, answer = _split(rest)
    if not answer and name.lower() in _ANSWERS:
        return Verify(None, _ANSWERS[name.lower()])
    if not answer:
        return Verify(name or None)
    if answer.lower() not in _ANSWERS:
        raise ValueError
    return Verify(name, _ANSWERS[answer.lower()])


COMMANDS: tuple[Command, ...] = (
    Command(
        ("help", "aide", "?"),
        "[COMMAND]",
        "show the commands, or one of them",
        lambda rest: Help(rest.lstrip(MARKS) or None),
    ),
    Command(("quit", "quitter", "exit"), "", "leave; on the host: stop for everyone", _nothing(Quit())),
    Command(("clear", "cls", "effacer"), "", "clear the screen", _nothing(Clear())),
    Command(
        ("users", "list", "utilisateurs", "liste"),
        "",
        "who is here, with fingerprints",
        _nothing(Users()),
    ),
    Command(
        ("verify", "verifier", "vérifier"),
        "[NAME] [yes|no]",
        "show the fingerprint to compare; then say whether it matches",
        _verify,
    ),
    Command(
        ("password", "motdepasse"),
        "[NAME]",
        "compare a password with the host; the host: answer who asked",
        lambda rest: Password(rest or None),
    ),
    Command(("invite", "inviter"), "", "host and moderators: a code that lets a guest in verified", _nothing(Invite())),
    Command(
        ("msg", "prive", "privé"),
        "NAME TEXT",
        "say something to one member privately: the host cannot read it",
        _tell,
    ),
    Command(
        ("private", "aparte", "aparté"),
        "[NAME…]",
        "talk privately with one or more from now on; alone: back to the host's room",
        lambda rest: Private(_names(rest)),
    ),
    Command(("add", "ajouter"), "NAME…", "bring more members into this private conversation", _something(
        lambda rest: Add(_names(rest))
    )),
    Command(
        ("leave", "partir"),
        "",
        "leave this room or private conversation; its opener ends that for all",
        _nothing(Leave()),
    ),
    Command(("rooms", "salons"), "", "the rooms that you may enter", _nothing(Rooms())),
    Command(("join", "rejoindre"), "ROOM", "enter a room, or go to a conversation: #general, @alice", _something(Go)),
    Command(
        ("block", "bloquer"), "NAME", "take no private conversations from a member, or again", _something(Block)
    ),
    Command(
        ("send", "fichier", "envoyer"),
        "PATH [NAME]",
        "offer a file or folder to the conversation, or to one member",
        _something(Send),
    ),
    Command(("accept", "accepter"), "[N]", "fetch what is offered as N; go on with what was cut", _numbered(Accept)),
    Command(("decline", "refuser"), "[N]", "do not take offer N; forget what has arrived of it", _numbered(Decline)),
    Command(("cancel", "annuler"), "[N]", "stop transfer N; take an offer of yours back", _numbered(Cancel)),
    Command(("files", "fichiers"), "", "offers and transfers, and how far they are", _nothing(Files())),
    Command(("history", "historique"), "[N]", "earlier messages of this room, where the host keeps them", _history),
    Command(
        ("search", "chercher"), "TEXT", "look for a text in what the host keeps of this room", _something(Search)
    ),
    Command(("info", "infos"), "", "this connection: ciphers, fingerprint, traffic", _nothing(Info())),
    Command(
        ("limits", "limites"),
        "",
        "moderators: what is limited, and how much of it is in use",
        _nothing(Order("limits")),
    ),
    Command(("mute", "sourdine"), "", "notifications of this room off, or on again", _nothing(Mute())),
    Command(("me", "moi"), "TEXT", "say what you do: /me waves", _something(Act)),
    Command(("nick", "pseudo"), "NAME", "change your name", _something(Nick)),
    Command(
        ("away", "absent"),
        "[TEXT]",
        "tell the others that you are away; again, or saying something: you are back",
        _away,
    ),
    Command(("topic", "sujet"), "[TEXT]", "the topic of this room; moderators: another one", Topic),
    Command(("kick", "expulser"), "NAME [REASON]", "moderators: remove a member", _kick),
    Command(
        ("ban", "bannir"),
        "NAME|FINGERPRINT|ADDRESS [TIME] [REASON]",
        "moderators: remove and keep out, for 10m, 2h, 3d, or until /unban",
        _timed("ban"),
    ),
    Command(
        ("unban", "debannir", "débannir"),
        "NAME|FINGERPRINT|ADDRESS",
        "moderators: let in again",
        _something(lambda rest: Order("unban", rest)),
    ),
    Command(
        ("silence", "taire"),
        "NAME [TIME]",
        "moderators: a member may say nothing in rooms; again: it may",
        _timed("silence"),
    ),
    Command(("lock", "verrouiller"), "", "moderators: let no newcomers in, or again", _nothing(Order("lock"))),
    Command(
        ("room", "salon"), "new NAME [--private] | close NAME", "moderators: make a room, or close it for good", _room
    ),
    Command(("grant", "autoriser"), "NAME ROOM", "moderators: a member may enter a room", _right("grant")),
    Command(("revoke", "retirer"), "NAME ROOM", "moderators: a member may not any more", _right("revoke")),
    Command(("log", "journal"), "", "moderators: who came, went and was removed", _nothing(Order("log"))),
)

_BY_NAME = {name: command for command in COMMANDS for name in command.names}


def find(name: str) -> Command:
    """The command of that spelling, without mark and in any case; `UnknownCommand` if there is none."""
    command = _BY_NAME.get(name.lower())
    if command is None:
        raise UnknownCommand(name=mended(name))
    return command


def parse(line: str) -> Intent:
    """What a typed or piped line asks for.

    Raises `NothingToSay`, `TextTooLong`, `UnknownCommand` or `BadCommand`; the caller keeps the line for its author.
    """
    line = mended(line)
    if line[:1] not in MARKS or not line:
        return Say(checked(line))
    if line[:1] == line[1:2]:
        return Say(checked(line[1:]))
    name, rest = _split(line[1:])
    command = find(name)
    try:
        intent = command.build(rest)
    except ValueError:
        raise BadCommand(usage=command.usage_as(f"{line[0]}{name.lower()}")) from None
    return Act(checked(intent.text)) if isinstance(intent, Act) else intent


def is_secretive(line: str) -> bool:
    """Whether a line is /password with something behind it, which may be the password, or one that looks like it."""
    name, rest = _split(line[1:]) if line[:1] in MARKS and line else ("", "")
    return bool(rest) and name.lower() in find("password").names


def checked(text: str) -> str:
    """The text if it may be sent as one message: something visible, and at most `MAX_TEXT` bytes of UTF-8."""
    if not text.strip():
        raise NothingToSay
    text = mended(text)
    size = len(text.encode("utf-8"))
    if size > MAX_TEXT:
        raise TextTooLong(size=size, limit=MAX_TEXT)
    return text


def mended(text: str) -> str:
    """The text without halves of surrogate pairs, which a broken paste or argument can leave; they have no UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def help_text(name: str | None = None) -> str:
    """All commands with a line each, or one with all its spellings."""
    if name is not None:
        command = find(name)
        also = [f"/{other}" for other in command.names[1:]]
        also.sort(key=command.spelling.__ne__)  # that of the person's language first
        others = ", ".join(also)
        return tr(
            "{usage} — {summary} (also {others}; ! works like /)",
            usage=command.usage,
            summary=command.summary,
            others=others,
        )
    width = max(len(command.listed) for command in COMMANDS)
    return "\n".join(f"{command.listed:<{width}}  {tr(command.summary)}" for command in COMMANDS)
