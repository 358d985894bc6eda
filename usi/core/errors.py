"""Everything that can go wrong, one class each.

`LocalError` is ours to mend; `PeerError` is the other side's doing. A peer is told `code` and never our text. The
docstring of a class is the sentence that the user sees: `{name}` stands for a keyword of the exception. Exit statuses
are those of `docs/PROTOCOL.md` and `--help`.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import ClassVar

from usi.core.language import tr


class UsiError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1

    def __init__(self, **fields: object) -> None:
        super().__init__(fields)
        self.fields = fields

    @property
    def template(self) -> str:
        """The sentence with its `{fields}` open: the key under which a translation is found."""
        return " ".join(cleandoc(self.__doc__ or self.code).split())

    def __str__(self) -> str:
        return tr(self.template, **self.fields)


class LocalError(UsiError):
    """That could not be done."""


class PeerError(UsiError):
    """The other side broke the protocol."""

    code = "protocol"
    exit_status = 3


# --- what the user typed or asked for ---------------------------------------------------------------------------


class UsageError(LocalError):
    """{why} Try `usi --help`."""

    code = "usage"
    exit_status = 2


class BadName(LocalError):
    """This name cannot be used: {why}. Choose 1 to 24 letters or digits, for example with -m alice."""

    code = "bad-name"
    exit_status = 2


class BadKey(LocalError):
    """This is not a preset key: {why}. A key is 128, 192 or 256 bits in hexadecimal or base64; `--key new` on a host
    draws one."""

    code = "bad-key"
    exit_status = 2


class UnreadableFile(LocalError):
    """The file {path} cannot be read: {why}."""

    code = "unreadable-file"
    exit_status = 2


class UnknownCommand(LocalError):
    """There is no command /{name}. /help lists them; to say a text that starts with / or !, double the mark."""

    code = "unknown-command"


class BadCommand(LocalError):
    """Usage: {usage}"""

    code = "bad-command"


class TextTooLong(LocalError):
    """This text is too long: {size} bytes, at most {limit} fit in one message. Shorten it or send it as a file."""

    code = "text-too-long"


class NothingToSay(LocalError):
    """There is nothing to send in an empty message."""

    code = "empty"


class NoSuchMember(LocalError):
    """There is nobody called {name} here. /users lists who is."""

    code = "no-such-member"


class NothingToCompare(LocalError):
    """There is no connection of your own to {name} to compare: yours goes to the host. Verify the host instead."""

    code = "nothing-to-compare"


class NameTaken(LocalError):
    """The name {name} is taken, or looks like one that is. Choose another with /nick."""

    code = "name-taken"


# --- reaching the other side ------------------------------------------------------------------------------------


class PortInUse(LocalError):
    """Port {port} is already in use on this machine. Stop the other program, or choose another port with -p."""

    code = "port-in-use"
    exit_status = 3


class CannotListen(LocalError):
    """Listening on {address} port {port} is not possible: {why}. Choose another address with -b or port with -p."""

    code = "cannot-listen"
    exit_status = 3


class UnknownHost(LocalError):
    """No host named {host} can be found. Check the spelling, or use its address."""

    code = "unknown-host"
    exit_status = 3


class Unreachable(LocalError):
    """Nothing answers at {host} port {port}: {why}. Check that the host is running and that its port is open."""

    code = "unreachable"
    exit_status = 3


class WrongPassphrase(LocalError):
    """This passphrase does not open {path}, or the file was damaged. Try again, or put your copy of the file back."""

    code = "wrong-passphrase"
    exit_status = 4


class NoPassphrase(LocalError):
    """The identity needs its passphrase, and there is no terminal to ask for it. Use --passphrase-file, or set
    USI_PASSPHRASE."""

    code = "no-passphrase"
    exit_status = 2


class BadPassphrase(LocalError):
    """This passphrase cannot be used: {why}."""

    code = "bad-passphrase"
    exit_status = 2


class DamagedIdentity(LocalError):
    """The file {path} is not an identity, or is damaged: {why}. Put your copy back, or name another file to make a new
    identity there."""

    code = "damaged-identity"
    exit_status = 2


class OpenIdentity(LocalError):
    """Others on this machine may read {path}, which holds your identity. Take that right from them, with
    chmod 600."""

    code = "open-identity"
    exit_status = 2


class CannotKeep(LocalError):
    """The file {path} cannot be written: {why}. Check the folder, or name another file."""

    code = "cannot-keep"
    exit_status = 2


class DamagedPeers(LocalError):
    """The file of known peers {path} was changed, or belongs to another identity, so it is not trusted. If you do not
    know why, compare fingerprints anew; move the file away to start without it."""

    code = "damaged-peers"
    exit_status = 4


class BadCode(LocalError):
    """This is not the code of an invitation: {why}. A code is four words, such as amber-baker-camel-dance."""

    code = "bad-code"
    exit_status = 2


class BadInvitation(LocalError):
    """This is not an invitation: {why}. One looks like usi://HOST:PORT/#FINGERPRINT, perhaps with a code behind it."""

    code = "bad-invitation"
    exit_status = 2


