"""Everything that can go wrong, one class each.

`LocalError` is ours to mend; `PeerError` is the other side's doing. A peer is told `code` and never our text. The
docstring of a class is the sentence that the user sees: `{name}` stands for a keyword of the exception. Exit statuses
are those of `docs/PROTOCOL.md` and `--help`.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import ClassVar, Final

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
    """{why} --help shows all options."""

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


class MissingLibrary(LocalError):
    """USI needs the Python package {name}, which is not installed. Install what requirements.txt lists, with pip."""

    code = "missing-library"


class UnknownCommand(LocalError):
    """There is no command /{name}. /help lists them; to say a text that starts with / or !, double the mark."""

    code = "unknown-command"


class BadCommand(LocalError):
    """Usage: {usage}"""

    code = "bad-command"


class TextTooLong(LocalError):
    """This text is too long: {size} bytes, at most {limit} fit in one message. Shorten it or send it as a file."""

    code = "text-too-long"


class AwayTooLong(LocalError):
    """Why you are away is too long to stand beside a name: {size} characters, at most {limit} fit."""

    code = "away-too-long"


class NothingToSay(LocalError):
    """There is nothing to send in an empty message."""

    code = "empty"


class NoSuchMember(LocalError):
    """There is nobody called {name} here. /users lists who is."""

    code = "no-such-member"


class NothingToCompare(LocalError):
    """There is nothing to compare with {name}."""

    code = "nothing-to-compare"


class NotWithYourself(LocalError):
    """A private conversation is with somebody else than yourself."""

    code = "not-with-yourself"


class YouBlocked(LocalError):
    """You take no private conversations from {name}. /block {name} lifts that."""

    code = "you-blocked"


class TooManyPairs(LocalError):
    """That would be more than {count} new private connections in a minute. Try again in a moment."""

    code = "too-many-pairs"


class TooManyTalks(LocalError):
    """That would be more than {count} private conversations. Leave one with /leave."""

    code = "too-many-conversations"


class TooManyInTalk(LocalError):
    """A private conversation has at most {count} members."""

    code = "too-many-members"


class NotAnswered(LocalError):
    """{name} was asked whether to talk privately and has not answered. Your earlier messages wait for that."""

    code = "not-answered"


class ReadOnly(LocalError):
    """Nothing more can be said in {room}: {why} /private alone goes back to the host's room."""

    code = "read-only"


class Nowhere(LocalError):
    """You are not where you were or wanted to be, so this was not sent. /join and a name go to a conversation."""

    code = "nowhere"


class NotPrivate(LocalError):
    """This works in a private conversation only. /private NAME opens one."""

    code = "not-private"


class OpenerOnly(LocalError):
    """Only who opened a private conversation can add members to it. /private with all their names opens another."""

    code = "opener-only"


class OnlyTwo(LocalError):
    """This conversation is for two, and stays so. /private with the names of all opens one for several."""

    code = "only-two"


class NoSuchRoom(LocalError):
    """There is no conversation called {room} here."""

    code = "no-such-room"


class NameTaken(LocalError):
    """The name {name} is taken, or looks like one that is. Choose another with /nick."""

    code = "name-taken"


class NoSuchTransfer(LocalError):
    """There is no transfer {number}. /files lists them."""

    code = "no-such-transfer"


class NothingOffered(LocalError):
    """No file is offered to you at the moment. /files lists transfers."""

    code = "nothing-offered"


class OfferClosed(LocalError):
    """Transfer {number} ({name}) is over, or was taken back. /files lists what there is."""

    code = "offer-closed"


class ReceivedAlready(LocalError):
    """You have received {name} already: there is nothing to decline. /files shows the folder where it is."""

    code = "received-already"


class TransferCancelled(LocalError):
    """You stopped the transfer. What has arrived is kept: /accept goes on from there, /decline throws it away."""

    code = "cancelled"


class TakenBack(LocalError):
    """You have taken the offer back."""

    code = "taken-back"


class WhichTransfer(LocalError):
    """There are several: say which, for example {example}. /files lists them."""

    code = "which-transfer"


class TooManyOffers(LocalError):
    """You offer {count} files already. Take one back with /cancel before you offer another."""

    code = "too-many-offers"


class OwnOffer(LocalError):
    """Transfer {number} is your own offer: /cancel takes it back."""

    code = "own-offer"


# --- files ------------------------------------------------------------------------------------------------------


class NoSuchFile(LocalError):
    """There is no file or folder {path}."""

    code = "no-such-file"


