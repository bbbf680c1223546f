"""One run, however it is cut: threads x ranks x a resume at every batch x cold, warm, coded and in tiles, plain and
augmented, give the same bytes in order.

Digests are compared in order and never sorted: the right samples in another order are another run. What is expected
comes from the plan's rows and five lines of NumPy, not from a loader.
"""

import hashlib
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from segfeed import Augment, BatchFormat, Draw, Loader, Plan, Shard, make_pack, scan
from segfeed.batches import loader as loader_module
from segfeed.batches.kernels import filling
from segfeed.errors import StateError
from segfeed.packs import writer
from segfeed.plans.plan import Small
from segfeed.plans.rows import cut as take

BATCH, SIDE, EPOCHS = 12, 10, 2
THREADS, WORLDS = (0, 1, 2, 3, 7), (1, 2, 3, 4, 6)
BYTES = BatchFormat(dtype="uint8", label_dtype="uint8")
PINNED = "a1e167682406839e1375cca8f3b1d2848f17cf585cadeeee4b432809fae60fba"
"""Of the whole run. A change means that no saved state can be resumed any more: raise ORDER_VERSION, and say so."""


@pytest.fixture(scope="module")
def readers(tmp_path_factory, write_voc):
    folder = tmp_path_factory.mktemp("matrix")
    shapes = [(16, 16), (12, 20), (9, 14), (16, 8)]
    root = write_voc(folder / "VOC2012", {"train": [shapes[n % 4] for n in range(41)]})
    source = scan(root)
    found = {"cold": source, "warm": make_pack(source, cache_dir=folder / "cache")}
    found["coded"] = make_pack(source, coded=True, cache_dir=folder / "cache")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("PART_BYTES", 3000), ("TILED_BYTES", 600), ("TILE_PX", 8)):
            patch.setattr(writer, name, value)
        found["tiles"] = make_pack(source, cache_dir=folder / "tiles")
    assert 0 < found["tiles"].table.is_tiled.sum() < len(source)
    return found


def plan_of(reader, shard=Shard(0, 1), small: Small = "pad", draw=None):  # noqa: B008 - immutable
    draw = draw or Draw((SIDE, SIDE), small=small, flip=True)
    return Plan(reader.sizes, BATCH, draw, seed=11, shard=shard)


def steps_of(reader):
    return plan_of(reader).steps


AUGMENTED = Draw(
    (SIDE, SIDE),
    augment=Augment(
        flip=0.5, scale=(0.4, 2.5, 0.8), aspect=(0.8, 1.25), rotate=(-20, 20, 0.4), brightness=(-0.2, 0.2, 0.5),
        contrast=(0.5, 1.5, 0.5), saturation=(0.5, 1.5, 0.5), hue=(-18, 18, 0.5), gamma=(0.7, 1.4, 0.3),
        gray=(1, 1, 0.2), order="drawn", pad_side="center", pad_value=(1, 2, 3),
    ),
)  # fmt: skip


def digest(crops, images, labels):
    seen = hashlib.sha256(np.ascontiguousarray(crops).tobytes())
    seen.update(np.ascontiguousarray(images))
    seen.update(np.ascontiguousarray(labels))
    return seen.hexdigest()


def cut(pair, row):
    """Cut a crop as five lines of NumPy do: a padded copy, a window, a flip."""
    image, labels = np.empty((SIDE, SIDE, 3), np.uint8), np.full((SIDE, SIDE), 255, np.uint8)
    image[:] = (124, 116, 104)
    for y, x in itertools.product(range(SIDE), range(SIDE)):
        column = SIDE - 1 - x if row["flip"] else x
        top, left = row["top"] + y, row["left"] + x
        if 0 <= top < pair.labels.shape[0] and 0 <= left < pair.labels.shape[1]:
            image[y, column], labels[y, column] = pair.image[top, left], pair.labels[top, left]
    return image, labels


@pytest.fixture(scope="module")
def expected(readers):
    """List the digest of every batch of two epochs."""
    reader, found = readers["cold"], []
    pairs = [reader.read(index) for index in range(len(reader))]
    for epoch, step in itertools.product(range(EPOCHS), range(steps_of(reader))):
        rows = plan_of(reader).rows(epoch, step)
        crops = [cut(pairs[row["sample"]], row) for row in rows]
        found.append(digest(rows, *(np.stack(part) for part in zip(*crops, strict=True))))
    return found


def noise(image, labels, rng):
    """A person's own transform: adds noise and hides a square."""
    image += rng.integers(0, 20, image.shape, np.uint8)
    y, x = rng.integers(0, SIDE - 3, 2)
    image[y : y + 3, x : x + 3], labels[y : y + 3, x : x + 3] = 0, 255
    return image, labels


@pytest.fixture(scope="module", params=[None, noise], ids=["augment", "augment and transform"])
def augmented(request, readers):
    """List the digest of every batch of two augmented epochs, by plain NumPy; and the options that lead to them."""
    reader, found = readers["cold"], []
    plan, pairs = plan_of(reader, draw=AUGMENTED), [reader.read(index) for index in range(len(reader))]
    for epoch, step in itertools.product(range(EPOCHS), range(plan.steps)):
        rows, crops = plan.rows(epoch, step), []
        for row in rows:
            crop = take(pairs[row["sample"]], row, padding=(1, 2, 3))
            if request.param is not None:
                crop = request.param(*crop, np.random.default_rng(int(row["key"])))
            crops.append(tuple(crop))
        found.append(digest(rows, *(np.stack(part) for part in zip(*crops, strict=True))))
    return found, {"draw": AUGMENTED, "transform": request.param}


