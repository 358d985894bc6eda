"""SPAKE2 against the vectors of RFC 9382, hostile points, and what a listener can and cannot try."""

from __future__ import annotations

import pytest

from usi.core import pake
from usi.core.crypto import CURVE_ORDER, CryptoError, Point, digest, mac, sha256
from usi.core.pake import Exchange, M, N, Proving, code_secret, confirmation_keys, password_secret, transcript

# RFC 9382, appendix B: SPAKE2-P256-SHA256-HKDF-HMAC.
VECTORS = [
    {
        "A": "server",
        "B": "client",
        "w": "2ee57912099d31560b3a44b1184b9b4866e904c49d12ac5042c97dca461b1a5f",
        "x": "43dd0fd7215bdcb482879fca3220c6a968e66d70b1356cac18bb26c84a78d729",
        "pA": "04a56fa807caaa53a4d28dbb9853b9815c61a411118a6fe516a8798434751470f9"
        "010153ac33d0d5f2047ffdb1a3e42c9b4e6be662766e1eeb4116988ede5f912c",
        "y": "dcb60106f276b02606d8ef0a328c02e4b629f84f89786af5befb0bc75b6e66be",
        "pB": "0406557e482bd03097ad0cbaa5df82115460d951e3451962f1eaf4367a420676d0"
        "9857ccbc522686c83d1852abfa8ed6e4a1155cf8f1543ceca528afb591a1e0b7",
        "K": "0412af7e89717850671913e6b469ace67bd90a4df8ce45c2af19010175e37eed69"
        "f75897996d539356e2fa6a406d528501f907e04d97515fbe83db277b715d3325",
        "Ke": "0e0672dc86f8e45565d338b0540abe69",
        "Ka": "15bdf72e2b35b5c9e5663168e960a91b",
        "KcA": "00c12546835755c86d8c0db7851ae86f",
        "KcB": "a9fa3406c3b781b93d804485430ca27a",
        "confA": "58ad4aa88e0b60d5061eb6b5dd93e80d9c4f00d127c65b3b35b1b5281fee38f0",
        "confB": "d3e2e547f1ae04f2dbdbf0fc4b79f8ecff2dff314b5d32fe9fcef2fb26dc459b",
    },
    {
        "A": "",
        "B": "client",
        "w": "0548d8729f730589e579b0475a582c1608138ddf7054b73b5381c7e883e2efae",
        "x": "403abbe3b1b4b9ba17e3032849759d723939a27a27b9d921c500edde18ed654b",
        "pA": "04a897b769e681c62ac1c2357319a3d363f610839c4477720d24cbe32f5fd85f44"
        "fb92ba966578c1b712be6962498834078262caa5b441ecfa9d4a9485720e918a",
        "y": "903023b6598908936ea7c929bd761af6039577a9c3f9581064187c3049d87065",
        "pB": "04e0f816fd1c35e22065d5556215c097e799390d16661c386e0ecc84593974a61b"
        "881a8c82327687d0501862970c64565560cb5671f696048050ca66ca5f8cc7fc",
        "K": "048f83ec9f6e4f87cc6f9dc740bdc2769725f923364f01c84148c049a39a735ebd"
        "a82eac03e00112fd6a5710682767cff5361f7e819e53d8d3c3a2922e0d837aa6",
        "Ke": "642f05c473c2cd79909f9a841e2f30a7",
        "Ka": "0bf89b18180af97353ba198789c2b963",
        "KcA": "c6be376fc7cd1301fd0a13adf3e7bffd",
        "KcB": "b7243f4ae60440a49b3f8cab3c1fba07",
        "confA": "47d29e6666af1b7dd450d571233085d7a9866e4d49d2645e2df975489521232b",
        "confB": "3313c5cefc361d27fb16847a91c2a73b766ffa90a4839122a9b70a2f6bd1d6df",
    },
    {
        "A": "server",
        "B": "",
        "w": "626e0cdc7b14c9db3e52a0b1b3a768c98e37852d5db30febe0497b14eae8c254",
        "x": "07adb3db6bc623d3399726bfdbfd3d15a58ea776ab8a308b00392621291f9633",
        "pA": "04f88fb71c99bfffaea370966b7eb99cd4be0ff1a7d335caac4211c4afd855e2e1"
        "5a873b298503ad8ba1d9cbb9a392d2ba309b48bfd7879aefd0f2cea6009763b0",
        "y": "b6a4fc8dbb629d4ba51d6f91ed1532cf87adec98f25dd153a75accafafedec16",
        "pB": "040c269d6be017dccb15182ac6bfcd9e2a14de019dd587eaf4bdfd353f031101e7"
        "cca177f8eb362a6e83e7d5e729c0732e1b528879c086f39ba0f31a9661bd34db",
        "K": "0445ee233b8ecb51ebd6e7da3f307e88a1616bae2166121221fdc0dadb986afaf3"
        "ec8a988dc9c626fa3b99f58a7ca7c9b844bb3e8dd9554aafc5b53813504c1cbe",
        "Ke": "005184ff460da2ce59062c87733c299c",
        "Ka": "3521297d736598fc0a1127600efa1afb",
        "KcA": "f3da53604f0aeecea5a33be7bddf6edf",
        "KcB": "9e3f86848736f159bd92b6e107ec6799",
        "confA": "bc9f9bbe99f26d0b2260e6456e05a86196a3307ec6663a18bf6ac825736533b2",
        "confB": "c2370e1bf813b086dff0d834e74425a06e6390f48f5411900276dcccc5a297ec",
    },
    {
        "A": "",
        "B": "",
        "w": "7bf46c454b4c1b25799527d896508afd5fc62ef4ec59db1efb49113063d70cca",
        "x": "8cef65df64bb2d0f83540c53632de911b5b24b3eab6cc74a97609fd659e95473",
        "pA": "04a65b367a3f613cf9f0654b1b28a1e3a8a40387956c8ba6063e8658563890f46c"
        "a1ef6a676598889fc28de2950ab8120b79a5ef1ea4c9f44bc98f585634b46d66",
        "y": "d7a66f64074a84652d8d623a92e20c9675c61cb5b4f6a0063e4648a2fdc02d53",
        "pB": "04589f13218822710d98d8b2123a079041052d9941b9cf88c6617ddb2fcc049466"
        "2eea8ba6b64692dc318250030c6af045cb738bc81ba35b043c3dcb46adf6f58d",
        "K": "041a3c03d51b452537ca2a1fea6110353c6d5ed483c4f0f86f4492ca3f378d40a9"
        "94b4477f93c64d928edbbcd3e85a7c709b7ea73ee97986ce3d1438e135543772",
        "Ke": "fc6374762ba5cf11f4b2caa08b2cd1b9",
        "Ka": "907ae0e26e8d6234318d91583cd74c86",
        "KcA": "5dbd2f477166b7fb6d61febbd77a5563",
        "KcB": "7689b4654407a5faeffdc8f18359d8a3",
        "confA": "dfb4db8d48ae5a675963ea5e6c19d98d4ea028d8e898dad96ea19a80ade95dca",
        "confB": "d0f0609d1613138d354f7e95f19fb556bf52d751947241e8c7118df5ef0ae175",
    },
]

