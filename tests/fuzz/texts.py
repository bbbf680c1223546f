"""Probes of texts: split lists, split strings, legends, states."""

import json
import unicodedata
from functools import cache
from itertools import product

import numpy as np

from fuzz.probe import Probe, file_of, folder, tiny_source
from segfeed.batches.loader import Loader
from segfeed.datasets.legends.files import read_legend
from segfeed.datasets.legends.making import legend_of_names
from segfeed.datasets.matching.pair_lists import read_list
from segfeed.datasets.splits import parse_split
from segfeed.errors import LegendError, OptionError, SegfeedError, StateError, UnknownColourError
from segfeed.pixels.legend import Legend
from segfeed.pixels.public_legends import VOC
from segfeed.plans.plan import Plan

_SUFFIXES = (".txt", ".csv", ".json")


def _lists() -> list[bytes]:
    return [
        b"2007_000032\n2007_000039\n", b"\xef\xbb\xbfa\r\nb\r\n", b"a\rb", b"a \n\n\tb", b"2008_000003 -1\n",
        b"../a\n", b"/a.jpg /b.png",
        "ü-3\n".encode(), b"a\n" * 2, b"a\0b", b"\xff\xfea\0", b".\n", b"C:a", b"~root", "\u2028".encode(), b"", b"\n",
    ]  # fmt: skip


def _read_list(data: bytes) -> bool:
    try:
        ids = read_list(file_of(data, "train.txt")).ids
    except SegfeedError:
        return False
    coding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    lines = data.decode(coding).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = [line.replace('"', "").strip(" \t\u00a0\u200b\ufeff") for line in lines]
    lines = [unicodedata.normalize("NFC", line) for line in lines if line]
    assert len(ids) == len(lines)
    # A line may be a path, or two: the id is then a part of it.
    assert all(entry == line or entry in line.replace("\\", "/") for entry, line in zip(ids, lines, strict=True))
    assert len(set(ids)) == len(ids) > 0
    for key in ids:
        path = folder() / f"{key}.jpg"  # a key may span folders, and leads out of none
        assert path.is_relative_to(folder())
        assert ".." not in path.parts
        assert path.name == f"{key.rpartition('/')[2]}.jpg"
        assert not set(key) & set(map(chr, range(32)))
    return True


def _splits() -> list[bytes]:
    return [
        b"train", b"train+val", b"train[:10%]", b"train[100:200]", b"train[-50:]+val[:-1]", b"train[fold=0/5]",
        b"train[fold!=4/5]",
        b"a[fold=0/0]", b"a[:101%]", b"a[1:2:3]", b"a[", b"+", b"a[ 1 : 2 ]", b"a[:" + b"9" * 5000 + b"]",
        b"a[fold=0/" + b"9" * 5000 + b"]",
    ]  # fmt: skip


def _read_split(data: bytes) -> bool:
    keys = [f"key_{n}" for n in range(7)]
    try:
        parts = parse_split(data.decode("utf-8", "replace"))
        chosen = [part.choose(keys) for part in parts]
    except OptionError:
        return False
    assert parts
    for part, found in zip(parts, chosen, strict=True):
        assert part.name
        assert found == sorted(set(found))
        assert set(found) <= set(range(7))
        if part.fold:
            folds = [type(part)("x", fold=(n, part.fold[1])).choose(keys) for n in range(min(part.fold[1], 50))]
            assert part.fold[1] > 50 or sorted(n for fold in folds for n in fold) == list(range(7))
    return True


