"""JAX: the loader's own batches as arrays, in every format, on one device, on four, and from two processes."""

import gc
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from itertools import islice

import numpy as np
import pytest

jax = pytest.importorskip("jax")

from segfeed.batches.batch_format import BatchFormat  # noqa: E402
from segfeed.batches.loader import Loader  # noqa: E402
from segfeed.errors import OptionError, StateError  # noqa: E402 - only where JAX is
from segfeed.feed import scan  # noqa: E402
from segfeed.frameworks.jax import JaxBatch, to_jax  # noqa: E402
from segfeed.packs.making import make_pack  # noqa: E402
from segfeed.plans.plan import Draw, Plan, Shard  # noqa: E402

jnp = jax.numpy
Mesh, NamedSharding, P = jax.sharding.Mesh, jax.sharding.NamedSharding, jax.sharding.PartitionSpec

FORMATS = {
    "JAX's own": BatchFormat(),
    "float16": BatchFormat(dtype="float16"),
    "bytes": BatchFormat(dtype="uint8", normalize=None),
    "NCHW": BatchFormat(layout="NCHW"),
    "NCHW bytes": BatchFormat(layout="NCHW", dtype="uint8", label_dtype="uint8"),
    "void -1": BatchFormat(void=-1),
}


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
    plan = Plan(reader.sizes, batch_size, Draw((16, 24), flip=True), shard=options.pop("shard", Shard()))
    return Loader(reader, plan, threads=options.pop("threads", 2), **options)


def exact_of(reader, batch_size):
    return Loader(reader, Plan.exact(reader.sizes, batch_size))


def digest(batch):
    """Condense what a training step sees and where it came from, no matter what made it."""
    seen = hashlib.sha256(repr(batch.keys).encode())
    for array in (*map(np.asarray, batch), batch.crops):
        seen.update(repr((array.shape, array.dtype)).encode())
        seen.update(np.ascontiguousarray(array))
    return seen.hexdigest()


def digests(batches):
    return [digest(batch) for batch in batches]


def at(loader, epoch):
    loader.set_epoch(epoch)
    return loader


# What comes out -------------------------------------------------------------------------------------------------------


def test_arrays_are_jaxs_on_the_default_device(pack):
    batch = next(iter(to_jax(loader_of(pack))))
    images, labels = batch
    assert isinstance(images, jax.Array)
    assert isinstance(labels, jax.Array)
    assert (images.shape, images.dtype) == ((4, 16, 24, 3), np.float32)
    assert (labels.shape, labels.dtype) == ((4, 16, 24), np.int32)
    assert images.devices() == labels.devices() == {jax.devices()[0]}
    assert set(batch.keys) <= set(pack.keys)


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("wanted", FORMATS.values(), ids=FORMATS)
def test_batches_are_numpys_in_every_format(pack, wanted, threads):
    arrays = to_jax(loader_of(pack, format=wanted, threads=threads))
    loader = loader_of(pack, format=wanted)
    for _ in range(2):
        assert digests(arrays) == digests(loader)


def test_an_exact_plan_gives_every_image_once_with_rows_of_padding(root):
    val = scan(root, "val")
    batches = list(to_jax(exact_of(val, 3)))
    assert [key for batch in batches for key in batch.keys] == [*val.keys, "", ""]
    assert set(np.unique(batches[-1].labels[1:])) == {255}
    assert digests(batches) == digests(exact_of(val, 3))


def test_labels_of_int64_are_refused_where_jax_would_cut_them(pack):
    loader = loader_of(pack, format=BatchFormat(label_dtype="int64"))
    with pytest.raises(OptionError) as caught:
        to_jax(loader)
    assert (caught.value.where, caught.value.found) == ("label_dtype", "'int64', which JAX makes int32 here")
    with jax.enable_x64(True):
        assert digests(to_jax(loader)) == digests(loader)


