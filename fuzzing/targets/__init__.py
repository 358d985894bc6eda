"""What is fuzzed: one function per decoder, which takes any bytes and fails only where the program is wrong.

A target lets through the errors that its decoder promises, and checks what must hold of what it lets in. Whatever
else comes out of it is a finding. Nothing here is random: the same bytes do the same thing each time.
"""

from fuzzing.targets import files, hub, links, texts
from fuzzing.targets.registry import TARGETS

__all__ = ["TARGETS", "files", "hub", "links", "texts"]
