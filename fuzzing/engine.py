"""`python -m fuzzing.engine NAME LIBFUZZER-ARGUMENT…`: one run of libFuzzer over a target, in a process of its own.

It never comes back: libFuzzer ends the process when its time is over or something is found.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["usi"]):
    from fuzzing.targets import TARGETS


def main(name: str, *arguments: str) -> None:
    atheris.Setup([sys.argv[0], *arguments], TARGETS[name].run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
