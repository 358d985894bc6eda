"""Versions, clock, chance, speed, and what the system lends to a program."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import metadata
from pathlib import Path

from usi.core import crypto
from usi.core.errors import LocalError, UsiError
from usi.core.language import tr
from usi.net.peer import probe
from usi.store.landing import check_folder
from usi.ui import amounts
from usi.ui.doctor.finding import Facts, Finding

_ROOT = Path(__file__).parents[3]
_PYTHON = (3, 11)
_SMALL, _LARGE = 256, 262_144  # bytes of a usual record, and of a chunk of a file
_LITTLE_ROOM = 1_000_000_000  # bytes
_FEW_DESCRIPTORS = 1_024
_JUMP = 0.5  # seconds by which the clock may leave the steady one during the checks
_BUILT = 1_767_225_600.0  # 2026-01-01: no honest clock is before this program
_NOTE_SECONDS = 3.0
_REQUIREMENT = re.compile(r"([A-Za-z0-9_.-]+)\s*>=\s*([0-9.]+)\s*,\s*<\s*([0-9.]+)\s*$")


# --- versions ---------------------------------------------------------------------------------------------------------


def versions(own: str) -> Iterator[Finding]:
    """This program, Python, and the libraries against the bounds that are known to work."""
    facts: Facts = {"usi": own, "protocol": "USI/3", "python": platform.python_version()}
    said = tr("USI {usi} speaks {protocol}; Python {python}.", **facts)
    if sys.version_info >= _PYTHON:
        yield Finding("version", "good", said, facts=facts)
    else:
        yield Finding("version", "bad", said, tr("USI needs Python 3.11 or newer."), facts)
    outside: dict[str, str | None] = {}
    found: Facts = {}
    for name, low, high in _bounds():
        version = _installed(name)
        found[name] = version
        if version is None or not _numbers(low) <= _numbers(version) < _numbers(high):
            outside[name] = version
    listed = ", ".join(f"{name} {version}" for name, version in found.items() if version and name not in outside)
    if not outside:
        yield Finding("libraries", "good", tr("Libraries: {listed}.", listed=listed), facts=found)
        return
    wrong = ", ".join(f"{name} {version or tr('missing')}" for name, version in outside.items())
    said = tr("These libraries are missing or of another version than USI is made for: {listed}.", listed=wrong)
    advice = tr("Install what requirements.txt lists into USI's environment, with pip.")
    yield Finding("libraries", "bad", said, advice, found)


def _bounds() -> list[tuple[str, str, str]]:
    """(name, at least, below) of what running needs, from the file beside the program, or as it was installed."""
    try:
        text = (_ROOT / "requirements.txt").read_text("utf-8")
        lines = text.partition("# For the tests.")[0].splitlines()
    except OSError:
        try:
            lines = metadata.requires("usi") or []
        except metadata.PackageNotFoundError:
            lines = []
    parsed = (_REQUIREMENT.match(line) or _REQUIREMENT.match(_turned(line)) for line in lines)
    return [(match[1], match[2], match[3]) for match in parsed if match is not None]


def _turned(line: str) -> str:
    """`name<2,>=1`, as installed packages have it, the other way round."""
    return re.sub(r"^([\w.-]+)\s*<\s*([0-9.]+)\s*,\s*>=\s*([0-9.]+)$", r"\1>=\3,<\2", line.strip())


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


# --- clock and chance -------------------------------------------------------------------------------------------------


class Clock:
    """Watches whether the clock runs evenly, from its making to `look`."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._began = (wall(), steady())

    def look(self) -> Iterator[Finding]:
        wall, steady = self._wall(), self._steady()
        passed = steady - self._began[1]
        jump = wall - self._began[0] - passed
        shown = datetime.fromtimestamp(wall).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
        facts: Facts = {"time": shown, "watched_seconds": round(passed, 3), "jump_seconds": round(jump, 3)}
        said = tr("The clock says {time}.", time=shown)
        if wall < _BUILT:
            yield Finding("clock", "bad", said, tr("That is before USI was made: set the clock."), facts)
        elif abs(jump) > _JUMP:
            said = tr("The clock says {time}, and jumped by {seconds:.1f} s meanwhile.", time=shown, seconds=jump)
            advice = tr("See what sets it. Messages carry its time; nothing else in USI depends on it.")
            yield Finding("clock", "attention", said, advice, facts)
        else:
            advice = tr("Whether that is right cannot be known from here: a host does not tell its time to strangers.")
            yield Finding("clock", "good", said, advice, facts)


def chance() -> Iterator[Finding]:
    """Whether the system's generator is ready: keys are made of what it gives."""
    name = "os.urandom"
    try:
        if sys.platform == "linux":
            name = "getrandom"
            os.getrandom(32, os.GRND_NONBLOCK)
        crypto.random_bytes(32)
    except (OSError, NotImplementedError):  # BlockingIOError: not seeded yet
        said = tr("The system's random generator is not ready.")
        yield Finding("random", "bad", said, tr("Wait a minute after starting the machine."), {"source": name})
        return
    yield Finding("random", "good", tr("The system's random generator is ready."), facts={"source": name})


# --- speed ------------------------------------------------------------------------------------------------------------


