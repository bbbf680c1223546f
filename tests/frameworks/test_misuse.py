"""What people hand over by mistake: each error names what was meant."""

import logging

import numpy as np
import pytest

import segfeed
from segfeed.errors import OptionError

torch = pytest.importorskip("torch")


@pytest.fixture(name="train")
def _train(voc_folder, tmp_path):
    return segfeed.load(voc_folder, 2, (16, 16), threads=1, cache_dir=tmp_path).train


@pytest.mark.parametrize("adapt", [lambda train: train, segfeed.to_torch], ids=["a loader", "tensors"])
def test_a_loader_in_a_dataloader_is_named(train, adapt):
    with pytest.raises(
        OptionError, match=r"it is not a dataset: it makes batches already.*leave DataLoader\(...\) out"
    ):
        next(iter(torch.utils.data.DataLoader(adapt(train))))


@pytest.mark.parametrize("pass_on", ["a loader", "both", "tensors"])
def test_keras_is_told_what_it_takes(train, pass_on, voc_folder):
    """Keras looks for an array first, so that it says this in place of 'unrecognized data type'."""
    keras = pytest.importorskip("keras")
    both = segfeed.load(voc_folder, 2, (16, 16), pack=False)
    model = keras.Sequential([keras.layers.Input((16, 16, 3)), keras.layers.Conv2D(21, 1)])
    model.compile("sgd", "mse")
    passed = {"a loader": train, "both": both, "tensors": segfeed.to_torch(train)}[pass_on]
    with pytest.raises(AttributeError, match=r"made one by one.*model\.fit\(to_tf\(train\)"):
        model.fit(passed, verbose=0)
    with pytest.raises(AttributeError, match=r"made one by one.*to_tf"):
        model.evaluate(passed, verbose=0)


def test_an_array_of_all_batches_is_refused(train):
    with pytest.raises(OptionError, match="for images, labels in loader"):
        np.asarray(train)


def test_what_is_no_loader_is_named(train, voc_folder):
    with pytest.raises(OptionError, match="a framework's batches already"):
        segfeed.to_torch(segfeed.to_torch(train))
    with pytest.raises(OptionError, match=r"both loaders.*train, val = load"):
        segfeed.to_torch(segfeed.load(voc_folder, 2, (16, 16), pack=False))
    with pytest.raises(OptionError, match="a dataset's split"):
        segfeed.to_torch(segfeed.scan(voc_folder, "train"))
    with pytest.raises(OptionError, match="a str"):
        segfeed.to_torch("sample")


def test_skip_first_batches_is_told_of_the_state(train):
    accelerate = pytest.importorskip("accelerate")
    with pytest.raises(AttributeError, match=r"no sampler: a plan orders them.*load_state_dict"):
        accelerate.skip_first_batches(segfeed.to_torch(train), 1)


def test_a_name_that_batches_do_not_have_is_an_attribute_error(train):
    batches = segfeed.to_torch(train)
    assert not any(hasattr(one, name) for one in (train, batches) for name in ("nothing", "shape", "sampler"))


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("crop", "pass crop_size="),
        ("batch", "pass batch_size="),
        ("num_workers", "pass threads="),
        ("thread", "pass threads="),
        ("shuffle", "train is shuffled by its plan"),
        ("drop_last", "train batches are full"),
        ("layuot", "pass layout="),
        ("ignore_index", "pass void="),
        ("num_classes", "pass legend="),
        ("std", "pass normalize="),
        ("pin_memory", "leave it out: threads fill"),
        ("sampler", "a plan orders"),
        ("device", r"to_torch\(loader, device\)"),
        ("per_rank", r"to_torch\(loader, per_rank=True\)"),
        ("xyz", r"help\(load\) lists them"),
    ],
)
def test_an_option_of_another_name_is_named(word, meant):
    with pytest.raises(OptionError, match=f"{word}: no option of load; .*{meant}"):
        segfeed.load("sample", **{word: 1})


