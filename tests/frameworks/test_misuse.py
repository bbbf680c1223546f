"""What people hand over by mistake: each error names what was meant."""

import logging

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
    assert not hasattr(batches, "nothing")
    assert not hasattr(batches, "sampler")


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
        ("xyz", r"help\(load\) lists them"),
    ],
)
def test_an_option_of_another_name_is_named(word, meant):
    with pytest.raises(OptionError, match=f"{word}: no option of load; .*{meant}"):
        segfeed.load("sample", **{word: 1})


def test_ranks_are_told_once_what_batch_size_counts(train, monkeypatch, caplog):
    from segfeed.frameworks import torch as adapter  # noqa: PLC0415 - after importorskip

    adapter._say_what_batch_size_counts.cache_clear()
    monkeypatch.setattr(adapter.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(adapter.distributed, "get_rank", lambda: 0)
    monkeypatch.setattr(adapter.distributed, "get_world_size", lambda: 2)
    with caplog.at_level(logging.WARNING, "segfeed"):
        for _ in range(2):
            segfeed.to_torch(train)
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("batch_size=2 counts the pairs of all 2 ranks: each gets 1. ")
    assert told.endswith("pass batch_size=4 to load.")
    adapter._say_what_batch_size_counts.cache_clear()
