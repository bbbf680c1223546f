"""PyTorch: the loader's own batches as tensors, without a copy, in every format; crops one by one; trainers; a kill."""

import copy
import gc
import hashlib
import json
import pickle
import signal
import subprocess
import sys
import threading
from itertools import islice, product
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torchvision_here import declare_torchvision  # noqa: E402 - only where PyTorch is

declare_torchvision()

import segfeed.frameworks.torch as adapter  # noqa: E402 - only where PyTorch is
from segfeed.batches.batch_format import IMAGENET, BatchFormat  # noqa: E402
from segfeed.batches.loader import Loader, conversion_for  # noqa: E402
from segfeed.errors import OptionError, StateError  # noqa: E402
from segfeed.feed import scan  # noqa: E402
from segfeed.frameworks.framework_loader import require  # noqa: E402
from segfeed.frameworks.torch import TorchBatch, TorchCrops, to_torch  # noqa: E402
from segfeed.frameworks.torch_cuda import Bus, Finish, bus_format, one_ahead  # noqa: E402
from segfeed.packs.making import make_pack  # noqa: E402
from segfeed.pixels.legend import Legend  # noqa: E402
from segfeed.pixels.pair import Pair  # noqa: E402
from segfeed.plans.augment import Augment  # noqa: E402
from segfeed.plans.plan import Draw, Plan, Shard  # noqa: E402

DRAW = Draw((16, 24), flip=True)
OPEN = BatchFormat(normalize=IMAGENET)
FORMATS = {
    "PyTorch's own": OPEN,
    "float16": BatchFormat(dtype="float16"),
    "bytes": BatchFormat(dtype="uint8", normalize=None),
    "bytes with padding of the mean": BatchFormat(dtype="uint8"),
    "0..1": BatchFormat(normalize=None),
    "NHWC": BatchFormat(layout="NHWC"),
    "NHWC float16 int32": BatchFormat("NHWC", "float16", "int32"),
    "void 255": BatchFormat(void=255),
    "labels as bytes": BatchFormat(label_dtype="uint8"),
    "void 7000": BatchFormat(label_dtype="int32", void=7000),
}
KINDS = ("source", "pack", "300 classes")
# What fits together: 300 classes leave no room for 255 as void, and NHWC is not a memory order of NCHW.
CASES = [
    (kind, name)
    for kind, (name, wanted) in product(KINDS, FORMATS.items())
    if kind != "300 classes" or not (wanted.label_dtype == "uint8" or wanted.void == 255)
]
ORDERS = [(*case, last) for case in CASES for last in (False, True) if not (last and FORMATS[case[1]].layout)]
cases = pytest.mark.parametrize(("kind", "name"), CASES)
orders = pytest.mark.parametrize(("kind", "name", "channels_last"), ORDERS)


class ManyClasses:
    """Five pairs of noise with 300 classes, whose labels take 16 bits."""

    name, split, task = "many", "train", "semantic"
    legend = Legend(tuple(f"class {n}" for n in range(300)))
    sizes = np.array([(20, 30), (16, 24), (9, 40), (30, 30), (16, 25)], np.int32)
    keys = tuple("abcde")
    digests = {"samples": "5 of noise", "legend": legend.digest}  # noqa: RUF012 - a constant

    def read(self, index, out):
        shape, random = self.sizes[index], np.random.default_rng(index)
        labels = random.integers(0, 301, shape).astype(np.uint16)
        labels[labels == 300] = 65535
        made = Pair(random.integers(0, 256, (*shape, 3), np.uint8), labels)
        for part, place in zip(made, out, strict=True):
            place[...] = part


@pytest.fixture(scope="module", name="source")
def _source(tmp_path_factory, write_voc):
    sizes = [(14 + i % 5, 22 + i % 4) for i in range(26)]
    return scan(write_voc(tmp_path_factory.mktemp("tiny") / "VOC2012", {"train": sizes, "val": sizes[:7]}), "train")


@pytest.fixture(scope="module", name="readers")
def _readers(source):
    return {"source": source, "pack": make_pack(source), "300 classes": ManyClasses()}


def loader_of(reader, batch_size=4, draw=DRAW, **options):
    plan = Plan(reader.sizes, batch_size, draw, shard=options.pop("shard", Shard()))
    return Loader(reader, plan, threads=options.pop("threads", 2), **options)


def digest(batch):
    """Condense what a training step sees, and where it came from."""
    images, labels = batch
    seen = hashlib.sha256(repr((images.shape, images.dtype, labels.shape, labels.dtype, batch.keys)).encode())
    for array in (images.contiguous().numpy(), labels.numpy(), batch.crops):
        seen.update(np.ascontiguousarray(array))
    return seen.hexdigest()


def expected(loader, wanted):
    """Return the loader's batches in the format that PyTorch makes of `wanted`, as NumPy's own: images, labels."""
    void = 255 if wanted.label_dtype == "uint8" else -100
    return list(loader.with_format(wanted.resolve("NCHW", "int64", void)))


# What is needed -------------------------------------------------------------------------------------------------------


def test_a_missing_framework_is_one_sentence_with_the_line_that_installs_it():
    with pytest.raises(OptionError) as caught:
        require("no_such_framework", "torch")
    message = "no_such_framework: not installed; install it with: pip install 'segfeed[torch]'."
    assert message == str(caught.value)