class Run:
    """A run on some threads and ranks: it delivers, stops, and goes on elsewhere."""

    def __init__(self, reader, threads, world, state=None, draw=None, transform=None):
        self.loaders = [
            Loader(
                reader, plan_of(reader, Shard(r, world), draw=draw), format=BYTES, threads=threads, transform=transform
            )
            for r in range(world)
        ]
        for loader in self.loaders:
            if state is not None:
                loader.load_state_dict(json.loads(state))

    def deliver(self, count):
        """Return the digests of the next `count` batches, the ranks' slices joined in order; and the state."""
        found, epochs = [], []
        while len(found) < count:
            epochs = epochs or [iter(loader) for loader in self.loaders]
            batches = [next(epoch, None) for epoch in epochs]
            if batches[0] is None:
                assert batches == [None] * len(batches)
                epochs = []
                continue
            parts = (
                np.concatenate(part) for part in zip(*((b.crops, b.images, b.labels) for b in batches), strict=True)
            )
            found.append(digest(*parts))
        states = {json.dumps(loader.state_dict()) for loader in self.loaders}
        for loader in self.loaders:
            loader.close()
        (state,) = states
        return found, state


@pytest.mark.slow
def test_the_run_is_pinned(expected):
    assert hashlib.sha256("".join(expected).encode()).hexdigest() == PINNED


@pytest.mark.parametrize("kind", ["cold", "warm", "coded", "tiles"])
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.slow
def test_threads_and_ranks_change_nothing(readers, expected, kind, threads, world):
    assert Run(readers[kind], threads, world).deliver(len(expected))[0] == expected


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cold", "warm", "coded", "tiles"])
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("threads", THREADS)
def test_a_resume_at_every_batch_changes_nothing(readers, expected, kind, threads, world):
    """The run starts elsewhere, is resumed here after k batches, and again elsewhere one batch later."""
    elsewhere = itertools.cycle(itertools.product(readers.values(), THREADS, WORLDS))
    places = itertools.islice(elsewhere, THREADS.index(threads) * 7 + WORLDS.index(world) * 3, None)
    for k in range(len(expected)):
        first, state = Run(*next(places)).deliver(k)
        second, state = Run(readers[kind], threads, world, state).deliver(1)
        third, _ = Run(*next(places), state).deliver(len(expected) - k - 1)
        assert first + second + third == expected, f"resumed after {k} batches"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cold", "warm", "coded", "tiles"])
@pytest.mark.parametrize("compiled", [False, True], ids=["NumPy", "compiled"])
def test_augmented_runs_are_the_same_wherever_they_go_on(readers, augmented, monkeypatch, kind, compiled):
    """Each run is resumed once: over all of them at every batch, on all threads and ranks."""
    expected, options = augmented
    if compiled:
        Run(readers[kind], 0, 1, **options).loaders[0].warm_up()
    else:
        monkeypatch.setattr(filling, "load_compiled", lambda _: False)
        monkeypatch.setattr(loader_module, "load_compiled", lambda _: False)
        monkeypatch.setattr(filling, "_READY", set())
    # Plain NumPy takes ten times as long, and is what all were compared with: fewer of them.
    places = itertools.islice(itertools.product(THREADS, WORLDS), 0, None, 1 if compiled else 4)
    elsewhere = itertools.cycle(itertools.product(readers.values(), (2, 0), (3, 1)))
    for k, (threads, world) in enumerate(places):
        count = k % len(expected)
        first, state = Run(*next(elsewhere), **options).deliver(count)
        rest, _ = Run(readers[kind], threads, world, state, **options).deliver(len(expected) - count)
        assert first + rest == expected, f"resumed after {count} batches on {threads} threads and {world} ranks"


@pytest.mark.slow
def test_a_state_of_another_augmentation_or_transform_is_refused_by_name(readers):
    reader = readers["warm"]
    other = Draw((SIDE, SIDE), augment=replace(AUGMENTED.augment, hue=(-19, 18, 0.5)))
    _, state = Run(reader, 0, 1, draw=other, transform=noise).deliver(1)
    with pytest.raises(StateError) as caught:
        Run(reader, 0, 1, state, draw=AUGMENTED)
    assert "augment.hue (saved [-19.0, 18.0, 0.5], here [-18.0, 18.0, 0.5])" in caught.value.found
    assert "transform (saved noise, here None)" in caught.value.found


@pytest.mark.parametrize("small", ["pad", "drop"])
@pytest.mark.slow
def test_every_epoch_holds_every_sample_once(readers, small):
    plan = plan_of(readers["cold"], small=small)
    for epoch in range(EPOCHS):
        samples = np.concatenate([plan.rows(epoch, step)["sample"] for step in range(plan.steps)])
        assert len(set(samples.tolist())) == len(samples) == len(plan) - plan.tail
