"""The loader: what comes out is what the plan says, whatever the threads, ranks, and interruptions."""

import gc
import hashlib
import json
import sys
import threading
from contextlib import closing
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from faults.forks import wait_for
from plain_rows import FIELDS
from segfeed.batches.batch_format import BatchFormat
from segfeed.batches.loader import Loader
from segfeed.errors import OptionError, PhotoError, StateError
from segfeed.feed import scan
from segfeed.packs.making import make_pack
from segfeed.pixels.legend import Legend
from segfeed.pixels.public_legends import VOC
from segfeed.plans.augment import Augment
from segfeed.plans.plan import Draw, Plan, Shard

BYTES = BatchFormat(dtype="uint8", label_dtype="uint8", normalize=None)
MIXED = [(40, 60), (20, 60), (33, 50), (64, 16), (5, 7), (48, 48), (31, 90), (100, 20)]
DRAW = Draw((16, 16), flip=True)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, write_voc):
    """Return a source of photos that encode where each pixel is, of all shapes."""
    return scan(write_voc(tmp_path_factory.mktemp("mixed") / "VOC2012", {"train": MIXED, "val": MIXED[:5]}), "train")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, write_voc):
    """Return a source of 26 tiny pairs, some smaller than 16 x 16."""
    sizes = [(14 + i % 5, 15 + i % 4) for i in range(26)]
    root = write_voc(tmp_path_factory.mktemp("tiny") / "VOC2012", {"train": sizes, "val": sizes[:7]})
    return scan(root, "train")


@pytest.fixture(scope="module")
def readers(tiny):
    return {"source": tiny, "pack": make_pack(tiny)}


def loader_of(reader, batch_size=6, draw=DRAW, *, threads=2, rank=0, world=1, seed=0, **options):
    plan = Plan(reader.sizes, batch_size, draw, seed=seed, shard=Shard(rank, world))
    return Loader(reader, plan, threads=threads, format=options.pop("format", BYTES), **options)


def digest(batch):
    """Condense everything a user sees of a batch."""
    seen = hashlib.sha256(repr((batch.keys, batch.images.shape, batch.labels.shape)).encode())
    for array in (batch.images, batch.labels, batch.crops, batch.sizes):
        seen.update(np.ascontiguousarray(array))
    return seen.hexdigest()


def digests(loader, epochs=1):
    return [[digest(batch) for batch in loader] for _ in range(epochs)]


def joined_digest(batches):
    """Condense the batches of all ranks as one batch."""
    seen = hashlib.sha256()
    keys = tuple(key for batch in batches for key in batch.keys)
    images, labels, *others = (
        np.concatenate([getattr(batch, name) for batch in batches]) for name in ("images", "labels", "crops", "sizes")
    )
    seen.update(repr((keys, images.shape, labels.shape)).encode())
    for array in (images, labels, *others):
        seen.update(np.ascontiguousarray(array))
    return seen.hexdigest()


def all_loader_threads():
    return {thread for thread in threading.enumerate() if thread.name.startswith("segfeed-loader")}


@pytest.fixture
def loader_threads():
    """Return a function that lists the loaders' threads that this test started and that still run."""
    before = all_loader_threads()
    return lambda: sorted(thread.name for thread in all_loader_threads() - before)


def assert_pixels_are_where_the_crops_say(batch, sizes):
    """Compute every pixel from its place: red = row, green = column, blue = sample; labels by the same place."""
    for image, labels, crop in zip(batch.images, batch.labels, batch.crops, strict=True):
        sample, top, left, height, width, flip = (crop[field].item() for field in FIELDS)
        y, x = np.mgrid[top : top + height, left : left + width]
        x = x[:, ::-1] if flip else x
        inside = np.zeros(y.shape, bool)
        expected, ids = np.zeros((*y.shape, 3), np.uint8), np.full(y.shape, 255, np.uint8)
        if sample >= 0:
            inside = (y >= 0) & (x >= 0) & (y < sizes[sample][0]) & (x < sizes[sample][1])
            expected[inside] = np.stack([y, x, np.full_like(y, sample)], -1)[inside]
            classes = np.where(y == 0, 255, (y + 2 * x + sample) % 21)
            ids[inside] = classes[inside]
        assert np.array_equal(expected, image)
        assert np.array_equal(ids, labels)