def test_the_adapter_says_so_where_torch_is_missing():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import segfeed\n"
        "try:\n"
        "    import segfeed.frameworks.torch\n"
        "except segfeed.SegfeedError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "torch: not installed; install it with: pip install 'segfeed[torch]'.\n"


# What batches are -----------------------------------------------------------------------------------------------------


@orders
def test_batches_are_the_loaders_own_to_the_last_bit(readers, kind, name, channels_last):
    reader, wanted = readers[kind], FORMATS[name]
    loader = loader_of(reader, format=wanted)
    feed = to_torch(loader, channels_last=channels_last)
    batches = list(feed)
    assert len(batches) == len(feed) == len(loader)
    for numpy, batch in zip(expected(loader, wanted), batches, strict=True):
        assert batch.images.numpy().dtype == numpy.images.dtype
        assert np.array_equal(batch.images.numpy(), numpy.images)
        assert batch.labels.numpy().dtype == numpy.labels.dtype
        assert np.array_equal(batch.labels.numpy(), numpy.labels)
        assert batch.keys == numpy.keys
        assert np.array_equal(batch.crops, numpy.crops)
        assert np.array_equal(batch.sizes, numpy.sizes)
        assert not channels_last or batch.images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("name", "message"), [("labels as bytes", "uint8"), ("void 255", "class")])
def test_255_is_no_void_for_300_classes(readers, name, message):
    with pytest.raises(OptionError) as caught:
        to_torch(loader_of(readers["300 classes"], format=FORMATS[name]))
    assert "void" in str(caught.value)
    assert message in str(caught.value)


def test_pytorchs_own_format_is_nchw_float32_int64_and_void_minus_100(source):
    images, labels = next(iter(to_torch(loader_of(source))))
    assert (images.shape, images.dtype) == ((4, 3, 16, 24), torch.float32)
    assert (labels.shape, labels.dtype) == ((4, 16, 24), torch.int64)
    assert set(labels.unique().tolist()) <= {-100, *range(21)}
    assert -100 in labels


def test_a_batch_is_a_pair_that_knows_where_it_came_from(source):
    feed = to_torch(loader_of(source))
    batch = next(iter(feed))
    assert (len(batch), batch[0], batch[1]) == (2, batch.images, batch.labels)
    assert batch.keys == tuple(source.keys[row] for row in batch.crops["sample"])
    assert feed.batch_size == 4
    assert feed.reader is feed.dataset is source
    rebuilt = type(batch)(tensor * 2 for tensor in batch)
    assert torch.equal(rebuilt.images, batch.images * 2)
    assert rebuilt.keys == ()
    sent = pickle.loads(pickle.dumps(batch))  # noqa: S301 - our own
    assert digest(sent) == digest(batch)


def test_rows_without_a_sample_are_void(source):
    plan = Plan.exact(source.sizes, 4)
    batch = list(to_torch(Loader(source, plan, threads=0)))[-1]
    assert batch.crops["sample"].tolist() == [24, 25, -1, -1]
    assert batch.keys[2:] == ("", "")
    assert (batch.labels[2:] == -100).all()


def test_another_device_gets_copies(source):
    batch = next(iter(to_torch(loader_of(source), "meta", channels_last=True)))
    assert (batch.images.device.type, batch.labels.device.type) == ("meta", "meta")
    assert batch.images.shape == (4, 3, 16, 24)
    assert len(batch.keys) == 4
    here = next(iter(to_torch(loader_of(source), torch.device("cpu"))))
    assert digest(here) == digest(here.to("cpu"))
    assert here.to("meta").images.device.type == "meta"


@pytest.mark.parametrize(
    ("options", "where", "found"),
    [
        ({"device": "gpu"}, "device", "'gpu', of which PyTorch says: "),
        ({"device": 1.5}, "device", "1.5, of which PyTorch says: "),
        ({"channels_last": True}, "layout", "'NHWC', but channels_last=True wants "),
        ({"tv_tensors": True}, "layout", "'NHWC', but tv_tensors=True wants "),
    ],
)
def test_contradictions_are_refused(source, options, where, found):
    with pytest.raises(OptionError) as caught:
        to_torch(loader_of(source, format=BatchFormat(layout="NHWC")), **options)
    assert caught.value.where == where
    assert caught.value.found.startswith(found)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_cuda_device_is_named(source):
    with pytest.raises(OptionError) as caught:
        to_torch(loader_of(source), "cuda:0")
    assert caught.value.where == "device"
    assert caught.value.found == f"'cuda:0', but PyTorch {torch.__version__} finds no CUDA device here"


# Memory ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(name="memories")
def _memories():
    """Collect the pieces of memory that a loader's slots are made of; each starts filled with sevens."""

    class Memories(list):
        def allocate(self, size_bytes):
            self.append(np.full(size_bytes, 7, np.uint8))
            return self[-1]

        def holds(self, tensor):
            start, end = tensor.data_ptr(), tensor.data_ptr() + tensor.element_size() * tensor.numel()
            return any(m.ctypes.data <= start and end <= m.ctypes.data + m.nbytes for m in self)

    return Memories()


