"""Two processes under `torch.distributed` see exactly what one sees, whenever they learn of each other."""

import json
import subprocess
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from segfeed.batches.loader import Loader  # noqa: E402
from segfeed.feed import scan  # noqa: E402 - only where PyTorch is
from segfeed.frameworks.torch import to_torch  # noqa: E402
from segfeed.plans.plan import Draw, Plan  # noqa: E402

WORLD = 2

SHARED = """
import json, sys
import torch
from itertools import islice
from torch import distributed
from segfeed.errors import OptionError
from segfeed.feed import scan
from segfeed.frameworks.torch import to_torch
from segfeed.batches.loader import Loader
from segfeed.plans.plan import Draw, Plan, Shard

def loader_of(source, batch_size=4, **options):
    return Loader(source, Plan(source.sizes, batch_size, Draw((16, 24), flip=True), **options), threads=1)

def exact_loader(source):
    return Loader(source, Plan.exact(source.sizes, 4), threads=1)

def noted(batch):
    return {"images": batch.images, "labels": batch.labels, "crops": batch.crops.tolist(), "keys": list(batch.keys)}

def confusion_of(model, feed):
    counts = torch.zeros(21 * 21, dtype=torch.int64)
    for images, labels in feed:
        known, found = labels != -100, model(images).argmax(1)
        counts += torch.bincount(21 * labels[known] + found[known], minlength=21 * 21)
    return counts

def model_of():
    torch.manual_seed(0)
    return torch.nn.Conv2d(3, 21, 1)
"""

RANK = (
    SHARED
    + """
root, folder, rank = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(1)
source = scan(root, "train")
train, val = to_torch(loader_of(source)), to_torch(exact_loader(source))
seen = {"alone": [list(batch.keys) for batch in islice(train, 1)]}
train.set_epoch(0)
distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)

model = torch.nn.parallel.DistributedDataParallel(model_of())
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(2):
    seen[f"epoch {epoch}"] = []
    for batch in train:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(batch.images), batch.labels).backward()
        optimizer.step()
        seen[f"epoch {epoch}"].append(noted(batch))
seen["later"] = [noted(batch) for batch in to_torch(loader_of(source))]
seen["val"] = [noted(batch) for batch in val]
counts = confusion_of(model_of(), val)
distributed.all_reduce(counts)
seen["confusion"] = counts

resumed = to_torch(loader_of(source))
resumed.load_state_dict(json.load(open(folder + "/state.json")))
seen["resumed"] = [noted(batch) for batch in islice(resumed, 2)]
seen["state"] = json.dumps(resumed.state_dict())

explicit = to_torch(loader_of(source, shard=Shard(rank, 2)))
seen["explicit"] = [noted(batch) for batch in explicit]
for name, options in (("other rank", {"shard": Shard(1 - rank, 2)}), ("other world", {"shard": Shard(0, 4)}),
                      ("odd batch", {"batch_size": 3})):
    try:
        to_torch(loader_of(source, **options))
    except OptionError as error:
        seen[name] = str(error)
torch.save(seen, f"{folder}/{rank}.pt")
distributed.destroy_process_group()
"""
)


@dataclass(frozen=True)
class Run:
    """The source and what each of two ranks saw of it."""

    source: Any
    ranks: list[dict[str, Any]]

    def loader(self) -> Loader:
        return Loader(self.source, Plan(self.source.sizes, 4, Draw((16, 24), flip=True)), threads=1)

    def val(self) -> Loader:
        return Loader(self.source, Plan.exact(self.source.sizes, 4), threads=1)


def start(rank: int, root: Path, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "error", "-c", RANK, str(root), str(folder), str(rank)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module", name="run")
def _run(tmp_path_factory, write_voc):
    """Run two processes over 27 samples, which 4 a batch do not divide."""
    if not torch.distributed.is_available():
        pytest.skip("this PyTorch has no torch.distributed")
    folder = tmp_path_factory.mktemp("ranks")
    root = write_voc(folder / "VOC2012", {"train": [(14 + i % 5, 22 + i % 4) for i in range(27)]})
    run = Run(scan(root, "train"), [])
    feed = to_torch(run.loader())
    list(islice(feed, 2))
    (folder / "state.json").write_text(json.dumps(feed.state_dict()))
    processes = [start(rank, root, folder) for rank in range(WORLD)]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=100)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
    run.ranks.extend(torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(WORLD))
    return run


def assert_together_are(ranks, batches):
    """Compare the ranks' slices, one after the other, with one process's batches: steps, order, pixels and crops."""
    assert [len(rank) for rank in ranks] == [len(batches)] * WORLD
    for *slices, whole in zip(*ranks, batches, strict=True):
        assert all(len(part["keys"]) == 2 for part in slices)
        assert [key for part in slices for key in part["keys"]] == list(whole.keys)
        assert [row for part in slices for row in part["crops"]] == whole.crops.tolist()
        for name in ("images", "labels"):
            assert torch.equal(torch.cat([part[name] for part in slices]), getattr(whole, name))


@pytest.mark.parametrize("epoch", [0, 1])
def test_two_ranks_together_see_exactly_the_epoch_of_one(run, epoch):
    feed = to_torch(run.loader())
    feed.set_epoch(epoch)
    batches = list(feed)
    assert_together_are([rank[f"epoch {epoch}"] for rank in run.ranks], batches)
    seen = [key for rank in run.ranks for batch in rank[f"epoch {epoch}"] for key in batch["keys"]]
    assert len(seen) == len(set(seen)) == 24


def test_a_feed_follows_the_ranks_that_come_after_it(run):
    alone = [list(batch.keys) for batch in islice(to_torch(run.loader()), 1)]
    assert [rank["alone"] for rank in run.ranks] == [alone, alone]
    for name in ("later", "explicit"):
        assert_together_are([rank[name] for rank in run.ranks], list(to_torch(run.loader())))


def test_validation_merged_over_ranks_is_that_of_one_process_to_the_last_pixel(run):
    batches = list(to_torch(run.val()))
    assert [len(batch.labels) for batch in batches] == [4] * 7
    assert_together_are([rank["val"] for rank in run.ranks], batches)
    assert batches[-1].crops["sample"].tolist() == [24, 25, 26, -1]
    names = {}
    exec(compile(SHARED, "shared", "exec"), names)  # noqa: S102 - what the ranks run, too
    counts = names["confusion_of"](names["model_of"](), batches)
    labels = np.concatenate([run.source.read(n).labels.ravel() for n in range(27)])
    assert counts.sum() == (labels != 255).sum()
    for rank in run.ranks:
        assert torch.equal(rank["confusion"], counts)


def test_a_state_of_one_process_goes_on_in_two_and_back_in_one(run):
    whole = list(to_torch(run.loader()))
    assert_together_are([rank["resumed"] for rank in run.ranks], whole[2:4])
    states = [json.loads(rank["state"]) for rank in run.ranks]
    assert states[0] == states[1]
    feed = to_torch(run.loader())
    feed.load_state_dict(states[1])
    assert [batch.keys for batch in feed] == [batch.keys for batch in whole[4:]]


def test_a_shard_that_contradicts_the_ranks_is_refused_with_both(run):
    for number, rank in enumerate(run.ranks):
        remedy = "leave the shard out, and it follows."
        says = f"but torch.distributed says ({number}, 2); {remedy}"
        assert rank["other rank"] == f"shard: ({1 - number}, 2) (rank, world), {says}"
        assert rank["other world"] == f"shard: (0, 4) (rank, world), {says}"
        assert all(word in rank["odd batch"] for word in ("batch_size", "3", "2 ranks"))
