"""Things that listen on 127.0.0.1, each on threads of its own: for what asks them with plain sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from usi.config import Settings
from usi.core.crypto import PrivateKey
from usi.net.peer import Peer

HERE = "127.0.0.1"
PATIENCE = 20.0


def silent(sock: socket.socket) -> None:
    """Takes what comes and says nothing."""
    while sock.recv(4096):
        pass


@contextmanager
def serve(server: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on a port of its own, one thread for each connection; yields the port."""
    listener = socket.create_server((HERE, 0))
    threads: list[threading.Thread] = []
    open_: list[socket.socket] = []

    def handle(sock: socket.socket) -> None:
        with sock, suppress(OSError):
            server(sock)

    def accept() -> None:
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                sock.settimeout(PATIENCE)
                open_.append(sock)
                threads.append(threading.Thread(target=handle, args=(sock,)))
                threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(PATIENCE)
        for sock in open_:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(PATIENCE)


@contextmanager
def full_door() -> Iterator[int]:
    """A port whose queue is full, so that the system answers nobody else; yields the port."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((HERE, 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield listener.getsockname()[1]


@contextmanager
def running_host(key: PrivateKey, preset: bytes | None = None) -> Iterator[tuple[int, list[str]]]:
    """A real host on a loop and thread of its own; yields its port and the list that its events go to at its end."""
    listening, told = threading.Event(), list[str]()
    ports: list[int] = []
    stop: list[Callable[[], object]] = []

    async def run() -> None:
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        stop.append(lambda: loop.call_soon_threadsafe(stopping.set))
        peer = Peer(Settings(True, "host", HERE, 0, preset), key=key)
        async with peer:
            ports.append(peer._side.port)
            listening.set()
            await stopping.wait()
        told.extend([type(event).__name__ async for event in peer.events()])

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert listening.wait(PATIENCE)
    try:
        yield ports[0], told
    finally:
        stop[0]()
        thread.join(PATIENCE)
