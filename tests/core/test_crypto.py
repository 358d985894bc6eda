"""The door to the crypto libraries, held to the RFCs and to the layouts of docs/PROTOCOL.md."""

import base64
import hashlib
import hmac
import sys
from importlib.util import find_spec, module_from_spec

import bcrypt
import pytest
from Crypto.Cipher import AES
from Crypto.PublicKey import RSA
from hypothesis import example, given, settings
from hypothesis import strategies as st

from usi.core import crypto
from usi.core.crypto import CryptoError, KemKeys, PrivateKey, PublicKey
from usi.core.errors import BadKey

OCBS = [getattr(crypto, name) for name in ("PortableOcb", "FastOcb") if hasattr(crypto, name)]
both = pytest.mark.parametrize("ocb", OCBS)


def unhex(text: str) -> bytes:
    return bytes.fromhex(text)


# --- labels and digests ---------------------------------------------------------------------------------------------


def test_a_label_is_padded_to_32_bytes_and_never_longer() -> None:
    assert crypto.labelled("usi3 keys") == b"usi3 keys" + bytes(23)
    assert crypto.labelled("x" * 32) == b"x" * 32
    with pytest.raises(ValueError, match="label too long"):
        crypto.labelled("x" * 33)


def test_digest_is_sha256_of_label_and_fields() -> None:
    assert crypto.digest("usi3 x", b"ab", b"c") == hashlib.sha256(b"usi3 x".ljust(32, b"\0") + b"abc").digest()
    assert crypto.sha256(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_random_bytes() -> None:
    assert len(crypto.random_bytes(32)) == 32
    assert crypto.random_bytes(32) != crypto.random_bytes(32)


# --- HKDF -----------------------------------------------------------------------------------------------------------


def hkdf(secret: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869 with SHA-256, written from its text: what `derive` is compared with."""
    prk = hmac.digest(salt or bytes(32), secret, "sha256")
    block = output = b""
    while len(output) < size:
        block = hmac.digest(prk, block + info + bytes((len(output) // 32 + 1,)), "sha256")
        output += block
    return output[:size]


RFC_5869 = [
    pytest.param(
        b"\x0b" * 22,
        bytes(range(13)),
        bytes(range(0xF0, 0xFA)),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        id="case 1",
    ),
    pytest.param(
        bytes(range(0x50)),
        bytes(range(0x60, 0xB0)),
        bytes(range(0xB0, 0x100)),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        id="case 2",
    ),
    pytest.param(
        b"\x0b" * 22,
        b"",
        b"",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        id="case 3",
    ),
]


@pytest.mark.parametrize(("secret", "salt", "info", "output"), RFC_5869)
def test_the_hkdf_of_this_test_is_that_of_rfc_5869(secret: bytes, salt: bytes, info: bytes, output: str) -> None:
    assert hkdf(secret, salt, info, len(output) // 2).hex() == output


def test_derive_against_rfc_5869() -> None:
    """Case 3 is the one whose info can be written as a label; a shorter output is the start of a longer one."""
    (key,) = crypto.derive(b"\x0b" * 22, b"", "")
    assert key.hex() == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"


@given(st.binary(min_size=1, max_size=128), st.binary(max_size=96), st.integers(1, 4))
@settings(max_examples=50)
def test_derive_is_hkdf_cut_into_keys(secret: bytes, salt: bytes, count: int) -> None:
    keys = crypto.derive(secret, salt, "usi3 keys", count)
    assert len(keys) == count
    assert b"".join(keys) == hkdf(secret, salt, b"usi3 keys", 32 * count)


# --- AES-OCB --------------------------------------------------------------------------------------------------------

# RFC 7253, appendix A: nonce, length of associated data, length of plaintext (both are 00 01 02 …), output.
RFC_7253 = [
    ("BBAA99887766554433221100", 0, 0, "785407BFFFC8AD9EDCC5520AC9111EE6"),
    ("BBAA99887766554433221101", 8, 8, "6820B3657B6F615A5725BDA0D3B4EB3A257C9AF1F8F03009"),
    ("BBAA99887766554433221102", 8, 0, "81017F8203F081277152FADE694A0A00"),
    ("BBAA99887766554433221103", 0, 8, "45DD69F8F5AAE72414054CD1F35D82760B2CD00D2F99BFA9"),
    ("BBAA99887766554433221104", 16, 16, "571D535B60B277188BE5147170A9A22C3AD7A4FF3835B8C5701C1CCEC8FC3358"),
    ("BBAA99887766554433221105", 16, 0, "8CF761B6902EF764462AD86498CA6B97"),
    ("BBAA99887766554433221106", 0, 16, "5CE88EC2E0692706A915C00AEB8B2396F40E1C743F52436BDF06D8FA1ECA343D"),
    (
        "BBAA99887766554433221107",
        24,
        24,
        "1CA2207308C87C010756104D8840CE1952F09673A448A122C92C62241051F57356D7F3C90BB0E07F",
    ),
    ("BBAA99887766554433221108", 24, 0, "6DC225A071FC1B9F7C69F93B0F1E10DE"),
    (
        "BBAA99887766554433221109",
        0,
        24,
        "221BD0DE7FA6FE993ECCD769460A0AF2D6CDED0C395B1C3CE725F32494B9F914D85C0B1EB38357FF",
    ),
    (
        "BBAA9988776655443322110A",
        32,
        32,
        "BD6F6C496201C69296C11EFD138A467ABD3C707924B964DEAFFC40319AF5A48540FBBA186C5553C68AD9F592A79A4240",
    ),
    ("BBAA9988776655443322110B", 32, 0, "FE80690BEE8A485D11F32965BC9D2A32"),
    (
        "BBAA9988776655443322110C",
        0,
        32,
        "2942BFC773BDA23CABC6ACFD9BFD5835BD300F0973792EF46040C53F1432BCDFB5E1DDE3BC18A5F840B52E653444D5DF",
    ),
    (
        "BBAA9988776655443322110D",
        40,
        40,
        (
            "D5CA91748410C1751FF8A2F618255B68A0A12E093FF454606E59F9C1D0DDC54B"
            "65E8628E568BAD7AED07BA06A4A69483A7035490C5769E60"
        ),
    ),
    ("BBAA9988776655443322110E", 40, 0, "C5CD9D1850C141E358649994EE701B68"),
    (
        "BBAA9988776655443322110F",
        0,
        40,
        (
            "4412923493C57D5DE0D700F753CCE0D1D2D95060122E9F15A5DDBFC5787E50B5"
            "CC55EE507BCB084E479AD363AC366B95A98CA5F3000B1479"
        ),
    ),
]


@both
@pytest.mark.parametrize(("nonce", "aad", "plain", "output"), RFC_7253)
def test_ocb_samples_of_rfc_7253(ocb: type[crypto.Aead], nonce: str, aad: int, plain: int, output: str) -> None:
    """These have keys of 128 and nonces of 96 bits; the classes are the same for any size."""
    cipher = ocb(bytes(range(16)))
    sealed = cipher.seal(unhex(nonce), bytes(range(plain)), bytes(range(aad)))
    assert sealed == unhex(output)
    assert cipher.open(unhex(nonce), sealed, bytes(range(aad))) == bytes(range(plain))


@both
@pytest.mark.parametrize(
    ("key_size", "output"),
    [(16, "67E944D23256C5E0B6C61FA22FDF1EA2"), (24, "F673F2C3E7174AAE7BAE986CA9F29E17"),
     (32, "D90EB8E9C977C88B79DD793D7FFA161C")],
)  # fmt: skip
def test_ocb_iterated_test_of_rfc_7253(ocb: type[crypto.Aead], key_size: int, output: str) -> None:
    """Every length up to 127 bytes, and the 256-bit keys that USI uses."""
    cipher = ocb((8 * crypto.TAG_SIZE).to_bytes(key_size, "big"))
    text = b""
    for i in range(128):
        zeros = bytes(i)
        text += cipher.seal((3 * i + 1).to_bytes(12, "big"), zeros, zeros)
        text += cipher.seal((3 * i + 2).to_bytes(12, "big"), zeros)
        text += cipher.seal((3 * i + 3).to_bytes(12, "big"), b"", zeros)
    assert cipher.seal((385).to_bytes(12, "big"), b"", text) == unhex(output)


def by_rfc_7253(key: bytes, nonce: bytes, data: bytes) -> bytes:
    """OCB with a 128-bit tag and no associated data, step by step as section 4.2 of the RFC has it."""
    block = AES.new(key, AES.MODE_ECB).encrypt

    def xor(a: bytes, b: bytes) -> bytes:
        return bytes(x ^ y for x, y in zip(a, b, strict=False))

    def double(a: bytes) -> bytes:
        number = int.from_bytes(a, "big") << 1
        return ((number & (1 << 128) - 1) ^ (0x87 if number >> 128 else 0)).to_bytes(16, "big")

    star = block(bytes(16))
    dollar = double(star)
    top = bytearray(bytes(15 - len(nonce)) + b"\1" + nonce)  # a tag of 128 bits is 0 in the first seven
    bottom = top[15] & 63
    top[15] &= 192
    stretch = block(bytes(top))
    stretch += xor(stretch[:8], stretch[1:9])
    offset = (int.from_bytes(stretch, "big") >> (64 - bottom) & (1 << 128) - 1).to_bytes(16, "big")
    checksum, output = bytes(16), b""
    whole = len(data) // 16
    for i in range(1, whole + 1):
        part = data[16 * i - 16 : 16 * i]
        step = double(dollar)
        for _ in range((i & -i).bit_length() - 1):
            step = double(step)
        offset = xor(offset, step)
        checksum = xor(checksum, part)
        output += xor(offset, block(xor(part, offset)))
    if rest := data[16 * whole :]:
        offset = xor(offset, star)
        output += xor(rest, block(offset))
        checksum = xor(checksum, rest + b"\x80" + bytes(15 - len(rest)))
    return output + block(xor(xor(checksum, offset), dollar))


@both
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 64, 255])
def test_ocb_with_the_nonces_of_usi(ocb: type[crypto.Aead], size: int) -> None:
    """The RFC has no sample for 15-byte nonces, so its text is followed once more by hand."""
    key, data = bytes(range(32)), bytes(range(size))
    for nonce in (bytes(15), (2**32 - 1).to_bytes(15, "big"), bytes(range(200, 215))):
        assert ocb(key).seal(nonce, data) == by_rfc_7253(key, nonce, data)


@given(
    st.binary(min_size=32, max_size=32), st.binary(min_size=15, max_size=15), st.binary(max_size=600),
    st.binary(max_size=160),
)  # fmt: skip
@settings(max_examples=60)
def test_both_libraries_make_the_same_bytes(key: bytes, nonce: bytes, data: bytes, aad: bytes) -> None:
    ciphers = [ocb(key) for ocb in OCBS]
    sealed = {cipher.seal(nonce, data, aad) for cipher in ciphers}
    assert len(sealed) == 1
    (only,) = sealed
    assert len(only) == len(data) + crypto.TAG_SIZE
    assert all(cipher.open(nonce, only, aad) == data for cipher in ciphers)


@both
@given(st.data())
@settings(max_examples=60)
def test_ocb_opens_nothing_that_was_changed(ocb: type[crypto.Aead], data: st.DataObject) -> None:
    plain, aad = data.draw(st.binary(max_size=80)), data.draw(st.binary(max_size=40))
    nonce, cipher = bytes(range(15)), ocb(bytes(range(32)))
    fields = [nonce, cipher.seal(nonce, plain, aad), aad]
    index = data.draw(st.sampled_from([0, 1, 2] if aad else [0, 1]))
    changed = bytearray(fields[index])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    fields[index] = bytes(changed)
    with pytest.raises(CryptoError):
        cipher.open(*fields)


@both
def test_ocb_refuses_what_is_too_short_to_hold_a_tag(ocb: type[crypto.Aead]) -> None:
    cipher = ocb(bytes(32))
    for size in range(crypto.TAG_SIZE + 1):
        with pytest.raises(CryptoError):
            cipher.open(bytes(15), bytes(size))


@both
def test_ocb_keys_are_not_interchangeable(ocb: type[crypto.Aead]) -> None:
    sealed = ocb(bytes(32)).seal(bytes(15), b"text")
    with pytest.raises(CryptoError):
        ocb(bytes(31) + b"\1").open(bytes(15), sealed)


def test_the_faster_library_is_used_where_it_is_there() -> None:
    assert crypto.Ocb is OCBS[-1]
    assert len(OCBS) == (1 if find_spec("cryptography") is None else 2)
    assert ("pycryptodome", "cryptography")[len(OCBS) - 1] == crypto.OCB_LIBRARY


def test_without_the_extra_everything_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cryptography", "cryptography.exceptions"):  # None: as if it were not installed
        monkeypatch.setitem(sys.modules, name, None)
    spec = find_spec("usi.core.crypto")
    assert spec is not None
    assert spec.loader is not None
    alone = module_from_spec(spec)
    spec.loader.exec_module(alone)
    assert alone.OCB_LIBRARY == "pycryptodome"
    assert alone.Ocb is alone.PortableOcb
    assert alone.Ocb(bytes(32)).seal(bytes(15), b"text") == crypto.Ocb(bytes(32)).seal(bytes(15), b"text")


# --- RSA ------------------------------------------------------------------------------------------------------------


def test_a_public_key_is_its_modulus(keys: dict[str, PrivateKey]) -> None:
    public = keys["alice"].public
    assert PublicKey(public.modulus) == public
    assert hash(PublicKey(public.modulus)) == hash(public)
    assert public != keys["bob"].public
    assert public != public.modulus
    assert len(public.modulus) == crypto.MODULUS_SIZE


def test_the_id_is_sha256_of_our_own_der(keys: dict[str, PrivateKey]) -> None:
    for key in keys.values():
        number = int.from_bytes(key.public.modulus, "big")
        der = RSA.construct((number, 65537)).public_key().export_key(format="DER")
        # SubjectPublicKeyInfo of an RSA-2048 key has this one form: written out, so that a library cannot change it.
        head = "30820122300d06092a864886f70d01010105000382010f003082010a0282010100"
        assert der == unhex(head) + key.public.modulus + unhex("0203010001")
        assert key.public.der == der
        assert key.public.id == hashlib.sha256(der).digest()


@pytest.mark.parametrize(
    "modulus",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(bytes(256), id="zero"),
        pytest.param(b"\xff" * 255 + b"\xfe", id="even"),
        pytest.param(b"\x7f" + b"\xff" * 255, id="2047 bits"),
        pytest.param(b"\x00" + b"\xff" * 255, id="2040 bits"),
        pytest.param(b"\xff" * 255, id="short"),
        pytest.param(b"\x00" + b"\xff" * 256, id="a zero in front"),
        pytest.param(b"\xff" * 257, id="long"),
    ],
)
def test_what_is_no_modulus(modulus: bytes) -> None:
    with pytest.raises(CryptoError):
        PublicKey(modulus)


@given(st.binary(min_size=254, max_size=258))
@settings(max_examples=50)
def test_a_modulus_is_odd_and_2048_bits_long(modulus: bytes) -> None:
    fits = len(modulus) == 256 and bool(modulus[0] & 0x80) and bool(modulus[-1] & 1)
    try:
        assert fits == (PublicKey(modulus).modulus == modulus)
    except CryptoError:
        assert not fits


def test_sign_and_verify(keys: dict[str, PrivateKey]) -> None:
    alice, bob = keys["alice"], keys["bob"]
    signature = alice.sign(b"message")
    assert len(signature) == crypto.SIGNATURE_SIZE
    assert alice.public.verify(b"message", signature)
    assert alice.sign(b"message") != signature, "PSS is salted"
    assert not alice.public.verify(b"massage", signature)
    assert not bob.public.verify(b"message", signature)


@pytest.mark.parametrize("position", [0, 1, 127, 255])
def test_a_changed_signature_is_none(keys: dict[str, PrivateKey], position: int) -> None:
    changed = bytearray(keys["alice"].sign(b"message"))
    changed[position] ^= 1
    assert not keys["alice"].public.verify(b"message", bytes(changed))


@pytest.mark.parametrize("signature", [b"", bytes(255), bytes(256), b"\xff" * 256, bytes(257)])
def test_what_is_no_signature(keys: dict[str, PrivateKey], signature: bytes) -> None:
    assert not keys["alice"].public.verify(b"message", signature)


def test_any_modulus_that_passes_can_be_used_without_other_errors() -> None:
    """A peer may send a number that nobody has the private half of."""
    for modulus in (b"\x80" + bytes(254) + b"\1", b"\xff" * 256):
        strange = PublicKey(modulus)
        assert not strange.verify(b"message", b"\x7f" * 256)
        assert len(strange.encrypt(bytes(32), b"label")) == 256
        assert len(strange.id) == 32


def test_encrypt_and_decrypt(keys: dict[str, PrivateKey]) -> None:
    sealed = keys["bob"].public.encrypt(b"s" * 32, b"label")
    assert len(sealed) == crypto.OAEP_SIZE
    assert keys["bob"].public.encrypt(b"s" * 32, b"label") != sealed, "OAEP is random"
    assert keys["bob"].decrypt(sealed, b"label") == b"s" * 32
    with pytest.raises(CryptoError):
        keys["bob"].decrypt(sealed, b"libel")
    with pytest.raises(CryptoError):
        keys["alice"].decrypt(sealed, b"label")


@pytest.mark.parametrize("sealed", [b"", bytes(255), bytes(256), b"\xff" * 256, bytes(257)])
def test_what_is_no_oaep_block(keys: dict[str, PrivateKey], sealed: bytes) -> None:
    with pytest.raises(CryptoError):
        keys["alice"].decrypt(sealed, b"label")


def test_key_files(keys: dict[str, PrivateKey]) -> None:
    """`from_pem` is for our own files: anything but an RSA-2048 private key with the usual exponent is refused."""
    assert len({key.public.id for key in keys.values()}) == len(keys) >= 5
    alice = RSA.construct((int.from_bytes(keys["alice"].public.modulus, "big"), 65537))
    with pytest.raises(CryptoError):
        PrivateKey.from_pem(alice.export_key())
    with pytest.raises(ValueError, match="RSA key format"):
        PrivateKey.from_pem(b"not a key")


def test_a_private_key_shows_nothing_of_itself(keys: dict[str, PrivateKey]) -> None:
    alice = keys["alice"]
    assert str(alice._key.d) not in repr(alice)
    assert "object at" in repr(alice)


# --- key encapsulation ----------------------------------------------------------------------------------------------

SEED = bytes(range(crypto.KEM_SEED_SIZE))
INFO = b"transcript"


def test_encapsulation_round_trip() -> None:
    kem = KemKeys(SEED)
    assert len(kem.mlkem_public) == crypto.MLKEM_PUBLIC_SIZE
    assert len(kem.x25519_public) == crypto.X25519_SIZE
    mlkem, x25519, shared = crypto.encapsulate(kem.mlkem_public, kem.x25519_public, INFO)
    assert (len(mlkem), len(x25519), len(shared)) == (crypto.MLKEM_SEALED_SIZE, crypto.X25519_SIZE, 64)
    assert kem.open(mlkem, x25519, INFO) == shared
    assert shared[:32] != shared[32:]
    assert crypto.encapsulate(kem.mlkem_public, kem.x25519_public, INFO)[2] != shared, "each one is fresh"


def test_kem_keys_come_from_the_seed_and_nothing_else() -> None:
    one, same, other = KemKeys(SEED), KemKeys(SEED), KemKeys(SEED[::-1])
    assert (one.mlkem_public, one.x25519_public) == (same.mlkem_public, same.x25519_public)
    assert one.mlkem_public != other.mlkem_public
    assert one.x25519_public != other.x25519_public
    # RFC 7748, section 6.1: Alice's private and public key.
    private = unhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert KemKeys(SEED[:64] + private).x25519_public.hex() == public


def test_both_halves_of_an_encapsulation_count() -> None:
    kem = KemKeys(SEED)
    mlkem, x25519, shared = crypto.encapsulate(kem.mlkem_public, kem.x25519_public, INFO)
    changed = bytes((mlkem[0] ^ 1,)) + mlkem[1:]
    opened = kem.open(changed, x25519, INFO)
    assert opened[:32] != shared[:32], "ML-KEM rejects without saying so: another secret"
    assert opened[32:] == shared[32:]
    changed = bytes((x25519[0] ^ 1,)) + x25519[1:]
    opened = kem.open(mlkem, changed, INFO)
    assert opened[:32] == shared[:32]
    assert opened[32:] != shared[32:]
    # The last bit of an X25519 key does not count for the point; it does for the secret all the same.
    changed = x25519[:-1] + bytes((x25519[-1] ^ 0x80,))
    assert kem.open(mlkem, changed, INFO)[32:] != shared[32:]


def test_an_encapsulation_is_bound_to_its_transcript_and_receiver() -> None:
    kem, other = KemKeys(SEED), KemKeys(SEED[::-1])
    mlkem, x25519, shared = crypto.encapsulate(kem.mlkem_public, kem.x25519_public, INFO)
    for opened in (kem.open(mlkem, x25519, INFO + b"!"), other.open(mlkem, x25519, INFO)):
        assert opened[:32] != shared[:32]
        assert opened[32:] != shared[32:]


def test_values_that_are_no_encapsulation() -> None:
    kem = KemKeys(SEED)
    mlkem, x25519, _ = crypto.encapsulate(kem.mlkem_public, kem.x25519_public, INFO)
    for bad in ((mlkem[:-1], x25519), (mlkem, x25519[:-1]), (mlkem, bytes(32)), (mlkem, b"\1" + bytes(31)), (b"", b"")):
        with pytest.raises(CryptoError):
            kem.open(*bad, INFO)


def test_values_that_are_no_kem_keys() -> None:
    """FIPS 203 asks for the modulus check: each number of an encapsulation key is below 3329."""
    kem = KemKeys(SEED)
    low = bytes(31)
    for mlkem, x25519 in (
        (b"\xff" * 1184, kem.x25519_public),
        (kem.mlkem_public[:-1], kem.x25519_public),
        (kem.mlkem_public, b"\0" + low),
        (kem.mlkem_public, b"\1" + low),
        (kem.mlkem_public, kem.x25519_public + b"\0"),
    ):
        with pytest.raises(CryptoError):
            crypto.encapsulate(mlkem, x25519, INFO)


# --- preset keys ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", crypto.PRESET_SIZES)
def test_every_spelling_of_a_preset_key(size: int) -> None:
    key = bytes(range(0xE8, 0xE8 + size - 8)) + b"\xff\xfe\xfb\xef\xbe\xff\xff\xff"
    standard, urlsafe = base64.b64encode(key).decode(), base64.urlsafe_b64encode(key).decode()
    assert standard != urlsafe
    spellings = [
        key.hex(),
        key.hex().upper(),
        key.hex(":"),
        key.hex(" "),
        key.hex(" ", 2),
        f"  {key.hex()}\n",
        f"{key.hex()[:10]}\u00a0{key.hex()[10:]}",
        standard,
        standard.rstrip("="),
        urlsafe,
        urlsafe.rstrip("="),
        f"\t{standard[:5]} {standard[5:]}\r\n",
    ]
    for spelling in spellings:
        assert crypto.parse_preset_key(spelling) == key, spelling


def test_hexadecimal_wins() -> None:
    """32 hexadecimal digits are base64 of 24 bytes as well: they mean 16 bytes."""
    digits = "0123456789abcdef" * 2
    assert len(base64.b64decode(digits)) == 24
    assert crypto.parse_preset_key(digits) == unhex(digits)


def test_digits_that_cannot_be_a_hexadecimal_key_may_be_base64() -> None:
    """22 hexadecimal digits are 11 bytes, and base64 without its padding of 16."""
    assert crypto.parse_preset_key("abcdefabcdefabcdefabcA") == base64.b64decode("abcdefabcdefabcdefabcA==")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        (" \n\t", "it is empty"),
        ("new key!", "it is neither hexadecimal nor base64"),
        ("clé", "it is neither hexadecimal nor base64"),
        ("\udcff" * 4, "it is neither hexadecimal nor base64"),
        ("\uff11" * 32, "it is neither hexadecimal nor base64"),
        (":", None),
        ("=", None),
        ("====", None),
        ("00" * 15, "it has "),
        ("00" * 17, "it has 136 bits"),
        ("00" * 33, "it has "),
        ("AAAA", "it has 16 bits"),
        ("zzzz", "it has 24 bits"),
        pytest.param("A" * 100_000, "it has 400000 bits", id="long"),
        ("ab:cd", "it has 16 bits"),
        (base64.b64encode(bytes(31)).decode(), "it has 248 bits"),
        (base64.b64encode(bytes(32)).decode()[:-3] + "=AA", "it is neither hexadecimal nor base64"),
    ],
)
def test_what_is_no_preset_key(text: str, why: str | None) -> None:
    with pytest.raises(BadKey) as caught:
        crypto.parse_preset_key(text)
    assert why is None or str(caught.value.fields["why"]).startswith(why)
    assert caught.value.exit_status == 2
    assert len(str(caught.value)) < 250, "the sentence does not repeat what was typed"


@given(
    st.one_of(st.text(), st.text("0123456789abcdefABCDEF+/-_=: \n", max_size=90), st.text(st.characters(codec=None)))
)
@example("=")
@example("a")
@example("A" * 5)
def test_any_text_is_a_preset_key_or_not(text: str) -> None:
    try:
        key = crypto.parse_preset_key(text)
    except BadKey:
        return
    assert len(key) in crypto.PRESET_SIZES


@given(st.sampled_from(crypto.PRESET_SIZES).flatmap(lambda size: st.binary(min_size=size, max_size=size)))
def test_preset_keys_round_trip(key: bytes) -> None:
    assert crypto.parse_preset_key(key.hex()) == key
    encoded = base64.b64encode(key).decode()
    if not set(encoded) <= set("0123456789abcdefABCDEF"):  # else it may mean another key: hexadecimal wins
        assert crypto.parse_preset_key(encoded) == key


def test_a_new_preset_key_has_256_bits() -> None:
    key = crypto.new_preset_key()
    assert len(crypto.parse_preset_key(key)) == 32
    assert crypto.new_preset_key() != key


# --- fingerprints ---------------------------------------------------------------------------------------------------


def test_the_fingerprint_of_a_link(keys: dict[str, PrivateKey]) -> None:
    alice, host = keys["alice"].public, keys["host"].public
    fingerprint = crypto.link_fingerprint(alice, host)
    assert fingerprint == hashlib.sha256(alice.der + host.der).digest()
    assert crypto.link_fingerprint(host, alice) != fingerprint, "who is the host counts"


def test_a_fingerprint_in_groups_of_four() -> None:
    grouped = crypto.grouped(bytes(range(32)))
    assert grouped.startswith("0001 0203 0405")
    assert [len(group) for group in grouped.split(" ")] == [4] * 16


# --- what people type -----------------------------------------------------------------------------------------------


def test_typed_text_is_the_same_from_every_keyboard() -> None:
    assert crypto.typed("clé") == crypto.typed("cle\u0301") == "clé".encode()
    assert crypto.typed("\udce9") == b"\xed\xb3\xa9"  # half a pair, as a file that is not UTF-8 gives


def test_scrypt_is_that_of_rfc_7914() -> None:
    """Section 12, the first 32 of 64 bytes."""
    found = crypto.scrypt(b"password", b"NaCl", 1024, 8, 16)
    assert found.hex() == "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"


def test_bcrypt_by_its_own_check() -> None:
    hashed = crypto.sha256(b"secret")
    found = crypto.bcrypt_of(hashed, bytes(range(16)))
    assert found.startswith(b"$2b$12$")
    assert len(found) == 60
    assert bcrypt.checkpw(base64.b64encode(hashed), found)
    assert crypto.bcrypt_of(hashed, bytes(16))[:29] != found[:29]


def test_mac_is_that_of_rfc_4231() -> None:
    found = crypto.mac(b"Jefe", b"what do ya want for nothing?")
    assert found.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert crypto.equal(found, bytes(found))
    assert not crypto.equal(found, found[:-1])
