"""USI: an encrypted peer tool for the terminal.

In a program: `async with usi.host() as peer` or `async with usi.connect("example.org", name="bot") as peer`, then read
`peer.events()` and call `peer.do(intent)` or `peer.enter(line)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from usi.net.peer import connect, host

__version__ = "3.0.0.dev0"
__all__ = ["__version__", "connect", "host"]


def __getattr__(name: str) -> object:
    """The public functions, loaded when asked for: the core alone needs no event loop."""
    if name in ("connect", "host"):
        from usi.net import peer

        return getattr(peer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
