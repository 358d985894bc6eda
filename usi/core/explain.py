"""What each step that `--dev` shows means, in words for somebody who learns it (docs/PROTOCOL.md, docs/THREATS.md).

Pure: names of steps, messages and values go in, sentences in the person's language come out.
"""

from __future__ import annotations

from typing import NamedTuple

from usi.core.language import tr


class Explanation(NamedTuple):
    """One step explained. Texts may be empty where there is nothing to say."""

    title: str
    what: str
    """What happens."""
    why: str
    """Why it is done like that."""
    protects: str
    """What it protects against, or does not."""


def step(name: str) -> Explanation:
    """The explanation of a trace step; one that is not known has its name as title."""
    match name:
        case "hello":
            return Explanation(
                tr("Hello"),
                tr(
                    "The client calls. It says that it speaks USI 3, whether it has a preset key, and sends a "
                    "commitment: a hash of a random number and of its public key, both still hidden."
                ),
                tr(
                    "The commitment is like a sealed envelope: the client has chosen, cannot change its choice any "
                    "more, and the host cannot look inside yet."
                ),
                tr(
                    "Somebody in the middle could otherwise try number after number until the four words on both sides "
                    "are equal. Being bound first, each attempt has one chance in 2^44. Programs that speak something "
                    "else are turned away at their first byte."
                ),
            )
        case "offer":
            return Explanation(
                tr("Offer"),
                tr(
                    "The host answers with a random number, its RSA public key, and two public keys that are made for "
                    "this exchange alone: one of ML-KEM-768, one of X25519."
                ),
                tr(
                    "Public keys may be seen by everybody: they lock, but do not open. The two new ones are thrown "
                    "away when the exchange is done, so nobody can open a recording with them later."
                ),
                tr(
                    "Recordings stay closed even if the RSA keys are stolen later (forward secrecy), and ML-KEM keeps "
                    "them closed to quantum computers. The random number makes an old recording, sent again, useless. "
                    "This message alone proves nothing yet: anybody could have sent it."
                ),
            )
        case "kem":
            return Explanation(
                tr("Shared secrets"),
                tr(
                    "From the two public keys of the offer the client makes two secrets, and for each a capsule that "
                    "it sends. The host opens the capsules with its private keys and has the same two secrets."
                ),
                tr(
                    "The secrets themselves never cross the network. There are two because they rest on different "
                    "problems of mathematics: both would have to be solved to learn the keys."
                ),
                tr(
                    "Against a listener who keeps everything until a large quantum computer exists. The secrets are "
                    "bound to the hash of hello and offer, so capsules cannot be moved to another exchange."
                ),
            )
        case "answer":
            return Explanation(
                tr("Answer"),
                tr(
                    "The client sends the two capsules and, sealed with a key made of their secrets, what it had "
                    "committed to: its random number and its RSA public key. With them come a session secret that only "
                    "the host's RSA key opens (OAEP), and a signature over all that was said so far (PSS)."
                ),
                tr(
                    "The host proves itself by opening the session secret: without it, no record of the host would "
                    "open. The client proves itself by the signature. The host also checks that the envelope of the "
                    "hello fits."
                ),
                tr(
                    "Changed, exchanged or repeated messages: the signature does not fit any more, and the exchange "
                    "ends. The client's key crosses sealed, so a listener does not learn who is calling."
                ),
            )
        case "keys":
            return Explanation(
                tr("Session keys"),
                tr(
                    "Each side computes for itself, with HKDF, two AES-256 keys: one for what the client sends, one "
                    "for what the host sends. In go the session secret, the two shared secrets, the preset key if "
                    "there is one, and a hash of everything that was exchanged."
                ),
                tr(
                    "Whoever saw or changed even one bit differently gets other keys, and the first record does not "
                    "open. With a key for each direction, both sides can number their records from 0 without using a "
                    "nonce twice."
                ),
                tr(
                    "A record cannot be sent back to its sender as if it were an answer. Who lacks the preset key gets "
                    "no key, and neither does who breaks only one of RSA, ML-KEM and X25519."
                ),
            )
        case "fingerprint":
            return Explanation(
                tr("Fingerprint and words"),
                tr(
                    "Both sides compute a fingerprint (a hash of both public keys, or of the preset key) and four "
                    "words (from both keys and both random numbers). People compare them by another way: by telephone, "
                    "or in person."
                ),
                tr(
                    "All steps so far prove only that one talks to the owner of some key. Whose key it is, no "
                    "computation can tell: people must compare."
                ),
                tr(
                    "Somebody in the middle, who exchanges keys with each side: fingerprint and words then differ. "
                    "Until they are compared, only a preset key protects from that, where there is one."
                ),
            )
        case "record":
            return Explanation(
                tr("Record"),
                tr(
                    "Everything after the key exchange crosses in records: a length in 4 bytes, then one or several "
                    "messages sealed with AES-256-OCB. The nonce is the number of the record in its direction, counted "
                    "from 0."
                ),
                tr(
                    "OCB hides the messages and adds a tag of 16 bytes that only the right key, nonce and content "
                    "produce. The number is not sent: both sides count."
                ),
                tr(
                    "A record that was changed, left out, repeated or moved does not open, and the connection ends "
                    "with an error. Names, rooms and kinds of messages are hidden; that something was sent, when, and "
                    "how long it is, can be seen."
                ),
            )
        case "seal":
            return Explanation(
                tr("Seal a message"),
                tr(
                    "A text gets the author's signature, is filled up to a multiple of 256 bytes, and is sealed with "
                    "the key of the conversation. The result then crosses inside a record, which seals it once more."
                ),
                tr(
                    "The two layers do different things: the record protects the way to the host, the content is "
                    "readable by the members of the conversation alone. The signature says who wrote it."
                ),
                tr(
                    "Neither another member nor the host can write in your name, change a text or move it to another "
                    "room: the signature covers all of that. Filling up hides how long a short text is. The host's own "
                    "person makes the key of a room, and can read it."
                ),
            )
        case "open":
            return Explanation(
                tr("Open a message"),
                tr(
                    "Somebody's sealed content came in a record. It is opened with the key of the conversation, its "
                    "layout is checked, then its signature, with the public key of its author."
                ),
                tr(
                    "The author's id is the hash of the author's public key, so the host cannot pass off another key. "
                    "A count inside the content shows whether messages are missing or come twice."
                ),
                tr(
                    "Forged, moved and repeated messages. One with a bad signature, or none that can be checked, is "
                    "marked: anybody could have written it."
                ),
            )
        case "claim":
            return Explanation(
                tr("Claim to know a secret"),
                tr(
                    "The guest says that it has the code of an invitation, or its person a password. It sends a point "
                    "of the curve P-256: a random one, to which the secret was added (SPAKE2, RFC 9382)."
                ),
                tr(
                    "A code or a password is short. Its hash could be guessed by trying; this point fits every secret "
                    "equally well, so there is nothing to try."
                ),
                tr("Listeners learn nothing. Somebody in the middle can test one guess for each live attempt."),
            )
        case "challenge":
            return Explanation(
                tr("The host proves it first"),
                tr(
                    "The host answers with its own point and a confirmation: a checksum under a key that both can "
                    "compute only if they have the same secret and sit at the two ends of the same link."
                ),
                tr(
                    "The exporter, a secret of the link's own key exchange, goes into the proof. So a proof that is "
                    "passed on from another link fits nothing."
                ),
                tr(
                    "A false host: it is told nothing more, not even the guest's name. The host counts each answer as "
                    "a guess, and takes it back when the guest's proof fits."
                ),
            )
        case "prove":
            return Explanation(
                tr("The guest proves it too"),
                tr("The guest's confirmation, made after the host's was found to fit."),
                tr("Now both know that the other has the secret: the fingerprint needs no comparing."),
                tr("A false guest: without the secret nobody can make this value."),
            )
        case "relay":
            return Explanation(
                tr("What the host sees"),
                tr(
                    "A piece of a private conversation on its way through this host: who sent it, to whom it goes, and "
                    "how long it is. A `pass` belongs to the key exchange of two members, a `post` is sealed content."
                ),
                tr(
                    "The members have made the key among themselves, with the same key exchange as for a connection, "
                    "and the host carries it without being able to open it. Compare it with what the readers see."
                ),
                tr(
                    "A curious host reads nothing of it, if the members have compared their words. Who talks with "
                    "whom, when and how much, it can see."
                ),
            )
    return Explanation(name, "", "", "")