class NotAFile(LocalError):
    """{path} is neither a file nor a folder, so it cannot be sent."""

    code = "not-a-file"


class FolderTooLarge(LocalError):
    """The folder {path} is too large to be sent as it is: it may hold {entries} files and folders, {depth} deep, and
    {size} bytes of names. Pack it into an archive and send that."""

    code = "folder-too-large"


class FileChanged(LocalError):
    """{path} was changed since it was offered, so sending was stopped. Offer it again."""

    code = "file-changed"


class NotAFolder(LocalError):
    """Nothing is received into {folder}, because it is a link or not a folder. Choose another one with --downloads."""

    code = "not-a-folder"
    exit_status = 2


class NotAllowed(LocalError):
    """You may not write in {folder}. Choose another folder with --downloads."""

    code = "not-allowed"
    exit_status = 2


class NoDownloads(LocalError):
    """Nothing can be received into {folder}: {why}. Choose another folder with --downloads."""

    code = "no-downloads"
    exit_status = 2


class DiskFull(LocalError):
    """There is not enough room in {folder}: {missing} MB more are needed. Make room and /accept again: nothing
    that has arrived is lost."""

    code = "disk-full"


class CannotWrite(LocalError):
    """Writing in {folder} failed: {why}. Nothing that has arrived is lost."""

    code = "cannot-write"


class PartGone(LocalError):
    """The unfinished file {path} was moved, replaced or deleted while it was being received. /accept starts again."""

    code = "part-gone"


class BadManifest(PeerError):
    """The list of the files in this folder cannot be right, so the folder was not taken."""

    code = "bad-manifest"


# --- what the host keeps ----------------------------------------------------------------------------------------


class InUse(LocalError):
    """Another program is using {path}. Stop that one, or name another file."""

    code = "in-use"


class MayOnlyBeRead(LocalError):
    """{path} may only be read, so nothing can be kept in it. Give yourself the right to write it, or name another
    file."""

    code = "may-only-be-read"


class NoRoomLeft(LocalError):
    """The disk has no room left for {path}. Nothing in it is lost, and what was not written was not acknowledged: make
    room."""

    code = "no-room-left"


class NotAHistory(LocalError):
    """{path} is not a history of USI. Name another file; a new one is made where there is none."""

    code = "not-a-history"


class NewerHistory(LocalError):
    """The history {path} was written by a newer USI. Use that one."""

    code = "newer-history"


class DamagedHistory(LocalError):
    """The history {path} is damaged: {why}. Put your copy back, or move the file away to begin a new one."""

    code = "damaged-history"


class TruncatedHistory(LocalError):
    """The history {path} was cut off: it should have {size} bytes and has {found}. Put your copy back, or move the
    file away to begin a new one."""

    code = "truncated-history"


class PostDeleted(LocalError):
    """Message {number} of {room} was deleted from the file."""

    code = "post-deleted"


class PostDamaged(LocalError):
    """Message {number} of {room} was changed, or comes from another file."""

    code = "post-damaged"


class PostMoved(LocalError):
    """In the place of message {number} of {room} stands another one, moved there."""

    code = "post-moved"


class PostUnreadable(LocalError):
    """Message {number} of {room} has lost its key or that of its author: the row was deleted or changed."""

    code = "post-unreadable"


class StrayRows(LocalError):
    """{count} rows belong to no room: they were put in, or the room was taken out."""

    code = "stray-rows"


class DamagedRow(LocalError):
    """A row of the table {table} was changed, moved, or comes from another file."""

    code = "damaged-row"


class NotALog(LocalError):
    """{path} is not a log of USI, or its end was changed, so nothing is added to it. --log-check says where; move the
    file away to begin a new one."""

    code = "not-a-log"


class BrokenLog(LocalError):
    """{path} is not as it was written. The first fault is in line {line}: {why}."""

    code = "broken-log"


class HashNotFound(LocalError):
    """The hash that you noted is not in {path}: its end was cut off, or everything since was written anew."""

    code = "hash-not-found"


class BadHash(LocalError):
    """This is not the hash of a line: it must have 64 hexadecimal digits."""

    code = "bad-hash"
    exit_status = 2


class BadAccounts(LocalError):
    """Line {line} of the accounts {path} is wrong: {why}."""

    code = "bad-accounts"
    exit_status = 2


class BadRooms(LocalError):
    """The rooms in {path} are wrong: {why}."""

    code = "bad-rooms"
    exit_status = 2


class BadModeration(LocalError):
    """What {path} says of bans and rooms cannot be used: {why}. Mend it, or move it away to begin anew."""

    code = "bad-moderation"
    exit_status = 2