# Pixels and places ----------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    crop=st.tuples(st.integers(1, 110), st.integers(1, 100)),
    small=st.sampled_from(["pad", "drop"]),
    flip=st.booleans(),
    seed=st.integers(0, 2**63 - 1),
    batch_size=st.integers(1, 8),
    threads=st.sampled_from([0, 2]),
    packed=st.booleans(),
)
@pytest.mark.slow
def test_images_and_labels_come_from_the_window_that_the_crops_name(  # noqa: PLR0917
    mixed, crop, small, flip, seed, batch_size, threads, packed
):
    reader = make_pack(mixed) if packed else mixed
    fitting = sum(height >= crop[0] and width >= crop[1] for height, width in MIXED)
    assume(small == "pad" or fitting >= batch_size)
    loader = loader_of(reader, batch_size, Draw(crop, small, flip), threads=threads, seed=seed)
    for batch in loader:
        assert (batch_size, *crop, 3) == batch.images.shape
        assert (batch_size, *crop) == batch.labels.shape
        assert np.array_equal([f"train_{sample}" for sample in batch.crops["sample"]], batch.keys)
        assert_pixels_are_where_the_crops_say(batch, MIXED)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3, 8, 11])
@pytest.mark.slow
def test_an_exact_plan_shows_every_image_once_whole_with_void_around(mixed, packed, batch_size):
    reader = make_pack(mixed) if packed else mixed
    loader = Loader(reader, Plan.exact(reader.sizes, batch_size), format=BYTES)
    keys, classes = [], 0
    for batch in loader:
        assert (batch_size, 100, 90, 3) == batch.images.shape
        assert_pixels_are_where_the_crops_say(batch, MIXED)
        keys += batch.keys
        classes += np.count_nonzero(batch.labels != 255)
    assert [*reader.keys, *[""] * (-8 % batch_size)] == keys
    assert sum((height - 1) * width for height, width in MIXED) == classes


def test_rows_of_padding_have_no_key_and_no_sample(tiny):
    *_, last = Loader(tiny, Plan.exact(tiny.sizes, 10), format=BYTES)
    assert (*tiny.keys[20:], "", "", "", "") == last.keys
    assert last.crops["sample"].tolist()[6:] == [-1] * 4
    assert {255} == set(last.labels[6:].ravel().tolist())
    assert {0} == set(last.images[6:].ravel().tolist())


@pytest.mark.parametrize("packed", [False, True])
def test_a_batch_of_the_defaults_is_numpy_s(tiny, packed):
    reader = make_pack(tiny) if packed else tiny
    images, labels = next(iter(Loader(reader, Plan(reader.sizes, 4, DRAW))))
    assert ((4, 16, 16, 3), np.float32) == (images.shape, images.dtype)
    assert ((4, 16, 16), np.int32) == (labels.shape, labels.dtype)
    assert set(labels.ravel().tolist()) <= {*range(21), 255}


# The same bytes, whatever the threads and ranks -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["source", "pack"])
@pytest.mark.parametrize("threads", [0, 1, 2, 5])
@pytest.mark.slow
def test_threads_and_packs_change_nothing(readers, kind, threads):
    expected = digests(loader_of(readers["source"], threads=0, seed=7), 3)
    assert expected == digests(loader_of(readers[kind], threads=threads, seed=7), 3)
    assert len({one for epoch in expected for one in epoch}) == 12


@pytest.mark.parametrize("kind", ["source", "pack"])
@pytest.mark.parametrize("world", [1, 2, 3, 4, 6])
@pytest.mark.slow
def test_ranks_together_see_exactly_the_single_process_epochs(readers, kind, world):
    single = digests(loader_of(readers[kind], 12, seed=1), 2)
    ranks = [loader_of(readers[kind], 12, seed=1, rank=rank, world=world, threads=1) for rank in range(world)]
    for expected in single:
        assert expected == [joined_digest(batches) for batches in zip(*ranks, strict=True)]