EXPORTER = bytes(range(32))
PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['A']}-{vector['B']}")
def test_the_vectors_of_rfc_9382(vector: dict[str, str]) -> None:
    w, x, y = (int(vector[name], 16) for name in "wxy")
    a, b = Exchange("client", w, x), Exchange("host", w, y)
    assert (a.message.hex(), b.message.hex()) == (vector["pA"], vector["pB"])
    assert a.shared(b.message).hex() == b.shared(a.message).hex() == vector["K"]
    ids = vector["A"].encode(), vector["B"].encode()
    tt = transcript(*ids, a.message, b.message, bytes.fromhex(vector["K"]), w)
    assert sha256(tt).hex() == vector["Ke"] + vector["Ka"]
    assert [key.hex() for key in confirmation_keys(tt)] == [vector["KcA"], vector["KcB"]]
    expected = bytes.fromhex(vector["confA"]), bytes.fromhex(vector["confB"])
    assert a.confirmations(b.message, *ids) == expected
    assert b.confirmations(a.message, *ids) == expected[::-1]


def test_the_two_points_are_those_of_the_rfc() -> None:
    """In the compressed form in which section 6 gives them."""
    for point, compressed in (
        (M, "02886e2f97ace46e55ba9dd7242579f2993b64e16ef3dcab95afd497333d8fa12f"),
        (N, "03d8bbd6c639c62937b04d997f38c3770719c629d7014d49a24b4f98baa1292b49"),
    ):
        encoded = point.encode()
        assert bytes((2 + encoded[-1] % 2,)) + encoded[1:33] == bytes.fromhex(compressed)


