"""TensorFlow: the loader's own batches as a real dataset, in every format, by Keras, resumed, abandoned, refused."""

import gc
import hashlib
import os
import subprocess
import sys
import threading
import time
from functools import partial
from itertools import islice

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # its start-up notes are not part of what is tested
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
tf = pytest.importorskip("tensorflow")

from segfeed.batches.batch_format import BatchFormat  # noqa: E402
from segfeed.batches.loader import Loader  # noqa: E402
from segfeed.feed import scan  # noqa: E402 - only where TensorFlow is
from segfeed.frameworks.tensorflow import to_tf  # noqa: E402
from segfeed.packs.making import make_pack  # noqa: E402
from segfeed.pixels.legend import Legend  # noqa: E402
from segfeed.pixels.pair import Pair  # noqa: E402
from segfeed.plans.plan import Draw, Plan  # noqa: E402

FORMATS = {
    "TensorFlow's own": BatchFormat(),
    "float16": BatchFormat(dtype="float16"),
    "bytes": BatchFormat(dtype="uint8", normalize=None),
    "NCHW": BatchFormat(layout="NCHW"),
    "NCHW bytes": BatchFormat(layout="NCHW", dtype="uint8", label_dtype="uint8"),
    "labels int64, void -100": BatchFormat(label_dtype="int64", void=-100),
    "labels as bytes": BatchFormat(label_dtype="uint8"),
}


class ManyClasses:
    """Four pairs of noise with 300 classes, whose labels take 16 bits."""

    name, split, task = "many", "train", "semantic"
    legend = Legend(tuple(f"class {n}" for n in range(300)))
    sizes = np.full((4, 2), 24, np.int32)
    keys = tuple("abcd")
    digests = {"samples": "4 of noise"}  # noqa: RUF012 - a constant

    def read(self, index, out):
        random = np.random.default_rng(index)
        labels = random.integers(0, 300, (24, 24)).astype(np.uint16)
        labels[0] = 65535
        made = Pair(random.integers(0, 256, (24, 24, 3), np.uint8), labels)
        for part, place in zip(made, out, strict=True):
            place[...] = part


@pytest.fixture(scope="module")
def root(tmp_path_factory, write_voc):
    sizes = [(14 + i % 5, 22 + i % 4) for i in range(26)]
    return write_voc(tmp_path_factory.mktemp("tiny") / "VOC2012", {"train": sizes, "val": sizes[:7]})


@pytest.fixture(scope="module")
def pack(root):
    return make_pack(scan(root, "train"))


@pytest.fixture
def loader_threads():
    """Return a function that lists the loaders' threads that this test started and that still run."""
    before = set(threading.enumerate())
    return lambda: [t for t in threading.enumerate() if t not in before and t.name.startswith("segfeed-loader")]


def loader_of(reader, batch_size=4, **options):
    plan = Plan(reader.sizes, batch_size, Draw((16, 24), flip=True))
    return Loader(reader, plan, threads=options.pop("threads", 2), **options)


def at(loader, epoch):
    loader.set_epoch(epoch)
    return loader


def digest(pair):
    """Condense images and labels, no matter what made them."""
    seen = hashlib.sha256()
    for array in map(np.asarray, pair):
        seen.update(repr((array.shape, array.dtype)).encode())
        seen.update(np.ascontiguousarray(array))
    return seen.hexdigest()


def digests(batches):
    return [digest(tuple(batch)) for batch in batches]


def wait_until(reached, seconds=20):
    deadline = time.monotonic() + seconds
    while not reached() and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
    return reached()