@pytest.mark.parametrize("world", [2, 3, 6])
@pytest.mark.slow
def test_ranks_together_see_exactly_the_single_process_validation(readers, world):
    reader = readers["pack"]
    expected = [digest(batch) for batch in Loader(reader, Plan.exact(reader.sizes, 12), format=BYTES)]
    ranks = [
        Loader(reader, Plan.exact(reader.sizes, 12, shard=Shard(rank, world)), format=BYTES) for rank in range(world)
    ]
    assert expected == [joined_digest(batches) for batches in zip(*ranks, strict=True)]


@pytest.mark.slow
def test_other_seeds_give_other_batches(tiny):
    assert digests(loader_of(tiny, seed=0), 2)[1] != digests(loader_of(tiny, seed=1))[0]


def test_changed_batches_change_no_later_batch(readers):
    expected = digests(loader_of(readers["pack"]), 3)
    loader, found = loader_of(readers["pack"]), []
    for _ in range(3):
        found.append([])
        for batch in loader:
            found[-1].append(digest(batch))
            batch.images[:], batch.labels[:] = 77, 77
            batch.crops[:] = 0
    assert expected == found


@pytest.mark.parametrize("keep", [1, 2, 3])
@pytest.mark.parametrize("kind", ["source", "pack"])
@pytest.mark.slow
def test_batches_that_are_kept_are_never_changed(readers, kind, keep):
    loader = loader_of(readers[kind], 2, threads=2)
    kept, arrived = [], []
    for _ in range(4):
        for number, batch in enumerate(loader):
            if number % keep == 0:
                kept.append(batch)
                arrived.append(digest(batch))
    assert len(set(arrived)) == len(arrived) >= 4 * 13 // keep
    assert arrived == [digest(batch) for batch in kept]


def test_a_view_of_a_batch_outlives_batch_and_loader(tiny):
    loader = loader_of(tiny, 2)
    views, copies = [], []
    for batch in loader:
        views.append(batch.images[0, 3:5])
        copies.append(batch.images[0, 3:5].copy())
    del loader, batch
    gc.collect()
    assert all(np.array_equal(copy, view) for copy, view in zip(copies, views, strict=True))


# Epochs ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.slow
def test_each_iter_is_the_next_epoch_also_after_a_break(tiny, threads):
    expected = digests(loader_of(tiny, threads=threads), 4)
    loader = loader_of(tiny, threads=threads)
    assert expected[0] == digests(loader)[0]
    for batch in loader:
        assert expected[1][0] == digest(batch)
        break
    assert expected[2][:2] == [digest(batch) for batch in islice(loader, 2)]
    assert expected[3] == digests(loader)[0]


@pytest.mark.slow
def test_an_iterator_that_was_never_asked_counts_as_an_epoch(tiny):
    loader = loader_of(tiny)
    iter(loader)
    assert digests(loader_of(tiny), 2)[1] == digests(loader)[0]


@pytest.mark.slow
def test_an_epoch_can_be_set(tiny):
    expected = digests(loader_of(tiny), 4)
    loader = loader_of(tiny)
    loader.set_epoch(3)
    assert expected[3] == digests(loader)[0]
    loader.set_epoch(1)
    assert expected[1:3] == digests(loader, 2)


@pytest.mark.parametrize("epoch", [-1, True, 1.0, "1", None])
def test_an_epoch_that_is_none_is_refused(tiny, epoch):
    with pytest.raises(OptionError) as caught:
        loader_of(tiny).set_epoch(epoch)
    assert "epoch" in caught.value.where


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.slow
def test_two_iterators_side_by_side_are_two_epochs(tiny, threads):
    expected = digests(loader_of(tiny), 2)
    loader = loader_of(tiny, threads=threads)
    pairs = [(digest(one), digest(other)) for one, other in zip(loader, loader, strict=True)]
    assert list(zip(*expected, strict=True)) == pairs


