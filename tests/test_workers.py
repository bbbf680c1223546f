"""Workers: what is handed to the processes of a DataLoader arrives there, however they are started."""

import multiprocessing
import pickle

import numpy as np
import pytest

from segfeed import Draw, Loader, Plan, d2l, load, make_pack, scan

torch = pytest.importorskip("torch")

STARTS = ("fork", "spawn", "forkserver")
pytestmark = [
    pytest.mark.filterwarnings("ignore:os.fork"),  # JAX warns, if another test imported it
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),  # of later Pythons, if threads run
]


class Pairs(torch.utils.data.Dataset):
    """What a person writes around a source or a pack."""

    def __init__(self, reader):
        self.reader = reader

    def __len__(self):
        return len(self.reader.keys)

    def __getitem__(self, index):
        image, labels = self.reader.read(index)
        return torch.tensor(image), torch.tensor(labels)


class Batches(torch.utils.data.IterableDataset):
    """What a person writes around a loader."""

    def __init__(self, loader):
        self.loader = loader

    def __iter__(self):
        for images, labels in self.loader:
            yield torch.tensor(images), torch.tensor(labels)


def assert_same(found, expected):
    count = 0
    for one, other in zip(found, expected, strict=True):
        for part, wanted in zip(one, other, strict=True):
            np.testing.assert_array_equal(np.asarray(part), np.asarray(wanted))
        count += 1
    assert count > 1


def loader_of(dataset, start, batch_size=None):
    assert start in multiprocessing.get_all_start_methods()
    return torch.utils.data.DataLoader(dataset, batch_size, num_workers=1, multiprocessing_context=start)


@pytest.mark.slow
@pytest.mark.parametrize("start", STARTS)
def test_the_chapters_dataset_feeds_workers(voc_folder, start, capsys):
    dataset = d2l.VOCSegDataset(True, (32, 48), voc_folder)
    assert capsys.readouterr().out == "read 4 examples\n"
    batches = list(loader_of(dataset, start, 2))
    assert [(tuple(X.shape), tuple(Y.shape)) for X, Y in batches] == [((2, 32, 48, 3), (2, 32, 48))] * 2
    assert capsys.readouterr().out == ""


@pytest.mark.slow
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("kind", ["source", "pack"])
def test_sources_and_packs_are_read_in_workers(voc_folder, kind, start):
    source = scan(voc_folder)
    reader = source if kind == "source" else make_pack(source)
    assert_same(loader_of(Pairs(reader), start), Pairs(source))


@pytest.mark.slow
@pytest.mark.parametrize("start", STARTS)
def test_a_loader_goes_on_in_a_worker_where_it_stood(voc_folder, start):
    train, _ = load(voc_folder, 2, (32, 48), flip=True)
    state = train.state_dict(2, 0)
    train.load_state_dict(state)
    found = list(loader_of(Batches(train), start))
    train.load_state_dict(state)
    assert_same(found, Batches(train))


def again(thing):
    return pickle.loads(pickle.dumps(thing))  # noqa: S301 - our own


def test_a_source_is_equal_to_its_pickle(voc_folder):
    source = scan(voc_folder, orientation="apply")
    assert again(source) == source
    assert source.sizes.tolist() == again(source).sizes.tolist()  # also after it was read
    assert again(source).keys == source.keys


def test_a_pack_is_opened_anew_by_its_folder(voc_folder):
    pack = make_pack(scan(voc_folder))
    other = again(pack)
    assert (other.folder, other.digests) == (pack.folder, pack.digests)
    pack.close()
    assert len(pickle.dumps(pack)) < 1000
    assert len(again(pack)) == 5


@pytest.mark.slow
def test_a_loader_keeps_plan_format_threads_and_position(voc_folder):
    source = scan(voc_folder)
    plan = Plan(source.sizes, 2, Draw((32, 48), flip=True, swap=((1, 2),)), seed=5)
    loader = Loader(source, plan, threads=0)
    next(iter(loader))
    other = again(loader)
    assert other.threads == 0
    assert other.state_dict() == loader.state_dict()
    assert_same(other, loader)


@pytest.mark.slow
def test_an_epoch_that_runs_stays_where_it_is(voc_folder):
    train, _ = load(voc_folder, 2, (32, 48))
    epoch = iter(train)
    next(epoch)
    other = again(train)
    assert len(list(epoch)) == len(train) - 1
    assert_same(other, train)