@pytest.mark.parametrize("options", [{}, {"channels_last": True}, {"tv_tensors": True}], ids=str)
def test_tensors_share_the_slots_memory(source, memories, options):
    if "tv_tensors" in options:
        pytest.importorskip("torchvision")
    for batch in to_torch(loader_of(source, allocate=memories.allocate), **options):
        assert memories.holds(batch.images)
        assert memories.holds(batch.labels)
        assert not memories.holds(batch.images.clone())


def test_batches_that_are_kept_never_change(source, memories):
    feed = to_torch(loader_of(source, allocate=memories.allocate))
    batches = [batch for _ in range(4) for batch in feed]
    assert len(batches) == 24
    assert len({batch.images.data_ptr() for batch in batches}) == 24
    feed.set_epoch(0)
    assert [digest(batch) for batch in batches] == [digest(batch) for _ in range(4) for batch in feed]


@pytest.mark.parametrize(
    "share",
    [
        lambda batch: batch.images,
        lambda batch: batch.images[1, 0, 2:4],
        lambda batch: batch.images.numpy(),
        lambda batch: batch.images.permute(0, 2, 3, 1).unbind(3)[1][2:],
        lambda batch: torch.from_dlpack(batch.images),
        lambda batch: batch.images.untyped_storage(),
        copy.copy,
    ],
    ids=["images", "a slice", "an array", "a view of a view", "dlpack", "storage", "the batch"],
)
def test_a_slot_goes_back_when_the_last_tensor_is_gone_and_no_sooner(source, memories, share):
    feed = to_torch(loader_of(source, threads=0, allocate=memories.allocate))
    batch = next(iter(feed))
    place = batch.images.data_ptr()
    held = share(batch)
    del batch
    gc.collect()
    for _ in range(2):
        assert place not in {batch.images.data_ptr() for batch in feed}
    del held
    gc.collect()
    assert place in {batch.images.data_ptr() for batch in feed}


def test_a_consumer_that_keeps_nothing_needs_few_slots(source, memories):
    feed = to_torch(loader_of(source, allocate=memories.allocate))
    for _ in range(5):
        for _batch in feed:
            pass
    assert len(memories) <= 2 * 7


# Void -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("void", [None, 255])
def test_void_has_a_gradient_of_exactly_zero(source, void):
    options = {} if void is None else {"ignore_index": void}
    labels = next(iter(to_torch(loader_of(source, format=BatchFormat(void=void))))).labels
    is_void = labels == (-100 if void is None else void)
    scores = torch.randn(4, 21, 16, 24, requires_grad=True)
    torch.nn.functional.cross_entropy(scores, labels, **options).backward()
    assert 0 < is_void.sum() < labels.numel()
    assert (scores.grad.permute(0, 2, 3, 1)[is_void] == 0).all()
    assert (scores.grad.permute(0, 2, 3, 1)[~is_void] != 0).any(dim=1).all()


def test_labels_of_300_classes_reach_the_loss(readers):
    labels = next(iter(to_torch(loader_of(readers["300 classes"])))).labels
    assert labels.max() > 254
    scores = torch.randn(4, 300, 16, 24, requires_grad=True)
    torch.nn.functional.cross_entropy(scores, labels).backward()
    assert (scores.grad.permute(0, 2, 3, 1)[labels == -100] == 0).all()


# torchvision ----------------------------------------------------------------------------------------------------------


def test_tv_tensors_go_through_torchvisions_transforms_together(source):
    v2 = pytest.importorskip("torchvision.transforms.v2")
    kinds = pytest.importorskip("torchvision.tv_tensors")
    plain, batch = (next(iter(to_torch(loader_of(source), tv_tensors=wanted))) for wanted in (False, True))
    assert (type(batch.images), type(batch.labels)) == (kinds.Image, kinds.Mask)
    images, labels = v2.RandomHorizontalFlip(p=1)(batch.images, batch.labels)
    assert torch.equal(images, plain.images.flip(-1))
    assert torch.equal(labels, plain.labels.flip(-1))


def test_torchvision_as_a_transform_draws_from_the_rows_generator(source):
    v2 = pytest.importorskip("torchvision.transforms.v2")
    kinds = pytest.importorskip("torchvision.tv_tensors")
    steps, one_generator = v2.Compose([v2.RandomPosterize(4, p=0.5), v2.RandomSolarize(100, p=0.5)]), threading.Lock()

    def transform(image, labels, rng):
        pair = kinds.Image(torch.from_numpy(image).permute(2, 0, 1)), kinds.Mask(torch.from_numpy(labels))
        with one_generator, torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))
            photo, mask = steps(*pair)
        return photo.permute(1, 2, 0).numpy(), mask.numpy()

    runs = []
    for threads, seed in ((0, 1), (3, 2)):
        torch.manual_seed(seed)
        loader = loader_of(source, threads=threads, transform=transform)
        runs.append([digest(batch) for batch in to_torch(loader)])
        assert runs[0] == runs[-1]
    assert runs[0] != [digest(batch) for batch in to_torch(loader_of(source))]


