"""A person's own transform: what it is handed, what it may return, and what an error says."""

import itertools
import pickle
import random as python_random
import threading

import numpy as np
import pytest

from segfeed import Augment, BatchFormat, Draw, Loader, Plan, load, scan
from segfeed.errors import OptionError, TransformError

SIDES = (20, 24)


@pytest.fixture(scope="module", name="reader")
def _reader(tmp_path_factory, write_voc):
    return scan(write_voc(tmp_path_factory.mktemp("own") / "VOC2012", {"train": [SIDES] * 6, "val": [SIDES] * 2}))


def loader_of(reader, transform, *, threads=2, seed=0, **wanted):
    augment = Augment(flip=0.5, scale=(0.5, 2), rotate=(-9, 9), hue=(-9, 9))
    plan = Plan(reader.sizes, 3, Draw((12, 10), augment=augment), seed=seed)
    return Loader(reader, plan, format=BatchFormat(**wanted), threads=threads, transform=transform)


def same(image, labels, rng):
    return image, labels


def batches_of(loader):
    return [(batch.images.tobytes(), batch.labels.tobytes()) for batch in loader]


FORMATS = [
    {}, {"layout": "NCHW"}, {"dtype": "float16", "label_dtype": "int64", "void": -100}, {"dtype": "uint8"},
    {"layout": "NCHW", "dtype": "uint8", "label_dtype": "uint8"}, {"layout": "NCHW", "dtype": "float16"},
]  # fmt: skip


@pytest.mark.parametrize("wanted", FORMATS, ids=str)
@pytest.mark.slow
def test_a_transform_that_changes_nothing_changes_no_byte(reader, wanted):
    assert batches_of(loader_of(reader, same, **wanted)) == batches_of(loader_of(reader, None, **wanted))


def test_it_is_handed_the_bytes_from_which_every_dtype_starts(reader):
    seen = {}

    def note(image, labels, rng):
        seen[rng.bit_generator.state["state"]["state"]] = image.copy(), labels.copy(), image.flags.writeable
        return image, labels

    loader = loader_of(reader, note, dtype="uint8", label_dtype="uint8")
    for batch in loader:
        for row, image, labels in zip(batch.crops, batch.images, batch.labels, strict=True):
            state = np.random.default_rng(int(row["key"])).bit_generator.state["state"]["state"]
            taken, known, is_writeable = seen[state]
            assert (taken.dtype, known.dtype, is_writeable) == (np.uint8, np.uint8, True)
            assert np.array_equal(taken, image)
            assert np.array_equal(known, labels)


@pytest.mark.slow
def test_what_it_draws_depends_on_seed_epoch_and_position_alone(reader):
    def draw(image, labels, rng):
        image[:] = rng.integers(0, 256, image.shape)
        return image, labels

    one, other = loader_of(reader, draw, threads=0), loader_of(reader, draw, threads=3)
    first = batches_of(one), batches_of(one)
    assert first == (batches_of(other), batches_of(other))
    assert first[0] != first[1]
    assert first[0] != batches_of(loader_of(reader, draw, seed=1))


@pytest.mark.slow
def test_memory_that_it_keeps_or_returns_again_stays_its_own(reader):
    kept = []

    def keep(image, labels, rng):
        kept.append((image, image.copy()))
        return image, labels

    for _ in loader_of(reader, keep):
        pass
    assert len(kept) == 6
    assert all(np.array_equal(*pair) for pair in kept)
    steady = np.full((12, 10, 3), 9, np.uint8), np.zeros((12, 10), np.uint8)
    for images, labels in loader_of(reader, lambda *_: steady, dtype="uint8"):
        assert (images == 9).all()
        assert not labels.any()


def test_views_in_another_order_are_taken_as_they_look(reader):
    def turn(image, labels, rng):
        return image[::-1, ::-1], labels[::-1, ::-1]

    for one, other in zip(loader_of(reader, turn, dtype="uint8"), loader_of(reader, same, dtype="uint8"), strict=True):
        assert np.array_equal(one.images, other.images[:, ::-1, ::-1])
        assert np.array_equal(one.labels, other.labels[:, ::-1, ::-1])


class Scaled:
    """A transform with options of its own."""

    def __call__(self, image, labels, _):
        return image, labels


