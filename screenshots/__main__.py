"""`python -m screenshots [NAME …]`: draw all pictures, or some; `--record` first records the inspected conversation."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from screenshots import record
from screenshots.drawing import write_png
from screenshots.scenes import SCENES, draw

FOLDER = Path(__file__).parent


def main(arguments: list[str]) -> int:
    os.environ["TZ"] = "UTC"  # the same times on every machine
    time.tzset()
    if "--record" in arguments:
        record.main()
    wanted = [argument for argument in arguments if not argument.startswith("-")]
    for scene in SCENES:
        if not wanted or scene.name in wanted:
            svg = asyncio.run(draw(scene))
            (FOLDER / f"{scene.name}.svg").write_text(svg, encoding="utf-8")
            write_png(svg, FOLDER / f"{scene.name}.png")
            print(scene.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