def test_kornia_on_the_batch_draws_from_its_keys(source):
    kornia = pytest.importorskip("kornia.augmentation")
    turn = kornia.AugmentationSequential(
        kornia.RandomAffine(20, p=1), data_keys=["input", "mask"], extra_args={"mask": {"resample": "nearest"}}
    )
    runs = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        for batch in to_torch(loader_of(source)):
            torch.manual_seed(int(batch.crops["key"][0] >> np.uint64(1)))
            masks = (batch.labels[:, None] + 101).float()  # void -100 becomes 1: what is filled in, 0, is told apart
            images, masks = turn(batch.images, masks)
            labels = masks[:, 0].long() - 101
            labels[labels == -101] = -100
            runs.append((images, labels))
            break
    assert all(map(torch.equal, *runs))


def test_missing_torchvision_is_one_sentence(source, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.tv_tensors", None)
    with pytest.raises(OptionError) as caught:
        to_torch(loader_of(source), tv_tensors=True)
    assert caught.value.where == "tv_tensors"
    assert "pip install torchvision" in caught.value.remedy


# Where it stands ------------------------------------------------------------------------------------------------------


def test_each_iteration_is_the_next_epoch_and_looking_takes_none(source):
    feed, loader = to_torch(loader_of(source)), loader_of(source)
    iter(feed)  # as trainers do, to see whether they can
    epochs = [[batch.keys for batch in loader] for _ in range(3)]
    assert epochs[0] == [batch.keys for batch in feed]
    assert epochs[1][:2] == [batch.keys for batch in islice(feed, 2)]
    assert epochs[2] == [batch.keys for batch in feed]
    feed.set_epoch(1)
    assert epochs[1] == [batch.keys for batch in feed]


def test_the_loaders_position_is_taken_over_and_left_alone(source):
    loader = loader_of(source)
    next(iter(loader))
    feed = to_torch(loader)
    assert [batch.keys for batch in feed] == [batch.keys for batch in loader]


@pytest.mark.parametrize("stop", range(7))
def test_a_state_goes_on_after_the_last_batch_delivered(source, stop):
    whole = [digest(batch) for _ in range(2) for batch in to_torch(loader_of(source))][:6]
    feed = to_torch(loader_of(source))
    seen = [digest(batch) for batch in islice(feed, stop)]
    state = json.loads(json.dumps(feed.state_dict()))
    resumed = to_torch(loader_of(source, threads=0))
    resumed.load_state_dict(state)
    seen += [digest(batch) for batch in resumed] if stop < 6 else []
    assert seen == whole
    assert resumed.state_dict() == feed.state_dict(1, 0)
    assert state == feed.state_dict(0, stop)


def test_a_state_is_refused_while_an_epoch_runs_and_close_ends_it(source):
    feed = to_torch(loader_of(source))
    with feed:
        running = iter(feed)
        next(running)
        state = feed.state_dict()
        with pytest.raises(StateError) as caught:
            feed.load_state_dict(state)
        assert "under way" in str(caught.value)
    feed.load_state_dict(state)
    assert list(running) == []
    assert len(list(feed)) == 5


def test_a_state_survives_torch_save(source, tmp_path):
    feed = to_torch(loader_of(source))
    next(iter(feed))
    torch.save({"feed": feed.state_dict()}, tmp_path / "state.pt")
    assert torch.load(tmp_path / "state.pt", weights_only=True)["feed"] == feed.state_dict()


KILLED = """
import json, os, signal, sys
import torch
from segfeed.feed import scan
from segfeed.frameworks.torch import to_torch
from segfeed.batches.loader import Loader
from segfeed.plans.plan import Draw, Plan, Shard

root, folder, world, stop = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
source = scan(root, "train")
feeds = [
    to_torch(Loader(source, Plan(source.sizes, 4, Draw((16, 24)), shard=Shard(rank, world)), threads=1))
    for rank in range(world)
]
if os.path.exists(folder + "/state.pt"):
    for feed in feeds:
        feed.load_state_dict(torch.load(folder + "/state.pt")["feed"])
step = 0
for batches in zip(*feeds):
    print(json.dumps([key for batch in batches for key in batch.keys]), flush=True)
    step += 1
    torch.save({"feed": feeds[-1].state_dict()}, folder + "/new.pt")
    os.replace(folder + "/new.pt", folder + "/state.pt")
    if step == stop:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_killed_again_and_again_on_1_2_and_1_ranks_sees_exactly_one_epoch(source, tmp_path):
    seen = []
    for world, stop, code in ((1, 1, -signal.SIGKILL), (2, 3, -signal.SIGKILL), (1, 0, 0)):
        arguments = [str(source.root), str(tmp_path), str(world), str(stop)]
        done = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        seen += [json.loads(line) for line in done.stdout.splitlines()]
    assert seen == [list(batch.keys) for batch in loader_of(source)]


# A DataLoader of one's own --------------------------------------------------------------------------------------------


def rows_of(loader, epoch):
    loader.set_epoch(epoch)
    return [digest(batch) for batch in to_torch(loader)]


def given_by(dataloader, loader, epoch):
    """Condense what a DataLoader gives, beside the crops that its loader's plan names."""
    crops = [loader.plan.rows(epoch, step) for step in range(len(loader))]
    return [digest(TorchBatch(pair, rows, loader.reader.keys)) for pair, rows in zip(dataloader, crops, strict=True)]


@cases
def test_crops_one_by_one_are_the_loaders(readers, kind, name):
    loader = loader_of(readers[kind], format=FORMATS[name])
    crops = TorchCrops(loader)
    crops.set_epoch(3)
    dataloader = torch.utils.data.DataLoader(crops, 4)
    assert len(crops) == 4 * len(loader)
    assert rows_of(loader, 3) == given_by(dataloader, loader, 3)


@pytest.mark.filterwarnings("ignore:os.fork")  # JAX warns, where another test imported it
@pytest.mark.parametrize(
    ("start", "workers", "kind"),
    [("fork", 2, "source"), ("fork", 2, "pack"), ("spawn", 2, "pack"), ("forkserver", 1, "source")],
)
def test_crops_come_from_workers_that_live_on_into_the_next_epoch(readers, start, workers, kind):
    loader = loader_of(readers[kind])
    crops = TorchCrops(loader)
    dataloader = torch.utils.data.DataLoader(
        crops, 4, num_workers=workers, persistent_workers=True, multiprocessing_context=start
    )
    for epoch in (0, 5):
        crops.set_epoch(epoch)
        assert rows_of(loader, epoch) == given_by(dataloader, loader, epoch)


@pytest.mark.parametrize("exact", [True, False])
def test_crops_of_a_rank_are_its_rows(source, exact):
    plan = Plan.exact(source.sizes, 4) if exact else Plan(source.sizes, 4, DRAW)
    loader = Loader(source, plan.with_shard(Shard(1, 2)), threads=0)
    crops = TorchCrops(loader)
    assert len(crops) == len(loader) * 2
    assert rows_of(loader, 0) == given_by(torch.utils.data.DataLoader(crops, 2), loader, 0)


def test_whole_images_one_by_one_are_each_there_once(source):
    """A trainer that makes other batches would have some of void alone, whose loss is NaN."""
    loader = Loader(source, Plan.exact(source.sizes, len(source) + 3), threads=0)
    crops = TorchCrops(loader)
    assert (len(crops), crops.keys) == (len(source), tuple(source.keys))
    (batch,) = to_torch(loader)
    for index, (image, labels) in enumerate(torch.utils.data.DataLoader(crops, None)):
        assert torch.equal(image, batch.images[index])
        assert torch.equal(labels, batch.labels[index])


def test_crops_are_indexed_as_a_list_is(source):
    crops = TorchCrops(loader_of(source))
    assert torch.equal(crops[-1][0], crops[len(crops) - 1][0])
    with pytest.raises(IndexError):
        crops[len(crops)]
    with pytest.raises(OptionError) as caught:
        crops.set_epoch(-1)
    assert all(word in str(caught.value) for word in ("epoch", "-1"))


@pytest.mark.parametrize("kind", KINDS)
def test_crops_can_be_pickled(readers, kind):
    crops = TorchCrops(loader_of(readers[kind]))
    crops.set_epoch(2)
    again = pickle.loads(pickle.dumps(crops))  # noqa: S301 - our own
    assert all(map(torch.equal, crops[3], again[3]))


AUGMENTED = Draw(
    (16, 24),
    swap=((1, 2),),
    augment=Augment(flip=0.5, scale=(0.5, 2), rotate=(-20, 20, 0.5), hue=(-18, 18), pad_value=(9, 8, 7)),
)


def hide(image, labels, rng):
    """A person's own transform: hides some lines."""
    first = rng.integers(0, 10)
    image[first : first + 3], labels[first : first + 3] = 0, 255
    return image, labels


@pytest.mark.parametrize("transform", [None, hide])
@cases
def test_augmented_crops_one_by_one_are_the_loaders(readers, kind, name, transform):
    loader = loader_of(readers[kind], draw=AUGMENTED, format=FORMATS[name], transform=transform)
    plain = loader_of(readers[kind], format=FORMATS[name])
    assert rows_of(loader, 1) == given_by(torch.utils.data.DataLoader(dataset(loader, 1), 4), loader, 1)
    assert rows_of(loader, 1) != rows_of(plain, 1)


def dataset(loader, epoch):
    crops = TorchCrops(loader)
    crops.set_epoch(epoch)
    return crops


def test_weights_of_samples_become_those_of_rows(source):
    loader = loader_of(source)
    wanted = len(source) - 1
    weights = np.zeros(len(source))
    weights[wanted] = 1
    found = 0
    for epoch in range(4):
        crops = dataset(loader, epoch)
        rows = [row for step in range(len(loader)) for row in loader.plan.rows(epoch, step)]
        assert crops.samples.tolist() == [row["sample"] for row in rows]
        assert crops.keys == tuple(source.keys[row["sample"]] for row in rows)
        found += wanted in crops.samples
        if wanted in crops.samples:
            sampler = torch.utils.data.WeightedRandomSampler(torch.tensor(weights[crops.samples]), 5)
            assert {crops.keys[index] for index in sampler} == {source.keys[wanted]}
    assert found


# On a device ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", [None, hide])
@orders
def test_augmented_bytes_that_are_finished_on_the_device_have_the_kernels_bits(
    readers, kind, name, channels_last, transform
):
    reader, wanted = readers[kind], FORMATS[name]
    memory = torch.channels_last if channels_last else torch.contiguous_format
    loader = loader_of(reader, draw=AUGMENTED, transform=transform)
    resolved = wanted.resolve("NCHW", "int64", 255 if wanted.label_dtype == "uint8" else -100)
    finish = Finish(conversion_for(resolved, reader.legend, loader.plan), torch.device("cpu"), memory)
    sent = next(iter(loader.with_format(bus_format(resolved, reader.legend.void))))
    numpy = next(iter(expected(loader, wanted)))
    images, labels = finish(*map(torch.from_numpy, sent))
    assert images.numpy().tobytes() == numpy.images.tobytes()
    assert labels.numpy().tobytes() == numpy.labels.tobytes()


@orders
def test_what_is_finished_on_the_device_has_the_kernels_bits(readers, kind, name, channels_last):
    reader, wanted = readers[kind], FORMATS[name]
    memory = torch.channels_last if channels_last else torch.contiguous_format
    loader = loader_of(reader)
    resolved = wanted.resolve("NCHW", "int64", 255 if wanted.label_dtype == "uint8" else -100)
    finish = Finish(conversion_for(resolved, reader.legend, loader.plan), torch.device("cpu"), memory)
    raw = loader.with_format(bus_format(resolved, reader.legend.void))
    for numpy, sent in zip(expected(loader, wanted), raw, strict=True):
        assert sent.images.dtype == np.uint8
        images, labels = finish(*map(torch.from_numpy, sent))
        assert images.numpy().tobytes() == numpy.images.tobytes()
        assert labels.numpy().tobytes() == numpy.labels.tobytes()
        assert images.is_contiguous(memory_format=memory)


def test_every_byte_is_normalised_to_the_kernels_bits():
    for wanted in (
        OPEN,
        BatchFormat(dtype="float16"),
        BatchFormat(normalize=None),
        BatchFormat(normalize=((0.1, 0.5, 1), (0.9, 0.01, 0.3))),
    ):
        conversion = conversion_for(
            wanted.resolve("NHWC", "int64", -100), Legend(("a", "b")), Plan(np.ones((1, 2), int), 1)
        )
        levels = torch.arange(256, dtype=torch.uint8).reshape(1, 256, 1, 1).expand(1, 256, 1, 3)
        images, _ = Finish(conversion, torch.device("cpu"))(levels, torch.zeros(1, 256, 1, dtype=torch.uint8))
        assert images.numpy().reshape(256, 3).tobytes() == conversion.values.tobytes()


class Streams:
    """A stand-in for `torch.cuda`: streams whose events come when the test says so; notes what happens in order."""

    def __init__(self):
        self.log, self.events, self.current = [], [], "consumer"

    def Stream(self, _device):
        return SimpleNamespace(name="side", record_event=self.record)

    def stream(self, stream):
        test = self

        class Inside:
            def __enter__(self):
                test.current = stream.name

            def __exit__(self, *_):
                test.current = "consumer"

        return Inside()

    def record(self):
        event = SimpleNamespace(come=False, waited=False)
        event.query = lambda: event.come
        event.synchronize = lambda: setattr(event, "waited", True)
        self.events.append(event)
        return event

    def current_stream(self, _device):
        return SimpleNamespace(wait_event=lambda event: self.log.append(f"wait for event {self.events.index(event)}"))


class Noted(torch.Tensor):
    """Note which stream uses it, which only tensors on a device can."""

    def record_stream(self, stream):
        assert hasattr(stream, "wait_event")
        Noted.noted += 1

    noted = 0


@pytest.fixture(name="streams")
def _streams(monkeypatch, memories):
    """Put stand-ins in the place of the few calls that need a CUDA device."""
    streams = Streams()

    def make_bus(device, finish):
        def noting(*tensors):
            assert streams.current == "side"
            streams.log.append("copy")
            return tuple(tensor.as_subclass(Noted) for tensor in finish(*tensors))

        return Bus(torch.device("cpu"), noting, streams)

    def pretend(loader, **options):
        memory = torch.channels_last if options.get("channels_last") else torch.contiguous_format
        wanted, device = adapter._resolve(loader), torch.device("cpu")
        return adapter._cross(loader, lambda same: same, wanted, device, memory, adapter._plain)

    monkeypatch.setattr(adapter, "Bus", make_bus)
    monkeypatch.setattr(adapter, "pin", memories.allocate)
    streams.to_torch = pretend
    return streams


def test_batches_cross_one_ahead_of_the_consumer(source, streams, memories):
    feed, seen = streams.to_torch(loader_of(source)), []
    Noted.noted = 0
    for batch in feed:
        streams.log.append("step")
        seen.append(digest(batch))
        assert feed.state_dict() == loader_of(source).state_dict(0, len(seen))
    assert seen == [digest(batch) for batch in to_torch(loader_of(source))]
    first, *middle, last = (f"wait for event {2 * n + 1}" for n in range(6))
    expected_log = ["copy", "copy", first, "step"]
    for wait in middle:
        expected_log += ["copy", wait, "step"]
    assert streams.log == [*expected_log, last, "step"]
    assert Noted.noted == 2 * 6
    assert memories


def test_a_slot_is_held_until_its_copy_is_over(source, streams, memories):
    feed = streams.to_torch(loader_of(source, threads=0))
    for _ in feed:  # no copy is ever over
        pass
    assert len(memories) == 2 * 6
    assert [event.waited for event in streams.events] == [True, False] * 6

    memories.clear()
    feed = streams.to_torch(loader_of(source, threads=0))
    for _ in feed:
        for event in streams.events:
            event.come = True
    assert len(memories) <= 2 * 4


def test_a_break_waits_for_the_copies_under_way(source, streams):
    feed = streams.to_torch(loader_of(source))
    next(iter(feed))
    gc.collect()
    assert [event.waited for event in streams.events] == [True, False] * 2
    assert len(list(feed)) == 6


def test_a_photo_that_cannot_be_read_ends_the_feed_with_its_error(source, streams):
    def broken():
        yield from islice(loader_of(source).with_format(BatchFormat("NHWC", "uint8", "uint8", void=255)), 2)
        raise OSError("gone")

    bus = Bus(torch.device("cpu"), lambda *tensors: tuple(t.as_subclass(Noted) for t in tensors), streams)
    seen = []
    with pytest.raises(OSError, match="gone"):
        seen += one_ahead(broken(), bus)
    assert [event.waited for event in streams.events] == [True, False] * 2


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@needs_cuda
def test_cuda_gives_the_processors_bits(readers):
    for kind, name, channels_last in ORDERS:
        reader, wanted = readers[kind], FORMATS[name]
        feed = to_torch(loader_of(reader, format=wanted), "cuda", channels_last=channels_last)
        here = to_torch(loader_of(reader, format=wanted), channels_last=channels_last)
        for there, batch in zip([*feed, *feed], [*here, *here], strict=True):
            assert there.images.device.type == there.labels.device.type == "cuda"
            assert there.images.stride() == batch.images.stride()
            assert digest(there.to("cpu")) == digest(batch)


@needs_cuda
def test_cuda_batches_that_are_kept_never_change_and_slots_are_pinned(source):
    feed = to_torch(loader_of(source), "cuda")
    batch = next(iter(feed.loader))
    assert torch.from_numpy(batch.images).is_pinned()
    assert torch.from_numpy(batch.labels).is_pinned()
    feed.set_epoch(0)
    batches = []
    for _ in range(10):
        for batch in feed:
            torch.cuda._sleep(1_000_000)  # the device lags behind: copies must not be overtaken by new fills
            batches.append(batch)
    feed.set_epoch(0)
    kept = [digest(batch.to("cpu")) for batch in batches]
    assert kept == [digest(batch.to("cpu")) for _ in range(10) for batch in feed]


# Trainers -------------------------------------------------------------------------------------------------------------


def test_accelerate_leaves_it_whole_and_keeps_its_state(source, tmp_path):
    accelerate = pytest.importorskip("accelerate")
    feed = to_torch(loader_of(source))
    whole = [digest(batch) for batch in feed]
    feed.set_epoch(0)
    accelerator = accelerate.Accelerator(cpu=True)
    model = torch.nn.Conv2d(3, 21, 1)
    prepared, model, optimizer = accelerator.prepare(feed, model, torch.optim.SGD(model.parameters(), lr=0.1))
    accelerator.register_for_checkpointing(prepared)
    assert len(prepared) == 6
    seen = []
    for batch in prepared:
        images, labels = accelerate.utils.send_to_device(batch, accelerator.device)
        accelerator.backward(torch.nn.functional.cross_entropy(model(images), labels))
        optimizer.step()
        seen.append(digest(batch))
        if len(seen) == 2:
            accelerator.save_state(tmp_path)
            break
    assert seen == whole[:2]
    list(prepared)
    accelerator.load_state(tmp_path)
    assert [digest(batch) for batch in prepared] == whole[2:]


def lightning_parts(**options):
    lightning = pytest.importorskip("lightning")

    class Scores(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer, self.train_seen, self.val_seen = torch.nn.Conv2d(3, 21, 1), [], []

        def training_step(self, batch, _):
            self.train_seen.append(digest(batch))
            loss = torch.nn.functional.cross_entropy(self.layer(batch.images), batch.labels)
            self.log("loss", loss)  # which asks the batch for its size
            return loss

        def validation_step(self, batch, _):
            self.val_seen.append(digest(batch))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return Scores(), lightning.Trainer(accelerator="cpu", **(quiet | options))


@pytest.mark.filterwarnings("ignore:.*isinstance.treespec:FutureWarning")
def test_lightning_trains_epoch_by_epoch_and_validates_each_image_once(source):
    model, trainer = lightning_parts(max_epochs=2, enable_checkpointing=False, num_sanity_val_steps=1)
    val = Loader(source, Plan.exact(source.sizes, 4), threads=1)
    feed = to_torch(loader_of(source))
    trainer.fit(model, feed, to_torch(val))
    reference = to_torch(loader_of(source))
    assert model.train_seen == [digest(batch) for _ in range(2) for batch in reference]
    once = [digest(batch) for batch in to_torch(val)]
    assert model.val_seen == [once[0], *once, *once]
    assert feed.state_dict()["epoch"] == 2


@pytest.mark.filterwarnings("ignore:.*isinstance.treespec:FutureWarning", "ignore:Checkpoint directory:UserWarning")
@pytest.mark.parametrize("stop", [2, 6, 9])
def test_a_lightning_checkpoint_goes_on_in_mid_epoch(source, tmp_path, stop):
    callbacks = pytest.importorskip("lightning.pytorch.callbacks")

    def keeping():
        return {"callbacks": [callbacks.ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=stop, save_top_k=-1)]}

    model, trainer = lightning_parts(max_steps=stop, **keeping())
    val = to_torch(Loader(source, Plan.exact(source.sizes, 4), threads=1))
    trainer.fit(model, to_torch(loader_of(source)), val)
    resumed, trainer = lightning_parts(max_epochs=3, **keeping())
    trainer.fit(resumed, to_torch(loader_of(source, threads=0)), val, ckpt_path=tmp_path / f"step={stop}.ckpt")
    reference = to_torch(loader_of(source))
    whole = [digest(batch) for _ in range(3) for batch in reference]
    assert model.train_seen == whole[:stop]
    assert resumed.train_seen == whole[stop:]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*isinstance.treespec:FutureWarning", "ignore:Checkpoint directory:UserWarning")
@pytest.mark.parametrize("options", [{}, {"limit_train_batches": 2}], ids=repr)
def test_a_lightning_checkpoint_of_an_epoch_s_end_goes_on_with_the_next_epoch(source, tmp_path, options):
    """Lightning restores no loader's state there; it tells the epoch instead."""
    callbacks = pytest.importorskip("lightning.pytorch.callbacks")
    val = to_torch(Loader(source, Plan.exact(source.sizes, 4), threads=1))
    keeping = {"callbacks": [callbacks.ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1)]}
    model, trainer = lightning_parts(max_epochs=2, **keeping, **options)
    trainer.fit(model, to_torch(loader_of(source)), val)
    resumed, trainer = lightning_parts(max_epochs=4, **keeping, **options)
    trainer.fit(resumed, to_torch(loader_of(source)), val, ckpt_path=tmp_path / "epoch=1.ckpt")
    reference = to_torch(loader_of(source))
    whole = [[digest(batch) for batch in reference] for _ in range(4)]
    assert resumed.train_seen == [one for epoch in whole[2:] for one in epoch[: options.get("limit_train_batches")]]


