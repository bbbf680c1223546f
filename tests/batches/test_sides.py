"""Loaders whose draw swaps sides: the labels of mirrored rows change places, of no others, and void stays."""

import numpy as np
import pytest

from segfeed import BatchFormat, Draw, Loader, Plan, scan
from segfeed.errors import OptionError

SWAP = ((1, 2), (5, 20))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "wanted",
    [
        BatchFormat(),
        BatchFormat(label_dtype="int64", void=-100),
        BatchFormat(label_dtype="int32", void=2**31 - 1),
        BatchFormat(label_dtype="uint8", void=77),
    ],
)
@pytest.mark.slow
def test_labels_of_mirrored_rows_change_places_and_no_others(voc_folder, wanted, compiled):
    source = scan(voc_folder)
    batches = []
    for swap in ((), SWAP):
        plan = Plan(source.sizes, 5, Draw((32, 70), flip=True, swap=swap))
        with Loader(source, plan, format=wanted, threads=0) as loader:
            if compiled:
                loader.warm_up()
            batches.append([batch for _ in range(4) for batch in loader])
    seen = {False: 0, True: 0}
    for plain, swapped in zip(*batches, strict=True):
        assert plain.images.tobytes() == swapped.images.tobytes()
        assert swapped.labels.dtype == plain.labels.dtype
        for before, after, row in zip(plain.labels, swapped.labels, plain.crops, strict=True):
            expected = before.copy()
            if row["flip"]:
                for low, high in SWAP:
                    expected[before == low], expected[before == high] = high, low
            np.testing.assert_array_equal(after, expected)
            seen[bool(row["flip"])] += 1
    assert min(seen.values()) > 3


def test_nothing_changes_places_without_flips(voc_folder):
    source = scan(voc_folder)
    one, other = (
        next(iter(Loader(source, Plan(source.sizes, 5, Draw((32, 48), swap=swap)), threads=0))) for swap in ((), SWAP)
    )
    np.testing.assert_array_equal(one.labels, other.labels)


def test_a_label_that_is_not_a_class_is_refused(voc_folder):
    source = scan(voc_folder)
    with pytest.raises(OptionError) as caught:
        Loader(source, Plan(source.sizes, 5, Draw((32, 48), flip=True, swap=((1, 21),))))
    assert (caught.value.where, caught.value.found) == ("swap", "label 21")


def test_another_format_and_another_rank_swap_too(voc_folder):
    source = scan(voc_folder)
    loader = Loader(source, Plan(source.sizes, 4, Draw((32, 48), flip=True, swap=SWAP)), threads=0)
    batch = next(iter(loader))
    loader.set_epoch(0)
    other = next(iter(loader.with_format(BatchFormat(layout="NCHW"))))
    np.testing.assert_array_equal(batch.labels, other.labels)
    halves = [next(iter(loader.derive(loader.plan.with_shard((rank, 2))))).labels for rank in (0, 1)]
    np.testing.assert_array_equal(batch.labels, np.concatenate(halves))
