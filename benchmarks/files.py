"""Files: a large one from member to host to member, beside what else moves files on this machine.

Everything is on loopback and in one temporary folder, in memory (/dev/shm) where there is room, else on the disk. The
rivals go directly from one program to the other; USI's bytes pass through the host.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from benchmarks.child import ROOT, BenchmarkError, Child

Row = dict[str, Any]
MB = 1_000_000
SHARED = Path("/dev/shm")
_ROOM = 3  # times the size: the file, a copy, and some to spare
_PATIENCE = 600.0
_CHAT_RATE, _CHAT_SECONDS = 50.0, 2.0  # 100 messages while a file passes
_HERE = "127.0.0.1"
_PRIVILEGED = Path("/run/sshd")  # an empty folder that Debian's sshd wants where root starts it


class Program:
    """`usi.py --json` as a member or host; its events are read as they are needed."""

    def __init__(self, hidden: Sequence[str], *arguments: str) -> None:
        command = [sys.executable, "-m", "benchmarks.program", *hidden, "--", *arguments, "--json"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("USI_")}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def type(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def hears(self, event: str, **fields: Any) -> Row:
        """The next event of this kind; those before it are passed over."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            found: Row = json.loads(line)
            if found["event"] == event and fields.items() <= found.items():
                return found
            if found["event"] in ("error", "failed", "file_failed", "disconnected"):
                raise BenchmarkError(f"instead of {event}: {found}")
        raise BenchmarkError(f"ended before {event}")

    def cpu(self) -> float:
        """Seconds of the CPU so far."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii")
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def peak(self) -> float:
        """MB of memory at the most."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / MB


@contextmanager
def _folder(parent: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=parent) as name:
        yield Path(name)


def _write(path: Path, size: int) -> str:
    """A file that nothing can compress; returns its SHA-256."""
    hashed = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, MB):
            block = os.urandom(min(MB, size - start))
            hashed.update(block)
            file.write(block)
    return hashed.hexdigest()


def places(size: int) -> list[tuple[str, Path | None]]:
    """Where files go: in memory if there is room, and on the disk."""
    roomy = SHARED.is_dir() and shutil.disk_usage(SHARED).free > _ROOM * size
    return [("memory", SHARED), ("disk", None)] if roomy else [("disk", None)]


def rows(size: int, hidden: Sequence[str]) -> Iterator[Row]:
    """USI in each place, and its rivals in the first."""
    for number, (where, parent) in enumerate(places(size)):
        with _folder(parent) as folder:
            path = folder / "large.bin"
            sha256 = _write(path, size)
            yield {"what": "usi", "where": where, **_usi(path, sha256, hidden)}
            for name, rival in _RIVALS.items() if number == 0 else ():
                copy = folder / "copy"
                copy.unlink(missing_ok=True)
                seconds = rival(path, copy)
                if seconds is not None:
                    if copy.stat().st_size != size:
                        raise BenchmarkError(f"{name} copied {copy.stat().st_size} bytes")
                    yield {"what": name, "where": where, "mb_per_second": size / MB / seconds}


def _usi(path: Path, sha256: str, hidden: Sequence[str]) -> Row:
    with ExitStack() as stack:
        host = stack.enter_context(Program(hidden, "-s", "-b", _HERE, "-p", "0"))
        port = host.hears("listening")["port"]
        where, got = f"{_HERE}:{port}", path.parent / "got"
        sender = stack.enter_context(Program(hidden, "-c", where, "-m", "alice"))
        receiver = stack.enter_context(Program(hidden, "-c", where, "-m", "bob", "--downloads", str(got)))
        programs = {"sender": sender, "host": host, "receiver": receiver}
        for program in (sender, receiver):
            program.hears("connected")
        driver = stack.enter_context(Child("benchmarks.driver", [_HERE, str(port), "1"]))
        driver.ask("join", members=2, authors=1, openers=1)
        sender.type(f"/send {path}")
        number = receiver.hears("file_offer")["transfer"]
        driver.ask("skip", posts=1)
        quiet = driver.ask("pace", rate=_CHAT_RATE, seconds=_CHAT_SECONDS)

        before = {name: program.cpu() for name, program in programs.items()}
        started = time.monotonic()
        receiver.type(f"/accept {number}")
        done = receiver.hears("file_done", direction="in")
        seconds = time.monotonic() - started
        row: Row = {"mb_per_second": path.stat().st_size / MB / seconds}
        for name, program in programs.items():
            row[f"{name}_cpu"] = program.cpu() - before[name]
        _check(done, sha256)

        driver.tell("pace", rate=_CHAT_RATE, seconds=_CHAT_SECONDS)
        receiver.type(f"/accept {number}")
        busy = driver.answer()
        _check(receiver.hears("file_done", direction="in"), sha256)
        for name, program in programs.items():
            row[f"{name}_mb"] = program.peak()
        shutil.rmtree(got)
    chat = {"quiet": quiet, "busy": busy}
    return row | {f"{name}_{part}_ms": result[part] for name, result in chat.items() for part in ("p50", "p99")}