class OpenAccounts(LocalError):
    """Others on this machine may read {path}, which helps them guess passwords. `chmod 600 {path}` ends that."""

    code = "open-accounts"
    exit_status = 2


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
    """A passphrase is needed, and there is no terminal to ask for it. Write it into a file and use --passphrase-file.
    """

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


class TooManyInvitations(LocalError):
    """{limit} invitations are open already. They end after an hour; give one of them on."""

    code = "too-many-invitations"


class NothingAsked(LocalError):
    """Nobody here has asked for a password. A guest does so with /password."""

    code = "nothing-asked"


class NotAsked(LocalError):
    """{name} has not asked for a password. Who has: {names}."""

    code = "not-asked"


class PerhapsSecret(LocalError):
    """This was not said: /password was refused just now, and it may be the password. Enter says it all the same."""

    code = "perhaps-secret"


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


class SomebodyAdded(PeerError):
    """Somebody was added before the host had this, so it was not sent. Send it again if they may read it, too."""

    code = "somebody-added"


class NotAcknowledged(PeerError):
    """You left before the host confirmed this message, so it may not have arrived."""

    code = "not-acknowledged"
    exit_status = 1


class WornOut(PeerError):
    """This connection has carried as much as its keys may seal. Join again."""

    code = "worn-out"


class NotRestored(PeerError):
    """The connection could not be restored in {seconds} seconds, so the keys of this conversation were destroyed. What
    was not delivered is given back; connect again to go on."""

    code = "not-restored"


class NotResumed(PeerError):
    """The host does not know your seat any more: it was started anew, or you were away for too long. You join it anew;
    messages may be missing, and what was under way may not have arrived."""

    code = "not-resumed"


class Kicked(PeerError):
    """The host, or a moderator, has removed you."""

    code = "kicked"
    exit_status = 5


class Banned(PeerError):
    """The host does not let you in: you, your name or your address are banned."""

    code = "banned"
    exit_status = 5


class AccountGone(PeerError):
    """Your account here was removed, or has another password now."""

    code = "account-gone"
    exit_status = 5


class Locked(PeerError):
    """The host lets nobody new in at the moment. Try again later."""

    code = "locked"
    exit_status = 3


class NoRoom(PeerError):
    """There is no room here that you may enter."""

    code = "no-room"
    exit_status = 5


class PasswordNeeded(PeerError):
    """This host wants a password. Use --password, --password-file or USI_PASSWORD."""

    code = "password-needed"
    exit_status = 4


class WrongPassword(PeerError):
    """The name or the password is wrong, or somebody sits between you and the host. Try again."""

    code = "wrong-password"
    exit_status = 4


class TooManyTries(PeerError):
    """There were too many wrong passwords for this name from your address. Wait a minute, then try again."""

    code = "too-many-tries"
    exit_status = 4


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


class Unwelcome(PeerError):
    """This member, or the host in its name, takes no private conversation with you."""

    code = "not-wanted"


class OpenerGone(PeerError):
    """Who opened it is gone, so nobody can hand out its keys any more. It can be read, and nothing can be said in it.
    """

    code = "opener-gone"


class Alone(PeerError):
    """Nobody else is left in it."""

    code = "alone"


class TalkEnded(PeerError):
    """Who opened it has ended it, or taken you out."""

    code = "ended"


class LeftIt(PeerError):
    """You left it."""

    code = "you-left"
    exit_status = 0


class BlockedIt(PeerError):
    """You blocked this member."""

    code = "blocked"


class Withheld(PeerError):
    """What should come next did not come: the host, or who opened it, holds it back."""

    code = "withheld"


class Unanswered(PeerError):
    """Who was asked whether to talk privately did not answer in time. Try again when they are there."""

    code = "unanswered"


class NoAnswer(PeerError):
    """There was no answer in time. The other program may be too busy, or the host does not pass it on."""

    code = "no-answer"


class RefusedName(PeerError):
    """The host cannot use this name. Choose another with -m."""

    code = "name-refused"


class FileAltered(PeerError):
    """The file was altered on the way, or these are the bytes of another one, so the transfer was stopped. What had
    arrived before is kept: /accept tries again."""

    code = "file-altered"


class FileReordered(PeerError):
    """Parts of the file arrived in the wrong order, or twice, so the transfer was stopped. What had arrived before is
    kept: /accept tries again."""

    code = "file-reordered"


class FileLonger(PeerError):
    """More arrived than was offered, so the transfer was stopped. What had arrived before is kept: /accept tries
    again."""

    code = "file-longer"


