"""The words for a student: there is something to say about everything that is traced, and it is true to the names."""

import pytest

from usi.core import explain, pair, wire
from usi.core.crypto import PrivateKey
from usi.core.session import Role, Session
from usi.core.trace import Trace

CONTENT = ("conversation", "key_id", "sender", "nonce", "length", "plaintext", "ciphertext", "signature")
CONTENT += ("host_has_key",)
RELAYED = ("message", "sender", "readers", "conversation", "length", "ciphertext")


def traced(keys: dict[str, PrivateKey], role: Role) -> list[Trace]:
    """What one side traces of a key exchange and a record each way."""
    traces: list[Trace] = []
    sides = {
        each: Session(each, keys[name], None, tracer=traces.append if each is role else None)
        for each, name in ((Role.CLIENT, "alice"), (Role.HOST, "host"))
    }
    client, host = sides[Role.CLIENT], sides[Role.HOST]
    host.receive_data(client.data_to_send())
    client.receive_data(host.data_to_send())
    client.send([wire.Join("alice")])
    host.receive_data(client.data_to_send())
    host.send([wire.Alive()])
    client.receive_data(host.data_to_send())
    return traces


@pytest.mark.parametrize("role", Role)
def test_all_that_a_session_traces_is_explained(keys: dict[str, PrivateKey], role: Role) -> None:
    traces = traced(keys, role)
    assert {trace.step for trace in traces} == {"hello", "offer", "kem", "answer", "keys", "fingerprint", "record"}
    for trace in traces:
        explained = explain.step(trace.step)
        assert explained.title != trace.step
        assert all(explained)
        for name in trace.detail:
            assert explain.value(trace.step, name), (trace.step, name)


@pytest.mark.parametrize("step", ["seal", "open"])
def test_content_is_explained(step: str) -> None:
    assert all(explain.step(step))
    assert all(explain.value(step, name) for name in CONTENT)


def test_what_a_host_sees_is_explained() -> None:
    assert all(explain.step("relay"))
    assert all(explain.value("relay", name) for name in RELAYED)


def test_every_message_is_explained() -> None:
    unions = (wire.FromMember, wire.FromHost, pair.Message)
    tags = {str(kind.__struct_config__.tag) for union in unions for kind in union.__args__}
    assert len(tags) > 10
    for tag in tags:
        assert explain.message(tag), tag


def test_what_is_not_known_is_left_alone() -> None:
    assert explain.step("[/oops]") == ("[/oops]", "", "", "")
    assert explain.value("record", "[/oops]") == explain.message("[/oops]") == ""
