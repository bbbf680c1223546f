"""Batches that are kept, or views of them, keep their bytes while the loader goes on and reuses the rest."""

import gc
import hashlib
import importlib
import queue
import threading
import time
from collections import deque

import numpy as np
import pytest

from segfeed.batches.batch_format import BatchFormat
from segfeed.batches.kernels.filling import load_compiled, make_conversion
from segfeed.batches.loader import Loader
from segfeed.feed import scan
from segfeed.packs.making import make_pack
from segfeed.plans.plan import Draw, Plan

KEPT, EPOCHS, SIDE = 50, 4, 24
FORMATS = {
    "float": BatchFormat("NHWC", "float32", "int32", void=255),
    "planes": BatchFormat("NCHW", "float32", "int64", void=-100),
    "bytes": BatchFormat("NHWC", "uint8", "uint8", normalize=None, void=255),
}


def fast(_):
    """Take the next batch at once."""


def slow(_):
    """Wait until the threads have filled all that they may."""
    time.sleep(0.002)


def uneven(number):
    """Stop for long now and then."""
    if number % 17 == 0:
        time.sleep(0.02)


def torch_of(array):
    return importlib.import_module("torch").from_numpy(array)


VIEWS = {
    "slice": lambda a: a[1:],
    "row": lambda a: a[0],
    "line": lambda a: a[-1, -1],
    "every other": lambda a: a[..., ::2],
    "reshape": lambda a: a.reshape(-1),
    "transpose": lambda a: a.T,
    "bytes": lambda a: a.view(np.uint8),
    "asarray": np.asarray,
    "asarray of a slice": lambda a: np.asarray(a[:1]),
    "memoryview": memoryview,
    "dlpack": np.from_dlpack,
    "torch": torch_of,
}


@pytest.fixture(scope="module", name="readers")
def _readers(tmp_path_factory, write_voc):
    sizes = [(20 + n % 9, 22 + n % 7) for n in range(40)]
    source = scan(write_voc(tmp_path_factory.mktemp("kept") / "VOC2012", {"train": sizes}))
    for wanted in FORMATS.values():
        load_compiled(make_conversion(wanted, SIDE, len(source.legend), 255))
    return {"source": source, "pack": make_pack(source)}


def loader_of(reader, batch_size=2, wanted="float", threads=2):
    plan = Plan(reader.sizes, batch_size, Draw((SIDE, SIDE), flip=True), seed=3)
    return Loader(reader, plan, format=FORMATS[wanted], threads=threads)


def as_numpy(view):
    return np.asarray(view.numpy() if hasattr(view, "numpy") else view)


def digest(*arrays):
    seen = hashlib.sha256()
    for array in arrays:
        seen.update(np.ascontiguousarray(array))
    return seen.hexdigest()


def digest_of(batch):
    return digest(batch.images, batch.labels, batch.crops)


def places_of(batch):
    """Return the addresses of a batch's images and labels."""
    return batch.images.ctypes.data, batch.labels.ctypes.data


def wrong_of(kept):
    return [number for number, batch, arrived in kept if digest_of(batch) != arrived]


@pytest.mark.parametrize("consume", [fast, slow, uneven])
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("kind", ["source", "pack"])
@pytest.mark.slow
def test_the_last_fifty_batches_stay_as_they_came(readers, kind, threads, consume):
    loader, kept, number = loader_of(readers[kind], threads=threads), deque(), 0
    for epoch in range(EPOCHS):
        for number, batch in enumerate(loader, epoch * len(loader)):
            kept.append((number, batch, digest_of(batch)))
            if len(kept) > KEPT:
                assert wrong_of([kept.popleft()]) == []
            consume(number)
    assert number == EPOCHS * len(loader) - 1 == 79
    assert [first for first, _, _ in kept] == [*range(number - KEPT + 1, number + 1)]
    assert wrong_of(kept) == []
    assert len({place for _, batch, _ in kept for place in places_of(batch)}) == 2 * KEPT


@pytest.mark.parametrize("wanted", FORMATS)
@pytest.mark.slow
def test_kept_batches_are_those_of_a_loader_of_which_none_is_kept(readers, wanted):
    expected, loader = [], loader_of(readers["source"], wanted=wanted, threads=0)
    for _ in range(3):
        expected += [digest_of(batch) for batch in loader]
    loader, kept = loader_of(readers["pack"], wanted=wanted, threads=5), []
    for _ in range(3):
        kept += loader
    assert expected == [digest_of(batch) for batch in kept]


