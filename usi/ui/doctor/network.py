"""The way to a host, and this machine's own door."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator

from usi.core.crypto import PrivateKey
from usi.core.errors import Busy, HandshakeTimeout, KeyNeeded, KeyNotWanted, PeerError, PortInUse, Stopping, WrongKey
from usi.core.errors import UnknownHost as _UnknownHost
from usi.core.language import tr
from usi.net.peer import probe
from usi.ui.doctor.finding import Facts, Finding
from usi.ui.i18n import mark

_LOOKUP_SECONDS = 1.5
_DIAL_SECONDS = 2.0
_KNOCK_SECONDS = 2.0
_KEY_SECONDS = 10.0  # for making a key of one's own, which runs since the start


def host(name: str, port: int, preset: bytes | None, key: Callable[[float], PrivateKey]) -> Iterator[Finding]:
    """The steps towards a host, up to the first that fails. `key` waits so many seconds for a key of our own."""
    try:
        places = probe.places(name, port, _LOOKUP_SECONDS)
    except (_UnknownHost, TimeoutError) as error:
        yield _not_found(name, isinstance(error, TimeoutError))
        return
    listed = ", ".join(str(place.address[0]) for place in places)
    if listed != name:
        yield Finding(
            "lookup", "good", tr("{host} has the address {addresses}.", host=name, addresses=listed),
            facts={"host": name, "addresses": listed},
        )  # fmt: skip
    dialled = probe.dial(places, _DIAL_SECONDS)
    try:
        answering = min((one for one in dialled if one.sock), key=lambda one: one.seconds, default=None)
        for one in dialled:
            yield _connection(one, port, any_answers=answering is not None)
        if answering is not None and answering.sock is not None:
            yield from _handshake(probe.knock(answering.sock, key(_KEY_SECONDS), preset, _KNOCK_SECONDS), preset)
    finally:
        for one in dialled:
            if one.sock is not None:
                one.sock.close()


def _not_found(name: str, nobody_says: bool) -> Finding:
    if nobody_says:
        return Finding(
            "lookup", "bad", tr("Nobody says which address {host} has: the name service does not answer.", host=name),
            tr("Check this machine's network, or use the host's address in place of its name."),
            {"host": name}, unreachable=True,
        )  # fmt: skip
    return Finding(
        "lookup", "bad", tr("There is no address for the name {host}.", host=name),
        tr("Check the spelling, or use the host's address in place of its name."), {"host": name}, unreachable=True,
    )  # fmt: skip


def _connection(one: probe.Dialled, port: int, *, any_answers: bool) -> Finding:
    address, version, milliseconds = str(one.place.address[0]), one.place.version, round(one.seconds * 1000, 1)
    facts: Facts = {"address": address, "version": version, "port": port, "milliseconds": milliseconds}
    if one.sock is not None:
        said = tr("{address} port {port} ({version}) takes connections, after {milliseconds} ms.", **facts)
        return Finding("connection", "good", said, facts=facts | {"connected": True})
    why = one.why or tr("no answer in {seconds:g} seconds", seconds=one.seconds)
    said = tr("Nothing answers at {address} port {port} ({version}): {reason}.", **facts, reason=why)
    facts["connected"] = False
    if any_answers:
        return Finding("connection", "attention", said, tr("USI goes by the address that does answer."), facts)
    if one.why:
        advice = tr("Check that the host is running there and on this port, and that a firewall lets it through.")
    else:
        advice = tr(
            "Check that the host's machine is on, that the address is right, and that TCP port {port} is open in its"
            " firewall and forwarded by its router.", port=port,
        )  # fmt: skip
    return Finding("connection", "bad", said, advice, facts, unreachable=True)


def _handshake(answer: probe.Answer, preset: bytes | None) -> Iterator[Finding]:
    error = answer.error
    facts: Facts = {
        "protocol": "USI/3",
        "milliseconds": round(answer.seconds * 1000, 1),
        "code": error.code if error is not None else None,
        "key_fingerprint": answer.key_fingerprint,
    }
    if isinstance(error, Busy | Stopping):
        advice = tr("Try again in a moment.") if isinstance(error, Busy) else tr("Ask its owner when it is back.")
        said = tr("It speaks USI/3, and takes in nobody at the moment.")
        yield Finding("handshake", "attention", said, advice, facts)
        return
    if error is not None and not isinstance(error, KeyNeeded | KeyNotWanted | WrongKey):
        yield _foreign(answer, error, facts)
        return
    yield Finding("handshake", "good", tr("It speaks USI/3, and answered in {milliseconds} ms.", **facts), facts=facts)
    yield _preset_key(error, preset)


def _foreign(answer: probe.Answer, error: PeerError, facts: Facts) -> Finding:
    facts = facts | {"protocol": answer.program or None}
    if answer.program:
        said = tr("What answers there speaks {protocol}, not USI.", protocol=answer.program)
        advice = tr("Check the address and the port.")
    elif isinstance(error, HandshakeTimeout):
        said = tr("It takes the connection, and then says nothing.")
        advice = tr("Another program listens there, or a forwarded port leads nowhere: check the port and the router.")
    else:
        said = tr("What answers there does not speak USI/3.")
        advice = tr("Check the address and the port, and that its version of USI is not an older one.")
    return Finding("handshake", "bad", said, advice, facts, unreachable=True)


def _preset_key(error: PeerError | None, preset: bytes | None) -> Finding:
    match error:
        case KeyNeeded():
            said = tr("It asks for a preset key.")
            advice = tr("Get the key from the host's owner, and join with --key-file.")
            return Finding("preset-key", "attention", said, advice, {"wanted": True})
        case KeyNotWanted():
            said = tr("It says that it uses no preset key, and you have one.")
            advice = tr("Ask its owner before you leave the key out: somebody in between could be saying this.")
            return Finding("preset-key", "bad", said, advice, {"wanted": False})
        case WrongKey():
            said, advice = tr("Your preset key is not the host's."), tr("Compare it with the host's owner.")
            return Finding("preset-key", "bad", said, advice, {"wanted": True})
    if preset is not None:
        return Finding("preset-key", "good", tr("It does not refuse your preset key."), facts={"wanted": True})
    return Finding("preset-key", "good", tr("It asks for no preset key."), facts={"wanted": False})


# --- this machine's own door ------------------------------------------------------------------------------------------


def own_port(address: str | None, port: int) -> Iterator[Finding]:
    """Whether a host could listen here."""
    problem = probe.own_port(address, port)
    facts: Facts = {"port": port, "free": problem is None}
    if problem is None:
        yield Finding("own-port", "good", tr("Port {port} is free to host on.", port=port), facts=facts)
    elif isinstance(problem, PortInUse):
        said = tr("Port {port} is in use on this machine.", port=port)
        advice = tr("That is right if you host already; otherwise host on another one, with -p.")
        yield Finding("own-port", "attention", said, advice, facts)
    else:
        yield Finding("own-port", "bad", str(problem), facts=facts)


_REACHED = {
    "public": mark("it can be reached from everywhere, where firewalls let TCP port {port} through"),
    "private": mark("your own network reaches it; friends outside need TCP port {port} forwarded by the router"),
    "shared": mark("your provider shares its outer address among many, so that no port can be forwarded"),
    "local": mark("only this machine, or the same cable, reaches it"),
}


def own_addresses(port: int) -> Iterator[Finding]:
    """Where others may find a host that runs here."""
    kinds = []
    for address, kind in probe.own_addresses():
        kinds.append(kind)
        said = tr("This machine has {address}: {reach}.", address=address, reach=tr(_REACHED[kind], port=port))
        version = ipaddress.ip_address(address.partition("%")[0]).version
        yield Finding("own-address", "good", said, facts={"address": address, "kind": kind, "version": f"IPv{version}"})
    if "public" in kinds:
        return
    if "shared" in kinds:
        advice = tr("To host for friends outside, ask the provider for an address of your own, or let another host.")
    elif "private" in kinds:
        advice = tr("Whether the router can forward is not known from here: compare its outer address with what a web"
                    " page says yours is. If they differ, let somebody else host.")  # fmt: skip
    else:
        advice = tr("Connect this machine to a network.")
    said = tr("No address here can be reached from the internet as it is.")
    yield Finding("reach", "attention", said, advice, {"public": False})