class BadFingerprint(LocalError):
    """This is not the fingerprint of a host's key: it must have 64 hexadecimal digits."""

    code = "bad-fingerprint"
    exit_status = 2


class SpentCode(LocalError):
    """This code has failed before, so it is not used again: whoever made it fail may be trying it out. Ask the host's
    owner for a new one."""

    code = "spent-code"
    exit_status = 4


class OnlyTheHost(LocalError):
    """Only the host can do that."""

    code = "only-the-host"


class TooManyInvitations(LocalError):
    """{limit} invitations are open already. They end after an hour; give one of them on."""

    code = "too-many-invitations"


class NothingAsked(LocalError):
    """Nobody here has asked for a password. A guest does so with /password."""

    code = "nothing-asked"


class PasswordAlone(LocalError):
    """Say /password and nothing behind it: the password is asked for next, unseen. It is compared with the host."""

    code = "password-alone"


class SeveralAsked(LocalError):
    """Several have asked for a password: {names}. Say /password NAME."""

    code = "several-asked"


class StillAsking(LocalError):
    """The host's person has not answered your last password yet."""

    code = "still-asking"


class NoMoreTries(LocalError):
    """{limit} passwords did not match on this connection. Compare the words with {name} instead, with /verify."""

    code = "no-more-tries"


class NotConnected(LocalError):
    """There is no connection to the host."""

    code = "not-connected"
    exit_status = 3


class NotUsi(PeerError):
    """What answers there does not speak USI. Check the address and the port."""

    code = "not-usi"


class Busy(PeerError):
    """The host is taking in as many newcomers as it can. Try again in a moment."""

    code = "busy"


class HandshakeTimeout(PeerError):
    """The other side did not finish the key exchange in time. Check the address, or try again."""

    code = "handshake-timeout"


class KeyNeeded(PeerError):
    """This host, or somebody in between, asks for a preset key. Get it from the host's owner and use --key-file."""

    code = "key-needed"
    exit_status = 4


class KeyNotWanted(PeerError):
    """This host, or somebody in between, says that it uses no preset key. Ask its owner before you leave the key out.
    """

    code = "key-not-wanted"
    exit_status = 4


class WrongKey(PeerError):
    """The preset key is not the host's, so nothing was exchanged. Compare it with the host's owner."""

    code = "wrong-key"
    exit_status = 4


class BadHandshake(PeerError):
    """The key exchange was altered on the way or broken at the other end, so it was stopped. Nothing was sent."""

    code = "bad-handshake"
    exit_status = 4


class ChangedKey(PeerError):
    """The host at {place} has another key than before, so nothing was said to it: it is a new host, or somebody sits in
    between. Ask its owner for the fingerprint of its key, and start again with --expect FINGERPRINT."""

    code = "changed-key"
    exit_status = 4

    def __init__(self, *, place: str, key: bytes = b"") -> None:
        super().__init__(place=place)
        self.key = key
        """SHA-256 of the new key: what `Settings.accepted` must hold to join all the same."""


class UnexpectedKey(PeerError):
    """The host's key is not the expected one, so nothing was said to it: it is another host, or somebody sits in
    between. Compare the fingerprint with its owner."""

    code = "unexpected-key"
    exit_status = 4