# --- points from outside ---------------------------------------------------------------------------------------------

G = Point.generator().encode()
BAD_POINTS = {
    "empty": b"",
    "short": G[:-1],
    "long": G + b"\0",
    "compressed": b"\2" + G[1:33],
    "hybrid": b"\6" + G[1:],
    "neutral, as SEC 1 writes it": b"\0",
    "neutral, as zeros": b"\4" + bytes(64),
    "not on the curve": G[:-1] + bytes((G[-1] ^ 1,)),
    "on the twist": b"\4" + (1).to_bytes(32, "big") + (1).to_bytes(32, "big"),
    "x not reduced": b"\4" + b"\xff" * 32 + G[33:],
    "x is the prime": b"\4" + PRIME.to_bytes(32, "big") + G[33:],
    "y not reduced": b"\4" + G[1:33] + b"\xff" * 32,
}


@pytest.mark.parametrize("data", BAD_POINTS.values(), ids=BAD_POINTS.keys())
def test_what_is_no_point_is_refused(data: bytes) -> None:
    with pytest.raises(CryptoError):
        Point.parse(data)
    with pytest.raises(CryptoError):
        Exchange("host", 5, 7).confirmations(data, b"", b"")
    with pytest.raises(CryptoError):
        Proving("client", "usi3 invitation", bytes(64), EXPORTER).confirm(data)


def test_a_message_that_takes_the_whole_secret_away_is_refused() -> None:
    """Who guesses w and sends w*M makes K the neutral element, which is known to everybody."""
    with pytest.raises(CryptoError):
        Exchange("host", 5, 7).shared((M * 5).encode())
    with pytest.raises(CryptoError):
        Exchange("client", 5, 7).shared((N * 5).encode())


def test_points_add_up() -> None:
    g = Point.generator()
    assert (g * 3 + g * 4).encode() == (g * 7).encode()
    assert (g * 7 - g * 4).encode() == (g * 3).encode()
    assert Point.parse((g * 9).encode()).encode() == (g * 9).encode()
    with pytest.raises(CryptoError):
        g * CURVE_ORDER
    with pytest.raises(CryptoError):
        g - g


# --- proofs on a link ------------------------------------------------------------------------------------------------

SECRET = code_secret("amber-baker-camel-dance")


def prove(client: Proving, host: Proving) -> tuple[bool, bool]:
    """The whole exchange; whether the client, and whether the host, is convinced."""
    confirmation = host.confirm(client.message)
    answer = client.confirm(host.message)
    return client.fits(confirmation), host.fits(answer)


def test_two_with_the_same_secret_on_one_link_convince_each_other() -> None:
    pair = (Proving(party, "usi3 invitation", SECRET, EXPORTER) for party in ("client", "host"))
    assert prove(*pair) == (True, True)


@pytest.mark.parametrize(
    ("purpose", "secret", "exporter"),
    [
        ("usi3 invitation", code_secret("amber-baker-camel-dune"), EXPORTER),
        ("usi3 password", SECRET, EXPORTER),
        ("usi3 invitation", SECRET, bytes(32)),
    ],
    ids=["another secret", "another purpose", "another link"],
)
def test_anything_else_convinces_nobody(purpose: str, secret: bytes, exporter: bytes) -> None:
    client = Proving("client", "usi3 invitation", SECRET, EXPORTER)
    assert prove(client, Proving("host", purpose, secret, exporter)) == (False, False)