class FileReplaced(PeerError):
    """What arrived is not signed by the one who offered it: somebody replaced it. It was thrown away."""

    code = "file-replaced"


class FileCut(PeerError):
    """The transfer was cut off before its end. What has arrived is kept: /accept goes on from there."""

    code = "file-cut"


class FileStalled(PeerError):
    """Nothing arrived for {seconds} seconds, several times in a row. What has arrived is kept: /accept goes on from
    there."""

    code = "file-stalled"


class SenderGone(PeerError):
    """The sender is not here any more."""

    code = "sender-gone"


class ReceiverGone(PeerError):
    """The receiver is not here any more."""

    code = "receiver-gone"


class ReceiverLost(PeerError):
    """The receiver's connection broke, and it did not come back for the rest."""

    code = "receiver-lost"


class Withdrawn(PeerError):
    """The sender has taken the offer back."""

    code = "withdrawn"


class PushedOut(PeerError):
    """The sender offers so much that older offers make room for newer ones."""

    code = "pushed-out"


class Declined(PeerError):
    """The receiver does not want it."""

    code = "declined"


class CancelledThere(PeerError):
    """The other side stopped the transfer."""

    code = "cancelled-there"


class ChangedThere(PeerError):
    """The file was changed on the sender's side since it was offered. Ask for it to be offered again."""

    code = "changed-there"


class UnreadableThere(PeerError):
    """The sender's program cannot read the file any more."""

    code = "unreadable-there"


class FailedThere(PeerError):
    """It failed on the other side ({reason})."""

    code = "failed-there"


class TooManyTransfers(PeerError):
    """Too many transfers are under way; this one waits for its turn."""

    code = "too-many-transfers"


class EndedByPeer(PeerError):
    """The other side ended the connection, for this reason: {reason}."""

    def __init__(self, code: str) -> None:
        super().__init__(reason=code)
        self.code = code  # type: ignore[misc]  # that of the goodbye
        if code in (BadHandshake.code, BadRecord.code):
            self.exit_status = BadRecord.exit_status  # type: ignore[misc]  # tampering, seen from the other end


class Silenced(PeerError):
    """A moderator lets you say nothing in the rooms for now."""

    code = "silenced"


class NotKept(PeerError):
    """The host cannot keep it, because its disk is full or fails. Say it again later."""

    code = "not-kept"


class NoHistory(LocalError):
    """This host keeps no history."""

    code = "no-history"


class StillSearching(LocalError):
    """What was asked of the history is still being looked up."""

    code = "still-searching"


class NotInRoom(PeerError):
    """You are not in {room} any more."""

    code = "not-in-room"


class NotARoom(LocalError):
    """That is for rooms, and this is a private conversation."""

    code = "not-a-room"


class BadTime(LocalError):
    """{said} is no time. Write 90s, 10m, 2h or 3d."""

    code = "bad-time"


class RefusedPost(PeerError):
    """The host refused this message: {why}."""

    code = "refused"


RESUMABLE: Final = frozenset({Cut.code, Silent.code, TooSlow.code, WornOut.code})
"""How a link may end so that its member can come back to its seat: by nobody's wish."""

_OF_A_GOODBYE = (
    TooFast, TooSlow, Replaced, HostStopped, Left, WornOut, Distrusted, RefusedName, HandshakeTimeout, Unwelcome,
    WrongCode, NoInvitation, TooManyCodes, Kicked, Banned, AccountGone, Locked, NoRoom, PasswordNeeded, WrongPassword,
    TooManyTries,
)  # fmt: skip


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
    8: Unwelcome,
}
REFUSAL_OF: dict[type[PeerError], int] = {error: number for number, error in REFUSALS.items()} | {HostStopped: 7}

REFUSED_BECAUSE = {
    "busy": "too many were joining at once",
    "key-needed": "it came without the preset key",
    "key-not-wanted": "it came with a preset key, and this host uses none",
    "wrong-key": "its preset key is another one",
    "wrong-code": "its code was wrong",
    "wrong-password": "its name or password was wrong",
    "password-needed": "it came without the password",
    "too-many-tries": "there were too many wrong passwords",
    "no-invitation": "there is no invitation with its code",
    "too-many-codes": "too many wrong codes came from its address",
    "bad-handshake": "its key exchange was altered or broken",
    "not-usi": "it does not speak USI",
    "handshake-timeout": "it did not finish the key exchange in time",
    "cut": "it was cut off during the key exchange",
    "left": "it left during the key exchange",
}
"""Why somebody was turned away, by code, as a host says it of somebody else."""