class WrongCode(PeerError):
    """The code does not fit: it is mistyped, or somebody sits in between. Nothing was told to the other side. Do not
    use this code again; ask the host's owner for a new one."""

    code = "wrong-code"
    exit_status = 4


class NoInvitation(PeerError):
    """The host has no invitation with this code: it has ended, or was burned by wrong tries. Ask for a new one."""

    code = "no-invitation"
    exit_status = 4


class TooManyCodes(PeerError):
    """Too many wrong codes came from your address, so the host takes none from it for an hour."""

    code = "too-many-codes"
    exit_status = 4


class BadRecord(PeerError):
    """Something on the way altered, dropped or repeated data, so the connection was ended. Nothing false was shown."""

    code = "bad-record"
    exit_status = 4


class TooLong(PeerError):
    """The other side announced {size} bytes, which is more or less than can be."""

    code = "too-long"


class BadMessage(PeerError):
    """The other side sent a message that is not valid: {why}."""

    code = "bad-message"


class OutOfTurn(PeerError):
    """The other side sent {what} when it was not its turn."""

    code = "out-of-turn"


class Cut(PeerError):
    """The connection was cut, not closed: the other side said no goodbye."""

    code = "cut"


class Silent(PeerError):
    """The other side was silent for {seconds} seconds."""

    code = "silent"


class TooSlow(PeerError):
    """This connection could not keep up with the conversation, so the host ended it. Join again."""

    code = "too-slow"


class TooFast(PeerError):
    """This connection sent far more small messages at once than anybody writes, so the host ended it."""

    code = "too-fast"


class NotAcknowledged(PeerError):
    """You left before the host confirmed this message, so it may not have arrived."""

    code = "not-acknowledged"
    exit_status = 1


class WornOut(PeerError):
    """This connection has carried as much as its keys may seal. Join again."""

    code = "worn-out"


class Replaced(PeerError):
    """The same key joined again from elsewhere and took this place."""

    code = "replaced"


class HostStopped(PeerError):
    """The host has stopped. Goodbye."""

    code = "host-stopped"
    exit_status = 0


class Stopping(PeerError):
    """The host is stopping, so nobody can join it now."""

    code = "host-stopping"


class Left(PeerError):
    """The other side left."""

    code = "left"
    exit_status = 0


class Distrusted(PeerError):
    """The fingerprints differ, so the connection was ended: somebody may be sitting in between. Do not trust it."""

    code = "not-verified"
    exit_status = 4


class RefusedName(PeerError):
    """The host cannot use this name. Choose another with -m."""

    code = "name-refused"


class EndedByPeer(PeerError):
    """The other side ended the connection, for this reason: {reason}."""

    def __init__(self, code: str) -> None:
        super().__init__(reason=code)
        self.code = code  # type: ignore[misc]  # that of the goodbye
        if code in (BadHandshake.code, BadRecord.code):
            self.exit_status = BadRecord.exit_status  # type: ignore[misc]  # tampering, seen from the other end


class RefusedPost(PeerError):
    """The host refused this message: {why}."""

    code = "refused"


_OF_A_GOODBYE = (
    TooFast,
    TooSlow,
    Replaced,
    HostStopped,
    Left,
    WornOut,
    Distrusted,
    RefusedName,
    HandshakeTimeout,
    WrongCode,
    NoInvitation,
    TooManyCodes,
)


def from_code(code: str) -> PeerError:
    """The exception for the code of the peer's goodbye; most say what we did, which the peer knows better."""
    for known in _OF_A_GOODBYE:
        if known.code == code:
            return known()
    return EndedByPeer(code)


# Refusals are one byte before there are keys. Unauthenticated, so they can only stop a connection.
REFUSALS: dict[int, type[PeerError]] = {
    1: Busy,
    2: KeyNeeded,
    3: KeyNotWanted,
    4: WrongKey,
    5: BadHandshake,
    6: HandshakeTimeout,
    7: Stopping,
}
REFUSAL_OF: dict[type[PeerError], int] = {error: number for number, error in REFUSALS.items()} | {HostStopped: 7}