def test_a_relayed_proof_convinces_nobody_although_all_have_the_secret() -> None:
    """Somebody in the middle has two links, so two exporters, and passes everything on as it is."""
    client = Proving("client", "usi3 password", SECRET, sha256(b"link to the middle"))
    host = Proving("host", "usi3 password", SECRET, sha256(b"link to the host"))
    assert prove(client, host) == (False, False)


def test_a_mirror_convinces_nobody() -> None:
    """The client's own message and its own confirmation, sent back."""
    client = Proving("client", "usi3 invitation", SECRET, EXPORTER)
    assert not client.fits(client.confirm(client.message))


def test_nothing_fits_before_the_other_message_is_there() -> None:
    assert not Proving("client", "usi3 invitation", SECRET, EXPORTER).fits(bytes(32))


def test_each_proof_has_fresh_messages() -> None:
    messages = {Proving("client", "usi3 invitation", SECRET, EXPORTER).message for _ in range(20)}
    assert len(messages) == 20


def test_a_recording_fits_every_guess_equally() -> None:
    """A listener has both messages and both confirmations. For each guess there is an x that gives the very same client
    message, so the messages alone rule out no guess; and the confirmations are made of K, which the listener cannot
    compute for any guess without a discrete logarithm: not even the right guess gives them."""
    w, x, y = 1234, 777, 999
    client, host = Exchange("client", w, x), Exchange("host", w, y)
    ids = b"client", b"host"
    recorded = {host.confirmations(client.message, *ids)[0], client.confirmations(host.message, *ids)[0]}

    # A stand-in for the unknown logarithms: M' = m*G. Whoever knew m could name the x' of each guess.
    m = 31_337
    message = Point.generator() * x + Point.generator() * (m * w)
    for guess in (1, w, 99_999):
        fitting = (x + m * (w - guess)) % CURVE_ORDER
        assert (Point.generator() * fitting + Point.generator() * (m * guess)).encode() == message.encode()

    # What can be computed of a recording and a guess, without x or y, tests nothing: the right guess fails as well.
    for guess in (1, w, 99_999):
        bare_a = Point.parse(client.message) - M * guess
        bare_b = Point.parse(host.message) - N * guess
        for shared in (bare_a, bare_b, bare_a + bare_b, bare_a - bare_b):
            tt = transcript(*ids, client.message, host.message, shared.encode(), guess)
            assert not recorded & {mac(key, tt) for key in confirmation_keys(tt)}


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_passwords_are_stretched_for_their_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usi.core.crypto.BCRYPT_COST", 4)
    secret = password_secret("Élan vital", EXPORTER)
    assert len(secret) == 64
    assert password_secret("E\u0301lan vital", EXPORTER) == secret, "two keyboards, one password"
    assert password_secret("élan vital", EXPORTER) != secret
    assert password_secret("Élan vital", bytes(32)) != secret
    long = "x" * 100
    assert password_secret(long + "a", EXPORTER) != password_secret(long + "b", EXPORTER), "bcrypt alone cuts at 72"
    assert password_secret("a\0b", EXPORTER) != password_secret("a\0c", EXPORTER)
    assert len(password_secret("\ud800", EXPORTER)) == 64


def test_bcrypt_has_the_cost_of_the_protocol_and_takes_the_salt_as_it_is() -> None:
    import bcrypt

    from usi.core import crypto

    salt = digest("usi3 test")[:16]
    hashed = crypto.stretched(b"swordfish", salt)
    assert hashed.startswith(b"$2b$12$")
    assert bcrypt.checkpw(crypto.base64.b64encode(sha256(b"swordfish")), hashed)


def test_codes_have_secrets_of_their_own() -> None:
    assert len({code_secret(code) for code in ("a-b-c-d", "a-b-c-e", "a-b-d-c")}) == 3
    assert pake.code_secret("a-b-c-d") == code_secret("a-b-c-d")
