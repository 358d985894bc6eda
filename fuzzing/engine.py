"""`python -m fuzzing.engine NAME LIBFUZZER-ARGUMENT…`: one run of libFuzzer over a target, in a process of its own.

It never comes back: libFuzzer ends the process when its time is over or something is found.
"""

from __future__ import annotations

import shlex
import sys

import atheris

with atheris.instrument_imports(include=["usi"]):
    from fuzzing.targets import TARGETS


def main(name: str, *arguments: str) -> None:
    # libFuzzer starts itself again to merge a corpus, by a shell and the first argument.
    again = f"{shlex.quote(sys.executable)} -m fuzzing.engine {name}"
    atheris.Setup([again, *arguments], TARGETS[name].run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
