"""What every test gets: no personal settings, and no failure inside asyncio that goes unseen.

asyncio's debug mode and warnings as errors are set in pyproject.toml; this adds what asyncio only logs: a
task whose exception nobody asked for, a task destroyed while it waits, a callback that failed.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from usi.core.crypto import PrivateKey

# Time limits per example fail at random on a busy machine. With CI set, hypothesis' own CI profile stays.
hypothesis.settings.register_profile("usi", parent=hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("usi")


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def asyncio_errors() -> Iterator[list[logging.LogRecord]]:
    """The errors that asyncio logged during the test, which fails if any are left in the list at its end."""
    collector = _Collector()
    logger = logging.getLogger("asyncio")
    logger.addHandler(collector)
    try:
        yield collector.records
    finally:
        logger.removeHandler(collector)
    logged = "\n".join(map(logging.Formatter().format, collector.records))
    assert not logged, f"asyncio logged: {logged}"


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """English, no settings from outside and none of the user's own folders, here and in programs started."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("TEXTUAL_SNAPSHOT"):  # the snapshot plug-in's own
                continue
            if name.startswith(("USI_", "TEXTUAL", "LC_")) or name in {"LANGUAGE", "NO_COLOR", "FORCE_COLOR"}:
                patch.delenv(name)
        patch.setenv("LANG", "C.UTF-8")
        for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"):
            patch.setenv(name, str(home))
        for name in ("CACHE", "CONFIG", "DATA", "STATE"):
            patch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
        yield


@pytest.fixture(scope="session")
def keys() -> dict[str, PrivateKey]:
    """RSA keys for tests, by name: alice, bob, carol, host, mallory. They are published here: good for nothing else."""
    folder = Path(__file__).parent / "keys"
    found = {path.stem: PrivateKey.from_pem(path.read_bytes()) for path in folder.glob("*.pem")}
    assert found
    return found
