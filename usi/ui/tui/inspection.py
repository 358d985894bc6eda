"""What the inspector knows: key exchanges by link, and the newest records; what of it is shown, and how it is saved.

Pure: trace events go in; rows to show and texts to save come out. Secrets are masked where a trace is made; the screen
and a saved file hold those alone that the person asked to see.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from textwrap import wrap as broken
from typing import Literal, NamedTuple

import msgspec

from usi.core import events as ev
from usi.core import explain
from usi.core.language import counted, labelled, tr
from usi.core.session import ANSWER_SIZE, HELLO_SIZE, OFFER_SIZE
from usi.core.trace import Plain, Secret
from usi.ui.tui.texts import inline, shown

Kind = Literal["all", "records", "content"]
Way = Literal["all", "in", "out"]
KINDS: tuple[Kind, ...] = ("all", "records", "content")
WAYS: tuple[Way, ...] = ("all", "in", "out")
ARROWS = {"in": "←", "out": "→", "here": "·"}

STEPS = ("hello", "offer", "kem", "answer", "keys", "fingerprint")
_AT_HOST = ("hello", "offer", "answer", "kem", "keys", "fingerprint")  # a host opens the capsules that answer brings
_SIZES = {"hello": HELLO_SIZE, "offer": OFFER_SIZE, "answer": ANSWER_SIZE}
_CONTENT = ("seal", "open", "relay")
_PAIR = "pair "  # begins the label of a private connection

MOST_RECORDS = 5_000
MOST_CHARACTERS = 8 * 1024 * 1024  # of all values of the records kept: texts can be long
MOST_EXCHANGES = 64

_HEX = re.compile(r"(?:[0-9a-f]{2}){8,}\Z")
_SECRET = re.compile(r"<secret, (\d+) bytes>\Z")
_WORDED = frozenset({"plaintext", "words", "messages"})  # values that are texts, whatever they look like
_FEW = 96  # hexadecimal digits of a value that are shown until its whole is asked for
_PAGE = 100  # columns of a saved text


class Part(NamedTuple):
    """A paragraph about a step: what it is, its text, and what stands beside it."""

    role: Literal["text", "label", "name", "value", "cipher", "quiet", "pair"]
    text: str
    beside: str = ""
    secret: str = ""
    """The name of the secret that this is, masked or not, where it can be shown and masked."""


@dataclass
class Exchange:
    """One key exchange as this side saw it."""

    link: str
    steps: dict[str, ev.TraceEvent] = field(default_factory=dict)

    @property
    def role(self) -> Literal["client", "host"]:
        """Which side is ours."""
        first = next(iter(self.steps.values()))
        return "client" if (first.direction == "out") == (first.step != "offer") else "host"

    @property
    def partner(self) -> str:
        """The member at the other end, where it is a private connection of two."""
        return self.link.removeprefix(_PAIR) if self.link.startswith(_PAIR) else ""

    @property
    def complete(self) -> bool:
        return len(self.steps) == len(STEPS)

    def in_order(self) -> list[ev.TraceEvent]:
        """The steps as they follow from each other."""
        order = STEPS if self.role == "client" else _AT_HOST
        return [self.steps[step] for step in order if step in self.steps]


@dataclass(frozen=True)
class Filter:
    """Which records are shown: all that fit every part."""

    text: str = ""
    way: Way = "all"
    kind: Kind = "all"

    def fits(self, event: ev.TraceEvent) -> bool:
        if self.way not in ("all", event.direction):
            return False
        if self.kind != "all" and (self.kind == "content") != (event.step in _CONTENT):
            return False
        return all(word in _haystack(event) for word in self.text.casefold().split())


def _haystack(event: ev.TraceEvent) -> str:
    values = (f"{name}={value}" for name, value in event.detail.items())
    return "\n".join((event.step, explain.step(event.step).title, event.link, *values)).casefold()


def weight(event: ev.TraceEvent) -> int:
    """About how many characters a trace event holds."""
    return 200 + sum(len(value) for value in event.detail.values() if isinstance(value, str))


Mode = Literal["exchange", "records"]
"""Which view is looked at."""
Watcher = Callable[[Sequence[ev.TraceEvent] | None], None]
"""Is given the records that are new and to be shown, or None where all is to be shown anew."""


class Inspection:
    """Everything that was traced, as far as it is kept, and what of it is wanted."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        """Oldest first."""
        self.records: deque[ev.TraceEvent] = deque()
        self.forgotten = 0
        """Records that were dropped for room."""
        self.filter = Filter()
        self.mode: Mode = "exchange"
        self.unseen = 0
        """Records that came while it was paused."""
        self.revealed: set[Secret] = set()
        """The secrets that the person asked to see."""
        self.watchers: list[Watcher] = []
        self._characters = 0
        self._held: tuple[ev.TraceEvent, ...] | None = None

    @property
    def paused(self) -> bool:
        return self._held is not None

    def add(self, events: Iterable[ev.TraceEvent]) -> None:
        """Take in what was traced."""
        came: list[ev.TraceEvent] = []
        exchanged = False
        for event in events:
            if event.step in STEPS:
                self._exchange(event)
                exchanged = True
            else:
                came.append(event)
                self.records.append(event)
                self._characters += weight(event)
        while len(self.records) > MOST_RECORDS or (self._characters > MOST_CHARACTERS and len(self.records) > 1):
            self._characters -= weight(self.records.popleft())
            self.forgotten += 1
        if self.paused:
            self.unseen += len(came)
            came = []
        if came or exchanged or self.paused:
            self._tell([event for event in came if self.filter.fits(event)])

    def shown(self) -> list[ev.TraceEvent]:
        """The records that the filter lets through; while it is paused, of those that were there before."""
        return [event for event in (self.records if self._held is None else self._held) if self.filter.fits(event)]

    def wants(self, **changes: str) -> None:
        """Change the filter: `text`, `way` or `kind`."""
        self.filter = replace(self.filter, **changes)  # type: ignore[arg-type]
        self._tell(None)

    def pause(self) -> None:
        """Stand still, or go on with all that came meanwhile."""
        self._held = None if self.paused else tuple(self.records)
        self.unseen = 0
        self._tell(None)

    def clear(self) -> None:
        """Forget the records; key exchanges stay."""
        self.records.clear()
        self._characters = self.forgotten = self.unseen = 0
        self._held = () if self.paused else None
        self._tell(None)

    def reveal(self, secrets: Collection[Secret]) -> None:
        """Show these secrets, or mask them again if all are shown."""
        if self.revealed.issuperset(secrets):
            self.revealed.difference_update(secrets)
        else:
            self.revealed.update(secrets)
        self._tell([])

    def _exchange(self, event: ev.TraceEvent) -> None:
        exchange = next((each for each in reversed(self.exchanges) if each.link == event.link), None)
        if exchange is None or event.step == "hello":  # the same address again
            exchange = Exchange(event.link)
            self.exchanges.append(exchange)
            for old in self.exchanges[:-MOST_EXCHANGES]:
                self.revealed.difference_update(*(step.secrets.values() for step in old.steps.values()))
            del self.exchanges[:-MOST_EXCHANGES]
        exchange.steps[event.step] = event

    def _tell(self, came: Sequence[ev.TraceEvent] | None) -> None:
        for watcher in list(self.watchers):
            watcher(came)


# --- one step in words -----------------------------------------------------------------------------------------------


def label_of(event: ev.TraceEvent) -> str:
    """A step of a key exchange on one line."""
    title = inline(explain.step(event.step).title)
    size = _SIZES.get(event.step)
    return title if size is None else tr("{title} · {size} bytes", title=title, size=counted(size))


def short(digits: str) -> str:
    """The two ends of a long value."""
    return digits if len(digits) <= 9 else f"{digits[:4]}…{digits[-4:]}"


def value_of(event: ev.TraceEvent, name: str) -> str:
    """A value as one line that is safe to show; empty where there is none."""
    value = event.detail.get(name)
    return "" if value is None else inline(str(value))


def sheet(event: ev.TraceEvent, *, whole: bool = False, revealed: Collection[Secret] = ()) -> list[Part]:
    """All that there is to say about a step, its values included; long ones in full only if wanted `whole`, secrets
    only if `revealed`."""
    values = _values(event, whole, revealed)
    words = _words(explain.step(event.step))
    return (
        words + values if event.step in STEPS else values + words
    )  # who opens one record after another knows the words


def _words(explained: explain.Explanation) -> list[Part]:
    """What, why and against what."""
    said = (
        (tr("What happens"), explained.what),
        (tr("Why"), explained.why),
        (tr("Protects against"), explained.protects),
    )
    return [part for label, text in said if text for part in (Part("label", label), Part("text", text))]


def _values(event: ev.TraceEvent, whole: bool, revealed: Collection[Secret]) -> list[Part]:
    """The values of a step, each with its meaning."""
    parts: list[Part] = [Part("label", tr("Values"))] if event.detail else []
    if "plaintext" in event.detail and "ciphertext" in event.detail:
        parts.append(Part("name", tr("plaintext | ciphertext")))
        text, digits = shown(str(event.detail["plaintext"])), str(event.detail["ciphertext"])
        parts.append(Part("pair", _cut(text, whole), _grouped(digits, whole)))
        parts += (Part("quiet", explain.value(event.step, name)) for name in ("plaintext", "ciphertext"))
    for name, value in event.detail.items():
        if "plaintext" not in event.detail or name not in ("plaintext", "ciphertext"):
            parts += _about(event, name, value, whole, revealed)
    return parts


def _about(event: ev.TraceEvent, name: str, value: Plain, whole: bool, revealed: Collection[Secret]) -> list[Part]:
    """A value with its name and meaning."""
    text = shown(str(value))
    parts = [Part("name", inline(name))]
    if name in _WORDED:
        parts.append(Part("value", _cut(text, whole)))
    elif (secret := event.secrets.get(name)) is not None and secret in revealed:
        digits = secret.reveal().hex()
        parts[0] = Part("name", tr("{name}, secret, {size} bytes", name=inline(name), size=counted(len(digits) // 2)))
        parts.append(Part("cipher", _grouped(digits, whole=True), secret=name))
    elif masked := _SECRET.match(text):
        said = tr("secret, {count} bytes, masked", count=masked[1])
        parts.append(Part("value", f"••••  {said}", secret=name if secret is not None else ""))
    elif _HEX.match(text):
        parts[0] = Part("name", tr("{name}, {size} bytes", name=inline(name), size=counted(len(text) // 2)))
        parts.append(Part("value", _grouped(text, whole)))
    else:
        parts.append(Part("value", _plain(value) if isinstance(value, bool) else _cut(text, whole)))
    if meaning := explain.value(event.step, name):
        parts.append(Part("quiet", meaning))
    if name == "messages":
        meanings = {tag: explain.message(tag) for tag in str(value).split()}
        parts += (Part("quiet", labelled(tag, meaning)) for tag, meaning in meanings.items() if meaning)
    return parts


def _plain(value: bool) -> str:
    return tr("yes") if value else tr("no")


def _cut(text: str, whole: bool) -> str:
    return text if whole or len(text) <= 4 * _FEW else f"{text[: 4 * _FEW]}…"


def _grouped(digits: str, whole: bool) -> str:
    """Hexadecimal digits in groups of eight, the rest of a long value left out unless wanted."""
    kept = digits if whole or len(digits) <= _FEW * 3 // 2 else digits[:_FEW]
    text = " ".join(kept[at : at + 8] for at in range(0, len(kept), 8))
    return text if len(kept) == len(digits) else f"{text} …"


# --- saving ----------------------------------------------------------------------------------------------------------


def masks_said(inspection: Inspection) -> str:
    """What a saved file says about secrets and texts."""
    if inspection.revealed:
        return tr(
            "Keys and secrets are masked, except those that you had shown when you saved this. What members wrote "
            "stands here in plain text: keep this file to yourself."
        )
    return tr("Keys and secrets are masked. What members wrote stands here in plain text: keep this file to yourself.")


def as_text(inspection: Inspection, now: datetime) -> str:
    """All that is kept, with its explanations, as a page of text. Records are those that the filter lets through."""
    records = inspection.shown()
    lines = [
        tr("What the cryptography of USI did"),
        f"{now:%Y-%m-%d %H:%M:%S %Z}".rstrip(),
    ]
    lines += [*broken(masks_said(inspection), _PAGE), ""]
    for exchange in inspection.exchanges:
        title = tr("Key exchange of {link}", link=inline(exchange.link))
        lines += [title, "=" * len(title), ""]
        for number, event in enumerate(exchange.in_order(), 1):
            lines += [f"{number}. {ARROWS.get(event.direction, '?')} {label_of(event)}"]
            lines += [*_paragraphs(event, inspection.revealed), ""]
    title = tr("Records and messages: {count}", count=len(records))
    lines += [title, "=" * len(title), ""]
    if inspection.forgotten:
        lines += [tr("Older ones were not kept: {count}", count=inspection.forgotten), ""]
    for event in records:
        lines.append(
            f"{event.time:%H:%M:%S.%f} {ARROWS.get(event.direction, '?')} {label_of(event)}  {inline(event.link)}"
        )
        lines += (f"    {inline(name)}: {inline(str(value))}" for name, value in event.detail.items())
        lines.append("")
    return "\n".join(lines)


def _paragraphs(event: ev.TraceEvent, revealed: Collection[Secret]) -> list[str]:
    lines: list[str] = []
    for part in sheet(event, whole=True, revealed=revealed):
        indent = " " * (4 if part.role in ("label", "name") else 6)
        for line in (*part.text.split("\n"), *part.beside.split("\n")):
            lines += (indent + piece for piece in broken(line, _PAGE - len(indent)))
    return lines


def as_json(inspection: Inspection, now: datetime) -> str:
    """The same for programs, as one JSON object of plain ASCII. Values stand as they came."""
    explained = {step: explain.step(step)._asdict() for step in (*STEPS, "record", *_CONTENT)}
    return json.dumps(
        {
            "format": "usi inspector 1",
            "saved_at": now.isoformat(),
            "note": masks_said(inspection),
            "explanations": explained,
            "key_exchanges": [
                {"link": each.link, "role": each.role, "steps": [_saved(step, inspection) for step in each.in_order()]}
                for each in inspection.exchanges
            ],
            "records": [msgspec.to_builtins(event) for event in inspection.shown()],
            "forgotten": inspection.forgotten,
        },
        indent=1,
    )


def _saved(step: ev.TraceEvent, inspection: Inspection) -> object:
    """A step for JSON, with the secrets that the person asked to see."""
    shown = {name: secret.reveal().hex() for name, secret in step.secrets.items() if secret in inspection.revealed}
    return msgspec.to_builtins(msgspec.structs.replace(step, detail={**step.detail, **shown}))
