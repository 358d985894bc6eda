"""`python -m fuzzing NAME… [--seconds N]`: fuzz targets one after another, and keep what was learnt in the corpus."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzzing.replay import LONGEST, keep, kept, replay
from fuzzing.targets import TARGETS

ROOT = Path(__file__).resolve().parents[1]
FINDINGS = ROOT / "fuzzing" / "findings"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=f"Targets: {', '.join(TARGETS)}.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which (default: all)")
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="for each target (default: 60)")
    parser.add_argument("--replay", action="store_true", help="only run what is kept, without atheris")
    return parser.parse_args()


def _engine(name: str, *arguments: str) -> int:
    command = [sys.executable, "-m", "fuzzing.engine", name, *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def fuzz(name: str, seconds: int) -> bool:
    """Fuzz one target from its seeds and corpus; returns whether nothing was found. What was is in `findings`."""
    with tempfile.TemporaryDirectory() as scratch:
        work, smallest = Path(scratch) / "work", Path(scratch) / "smallest"
        work.mkdir()
        smallest.mkdir()
        for number, data in enumerate([*TARGETS[name].seeds(), *(path.read_bytes() for path in kept(name))]):
            (work / str(number)).write_bytes(data)
        FINDINGS.mkdir(exist_ok=True)
        status = _engine(
            name, str(work), f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=20", "-rss_limit_mb=2048",
            f"-artifact_prefix={FINDINGS / name}-", "-print_final_stats=1", "-verbosity=1",
        )  # fmt: skip
        if status == 0 and _engine(name, "-merge=1", "-verbosity=0", str(smallest), str(work)) == 0:
            print(f"{name}: {keep(name, smallest)} inputs kept", flush=True)
    return status == 0


def main() -> int:
    arguments = _arguments()
    names = arguments.names or list(TARGETS)
    if unknown := [name for name in names if name not in TARGETS]:
        print(f"There is no target {unknown[0]}: {', '.join(TARGETS)}.", file=sys.stderr)
        return 2
    if arguments.replay:
        for name in names:
            print(f"{name}: {replay(name)} inputs")
        return 0
    if importlib.util.find_spec("atheris") is None:
        print("Fuzzing needs atheris: pip install -e '.[fuzz]'. --replay works without it.", file=sys.stderr)
        return 2
    found = [name for name in names if not fuzz(name, arguments.seconds)]
    if found:
        print(f"Found something in: {', '.join(found)}; see {FINDINGS}.", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