def test_a_batch_is_a_pytree_of_two_leaves_and_compiles_once(pack):
    traced = []

    @jax.jit
    def step(batch):
        traced.append(type(batch))
        return JaxBatch((batch.images * 2, batch.labels))

    for batch in to_jax(loader_of(pack)):
        result = step(batch)
        np.testing.assert_array_equal(result.images, np.asarray(batch.images) * 2)
        assert result.keys == ()
    assert traced == [JaxBatch]
    assert jax.tree.map(lambda array: array.ndim, tuple(batch)) == (4, 3)
    assert len(jax.tree.leaves(batch)) == 2


def test_the_loss_ignores_void_with_a_gradient_of_exactly_zero(root):
    *_, batch = to_jax(exact_of(scan(root, "val"), 3))
    is_void = np.asarray(batch.labels) == 255

    def loss(logits):
        # As optax.softmax_cross_entropy_with_integer_labels(..., where=...) does.
        known = batch.labels != 255
        log_p = jax.nn.log_softmax(logits)
        picked = jnp.take_along_axis(log_p, jnp.where(known, batch.labels, 0)[..., None], axis=-1)[..., 0]
        return -jnp.sum(picked, where=known) / known.sum()

    logits = np.random.default_rng(0).normal(size=(*batch.labels.shape, 21)).astype(np.float32)
    value, gradient = jax.jit(jax.value_and_grad(loss))(logits)
    size = np.abs(gradient).sum(axis=-1)
    assert np.isfinite(value)
    assert 0 < is_void.sum() < is_void.size
    assert size[is_void].max() == 0
    assert size[~is_void].min() > 0


# Memory and threads ---------------------------------------------------------------------------------------------------


def test_every_array_may_be_kept(pack):
    arrays, loader = to_jax(loader_of(pack)), loader_of(pack)
    kept = [batch for _ in range(2) for batch in arrays]
    parts = [np.asarray(batch.labels)[::-1] for batch in arrays]
    seen = digests(kept), [part.tobytes() for part in parts]
    for _ in range(3):  # the memory that nobody holds goes round
        gc.collect()
        for _ in arrays:
            pass
    assert seen == (digests(kept), [part.tobytes() for part in parts])
    assert seen[0] == digests(loader) + digests(loader)
    assert seen[1] == [batch.labels[::-1].tobytes() for batch in loader]


def test_arrays_given_away_to_a_computation_spoil_no_others(pack):
    spoil = jax.jit(lambda images: images * 0 + 7, donate_argnums=0)
    loader, kept = loader_of(pack), []
    for batch in to_jax(loader_of(pack)):
        kept.append(spoil(batch.images))
        assert digest(next(iter(to_jax(at(loader, 0))))) == digest(next(iter(at(loader, 0))))
    assert {7} == set(np.unique(kept))


def test_threads_end_with_the_epoch_also_when_it_is_abandoned(pack, loader_threads):
    arrays = to_jax(loader_of(pack))
    list(arrays)
    assert not loader_threads()
    running = iter(arrays)
    next(running)
    assert loader_threads()
    del running
    until = time.monotonic() + 60
    while loader_threads():  # what is forgotten does not wait for its threads
        assert time.monotonic() < until
    running = iter(arrays)
    next(running)
    arrays.close()
    assert not loader_threads()


# Epochs and states ----------------------------------------------------------------------------------------------------


def test_each_iteration_is_the_next_epoch_also_after_a_break(pack):
    arrays, loader = to_jax(loader_of(pack)), loader_of(pack)
    assert len(arrays) == len(loader) == 6
    list(islice(arrays, 2))
    assert digests(arrays) == digests(at(loader, 1))
    arrays.set_epoch(7)
    assert digests(arrays) == digests(at(loader, 7))


