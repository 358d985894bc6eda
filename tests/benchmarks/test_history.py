"""The benchmark of the history runs, with a few messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import history

pytestmark = pytest.mark.slow


def test_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(history, "_POSTS", 200)
    monkeypatch.setattr(history, "_SINGLE", 20)
    assert history.main() == 0
    out = capsys.readouterr().out
    assert "a page of 50, all through" in out
    assert "bytes for each message" in out
    assert list(tmp_path.iterdir()) == []