def test_a_trainer_that_tells_an_earlier_epoch_goes_on_and_one_within_an_epoch_is_kept(source):
    feed = to_torch(loader_of(source))
    feed.load_state_dict(feed.state_dict(3, 1))
    for told, found in ((0, (3, 8)), (3, (3, 8)), (5, (5, 0))):
        feed.batch_sampler.sampler.set_epoch(told)
        state = feed.state_dict()
        assert (state["epoch"], state["position"]) == (found[0], found[1] and feed.batch_size)


@pytest.mark.filterwarnings("ignore:.*isinstance.treespec:FutureWarning", "ignore:You defined a `validation_step`")
def test_a_second_fit_goes_on_with_the_next_epoch_and_set_epoch_begins_anew(source):
    feed, reference = to_torch(loader_of(source)), to_torch(loader_of(source))
    whole = [[digest(batch) for batch in reference] for _ in range(2)]
    for again in (False, False, True):
        model, trainer = lightning_parts(max_epochs=1, enable_checkpointing=False, limit_train_batches=2)
        if again:
            feed.set_epoch(0)
        trainer.fit(model, feed)
        assert feed.state_dict()["position"] > 0  # stopped by the trainer within an epoch
        assert model.train_seen == whole[feed.state_dict()["epoch"]][:2]
    assert feed.state_dict()["epoch"] == 0