@pytest.mark.parametrize("delivered", range(1, 7))
def test_a_state_counts_what_was_delivered_not_what_is_on_its_way(pack, delivered):
    whole = [digests(loader_of(pack)), digests(at(loader_of(pack), 1))]
    arrays = to_jax(loader_of(pack))
    list(islice(arrays, delivered))
    state = json.loads(json.dumps(arrays.state_dict()))
    assert state == loader_of(pack).state_dict(epoch=0, step=delivered)
    resumed = to_jax(loader_of(pack, threads=1))
    resumed.load_state_dict(state)
    rest = whole[0][delivered:]
    assert [digests(resumed) for _ in range(1 + bool(rest))] == [*[rest] * bool(rest), whole[1]]


def test_a_state_goes_on_in_numpy(pack):
    arrays, loader = to_jax(loader_of(pack)), loader_of(pack)
    list(islice(arrays, 4))
    loader.load_state_dict(arrays.state_dict())
    assert digests(loader) == digests(loader_of(pack))[4:]


def test_the_loaders_position_is_taken_over_and_left_alone(pack):
    loader = at(loader_of(pack), 3)
    assert digests(to_jax(loader)) == digests(at(loader_of(pack), 3))
    assert loader.state_dict()["epoch"] == 3


def test_another_runs_state_is_refused(pack):
    arrays = to_jax(loader_of(pack))
    with pytest.raises(StateError) as caught:
        arrays.load_state_dict(loader_of(pack, 2).state_dict())
    assert "batch_size" in str(caught.value)


# Shardings ------------------------------------------------------------------------------------------------------------


def test_a_sharding_over_one_device_changes_nothing(pack):
    sharding = NamedSharding(Mesh(jax.devices()[:1], ("rows",)), P("rows"))
    arrays = to_jax(loader_of(pack), sharding)
    assert digests(arrays) == digests(loader_of(pack))
    assert next(iter(arrays)).images.sharding == sharding


def test_a_shard_that_contradicts_the_sharding_is_refused(pack):
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    with pytest.raises(OptionError) as caught:
        to_jax(loader_of(pack, shard=Shard(1, 2)), sharding)
    assert caught.value.where == "shard"
    assert caught.value.found == "(1, 2) (rank, world), but by its sharding this process is (0, 1)"


def test_a_sharding_that_labels_cannot_follow_is_refused(pack):
    sharding = NamedSharding(Mesh(jax.devices()[:1], ("rows",)), P("rows", None, None, None))
    with pytest.raises(OptionError) as caught:
        to_jax(loader_of(pack), sharding)
    assert caught.value.where == "sharding"
    assert caught.value.found.startswith(
        "images (4, 16, 24, 3) and labels (4, 16, 24) cannot both be laid out as Named"
    )


def test_batches_spread_over_four_devices(root, pack):
    found = run_script("four_devices", root)
    whole = digests(loader_of(pack, 8)) + digests(at(loader_of(pack, 8), 1))
    assert found["rows"] == found["replicated"] == found["rows and lines"] == whole
    assert found["exact"] == digests(exact_of(scan(root, "val"), 4))
    assert found["spans"] == [[0, 2], [2, 4], [4, 6], [6, 8]]
    assert found["lines"] == [4, 8, 24, 3]
    assert "cannot both be laid out as NamedSharding" in found["refused"]
    assert "devices whose number divides the batch size" in found["refused"]
    assert found["mean"] == pytest.approx(float(next(iter(loader_of(pack, 8))).images.mean()), rel=1e-5)


def test_two_processes_feed_one_array_and_together_see_every_row_once(root, pack):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ranks = [start_script("two_processes", root, rank, port) for rank in range(2)]
    found = [finish(process) for process in ranks]
    for rank, seen in enumerate(found):
        mine, whole = loader_of(pack, 8, shard=Shard(rank, 2)), loader_of(pack, 8)
        assert seen["shard"] == [rank, 2]
        assert seen["rows"] == digests(mine) + digests(mine)
        # Sums over the whole array need the other process's rows: both get the single-process epoch's.
        assert seen["void"] == [int((batch.labels == 255).sum()) for batch in (*whole, *whole)]
        assert seen["shape"] == [8, 16, 24, 3]
        # Where both processes hold copies of all rows, or a half of every image, both read all rows.
        assert seen["copies"] == [[0, 1], seen["void"][0]]
        assert seen["halves"] == [[0, 1], seen["void"][0]]
        assert "order the mesh's devices by process" in seen["refused"]
    val = scan(root, "val")
    # Rank 0's rows of a batch, then rank 1's; the split does not divide evenly.
    keys = [keys for pair in zip(found[0]["exact"], found[1]["exact"], strict=True) for keys in pair]
    assert [key for part in keys for key in part] == [*val.keys, ""]