def test_threads_that_iterate_at_once_get_an_epoch_each(tiny, monkeypatch):
    loader, count = loader_of(tiny, threads=0), 64
    started = []
    monkeypatch.setattr(loader, "_run", lambda position, _: started.append(position.epoch) or (_ for _ in ()))
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        together = threading.Barrier(count)

        def begin():
            together.wait()
            iter(loader)

        threads = [threading.Thread(target=begin) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert sorted(started) == list(range(count))


@pytest.mark.parametrize(
    "draw", [Draw((60_000, 60_000)), Draw((2**31 - 1, 2**31 - 1))], ids=["2.8 TB", "more than 64 bits count"]
)
def test_batches_larger_than_memory_are_refused_before_any_is_taken(tiny, draw):
    with pytest.raises(OptionError) as caught:
        loader_of(tiny, draw=draw)
    assert " GB" in caught.value.found
    assert "crop_size" in caught.value.remedy


def test_a_canvas_larger_than_memory_is_refused_before_any_is_taken(tiny):
    plan = Plan.exact(np.array([[1, 2_000_000], [2_000_000, 1]]), 1)
    reader = replace(tiny, samples=tiny.samples[:2])
    reader.__dict__["sizes"] = plan.sizes
    with pytest.raises(OptionError) as caught:
        Loader(reader, plan, threads=0)
    assert "1 x 2000000 x 2000000 px" in caught.value.found


def test_the_protocol_of_a_data_loader_is_there(tiny):
    loader = loader_of(tiny)
    assert (len(loader), loader.batch_size) == (4, 6)
    assert loader.dataset is tiny
    assert len(loader) == len(list(loader))


# States ---------------------------------------------------------------------------------------------------------------


def saved(loader):
    return json.loads(json.dumps(loader.state_dict()))


def position(loader):
    state = loader.state_dict()
    return state["epoch"], state["position"]


@pytest.mark.slow
def test_a_state_of_other_pictures_of_equal_keys_and_sizes_is_refused_if_both_are_known(tmp_path, write_voc):
    roots = [write_voc(tmp_path / name / "VOC2012", {"train": [(16, 16)] * 6}) for name in ("one", "other")]
    photo = roots[1] / "JPEGImages/train_3.png"
    Image.new("RGB", (16, 16), (1, 2, 3)).save(photo)
    sources = [scan(root, "train") for root in roots]
    one, other = (loader_of(make_pack(source), 2) for source in sources)
    loader_of(make_pack(sources[0]), 2).load_state_dict(saved(one))
    with pytest.raises(StateError) as caught:
        other.load_state_dict(saved(one))
    assert "content (saved " in caught.value.found
    assert ";" not in caught.value.found, "nothing else differs"
    for known, unknown in ((one, loader_of(sources[1], 2)), (loader_of(sources[0], 2), other)):
        unknown.load_state_dict(saved(known))  # a source has not read its files: README says so


@pytest.mark.parametrize("threads", [0, 2])
def test_a_state_counts_what_was_delivered_never_what_was_prefetched(tiny, threads):
    loader = loader_of(tiny, threads=threads)
    assert position(loader) == (0, 0)
    seen = [position(loader) for _ in loader]
    assert seen == [(0, 6), (0, 12), (0, 18), (1, 0)]
    assert position(loader) == (1, 0)
    next(iter(loader))
    assert position(loader) == (1, 6)


@pytest.mark.parametrize("kind", ["source", "pack"])
@pytest.mark.parametrize(("threads", "later"), [(0, 2), (2, 0), (2, 5), (1, 1)])
@pytest.mark.slow
def test_a_resumed_loader_delivers_exactly_what_remained_at_every_step(readers, kind, threads, later):
    expected = digests(loader_of(readers[kind], seed=4), 3)
    for stop in range(5):
        first = loader_of(readers["source"], seed=4, threads=threads)
        for _ in islice(first, stop):
            pass
        second = loader_of(readers[kind], seed=4, threads=later)
        second.load_state_dict(saved(first))
        rest = digests(second)[0]
        assert (expected[0][stop:] if stop < 4 else expected[1]) == rest
        assert expected[1 if stop < 4 else 2] == digests(second)[0]


@pytest.mark.parametrize("world", [1, 2, 3, 6])
@pytest.mark.slow
def test_a_run_resumes_twice_and_on_other_ranks(readers, world):
    expected = [one for epoch in digests(loader_of(readers["pack"], 6), 3) for one in epoch]
    for stop in range(1, 5):
        first = loader_of(readers["source"], 6, threads=0)
        found = [digest(batch) for batch in islice(first, stop)]
        state = saved(first)
        ranks = [loader_of(readers["pack"], 6, rank=rank, world=world, threads=1) for rank in range(world)]
        for rank in ranks:
            rank.load_state_dict(state)
        found.append(joined_digest([next(iter(rank)) for rank in ranks]))
        assert len({json.dumps(saved(rank)) for rank in ranks}) == 1
        last = loader_of(readers["source"], 6, threads=2)
        last.load_state_dict(saved(ranks[-1]))
        while len(found) < len(expected):
            found += digests(last)[0]
        assert expected == found[: len(expected)]


@pytest.mark.slow
def test_a_state_is_taken_for_any_step_of_any_epoch(tiny):
    loader = loader_of(tiny)
    expected = digests(loader_of(tiny), 4)
    for epoch, step, remains in (
        (2, None, expected[2]),
        (2, 0, expected[2]),
        (2, 3, expected[2][3:]),
        (2, 4, expected[3]),
    ):
        other = loader_of(tiny)
        other.load_state_dict(loader.state_dict(epoch, step))
        assert remains == digests(other)[0]
    assert tuple(loader.state_dict(2, 4)[name] for name in ("epoch", "position")) == (3, 0)
    assert position(loader) == (0, 0)


@pytest.mark.parametrize(("epoch", "step"), [(None, 2), (-1, 0), (0, -1), (0, 5), (0.0, 0), (True, 0), (0, "1")])
@pytest.mark.slow
def test_a_state_of_no_step_is_refused(tiny, epoch, step):
    with pytest.raises(OptionError) as caught:
        loader_of(tiny).state_dict(epoch, step)
    assert "step" in caught.value.where or "epoch" in caught.value.where


def test_a_state_tells_neither_threads_nor_ranks_nor_packs(readers):
    states = {
        json.dumps(loader_of(reader, threads=threads, rank=rank, world=world).state_dict() | {"content": ""})
        for reader in readers.values()
        for threads, rank, world in ((0, 0, 1), (3, 1, 2), (1, 5, 6))
    }
    assert len(states) == 1


def test_a_state_loads_into_another_format(tiny):
    first = loader_of(tiny)
    next(iter(first))
    second = loader_of(tiny, format=BatchFormat(layout="NCHW", label_dtype="int64", void=-100))
    second.load_state_dict(saved(first))
    expected = [batch.keys for batch in loader_of(tiny)]
    assert expected[1:] == [batch.keys for batch in second]


def refusal(own, state):
    with pytest.raises(StateError) as caught:
        own.load_state_dict(state)
    assert (caught.value.where, caught.value.remedy) == ("state", "resume with the same data and options")
    return caught.value.found


def test_a_state_of_another_dataset_names_the_samples(tiny, mixed):
    found = refusal(loader_of(tiny), saved(loader_of(mixed)))
    assert "samples (saved " in found
    assert "legend" not in found
    assert "split" not in found


def test_a_state_of_another_split_names_the_split_and_the_samples(tiny):
    val = scan(tiny.root, "val")
    found = refusal(loader_of(tiny), saved(loader_of(val)))
    assert "split (saved " in found
    assert "samples (saved " in found


def test_a_state_of_another_legend_names_the_legend_alone(tiny):
    other = scan(tiny.root, "train", legend=Legend(tuple(reversed(VOC.names)), VOC.colours))
    found = refusal(loader_of(tiny), saved(loader_of(other)))
    assert "legend (saved " in found
    assert "samples" not in found


def test_a_state_of_another_task_names_the_task_and_the_legend(tiny):
    found = refusal(loader_of(tiny), saved(loader_of(scan(tiny.root, "train", task="instance"))))
    assert "task (saved " in found
    assert "legend (saved " in found


@pytest.mark.parametrize(
    ("options", "word", "saved_value", "own_value"),
    [
        ({"seed": 5}, "seed", 5, 0),
        ({"batch_size": 3}, "batch_size", 3, 6),
        ({"draw": Draw((16, 16))}, "draw.augment.flip", 0.0, 0.5),
        (
            {"draw": Draw((16, 16), augment=Augment(0.5, hue=(-9, 9)))},
            "draw.augment.hue",
            [-9.0, 9.0, 1.0],
            [0.0, 0.0, 1.0],
        ),
        ({"draw": Draw((16, 15), flip=True)}, "draw.crop_size", [16, 15], [16, 16]),
        ({"draw": Draw((16, 16), "drop", flip=True), "batch_size": 6}, "draw.small", "drop", "pad"),
    ],
)
def test_a_state_of_another_plan_names_what_differs_with_both_values(tiny, options, word, saved_value, own_value):
    found = refusal(loader_of(tiny), saved(loader_of(tiny, **options)))
    before, _, after = found.partition("here")
    assert f"{word} (saved {saved_value}, " in before
    assert f"{own_value})" in after


def test_a_state_of_an_exact_plan_does_not_fit_a_drawn_one(tiny):
    exact = Loader(tiny, Plan.exact(tiny.sizes, 6), format=BYTES)
    assert "draw" in refusal(loader_of(tiny), saved(exact))


def test_every_field_that_differs_is_named_at_once(tiny, mixed):
    other = scan(mixed.root, "val", legend=Legend(tuple(reversed(VOC.names)), VOC.colours))
    found = refusal(loader_of(tiny), saved(loader_of(other, 3, seed=8)))
    assert all(f"{name} (saved " in found for name in ("samples", "legend", "split"))
    assert "seed" in found


def test_a_state_of_a_future_version_is_refused_with_both_versions(tiny):
    loader = loader_of(tiny)
    assert "version (saved 2, here 1)" in refusal(loader, saved(loader) | {"version": 2})


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": -1}, {"epoch": 1.0}, {"epoch": True}, {"epoch": None}, {"position": -6}, {"position": 6.0},
        {"position": "6"}, {"position": 7}, {"position": 24}, {"position": 2**70},
    ],
    ids=repr,
)  # fmt: skip
def test_a_damaged_position_is_refused(tiny, change):
    loader = loader_of(tiny)
    with pytest.raises(StateError) as caught:
        loader.load_state_dict(saved(loader) | change)
    ((name, value),) = change.items()
    assert caught.value.found == f"{name} {value!r}"
    assert position(loader) == (0, 0)