def fcn():
    """Build a network of two layers, compiled the way a segmentation network is."""
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(2)  # from some first weights the loss of noise falls no more
    layers = [keras.layers.Conv2D(4, 3, padding="same", activation="relu"), keras.layers.Conv2D(21, 1)]
    model = keras.Sequential([keras.Input((None, None, 3)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
    model.compile(keras.optimizers.SGD(0.1), loss, jit_compile=False)
    return model


# What comes out -------------------------------------------------------------------------------------------------------


def test_it_is_a_dataset_of_static_shapes_and_known_length(pack):
    loader = loader_of(pack)
    dataset = to_tf(loader)
    assert isinstance(dataset, tf.data.Dataset)
    images, labels = dataset.element_spec
    assert (images.shape, images.dtype) == ((4, 16, 24, 3), tf.float32)
    assert (labels.shape, labels.dtype) == ((4, 16, 24), tf.int32)
    assert len(dataset) == dataset.cardinality() == len(loader) == 6


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("wanted", FORMATS.values(), ids=FORMATS)
def test_batches_are_numpys_in_every_format(pack, wanted, threads):
    dataset = to_tf(loader_of(pack, format=wanted, threads=threads))
    loader = loader_of(pack, format=wanted)
    for _ in range(2):
        assert digests(dataset) == digests(loader)


def test_an_exact_plan_gives_every_image_once_with_void_around(root):
    val = scan(root, "val")
    dataset = to_tf(Loader(val, Plan.exact(val.sizes, 3)))
    assert dataset.element_spec[0].shape == (3, 18, 25, 3)
    assert digests(dataset) == digests(Loader(val, Plan.exact(val.sizes, 3)))
    *_, (_, labels) = dataset
    assert {255} == set(np.unique(labels[1:]))


def test_void_is_65535_above_254_classes():
    (_, labels), *_ = to_tf(loader_of(ManyClasses()))
    assert labels.dtype == tf.int32
    assert {65535} == set(np.unique(labels)) - set(range(300))


# Memory ---------------------------------------------------------------------------------------------------------------


def test_tensors_share_the_slots_memory(pack, monkeypatch):
    loader, places = loader_of(pack), set()
    lease = loader._lease

    def watched(*position):
        batch = lease(*position)
        places.update((batch.images.ctypes.data, batch.labels.ctypes.data))
        return batch

    monkeypatch.setattr(loader, "_lease", watched)
    found = {np.asarray(tensor).ctypes.data for pair in to_tf(loader) for tensor in pair}
    assert found
    assert found <= places


def test_every_tensor_may_be_kept(pack):
    dataset, loader = to_tf(loader_of(pack)), loader_of(pack)
    kept = [pair for _ in range(2) for pair in dataset]
    parts = [(images[1:, ::2], np.asarray(labels)[::-1]) for images, labels in dataset]
    seen = digests(kept), digests(parts)
    run(dataset, epochs=3)  # the memory that nobody holds goes round
    assert seen == (digests(kept), digests(parts))
    assert seen[0] == digests(loader) + digests(loader)
    assert seen[1] == digests((batch.images[1:, ::2], batch.labels[::-1]) for batch in loader)


def run(dataset, epochs):
    for _ in range(epochs):
        gc.collect()
        for _ in dataset:
            pass


def test_memory_goes_round_without_growing(pack):
    dataset = to_tf(loader_of(pack))
    places = {np.asarray(images).ctypes.data for _ in range(6) for images, _ in dataset}
    assert len(places) <= 12  # of 36 batches


# Epochs and states ----------------------------------------------------------------------------------------------------


def test_each_pass_is_the_next_epoch_also_after_a_break(pack):
    loader, fresh = loader_of(pack), loader_of(pack)
    dataset = to_tf(loader)
    list(islice(dataset, 2))
    epochs = [digests(dataset), digests(dataset)]
    assert epochs == [digests(at(fresh, 1)), digests(at(fresh, 2))]
    loader.set_epoch(7)
    assert digests(dataset) == digests(at(fresh, 7))


def test_a_state_of_epoch_and_step_resumes_exactly_behind_what_was_used(pack):
    loader = loader_of(pack)
    for step, _ in enumerate(to_tf(loader), start=1):
        state = loader.state_dict(epoch=0, step=step)
        if step == 4:
            break
    whole = [digests(loader_of(pack)), digests(at(loader_of(pack), 1))]
    resumed = loader_of(pack, threads=1)
    dataset = to_tf(resumed)
    resumed.load_state_dict(state)
    assert [digests(dataset), digests(dataset)] == [whole[0][4:], whole[1]]
    assert len(dataset) == 6
    assert digests(dataset) == digests(at(loader_of(pack), 2))


def test_several_epochs_in_one_pass_by_repeat(pack):
    fresh = loader_of(pack)
    assert digests(to_tf(loader_of(pack)).repeat(2)) == digests(fresh) + digests(fresh)


def test_transformations_go_on_top(pack):
    dataset = to_tf(loader_of(pack)).map(lambda images, labels: (images * 2, labels)).unbatch().batch(3)
    expected = np.concatenate([batch.images for batch in loader_of(pack)])
    np.testing.assert_array_equal(np.concatenate([images for images, _ in dataset]), expected * 2)


def test_threads_end_with_the_pass_also_when_it_is_abandoned(pack, loader_threads):
    dataset = to_tf(loader_of(pack))
    list(dataset)
    assert wait_until(lambda: not loader_threads())
    running = iter(dataset)
    next(running)
    assert loader_threads()
    del running
    assert wait_until(lambda: not loader_threads())


def test_a_program_may_end_within_a_pass(root):
    code = f"""
import tensorflow as tf, segfeed
from segfeed.frameworks.tensorflow import to_tf
train, _ = segfeed.load({str(root)!r}, batch_size=4, crop_size=(16, 24))
passes = [iter(to_tf(train)), iter(to_tf(train).repeat())]
print([next(each)[0].shape[0] for each in passes])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "[4, 4]\n"), done.stderr


def test_an_unreadable_photo_is_named(tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"train": [(16, 24)] * 4, "val": [(16, 24)]})
    photo = root / "JPEGImages" / "train_2.png"
    photo.write_bytes(photo.read_bytes()[:-20])
    dataset = to_tf(loader_of(scan(root, "train")))
    with pytest.raises(tf.errors.OpError, match=r"train_2\.png.*damaged PNG"):
        list(dataset)


# Keras ----------------------------------------------------------------------------------------------------------------


def test_keras_fits_several_epochs_and_evaluates_every_image(root, pack):
    loader, val = loader_of(pack), scan(root, "val")
    steps = []
    keras = pytest.importorskip("keras")
    count = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, **_: steps.append(batch))
    val_loader = Loader(val, Plan.exact(val.sizes, 3))
    fit = partial(fcn().fit, epochs=3, shuffle=False, verbose=0, callbacks=[count])
    history = fit(to_tf(loader), validation_data=to_tf(val_loader)).history
    assert steps == [*range(6)] * 3
    assert len(history["loss"]) == len(history["val_loss"]) == 3
    assert history["loss"][2] < history["loss"][0]
    # Exactly the epochs 0, 1 and 2 were taken.
    assert (loader.state_dict()["epoch"], val_loader.state_dict()["epoch"]) == (3, 3)


def test_keras_counts_its_own_steps_over_a_repeated_dataset(pack):
    """Without `repeat` Keras ends an epoch where the dataset ends, whatever `steps_per_epoch` says."""
    steps = []
    keras = pytest.importorskip("keras")
    count = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, **_: steps.append(batch))
    train = to_tf(loader_of(pack)).repeat()
    fcn().fit(train, epochs=3, steps_per_epoch=4, shuffle=False, verbose=0, callbacks=[count])
    assert steps == [*range(4)] * 3


def test_keras_goes_on_within_an_epoch(pack):
    loader, steps = loader_of(pack), []
    keras = pytest.importorskip("keras")
    loader.load_state_dict(loader_of(pack).state_dict(epoch=1, step=4))
    count = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, **_: steps.append(batch))
    with pytest.warns(
        UserWarning, match="ran out of data"
    ):  # Keras' way to say that an epoch was shorter than the last
        fcn().fit(to_tf(loader), epochs=3, initial_epoch=1, shuffle=False, verbose=0, callbacks=[count])
    assert (steps[:2], steps[-6:]) == ([0, 1], [*range(6)])
    assert loader.state_dict()["epoch"] == 3


def test_the_loss_ignores_void_with_a_gradient_of_exactly_zero(root):
    keras = pytest.importorskip("keras")
    val = scan(root, "val")
    *_, (_, labels) = to_tf(Loader(val, Plan.exact(val.sizes, 3)))  # the last holds rows of padding
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
    logits = tf.random.stateless_normal((*labels.shape, 21), seed=(1, 2))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(labels, logits)
    gradient, is_void = np.abs(tape.gradient(value, logits)).sum(axis=-1), np.asarray(labels) == 255
    assert np.isfinite(value)
    assert 0 < is_void.sum() < is_void.size
    assert gradient[is_void].max() == 0
    assert gradient[~is_void].min() > 0
