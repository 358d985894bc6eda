"""What faces say of verification, invitations and passwords: the sentences that all of them share."""

from __future__ import annotations

from usi.core import events as ev
from usi.core.language import tr
from usi.core.text import visible_line
from usi.ui.i18n import mark

_VERIFIED = {
    "comparison": mark("{name} is verified."),
    "code": mark("{name} is verified: you both have the code."),
    "password": mark("{name} is verified: you both have the password."),
    "fingerprint": mark("{name} is verified: the key has the fingerprint that you expected."),
    "known": mark("{name} is verified: the key is the one that you compared before."),
}

_PASSWORD = {
    "wanted": mark("Type the password, then Enter. It is not shown, sent or kept; an empty line leaves it."),
    "asked": mark("{name} asks whether you know a password that you two agreed on. /password {name} answers."),
    "sent": mark("Waiting for {name} to answer."),
    "matched": mark("The passwords match: nobody sits between you and {name}."),
    "differs": mark("The passwords do not match: mistyped, or somebody sits between you and {name}."),
}


def verified(event: ev.Verification) -> str:
    """That somebody is verified, and by what."""
    return tr(_VERIFIED[event.by], name=_inline(event.name))


def differs(event: ev.Verification) -> str:
    """That people compared and it differed, and which connection is ended therefore."""
    if event.pair:
        return tr("{name} is not who you think: the private connection is ended. The host, or somebody in between, "
                  "could have been reading.", name=_inline(event.name))  # fmt: skip
    return tr("{name} is not who you think: the connection is ended.", name=_inline(event.name))


def password(event: ev.Password) -> str:
    """How comparing a password goes."""
    return tr(_PASSWORD[event.state], name=_inline(event.name))


def invitation(event: ev.Invitation) -> list[str]:
    """What has become of an invitation, in lines; the code itself where it was just made."""
    word, address, count, limit = event.locator, _inline(event.address or ""), event.failed, event.limit
    if event.state == "open":
        until = event.until.astimezone()
        return [
            tr("Code for your guests, good until {time:%H:%M}: {code}", time=until, code=event.code or ""),
            tr("Or as one line to paste, for -c:"),
            *(f"  {link}" for link in event.links or ()),
            tr("Give it by a way that you trust. Who comes with it is verified; others may still come without."),
        ]
    if event.state == "used":
        return [tr("A guest from {address} has proved the code {word}-…", address=address, word=word)]
    lines = [
        tr("WARNING: a wrong code for {word}-… came from {address}, {count} of {limit} that it bears.",
           word=word, address=address, count=count, limit=limit),
    ]  # fmt: skip
    if event.state == "burned":
        lines.append(tr("The code {word}-… is burned and good for nothing. /invite makes another.", word=word))
    return [
        *lines,
        tr("If your guest did not mistype it, somebody is trying to guess it, or sits between the two of you."),
    ]


def _inline(value: str) -> str:
    return visible_line(value)