@pytest.mark.parametrize("state", [{}, {"epoch": 0}, [], None, "state", 3], ids=repr)
def test_what_is_no_state_is_refused(tiny, state):
    with pytest.raises(StateError):
        loader_of(tiny).load_state_dict(state)


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.slow
def test_a_state_is_not_loaded_while_an_epoch_runs(tiny, threads):
    loader = loader_of(tiny, threads=threads)
    state = saved(loader)
    running = iter(loader)
    next(running)
    with pytest.raises(StateError) as caught:
        loader.load_state_dict(state)
    assert (caught.value.where, caught.value.found) == ("loader", "an epoch that is under way")
    loader.close()
    loader.load_state_dict(state)
    assert digests(loader_of(tiny))[0] == digests(loader)[0]


def test_a_state_is_not_loaded_while_the_first_of_two_epochs_runs(tiny):
    loader = loader_of(tiny)
    with closing(iter(loader)) as first:
        next(first)
        list(loader)
        with pytest.raises(StateError) as caught:
            loader.load_state_dict(saved(loader))
    assert (caught.value.where, caught.value.found) == ("loader", "an epoch that is under way")


# Threads end ----------------------------------------------------------------------------------------------------------


def exhaust(loader, running_threads):
    list(loader)


def break_off(loader, running_threads):
    for _ in loader:
        assert running_threads()
        break