def message(tag: str) -> str:
    """What a message in a record is for; empty for one that is not known."""
    match tag:
        case "join":
            return tr("The first message of a member: it asks to be let in, under a name.")
        case "claim":
            return tr("Instead of join: a guest says that it has the code of an invitation.")
        case "resume":
            return tr("Instead of join, when the wire was cut: asks for our seat again, and says how much has come.")
        case "resumed":
            return tr("The seat is ours again. What was sent and has not come follows.")
        case "no-seat":
            return tr("The host has no such seat of ours any more; we can join anew.")
        case "got":
            return tr("So much of the other side has come: it need not keep it for a cut wire any longer.")
        case "skipped":
            return tr("So many messages are left out here; they can be asked for by their numbers.")
        case "found":
            return tr("A message that we asked for again.")
        case "again":
            return tr("Asks for messages whose numbers are missing.")
        case "caught":
            return tr("The host has no more of what was asked for.")
        case "ask":
            return tr("Our half of a proof: of a password that the host has, or that its person types.")
        case "login":
            return tr("Instead of join: a guest says whose password it has.")
        case "salt":
            return tr("What the password is stretched with; for names without an account the host makes one up.")
        case "unlock":
            return tr("The last word of a login, sealed under the key of the proof: no file of the host holds it.")
        case "standing":
            return tr("What this member may do here: the role of its account.")
        case "list-rooms":
            return tr("Asks which rooms there are for this member.")
        case "room-list":
            return tr("The rooms that this member may enter. Of others it hears nothing.")
        case "enter":
            return tr("Asks to be let into a room.")
        case "entered":
            return tr("The host lets the member into a room, and hands out its key.")
        case "put-out":
            return tr("The member is in this room no longer.")
        case "room-key":
            return tr("A new key for a room, because somebody has lost access; the old one opens nothing that comes.")
        case "topic":
            return tr("A room has another topic.")
        case "order":
            return tr("What a moderator wants done; the host looks whether the role may.")
        case "deed":
            return tr("What a moderator did, told to those whom it concerns.")
        case "past":
            return tr("Asks for earlier messages of a room.")
        case "old-key":
            return tr("A key under which earlier messages were sealed.")
        case "old":
            return tr("An earlier message as it was sealed and signed, so that its signature can be checked.")
        case "old-end":
            return tr("That was all of the earlier messages that were asked for.")
        case "limit-values":
            return tr("What the host limits, and how much of it is in use, for who may see it.")
        case "log-entry":
            return tr("A line of the host's log, for who may see it.")
        case "challenge":
            return tr("The host's half of a proof, which comes first.")
        case "prove":
            return tr("Our half of a proof, or that the host's did not fit.")
        case "lasting":
            return tr("The host keeps its key from run to run, so another one there would be a warning.")
        case "welcome":
            return tr("The host lets the member in, and hands out ids, rooms and their keys.")
        case "present":
            return tr("Who is here already; in several parts where they are many.")
        case "post":
            return tr("Something said: sealed content on its way to the host.")
        case "posted":
            return tr("Somebody else's sealed content, with the number that the host gave it.")
        case "ack":
            return tr("The host has this message of ours: delivered.")
        case "stale-key":
            return tr("Not taken: it was sealed with a key that the room does not use any more.")
        case "refused":
            return tr("Not taken by the host, for good.")
        case "get-key":
            return tr("Asks for a member's public key, to check signatures with.")
        case "key":
            return tr("A member's public key; it must hash to the id that was asked for.")
        case "nick":
            return tr("Asks for another name.")
        case "away":
            return tr("A member says that it is away from its keyboard, or back.")
        case "absent":
            return tr("A member is away from its keyboard, or back.")
        case "renamed":
            return tr("A member has another name; the key stays the same.")
        case "joined":
            return tr("Somebody came.")
        case "left":
            return tr("Somebody went, and how.")
        case "notice":
            return tr("A word of the host to this member alone: a code, never a sentence of the host's own.")
        case "pass":
            return tr("A piece of the key exchange with another member, for the host to pass on as it is.")
        case "passed":
            return tr("A piece of the key exchange with another member, which the host passes on.")
        case "gather":
            return tr("Says who is in a private conversation, and which key is in use; the key itself is not in it.")
        case "gathered":
            return tr("From here on this private conversation uses its new key.")
        case "leave":
            return tr("Out of a room, or of a private conversation, which its opener ends by that.")
        case "ready":
            return tr("Whom we called takes the private connection.")
        case "asking":
            return tr("The other person is asked first.")
        case "want":
            return tr("Asks who opened the private connection to open the conversation of the two.")
        case "conversation":
            return tr("Who is in a private conversation, and the secret that its key is made of.")
        case "out":
            return tr("Out of this private conversation.")
        case "fetch":
            return tr("Asks for a file that a member offers, from a part of it on.")
        case "ticket":
            return tr("The host's answer: a secret, good once, that opens a connection of its own for the file.")
        case "no-ticket":
            return tr("The file cannot be fetched now, and why.")
        case "wanted":
            return tr("Somebody fetches a file of ours; the ticket opens the connection to send it over.")
        case "file-word":
            return tr("What became of a transfer, from one of its two members to the other: received, stopped …")
        case "alive":
            return tr("A sign of life: nothing to say, but still here. Who is silent for 30 seconds is given up.")
        case "bye":
            return tr(
                "The end, with its reason. It is sealed like all else, so a cut wire cannot be taken for leaving in "
                "good order."
            )
    return ""