class NoArray:
    """What NumPy cannot take, as a tensor with a gradient."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("it has a gradient.")


WRONG = {
    "nothing": (lambda *_: None, "NoneType"),
    "an image alone": (lambda image, *_: image, "ndarray"),
    "a dictionary": (lambda image, labels, _: {"image": image, "mask": labels}, "dict"),
    "pixels of 0..1": (lambda image, labels, _: (image / 255, labels), "image float64 (12, 10, 3)"),
    "channels first": (lambda image, labels, _: (image.transpose(2, 0, 1), labels), "image uint8 (3, 12, 10)"),
    "another size": (lambda image, labels, _: (image[1:], labels[1:]), "image uint8 (11, 10, 3)"),
    "grey": (lambda image, labels, _: (image[..., 0], labels), "image uint8 (12, 10)"),
    "wider labels": (lambda image, labels, _: (image, labels.astype(np.int64)), "labels int64 (12, 10)"),
    "blended labels": (lambda image, labels, _: (image, labels / 2), "labels float64 (12, 10)"),
    "wider pixels": (lambda image, labels, _: (image.astype(np.int32), labels), "image int32 (12, 10, 3)"),
    "no arrays": (lambda *_: (None, None), "image object ()"),
    "lists of unequal lengths": (
        lambda _, labels, __: ([[1], [1, 2]], labels),
        "image of type list, of which NumPy",
    ),
    "what cannot become an array": (lambda image, *_: (image, NoArray()), "RuntimeError: it has a gradient"),
    "one-hot labels": (lambda image, labels, _: (image, labels[..., None]), "labels uint8 (12, 10, 1)"),
    "a pipeline of another library": (lambda *all_that_came: all_that_came, "tuple of 3"),
    "unknown classes": (lambda image, labels, _: (image, labels * 0 + 21), "label 21"),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("threads", [0, 2])
def test_what_is_not_a_crop_is_refused_with_sample_and_row(reader, wrong, threads):
    transform, found = WRONG[wrong]
    loader = loader_of(reader, transform, threads=threads)
    with pytest.raises(TransformError) as caught:
        next(iter(loader))
    assert found in caught.value.found
    rows = loader.plan.rows(0, 0)
    named = [
        f"{reader.keys[row['sample']]} (sample {row['sample']}, key of its row {row['key']:#018x})" for row in rows
    ]
    assert caught.value.where in named


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ("another size", "crop_size="),
        ("channels first", "image.transpose(1, 2, 0)"),
        ("pixels of 0..1", "uint8"),
        ("a pipeline of another library", "f(image, labels, rng)"),
        ("a dictionary", 'changed["mask"]'),
        ("nothing", "return image, labels"),
        ("wider labels", "as uint8"),
        ("blended labels", "never blended"),
        ("wider pixels", "0..255 as uint8"),
    ],
)
def test_what_to_write_instead_is_named(reader, wrong, remedy):
    with pytest.raises(TransformError) as caught:
        next(iter(loader_of(reader, WRONG[wrong][0], threads=0)))
    assert remedy in caught.value.remedy


def test_an_exception_is_chained_and_threads_end(reader):
    before = set(threading.enumerate())

    def fail(image, labels, rng):
        raise ZeroDivisionError("here")

    with pytest.raises(TransformError) as caught:
        list(loader_of(reader, fail))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "ZeroDivisionError: here" in caught.value.found
    assert not [one for one in set(threading.enumerate()) - before if one.name.startswith("segfeed-loader")]


@pytest.mark.parametrize(
    ("raised", "found"),
    [
        (StopIteration(), "it raised StopIteration"),
        (ValueError("OpenCV(5.0.0)\n > error:\n"), "it raised ValueError: OpenCV(5.0.0) > error:"),
    ],
)
def test_what_is_raised_is_said_in_one_line(reader, raised, found):
    def fail(image, labels, rng):
        raise raised

    with pytest.raises(TransformError) as caught:
        list(loader_of(reader, fail))
    assert caught.value.found == found


def test_a_long_message_is_cut(reader):
    def fail(image, labels, rng):
        raise ValueError("x" * 9000)

    with pytest.raises(TransformError) as caught:
        list(loader_of(reader, fail))
    assert len(caught.value.found) < 400


@pytest.mark.parametrize(
    "wrong",
    [
        lambda image, labels: (image, labels),
        lambda *, image, mask: (image, mask),
        lambda image, labels, _, __: (image, labels),
        Scaled,
        np.flipud,
    ],
)
def test_a_function_of_other_arguments_is_refused_before_anything_is_read(reader, cache, wrong):
    with pytest.raises(OptionError) as caught:
        load(reader.root, 2, (8, 8), transform=wrong)
    assert caught.value.where == "transform"
    assert "called with three" in caught.value.found
    assert not list(cache.glob("packs/*"))


def test_what_does_not_say_what_it_takes_is_taken(reader):
    assert loader_of(reader, max).transform is max


WARNED = "handed all of the first 256 crops back unchanged"


@pytest.mark.parametrize("threads", [0, 3])
def test_a_transform_that_changes_nothing_is_named_once(reader, caplog, threads):
    loader = loader_of(reader, same, threads=threads)
    for _ in range(256 // 6):  # 252 crops
        list(loader)
    assert WARNED not in caplog.text
    for _ in range(50):
        list(loader)
    assert caplog.text.count(WARNED) == 1
    assert "transform=same" in caplog.text
    assert "tv_tensors" in caplog.text


@pytest.mark.parametrize("change", [0, 100])
def test_a_transform_that_changes_one_crop_is_not_warned_of(reader, caplog, change):
    numbers = itertools.count()

    def rarely(image, labels, rng):
        if next(numbers) == change:
            labels[0] = 255  # in place: what comes back is what was handed
            image[0] = 255 - image[0]
        return image, labels

    loader = loader_of(reader, rarely)
    for _ in range(80):
        list(loader)
    assert WARNED not in caplog.text


def test_void_and_every_class_may_be_returned(reader):
    def void(image, labels, rng):
        labels[:] = 255
        labels[0] = 20
        return image, labels

    for _, labels in loader_of(reader, void, void=-100):
        assert (labels[:, 1:] == -100).all()
        assert (labels[:, 0] == 20).all()


def test_whole_images_and_what_cannot_be_called_are_refused(reader):
    with pytest.raises(OptionError) as caught:
        Loader(reader, Plan.exact(reader.sizes, 2), transform=same)
    assert caught.value.where == "transform"
    for wrong in ("flip", 3, [same]):
        with pytest.raises(OptionError) as caught:
            load(reader.root, 2, (8, 8), transform=wrong, pack=False)
        assert caught.value.where == "transform"


def test_load_hands_it_to_train_alone_and_a_pickled_loader_keeps_it(reader):
    train, val = load(reader.root, 2, (8, 8), transform=same, pack=False)
    assert (train.transform, val.transform) == (same, None)
    assert pickle.loads(pickle.dumps(train)).transform is same  # noqa: S301 - our own
    assert train.with_format(BatchFormat(dtype="uint8")).transform is same


@pytest.mark.parametrize(("transform", "name"), [(Scaled(), "Scaled"), (same, "same"), (None, None)])
def test_a_state_names_it(reader, transform, name):
    assert loader_of(reader, transform).state_dict()["transform"] == name


# Other libraries ------------------------------------------------------------------------------------------------------


def check_repeats(reader, transform):
    """Compare the same run on other threads, and another epoch; the global generators do not matter."""
    one = batches_of(loader_of(reader, transform, threads=0, dtype="uint8"))
    python_random.seed(5)
    np.random.seed(5)  # noqa: NPY002 - the global one is what must not matter
    loader = loader_of(reader, transform, threads=3, dtype="uint8")
    assert one == batches_of(loader)
    assert one != batches_of(loader)
    assert one != batches_of(loader_of(reader, None, dtype="uint8"))


def test_albumentations_draws_from_the_rows_generator(reader):
    albumentations = pytest.importorskip("albumentations")

    def transform(image, labels, rng):
        steps = albumentations.Compose(
            [
                albumentations.GaussNoise(p=1),
                albumentations.Affine(rotate=(-20, 20), fill_mask=255, p=1),
            ],
            seed=int(rng.integers(2**31)),
        )
        changed = steps(image=image, mask=labels)
        return changed["image"], changed["mask"]

    check_repeats(reader, transform)