def close(loader, running_threads):
    running = iter(loader)
    next(running)
    assert running_threads()
    loader.close()
    with pytest.raises(StopIteration):
        next(running)


def leave_the_block(loader, running_threads):
    with loader:
        running = iter(loader)
        next(running)
        assert running_threads()
    with pytest.raises(StopIteration):
        next(running)


def raise_in_the_loop(loader, running_threads):
    def fail():
        for _ in loader:
            raise RuntimeError("in the loop")

    with pytest.raises(RuntimeError, match="in the loop"):
        fail()


def drop_the_iterator(loader, running_threads):
    running = iter(loader)
    next(running)
    assert running_threads()
    del running


def drop_the_loader_too(loader, running_threads):
    running = iter(loader)
    next(running)
    del loader, running


def never_begin(loader, running_threads):
    iter(loader)


def zip_with_another(loader, running_threads):
    list(zip(loader, loader, strict=True))


WAYS_TO_END = [
    exhaust, break_off, close, leave_the_block, raise_in_the_loop, drop_the_iterator, drop_the_loader_too, never_begin,
    zip_with_another,
]  # fmt: skip


@pytest.mark.parametrize("kind", ["source", "pack"])
@pytest.mark.parametrize("end", WAYS_TO_END)
@pytest.mark.slow
def test_no_thread_is_left_after(readers, end, kind, loader_threads):
    end(loader_of(readers[kind], 2, threads=3), loader_threads)
    if end not in (exhaust, close, leave_the_block, zip_with_another):  # an epoch that is forgotten does not wait
        wait_for(lambda: not loader_threads())
    assert loader_threads() == []