@pytest.mark.parametrize("batch_size", [1, 2, 3])
@pytest.mark.parametrize("kind", ["source", "pack"])
@pytest.mark.slow
def test_more_threads_than_rows_fill_every_batch(readers, kind, batch_size):
    expected = [digest_of(batch) for batch in loader_of(readers[kind], batch_size, threads=0)]
    for threads in (5, 16):
        assert expected == [digest_of(batch) for batch in loader_of(readers[kind], batch_size, threads=threads)]


@pytest.mark.parametrize("field", ["images", "labels"])
@pytest.mark.parametrize("way", VIEWS)
@pytest.mark.slow
def test_a_view_alone_keeps_its_bytes(readers, way, field):
    if way == "torch":
        pytest.importorskip("torch")
    loader, kept = loader_of(readers["pack"], wanted="planes", threads=2), deque(maxlen=KEPT)
    for _ in range(EPOCHS):
        for batch in loader:
            view = VIEWS[way](getattr(batch, field))
            kept.append((view, np.array(as_numpy(view))))
    del batch
    gc.collect()
    assert len(kept) == KEPT
    assert all(np.array_equal(as_numpy(view), copy) for view, copy in kept)
    del loader
    gc.collect()
    assert all(np.array_equal(as_numpy(view), copy) for view, copy in kept)


@pytest.mark.slow
def test_images_are_reused_while_labels_are_kept(readers):
    loader, labels, places = loader_of(readers["pack"]), [], set()
    for _ in range(EPOCHS):
        for batch in loader:
            labels.append((batch.labels, digest(batch.labels)))
            places.add(batch.images.ctypes.data)
    assert all(digest(array) == arrived for array, arrived in labels)
    assert len({array.ctypes.data for array, _ in labels}) == len(labels) == 80
    assert len(places) <= 8


@pytest.mark.slow
def test_a_batch_written_by_its_keeper_keeps_what_was_written(readers):
    loader, kept = loader_of(readers["pack"]), []
    for _ in range(3):
        for number, batch in enumerate(loader):
            batch.images[:], batch.labels[:] = number, -number
            kept.append((number, batch))
    for number, batch in kept:
        assert (set(batch.images.ravel().tolist()), set(batch.labels.ravel().tolist())) == ({number}, {-number})


@pytest.mark.slow
def test_another_thread_may_keep_views_for_as_long_as_it_likes(readers):
    handed, wrong = queue.SimpleQueue(), []

    def take():
        waiting = deque()
        while (one := handed.get()) is not None:
            waiting.append(one)
            if len(waiting) > 9:
                view, arrived = waiting.popleft()
                wrong.extend([arrived] * (digest(view) != arrived))
        wrong.extend(arrived for view, arrived in waiting if digest(view) != arrived)

    thread = threading.Thread(target=take)
    thread.start()
    loader = loader_of(readers["pack"], threads=5)
    for _ in range(EPOCHS):
        for batch in loader:
            view = batch.images[1:]
            handed.put((view, digest(view)))
    handed.put(None)
    thread.join()
    assert wrong == []


@pytest.mark.parametrize("threads", [0, 1, 2, 5])
@pytest.mark.parametrize("kind", ["source", "pack"])
@pytest.mark.slow
def test_released_memory_is_used_again(readers, kind, threads):
    loader = loader_of(readers[kind], threads=threads)
    kept = [*loader, *loader, *loader][:KEPT]
    before = {place for batch in kept for place in places_of(batch)}
    assert len(before) == 2 * KEPT
    during = {place for batch in loader for place in places_of(batch)}
    assert not before & during
    kept.clear()
    gc.collect()
    after = {place for _ in range(2) for batch in loader for place in places_of(batch)}
    assert before & after or during & after
    assert len(after) <= 2 * 8


@pytest.mark.slow
def test_a_loop_that_keeps_nothing_needs_few_places(readers):
    loader, places = loader_of(readers["pack"], threads=5), set()
    for _ in range(10):
        for batch in loader:
            places.update(places_of(batch))
    assert len(places) <= 2 * 8
