"""The list of a folder's files: what it may say; every place it leads to is below the folder and like no other."""

import time

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.store.helpers import facts_of, listing
from usi.core.errors import BadManifest
from usi.core.text import clean_file_name, file_key
from usi.core.transfer import Offered
from usi.store.manifest import MAX_DEPTH, MAX_ENTRIES, Entry, Names, Place, encode, places

HOSTILE = (
    "..",
    ".",
    "",
    "/etc/passwd",
    "..\\..",
    "a\0b",
    "CON",
    "nul.txt",
    "x" * 10_000,
    "a.",
    "a ",
    "A",
    "a",
    "\ud800",
)


def offer(manifest: bytes, files: int, content: int) -> Offered:
    return facts_of("f", len(manifest) + content, files=files, manifest=len(manifest)).offered


def planned(manifest: bytes, files: int, content: int) -> list[Place]:
    return places(manifest, offer(manifest, files, content))


def test_places() -> None:
    manifest = listing(("b", None), ("b/c", None), ("b/c/d.txt", 5), ("b/e", 0), ("empty", None))
    assert planned(manifest, 2, 5) == [
        Place((), "b", None),
        Place(("b",), "c", None),
        Place(("b", "c"), "d.txt", 5),
        Place(("b",), "e", 0),
        Place((), "empty", None),
    ]
    assert planned(encode([]), 0, 0) == []


def test_every_part_is_cleaned_and_numbered() -> None:
    manifest = encode(
        Entry(path, size)
        for path, size in [
            (("..",), None),
            (("..", "../../.bashrc"), 1),
            (("a",), 1),
            (("A",), 1),
            (("é",), 1),
            (("e\u0301",), 1),
            (("a ",), 1),
            (("file",), None),
            (("file", "NUL"), 1),
            ((".",), 1),
        ]
    )
    assert planned(manifest, 8, 8) == [
        Place((), "file", None),
        Place(("file",), "__.._.bashrc", 1),
        Place((), "a", 1),
        Place((), "A (2)", 1),
        Place((), "é", 1),
        Place((), "é (2)", 1),
        Place((), "a (3)", 1),
        Place((), "file (2)", None),
        Place(("file (2)",), "_NUL", 1),
        Place((), "file (3)", 1),
    ]


DEEPEST = tuple((("d",) * depth, None) for depth in range(1, MAX_DEPTH + 1))


@pytest.mark.parametrize(
    ("manifest", "files", "content"),
    [
        pytest.param(b"", 0, 0, id="nothing"),
        pytest.param(b"\x90\x90", 0, 0, id="more behind it"),
        pytest.param(b"\x91", 1, 1, id="cut"),
        pytest.param(b"\xdd\xff\xff\xff\xff", 1, 1, id="four milliards"),
        pytest.param(b"\x91" * 5000, 1, 1, id="nested"),
        pytest.param(msgspec.msgpack.encode([[["a"], "1"]]), 1, 1, id="size as text"),
        pytest.param(msgspec.msgpack.encode([[["a"], -1]]), 1, -1, id="less than nothing"),
        pytest.param(msgspec.msgpack.encode([[["a"], 1.0]]), 1, 1, id="a broken size"),
        pytest.param(msgspec.msgpack.encode([[["a"], 2**63]]), 1, 2**63, id="too large for any disk"),
        pytest.param(msgspec.msgpack.encode([["a", 1]]), 1, 1, id="a path as text"),
        pytest.param(msgspec.msgpack.encode([[[b"a"], 1]]), 1, 1, id="a part that is no text"),
        pytest.param(msgspec.msgpack.encode([[[], 1]]), 1, 1, id="no path"),
        pytest.param(msgspec.msgpack.encode([[["a"], 1, 0o777]]), 1, 1, id="a mode"),
        pytest.param(b"\x91\x92\x91\xa1\xff\x01", 1, 1, id="not UTF-8"),
        pytest.param(listing(("a", 1)), 2, 1, id="fewer files"),
        pytest.param(listing(("a", 1), ("b", 0)), 1, 1, id="more files"),
        pytest.param(listing(("a", 1)), 1, 2, id="smaller"),
        pytest.param(listing(("a", 2)), 1, 1, id="larger"),
        pytest.param(listing(("a", 2**62), ("b", 2**62)), 2, 2**63 - 2000, id="an overflow"),
        pytest.param(listing(("a", 1), ("a", 1)), 2, 2, id="a file twice"),
        pytest.param(listing(("a", None), ("a", None)), 0, 0, id="a folder twice"),
        pytest.param(listing(("a", 1), ("a", None)), 1, 1, id="file and folder"),
        pytest.param(listing(("a", 1), ("a/b", 1)), 2, 2, id="below a file"),
        pytest.param(listing(("a/b", 1), ("a", None)), 1, 1, id="before its folder"),
        pytest.param(listing(("A", None), ("a/b", 1)), 1, 1, id="a folder by another case"),
        pytest.param(encode([Entry(("d",) * (MAX_DEPTH + 1), None)]), 0, 0, id="too deep"),
        pytest.param(encode([Entry((str(n),), 0) for n in range(MAX_ENTRIES + 1)]), MAX_ENTRIES + 1, 0, id="too many"),
    ],
)
def test_manifests_that_lie(manifest: bytes, files: int, content: int) -> None:
    with pytest.raises(BadManifest):
        planned(manifest, files, content)