def test_closing_ends_every_epoch_of_the_loader(tiny, loader_threads):
    loader = loader_of(tiny, 2)
    with closing(iter(loader)) as first, closing(iter(loader)) as second:
        next(first)
        next(second)
        loader.close()
        assert loader_threads() == []


@pytest.mark.slow
def test_a_closed_loader_can_be_iterated_again(tiny):
    loader = loader_of(tiny)
    with loader:
        next(iter(loader))
    loader.close()
    assert digests(loader_of(tiny), 2)[1] == digests(loader)[0]


def wait_for_kernels():
    wait_for(lambda: all(thread.name != "segfeed-kernels" for thread in threading.enumerate()))


def test_the_thread_that_loads_kernels_ends_too(tiny):
    list(loader_of(tiny))
    wait_for_kernels()


@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.slow
def test_kernels_are_loaded_when_the_first_batch_is_there_and_once(readers, threads, monkeypatch):
    done = []
    real = readers["source"].decode

    def decode(source, index, *parts):
        done.append("pair")
        return real(index, *parts)

    monkeypatch.setattr(type(readers["source"]), "decode", decode)
    monkeypatch.setattr("segfeed.batches.loader.load_compiled", lambda _conversion: done.append("kernels"))
    list(loader_of(readers["source"], threads=threads))
    wait_for_kernels()
    assert done.index("kernels") >= 6
    assert done.count("kernels") == 1


def test_without_threads_none_is_started_for_the_epoch(tiny, loader_threads):
    for _ in loader_of(tiny, threads=0):
        assert loader_threads() == []