def start_script(name, *arguments):
    """Run a function of this file by itself, where JAX may have other devices."""
    command = [sys.executable, __file__, name, *map(str, arguments)]
    environment = os.environ | {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={4 if name == 'four_devices' else 2}"
    }
    environment |= {"JAX_PLATFORMS": "cpu", "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)


def finish(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def run_script(*arguments):
    return finish(start_script(*arguments))


def four_devices(root):
    pack = make_pack(scan(root, "train"))
    rows = Mesh(np.array(jax.devices()), ("rows",))
    both = Mesh(np.array(jax.devices()).reshape(2, 2), ("rows", "lines"))
    shardings = {"rows": (rows, P("rows")), "replicated": (rows, P()), "rows and lines": (both, P("rows", "lines"))}
    found = {}
    for name, (mesh, spec) in shardings.items():
        arrays = to_jax(loader_of(pack, 8), NamedSharding(mesh, spec))
        kept = [batch for _ in range(2) for batch in arrays]
        found[name] = digests(kept)
        if name == "rows":
            shards = kept[0].images.addressable_shards
            found["spans"] = [[shard.index[0].start, shard.index[0].stop] for shard in shards]
            found["mean"] = float(jax.jit(jnp.mean)(kept[0].images))
    found["lines"] = kept[0].images.addressable_shards[0].data.shape
    found["exact"] = digests(to_jax(exact_of(scan(root, "val"), 4), NamedSharding(rows, P("rows"))))
    try:
        to_jax(loader_of(pack, 6), NamedSharding(rows, P("rows")))
    except OptionError as error:
        found["refused"] = str(error)
    return found


def two_processes(root, rank, port):
    jax.distributed.initialize(f"127.0.0.1:{port}", 2, int(rank))
    pack, devices = make_pack(scan(root, "train")), np.array(jax.devices()).reshape(2, 2)
    count_void = jax.jit(lambda labels: (labels == 255).sum())
    arrays = to_jax(loader_of(pack, 8), NamedSharding(Mesh(devices.ravel(), ("rows",)), P("rows")))
    kept = [batch for _ in range(2) for batch in arrays]
    found = {"shard": arrays.loader.plan.shard, "shape": kept[0].images.shape}
    found["rows"] = [digest(local(batch)) for batch in kept]
    found["void"] = [int(count_void(batch.labels)) for batch in kept]
    for name, spec in (("copies", P("rows")), ("halves", P("rows", "processes"))):
        arrays = to_jax(loader_of(pack, 8), NamedSharding(Mesh(devices.T, ("rows", "processes")), spec))
        found[name] = [arrays.loader.plan.shard, int(count_void(next(iter(arrays)).labels))]
    val = scan(root, "val")
    exact = to_jax(exact_of(val, 4), NamedSharding(Mesh(devices.ravel(), ("rows",)), P("rows")))
    found["exact"] = [batch.keys for batch in exact]
    try:
        to_jax(loader_of(pack, 8), NamedSharding(Mesh(devices.T.ravel(), ("rows",)), P("rows")))
    except OptionError as error:
        found["refused"] = str(error)
    return found


def local(batch):
    """Put this process's part of a batch together."""
    parts = (np.concatenate([shard.data for shard in array.addressable_shards]) for array in batch)
    return JaxBatch(parts, batch.crops, batch.all_keys, batch.sizes)


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))  # noqa: T201 - the test reads it