@pytest.mark.parametrize("options", [{}, {"channels_last": True}, {"per_rank": True}], ids=repr)
def test_it_can_be_handed_to_a_process_that_is_spawned(source, options):
    """As `torch.multiprocessing.spawn` and Lightning's ddp_notebook and ddp_spawn do."""
    feed = to_torch(loader_of(source), **options)
    next(iter(feed))
    sent = pickle.loads(pickle.dumps(feed))  # noqa: S301 - its own
    assert sent.state_dict() == feed.state_dict()
    assert [digest(batch) for batch in sent] == [digest(batch) for batch in feed]


def test_loaders_and_batches_of_tensors_say_what_they_are_and_show_themselves(source):
    loader = Loader(source, Plan(source.sizes, 2, DRAW))
    train = to_torch(loader)
    assert repr(train) == f"FrameworkLoader({train.loader!r})"
    assert train._repr_html_() == train.loader._repr_html_()
    assert len(train.show_batch(1, epoch=2).axes) == 3
    assert train.state_dict() == to_torch(loader).state_dict(), "nothing moved on"
    batch = next(iter(train))
    line = "TorchBatch(torch.float32 (2, 3, 16, 24), torch.int64 (2, 16, 24))"
    told = []
    batch._repr_pretty_(SimpleNamespace(text=told.append), cycle=False)
    assert [repr(batch), *told] == [line, line]
    assert repr(TorchBatch((1, 2))).startswith("TorchBatch(")


def test_crops_without_workers_need_no_shared_memory(monkeypatch):
    def refuse(_: object) -> None:
        raise RuntimeError("unable to write to file </torch_1_2_3>: No space left on device (28)")

    source = scan("sample", "val[:4]")
    train = Loader(source, Plan(source.sizes, 4, Draw((16, 16))))
    shared = TorchCrops(train)
    monkeypatch.setattr(torch.Tensor, "share_memory_", refuse)
    crops = TorchCrops(train)
    for epoch in (0, 3):
        shared.set_epoch(epoch)
        crops.set_epoch(epoch)
        assert torch.equal(crops[1][0], shared[1][0])