def _check(done: Row, sha256: str) -> None:
    there = Path(done["path"])
    with there.open("rb") as file:
        if not sha256 == done["sha256"] == hashlib.file_digest(file, "sha256").hexdigest():
            raise BenchmarkError("another file arrived")
    there.unlink()


# --- rivals ----------------------------------------------------------------------------------------------------------

_TCP_RECEIVER = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
sock, buffer = server.accept()[0], memoryview(bytearray(1 << 20))
with open(sys.argv[1], "wb", buffering=0) as file:
    while size := sock.recv_into(buffer):
        file.write(buffer[:size])
"""
_TCP_SENDER = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as sock, open(sys.argv[1], "rb") as file:
    sock.sendfile(file)
"""


def _timed(*commands: Sequence[str], before: subprocess.Popen[bytes] | None = None) -> float:
    started = time.monotonic()
    for command in commands:
        subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE)
    if before is not None:
        before.wait(_PATIENCE)
    return time.monotonic() - started


def _tcp(path: Path, copy: Path) -> float:
    """A plain copy over a TCP connection, by two programs in Python."""
    command = [sys.executable, "-c", _TCP_RECEIVER, str(copy)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as receiver:
        assert receiver.stdout is not None
        port = receiver.stdout.readline().decode().strip()
        return _timed([sys.executable, "-c", _TCP_SENDER, str(path), port], before=receiver)


def _free_port() -> int:
    with socket.create_server((_HERE, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as sock:
            if sock.connect_ex((_HERE, port)) == 0:
                return
        time.sleep(0.05)
    raise BenchmarkError(f"nothing listens on port {port}")


def _scp(path: Path, copy: Path) -> float | None:
    """`scp` to a server that is started here, with keys of its own. None where OpenSSH is not installed."""
    sshd = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/sbin")
    if sshd is None or shutil.which("scp") is None or shutil.which("ssh-keygen") is None:
        return None
    with _folder(None) as folder:
        for name in ("host", "user"):
            key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(key, check=True)
        shutil.copy(folder / "user.pub", folder / "authorized")
        port = _free_port()
        settings = [
            f"HostKey={folder}/host", f"AuthorizedKeysFile={folder}/authorized", f"ListenAddress={_HERE}",
            "StrictModes=no", "UsePAM=no", "PasswordAuthentication=no", "PidFile=none",
        ]  # fmt: skip
        options = [part for setting in settings for part in ("-o", setting)]
        if os.geteuid() == 0:
            _PRIVILEGED.mkdir(mode=0o755, exist_ok=True)
        command = [sshd, "-D", "-f", os.devnull, "-p", str(port), *options, "-o", "Subsystem=sftp internal-sftp"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
            try:
                _wait_for(port)
                ours = ["UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "IdentitiesOnly=yes"]
                options = [part for setting in ours for part in ("-o", setting)]
                where = f"{getpass.getuser()}@{_HERE}:{copy}"
                user = ["-i", str(folder / "user"), "-P", str(port)]
                return _timed(["scp", "-q", "-F", os.devnull, *options, *user, str(path), where])
            finally:
                server.terminate()


def _tls(path: Path, copy: Path) -> float | None:
    """TLS by socat. None where that, or openssl for its certificate, is not installed."""
    if shutil.which("socat") is None or shutil.which("openssl") is None:
        return None
    with _folder(None) as folder:
        pem = folder / "both.pem"
        make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
        files = ["-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
        subprocess.run([*make, *files], check=True, capture_output=True)
        pem.write_bytes((folder / "key").read_bytes() + (folder / "certificate").read_bytes())
        port = _free_port()
        listen = f"OPENSSL-LISTEN:{port},bind={_HERE},reuseaddr,cert={pem},verify=0"
        receive = ["socat", "-u", "-b", "262144", listen, f"CREATE:{copy}"]
        with subprocess.Popen(receive, stderr=subprocess.DEVNULL) as receiver:
            connect = f"OPENSSL:{_HERE}:{port},verify=0,retry=100,interval=0.02"
            return _timed(["socat", "-u", "-b", "262144", f"FILE:{path}", connect], before=receiver)


_RIVALS: dict[str, Callable[[Path, Path], float | None]] = {"scp": _scp, "plain TCP": _tcp, "TLS by socat": _tls}
