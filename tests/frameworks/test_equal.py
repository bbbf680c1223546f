"""All frameworks: the same bytes from the same plan, and one sentence where a framework is missing."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from segfeed.batches.batch_format import BatchFormat
from segfeed.batches.loader import Loader
from segfeed.feed import scan
from segfeed.plans.plan import Draw, Plan

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # its start-up notes are not part of what is tested


def numpy_epochs(loader):
    return (tuple(batch) for _ in range(2) for batch in loader)


def torch_epochs(loader):
    pytest.importorskip("torch")
    from segfeed.frameworks.torch import to_torch  # noqa: PLC0415 - only where PyTorch is

    batches = to_torch(loader)
    return ((images.permute(0, 2, 3, 1), labels) for _ in range(2) for images, labels in batches)


def tensorflow_epochs(loader):
    pytest.importorskip("tensorflow")
    from segfeed.frameworks.tensorflow import to_tf  # noqa: PLC0415 - only where TensorFlow is

    dataset = to_tf(loader)
    return (pair for _ in range(2) for pair in dataset)


def jax_epochs(loader):
    pytest.importorskip("jax")
    from segfeed.frameworks.jax import to_jax  # noqa: PLC0415 - only where JAX is

    batches = to_jax(loader)
    return (pair for _ in range(2) for pair in batches)


def digest(pairs):
    """Condense shapes and values of every image and label; labels are compared as numbers, whatever their width."""
    seen, count = hashlib.sha256(), 0
    for pair in pairs:
        images, labels = map(np.asarray, pair)
        assert images.dtype == np.float32
        for array in (images, labels.astype(np.int64)):
            seen.update(repr(array.shape).encode())
            seen.update(np.ascontiguousarray(array))
        count += 1
    return count, seen.hexdigest()


@pytest.fixture(scope="module")
def plans(tmp_path_factory, write_voc):
    """Return a source with a plan for training and one for evaluation, both with padding."""
    sizes = [(30 + i % 5, 44 + 3 * (i % 4)) for i in range(11)]
    root = write_voc(tmp_path_factory.mktemp("equal") / "VOC2012", {"train": sizes, "val": sizes[:1]})
    source = scan(root, "train")
    train = Plan(source.sizes, 4, Draw((32, 48), flip=True), seed=5)
    return source, {"train": train, "exact": Plan.exact(source.sizes, 4)}


@pytest.mark.parametrize("kind", ["train", "exact"])
@pytest.mark.parametrize("epochs_of", [numpy_epochs, torch_epochs, tensorflow_epochs, jax_epochs])
def test_two_epochs_are_the_same_bytes_in_every_framework(plans, epochs_of, kind):
    source, plan = plans[0], plans[1][kind]
    expected = digest(
        numpy_epochs(Loader(source, plan, format=BatchFormat("NHWC", "float32", "int32", void=255), threads=0))
    )
    assert expected[0] == 2 * plan.steps
    assert expected == digest(epochs_of(Loader(source, plan, format=BatchFormat(void=255))))


@pytest.mark.parametrize("framework", ["torch", "tensorflow", "jax"])
def test_a_missing_framework_is_one_sentence_with_the_line_that_installs_it(framework):
    code = f"""
import sys, segfeed
sys.modules[{framework!r}] = None
try:
    import segfeed.frameworks.{framework}
except segfeed.errors.NotInstalledError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{framework}: not installed; install it with: pip install 'segfeed[{framework}]'.\n"