def _legends() -> list[bytes]:
    """List legend files; the first byte chooses how they are read."""
    texts = [
        "background\ncat\n", "sky:0,0,0::\ncat:128,0,0:parts:actions\n# end\n", "0 0 0 sky\n1\t2\t3 tree\n",
        "a,1,2,3\nvoid,4,5,6\n",
        "name,r,g,b\nsky,1,2,3\nvoid,4,5,6\n", "Pixel Value, Class\n0, background\n7, cat\n",
        'name,"r","g",b\n"a,b",1,2,3',
        '{"label_map": {"0": "sky", "5": "void"}, "segmentation_colors": [[0, 0, 0], [1, 2, 3]]}',
        '{"label_map": {"0": "sky"}}',
        json.dumps(VOC.to_json()), "__ignore__\n_background_\ncat", "a:1,2,3\nb\n", "a,256,0,0", "1 road\n2 tree",
        "road 1\ntree 2",
        "0 1 2 3 road\n1 4 5 6 tree", "id;name;color\n0;a;#010203", '"lane 1"\n"lane 2"', '{"0": "a", "1": null}',
        '{"a": 0, "b": 7}',
        '["a", "void"]', '[{"id": 3, "name": "a", "color": [1, 2, 3]}]',
    ]  # fmt: skip
    return [bytes([how]) + text.encode() for how, text in product(range(len(_SUFFIXES) + 2), texts)]


def _read_legend(data: bytes) -> bool:
    how, text = data[:1], data[1:]
    number = how[0] % (len(_SUFFIXES) + 2) if how else 0
    try:
        if number < len(_SUFFIXES):
            legend = read_legend(file_of(text, f"labels{_SUFFIXES[number]}"))
        elif number == len(_SUFFIXES):
            legend = legend_of_names(text.decode("utf-8", "replace").splitlines())
        else:
            described = _json(text)
            if not isinstance(described, dict):
                return False
            legend = Legend.from_json(described)
    except LegendError:
        return False
    again = Legend.from_json(json.loads(json.dumps(legend.to_json())))
    assert again == legend
    assert again.digest == legend.digest
    _encode_all(legend)
    return True


def _encode_all(legend: Legend) -> None:
    """Every class and void must come out of its colour (if colours count) and index, and nothing else out of others."""
    ids = np.arange(len(legend), dtype=legend.dtype)[None]
    colours = np.array(legend.colours + legend.void_colours, np.uint8).reshape(1, -1, 3)
    indices = np.array([legend.indices + legend.void_indices], np.uint16)
    for stored in (indices,) if legend.is_numbered else (colours, indices):
        voids = np.full((1, stored.shape[1] - len(legend)), legend.void)
        np.testing.assert_array_equal(legend.encode(stored), np.hstack([ids, voids]))
    np.testing.assert_array_equal(legend.paint(ids)[0], np.array(legend.colours, np.uint8))
    known = {*legend.colours, *legend.void_colours, *(colour for _, colour, _ in legend.merged)}
    strange = next((colour for colour in product(range(3), range(86), range(256)) if colour not in known), None)
    assert strange is not None
    try:
        legend.encode(np.array([[strange]], np.uint8))
    except UnknownColourError:
        return
    raise AssertionError(f"colour {strange} became a class")


@cache
def _loader() -> Loader:
    """Make a loader of batches of 2, so 2 steps an epoch."""
    source = tiny_source()
    return Loader(source, Plan(source.sizes, 2), threads=1)


def _states() -> list[bytes]:
    loader = _loader()
    states = [loader.state_dict(), loader.state_dict(3, 1), loader.state_dict(0, 2)]
    states += [states[1] | {"position": wrong} for wrong in (True, 1.0, "2", -2, 3, 10**30, None)]
    states += [states[1] | {"plan_options": []}, states[1] | {"more": 1}, {}]
    return [json.dumps(state).encode() for state in states]


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _read_state(data: bytes) -> bool:
    state = _json(data)
    if state is None:
        return False
    loader = _loader()
    before = loader.state_dict()
    try:
        loader.load_state_dict(state)
    except StateError:
        assert loader.state_dict() == before
        return False
    found = loader.state_dict()
    # What files held is compared only if both sides know it; this loader reads files, and knows it of none.
    assert found == {name: state[name] for name in found} | {"content": ""}
    step = found["position"] // loader.batch_size
    assert len(loader.plan.rows(found["epoch"], step)) == 2
    return True


PROBES = (
    Probe("list", _lists, _read_list),
    Probe("split", _splits, _read_split),
    Probe("legend", _legends, _read_legend),
    Probe("state", _states, _read_state),
)