@pytest.mark.parametrize("threads", [0, 1, 2, 5])
@pytest.mark.slow
def test_a_broken_file_is_an_error_at_its_own_batch_that_names_it(tmp_path, write_voc, threads, loader_threads):
    root = write_voc(tmp_path / "VOC2012", {"train": [(16, 16)] * 24})
    source = scan(root, "train")
    plan = Plan(source.sizes, 2, Draw((16, 16)), shuffle=False)
    expected = [digest(batch) for batch in Loader(source, plan, format=BYTES)]
    photo = root / "JPEGImages" / "train_15.png"
    photo.write_bytes(photo.read_bytes()[:-20])
    source = scan(root, "train")
    loader, found = Loader(source, plan, format=BYTES, threads=threads), []
    with pytest.raises(PhotoError) as caught:
        found.extend(digest(batch) for batch in loader)
    assert "train_15.png" in caught.value.where
    assert expected[:7] == found
    assert loader_threads() == []
    assert position(loader) == (0, 14)


@pytest.mark.parametrize("kind", ["source", "pack"])
def test_a_batch_says_how_large_each_stored_photo_is_and_a_row_of_padding_has_no_size(readers, kind):
    reader = readers[kind]
    loader = Loader(reader, Plan.exact(reader.sizes, 4), format=BYTES)
    batches = list(loader)
    for batch in batches:
        assert (batch.sizes.dtype, batch.sizes.shape) == (np.int32, (4, 2))
    sizes = np.concatenate([batch.sizes for batch in batches])
    assert sizes[:26].tolist() == reader.sizes.tolist()
    assert sizes[26:].tolist() == [[0, 0], [0, 0]]
    assert batches[-1].crops["sample"].tolist() == [24, 25, -1, -1]


# Formats and options --------------------------------------------------------------------------------------------------


def test_another_format_shows_the_same_crops_at_the_same_position(tiny):
    loader = loader_of(tiny)
    loader.set_epoch(2)
    other = loader.with_format(
        BatchFormat(layout="NCHW", dtype="float32", normalize=None, label_dtype="int64", void=-100)
    )
    for plain, changed in zip(loader, other, strict=True):
        assert plain.keys == changed.keys
        assert np.array_equal(plain.crops, changed.crops)
        assert np.array_equal(np.where(plain.labels == 255, -100, plain.labels.astype(np.int64)), changed.labels)
        assert np.abs(plain.images.transpose(0, 3, 1, 2) / 255 - changed.images).max() < 1e-6
    assert (np.float32, np.int64) == (changed.images.dtype, changed.labels.dtype)


@pytest.mark.slow
def test_another_format_goes_on_where_the_loader_stands(tiny):
    first = loader_of(tiny)
    for _ in islice(first, 2):
        pass
    middle = loader_of(tiny)
    middle.load_state_dict(saved(first))
    assert digests(loader_of(tiny))[0][2:] == digests(middle.with_format(BYTES))[0]


@pytest.mark.slow
def test_iterating_another_format_leaves_the_loader_where_it_was(tiny):
    loader = loader_of(tiny)
    list(loader.with_format(BatchFormat()))
    assert position(loader) == (0, 0)
    assert digests(loader_of(tiny))[0] == digests(loader)[0]


def test_a_plan_of_other_sizes_is_refused(tiny, mixed):
    for sizes in (mixed.sizes, tiny.sizes[:-1], tiny.sizes[:, ::-1]):
        with pytest.raises(OptionError) as caught:
            Loader(tiny, Plan(sizes, 2, DRAW))
        assert (caught.value.where, caught.value.found) == ("plan", f"made for {len(sizes)} samples")
        assert (caught.value.expected, caught.value.remedy) == (
            "the sizes of the reader's 26 samples",
            "make it from reader.sizes",
        )


@pytest.mark.parametrize("threads", [-1, True, 1.5, "2", 1025])
def test_a_number_of_threads_that_is_none_is_refused(tiny, threads):
    with pytest.raises(OptionError) as caught:
        Loader(tiny, Plan(tiny.sizes, 2, DRAW), threads=threads)
    assert "threads" in caught.value.where


def test_a_void_that_is_a_class_is_refused(tiny):
    with pytest.raises(OptionError) as caught:
        Loader(tiny, Plan(tiny.sizes, 2, DRAW), format=BatchFormat(void=0))
    assert (caught.value.where, caught.value.found) == ("void", "0, which is also the id of a class")