def speed(key: Callable[[float], crypto.PrivateKey], making: Callable[[], float]) -> Iterator[Finding]:
    """How fast the cryptography is here. `key` waits for this run's key, `making` says how long that took."""
    own = key(_NOTE_SECONDS)
    aead = crypto.Ocb(bytes(crypto.KEY_SIZE))
    nonces = iter(range(1_000_000))

    def seal(data: bytes, count: int = 1) -> None:
        for _ in range(count):  # zeros, under a key that seals nothing else
            aead.seal(next(nonces).to_bytes(crypto.NONCE_SIZE, "big"), data)

    small, large = bytes(_SMALL), bytes(_LARGE)
    small_seconds = _best(lambda: seal(small, 50)) / 50
    large_seconds = _best(lambda: seal(large))
    signature = own.sign(b"doctor")
    sign, verify = _best(lambda: own.sign(b"doctor")), _best(lambda: own.public.verify(b"doctor", signature))
    kem = _best(_exchange)
    rate = round(_LARGE / large_seconds)
    facts: Facts = {
        "library": crypto.OCB_LIBRARY,
        "ocb_small_microseconds": round(small_seconds * 1e6, 1),
        "ocb_large_bytes_per_second": rate,
        "rsa_generate_ms": round(making() * 1e3),
        "rsa_sign_ms": round(sign * 1e3, 2),
        "rsa_verify_ms": round(verify * 1e3, 2),
        "kem_ms": round(kem * 1e3, 2),
    }
    said = tr(
        "AES-OCB by {library}: {small} µs for a message, {rate} for files. RSA: {sign} ms to sign,"
        " {verify} ms to check. ML-KEM and X25519: {kem} ms. A new key: {making} s.",
        library=crypto.OCB_LIBRARY, rate=amounts.speed(rate), making=amounts.decimal(making()),
        small=amounts.decimal(small_seconds * 1e6), sign=amounts.decimal(sign * 1e3),
        verify=amounts.decimal(verify * 1e3), kem=amounts.decimal(kem * 1e3),
    )  # fmt: skip
    faster = tr("To host for many, install the package cryptography: it seals messages many times faster.")
    yield Finding("crypto", "good", said, faster if crypto.OCB_LIBRARY == "pycryptodome" else "", facts)


def _best(work: Callable[[], object], tries: int = 5) -> float:
    """Seconds of the fastest of a few tries: what else runs only makes it slower."""
    taken = []
    for _ in range(tries):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return max(min(taken), 1e-9)


def _exchange() -> None:
    """Both sides' part of one key encapsulation."""
    keys = crypto.KemKeys(crypto.random_bytes(crypto.KEM_SEED_SIZE))
    sealed_mlkem, sealed_x25519, _ = crypto.encapsulate(keys.mlkem_public, keys.x25519_public, b"doctor")
    keys.open(sealed_mlkem, sealed_x25519, b"doctor")


# --- what the system lends --------------------------------------------------------------------------------------------


def downloads(folder: Path) -> Iterator[Finding]:
    """Where received files go: whether they can, and how much room there is."""
    existing = next(path for path in (folder, *folder.parents) if path.exists() or path == path.parent)
    facts: Facts = {"folder": str(folder)}
    if folder.is_symlink() or not existing.is_dir():
        said = tr("Received files cannot go to {folder}: it is a link, or not a folder.", folder=folder)
        yield Finding("downloads", "bad", said, tr("Choose another folder with --downloads."), facts)
        return
    try:
        check_folder(folder)
    except LocalError:
        said = tr("You may not write in {folder}.", folder=folder)
        yield Finding("downloads", "bad", said, tr("Choose another folder with --downloads."), facts)
        return
    facts["free"] = free = shutil.disk_usage(existing).free
    said = tr("Received files go to {folder}; {size} are free there.", folder=folder, size=amounts.size(free))
    advice = tr("That is little for files: make room, or choose another folder with --downloads.")
    little = free < _LITTLE_ROOM
    yield Finding("downloads", "attention" if little else "good", said, advice if little else "", facts)


def descriptors() -> Iterator[Finding]:
    """How many connections a host could hold."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    facts: Facts = {"soft": soft, "hard": hard}
    if hard == resource.RLIM_INFINITY:
        yield Finding("descriptors", "good", tr("A host here may hold any number of connections."), facts=facts)
        return
    said = tr("A host here may hold some {count} connections.", count=max(0, hard - 100))
    few = hard < _FEW_DESCRIPTORS
    advice = tr("Raise the limit of open files, with ulimit -n.") if few else ""
    yield Finding("descriptors", "attention" if few else "good", said, advice, facts)


def notifications() -> Iterator[Finding]:
    """Whether the desktop takes a notification: by showing one."""
    from usi.ui.notify import Note, Unheard, deliver

    note = Note(tr("USI looks whether notifications work"), tr("They do."))
    try:
        probe.within(_NOTE_SECONDS, lambda: deliver(note))
    except Unheard as problem:
        said, advice = str(problem), tr("Only -n needs them.")
    except TimeoutError:
        said, advice = tr("The desktop's notification service does not answer."), tr("Only -n needs it.")
    except Exception as error:  # noqa: BLE001 (plyer raises what the libraries of the system raise)
        said = tr("No notification can be shown ({error}).", error=_word(error))
        advice = tr("Only -n needs them.")
    else:
        said = tr("The desktop takes notifications: one was shown just now.")
        yield Finding("notifications", "good", said, facts={"works": True})
        return
    yield Finding("notifications", "attention", said, advice, {"works": False})


def _word(error: Exception) -> str:
    return str(error) if isinstance(error, UsiError) else type(error).__name__