def value(of_step: str, name: str) -> str:
    """What a value in the detail of a step is; empty for one that is not known."""
    match of_step, name:
        case "hello", "preset":
            return tr(
                "Whether the client has a preset key. It lets both sides say what is wrong; it does not decide "
                "anything."
            )
        case "hello", "commitment":
            return tr("SHA-256 of the client's random number and public key: the sealed envelope.")
        case "offer", "nonce":
            return tr("The host's random number, new for each exchange.")
        case "offer", "modulus":
            return tr("The host's RSA-2048 public key: its modulus; the exponent is always 65537.")
        case "offer", "mlkem_public":
            return tr(
                "A public key of ML-KEM-768, made for this exchange alone; safe from quantum computers as far as known."
            )
        case "offer", "x25519_public":
            return tr("A public key of X25519 (elliptic curve), made for this exchange alone.")
        case "kem", "shared":
            return tr("The two shared secrets, one behind the other: ML-KEM and X25519, 32 bytes each.")
        case "kem", "transcript":
            return tr("SHA-256 of hello and offer: it binds the secrets to this exchange.")
        case "answer", "nonce":
            return tr("The client's random number, from the envelope.")
        case "answer", "modulus":
            return tr("The client's RSA-2048 public key. It crosses sealed.")
        case "answer", "oaep":
            return tr("The session secret, encrypted for the host's RSA key (RSA-OAEP).")
        case "answer", "signature":
            return tr("The client's signature over everything so far (RSA-PSS).")
        case "answer", "session_secret":
            return tr("32 random bytes drawn by the client, for the keys of the records.")
        case "keys", "client_to_host":
            return tr("AES-256 key of what the client sends.")
        case "keys", "host_to_client":
            return tr("AES-256 key of what the host sends.")
        case "fingerprint", "fingerprint":
            return tr("SHA-256 of both public keys; with a preset key, SHA-256 of that key.")
        case "fingerprint", "words":
            return tr("44 bits of a hash over both keys and both random numbers, new for each connection.")
        case "record", "number":
            return tr("How many records went this way before. It is not sent; both sides count.")
        case "record", "nonce":
            return tr("The number as 15 bytes. Under one key no nonce may ever come twice.")
        case "record", "length":
            return tr("Bytes of the sealed record, its tag included.")
        case "record", "tag":
            return tr("The last 16 bytes: a checksum that only the owner of the key can make.")
        case "record", "messages":
            return tr("The kinds of the messages inside.")
        case "seal" | "open", "conversation":
            return tr("Which conversation it belongs to: 16 random bytes, new for each run of the host.")
        case "seal" | "open", "key_id":
            return tr("A hash that names the conversation's key without showing it.")
        case "seal" | "open", "sender":
            return tr("The author's id: SHA-256 of the author's public key.")
        case "seal" | "open", "nonce":
            return tr("15 random bytes drawn for this message alone; they are its id, too.")
        case "seal" | "open", "length":
            return tr("Bytes of the sealed content: text, signature, padding and tag.")
        case "seal" | "open", "host_has_key":
            return tr("Whether the host can read it: yes in its rooms, no in private conversations.")
        case "relay", "message":
            return tr("What kind of message passes.")
        case "relay", "sender":
            return tr("Who sent it, by name.")
        case "relay", "readers":
            return tr("To whom it goes.")
        case "relay", "conversation":
            return tr("Which conversation it belongs to: 16 random bytes.")
        case "relay", "length":
            return tr("How many bytes pass.")
        case "relay", "ciphertext":
            return tr("The bytes themselves. The host has no key for them.")
        case "seal" | "open", "plaintext":
            return tr("What was written, as the members read it.")
        case "seal" | "open", "ciphertext":
            return tr("The beginning of what crosses instead, as many bytes as the text has.")
        case "seal" | "open", "signature":
            return tr("good: by the author. bad: forged or changed. missing: the author's key is not known.")
        case "claim", "purpose":
            return tr("What is proved: an invitation, or a password. It is part of the proof.")
        case "claim", "locator":
            return tr("The first word of the code: which invitation is meant. It is no secret; the other words are.")
        case "claim" | "challenge", "point":
            return tr("A point of P-256: a random one and a multiple of a fixed one, as often as the secret says.")
        case "challenge" | "prove", "confirmation":
            return tr("HMAC-SHA256 over everything in the proof; with another secret or link it comes out differently.")
        case "challenge" | "prove", "fits":
            return tr("Whether the other side's confirmation was the right one.")
    return ""