def test_as_deep_as_may_be() -> None:
    manifest = encode([Entry(path, size) for path, size in DEEPEST])
    assert len(planned(manifest, 0, 0)[-1].folder) == MAX_DEPTH - 1


@given(st.binary(max_size=200))
@example(b"\x91\x92\x91\xa1a\x01")
def test_any_bytes_are_a_manifest_or_a_bad_one(manifest: bytes) -> None:
    for files in range(3):
        try:
            found = planned(manifest, files, 1)
        except BadManifest:
            continue
        assert all(clean_file_name(place.name) == place.name for place in found)


parts = st.one_of(st.sampled_from(HOSTILE[:-1]), st.text(max_size=8))


@given(st.lists(st.tuples(st.lists(parts, max_size=3), parts, st.booleans()), max_size=12))
def test_no_two_places_are_one_on_any_file_system(wanted: list[tuple[list[str], str, bool]]) -> None:
    folders: dict[tuple[str, ...], None] = {}
    files: dict[tuple[str, ...], None] = {}
    for above, name, is_file in wanted:
        path = (*above, name)
        prefixes = [path[:end] for end in range(1, len(path) + (not is_file))]
        if any(prefix in files for prefix in prefixes) or (is_file and path in folders):
            continue
        folders.update(dict.fromkeys(prefixes))
        if is_file:
            files[path] = None
    paths = [*((path, None) for path in sorted(folders, key=len)), *((path, 1) for path in files)]
    manifest = encode(Entry(path, size) for path, size in paths)
    found = planned(manifest, len(files), len(files))
    assert len(found) == len(paths)
    keys = [tuple(map(file_key, (*place.folder, place.name))) for place in found]
    assert len(set(keys)) == len(keys)
    made: set[tuple[str, ...]] = {()}
    for place in found:
        assert place.folder in made
        for part in (*place.folder, place.name):
            assert clean_file_name(part) == part
        if place.size is None:
            made.add((*place.folder, place.name))


@given(st.lists(parts))
def test_a_sender_s_clean_names_stay_as_they_are(raw: list[str]) -> None:
    at_sender, at_receiver = Names(), Names()
    sent = [at_sender.add(name) for name in raw]
    assert [at_receiver.add(name) for name in sent] == sent


@pytest.mark.parametrize("kind", ["all alike", "alike when cut", "each twice when cut", "numbers taken"])
def test_names_that_make_numbering_slow(kind: str) -> None:
    """20,000 names; what grew with their square would take minutes."""
    many = range(20_000)
    raw = {
        "all alike": ["\x01" for _ in many],
        "alike when cut": ["x" * 300 + f"{n}" for n in many],
        "each twice when cut": ["x" * 237 + f"{n:06}"[:8] for n in many[:10_000]] * 2,
        "numbers taken": [f"a ({n})" for n in many[2:10_000]] + ["a"] * 10_000,
    }[kind]
    names = Names()
    began = time.process_time()
    found = {file_key(names.add(name)) for name in raw}
    assert len(found) == len(raw)
    assert time.process_time() - began < 10