def pretend_ranks(monkeypatch, rank, world):
    distributed = torch.distributed
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "get_rank", lambda: rank)
    monkeypatch.setattr(distributed, "get_world_size", lambda: world)


def test_batch_size_can_count_each_rank(train, voc_folder, tmp_path, monkeypatch, caplog):
    """As in scripts with a DistributedSampler: two ranks of 2 see what one process sees in batches of 4."""
    whole = segfeed.load(voc_folder, 4, (16, 16), threads=1, cache_dir=tmp_path).train
    before = segfeed.to_torch(train, per_rank=True)  # which learns of ranks later
    assert (len(before), before.batch_size) == (len(train), 2)
    keys = []
    with caplog.at_level(logging.WARNING, "segfeed"):
        for rank in range(2):
            pretend_ranks(monkeypatch, rank, 2)
            ranked = segfeed.to_torch(train, per_rank=True)
            assert (len(ranked), ranked.batch_size) == (len(whole), 2)
            keys.append([batch.keys for batch in ranked])
    assert [one + other for one, other in zip(*keys, strict=True)] == [batch.keys for batch in whole]
    assert (len(before), before.loader.batch_size) == (len(whole), 4)
    assert caplog.messages == []  # nothing is left to be told


def test_trainers_are_told_how_many_pairs_a_rank_gets(train, monkeypatch):
    """DeepSpeed multiplies `batch_size` by the ranks, and Lightning asks the batch sampler for it."""
    pretend_ranks(monkeypatch, 0, 2)
    batches = segfeed.to_torch(train)
    assert batches.batch_size == batches.batch_sampler.batch_size == len(next(iter(batches)).images) == 1


def test_batches_of_numpy_arrays_that_a_trainer_would_move_are_named(train):
    accelerate = pytest.importorskip("accelerate")
    with pytest.raises(OptionError, match=r"NumPy arrays.*to_torch\(loader\)"):
        accelerate.utils.send_to_device(next(iter(train)), torch.device("cpu"))


def test_a_device_that_is_not_here_is_named_before_the_first_batch(train):
    with pytest.raises(OptionError, match=r"device: 'xpu', of which PyTorch says: "):
        segfeed.to_torch(train, "xpu")


def test_a_run_that_counts_each_rank_is_resumed(train, monkeypatch):
    pretend_ranks(monkeypatch, 1, 2)
    first = segfeed.to_torch(train, per_rank=True)
    rest = iter(first)
    next(rest)
    state = first.state_dict()
    rest.close()
    train.set_epoch(0)
    later = segfeed.to_torch(train, per_rank=True)
    later.load_state_dict(state)
    assert later.state_dict() == state


def test_a_batch_size_of_each_rank_contradicts_a_shard_and_a_place_within_an_epoch(voc_folder, tmp_path, monkeypatch):
    sharded = segfeed.load(voc_folder, 2, (16, 16), shard=(0, 2), cache_dir=tmp_path).train
    with pytest.raises(OptionError, match=r"per_rank: True beside shard=\(0, 2\)"):
        segfeed.to_torch(sharded, per_rank=True)
    within = segfeed.load(voc_folder, 2, (16, 16), threads=0, cache_dir=tmp_path).train
    within.load_state_dict(within.state_dict(0, 1))
    pretend_ranks(monkeypatch, 0, 2)
    with pytest.raises(OptionError, match=r"per_rank: .*load_state_dict on what to_torch returns"):
        segfeed.to_torch(within, per_rank=True)


def test_ranks_are_told_once_what_batch_size_counts(train, monkeypatch, caplog):
    from segfeed.frameworks import torch as adapter  # noqa: PLC0415 - after importorskip

    adapter._say_what_batch_size_counts.cache_clear()
    pretend_ranks(monkeypatch, 0, 2)
    with caplog.at_level(logging.WARNING, "segfeed"):
        for _ in range(2):
            segfeed.to_torch(train)
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("batch_size=2 counts the pairs of all 2 ranks: each gets 1. ")
    assert told.endswith("call to_torch(..., per_rank=True): each then gets 2.")
    adapter._say_what_batch_size_counts.cache_clear()
