"""What tests and doctests share: a cache of their own, tiny datasets, and paths of real data."""

import contextlib
import gc
import importlib.util
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from PIL import Image

from segfeed.pixels.palette import voc_colours

SHARED = Path(__file__).parents[1] / "shared" / "data"
PALETTE = np.array(voc_colours(256), np.uint8).tobytes()

WriteVoc = Callable[..., Path]

# No deadline: the first example may compile kernels, and the machine may be busy.
hypothesis.settings.register_profile("segfeed", deadline=None)
hypothesis.settings.load_profile("segfeed")

# PyTorch built for CUDA imports triton late; after TensorFlow that ends the process (triton 3.7, TensorFlow 2.21).
with contextlib.suppress(ImportError):
    import triton  # noqa: F401  # its compiled part is what must come first

# The doctests of an adapter need its framework.
FRAMEWORKS = ("torch", "tensorflow", "jax")
ABSENT = [name for name in FRAMEWORKS if importlib.util.find_spec(name) is None]
collect_ignore_glob = [f"src/segfeed/frameworks/{name}*" for name in ABSENT]
if ABSENT:
    collect_ignore_glob.append("src/segfeed/frameworks/adapters.py")


@pytest.hookimpl(trylast=True)  # after pytest-randomly has shuffled them
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that have slow tests first: no process waits at the end while another runs the longest file."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True, scope="module")
def _light_garbage_collection() -> None:
    """Exempt what other modules left (pytest's reports, numba, matplotlib): many tests call gc.collect()."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep every test out of the user's own cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGFEED_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _compiled_before_the_next_test() -> Iterator[None]:
    """Wait for kernels that are compiled beside a test: numba changes the process's warning filters meanwhile."""
    yield
    for thread in threading.enumerate():
        if thread.name in ("segfeed-kernels", "segfeed-shapes", "segfeed-blocks"):
            thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache folder for one test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SEGFEED_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data beside the checkout, or skip."""
    if not SHARED.is_dir():
        pytest.skip(f"no real data at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def voc2012_part(shared_data: Path) -> Path:
    """Return the VOC root of 80 train and 60 val real pairs, or skip."""
    return shared_data / "voc2012-part" / "VOCdevkit" / "VOC2012"


def write_voc(root: Path, sizes: dict[str, list[tuple[int, int]]], *, suffix: str = ".png", seed: int = 0) -> Path:
    """Write a tiny VOC layout: for each split, one pair of each (height, width), keys SPLIT_0, SPLIT_1, ...

    Photos encode where each pixel is: red = row % 256, green = column % 256, blue = number of the sample in its split.
    Labels are (row + 2 * column + number) % 21, a row of void first.
    """
    for folder in ("JPEGImages", "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for split, shapes in sizes.items():
        for number, (height, width) in enumerate(shapes):
            y, x = np.mgrid[:height, :width]
            image = np.stack([y % 256, x % 256, np.full_like(y, (number + seed) % 256)], axis=-1).astype(np.uint8)
            labels = ((y + 2 * x + number) % 21).astype(np.uint8)
            labels[0] = 255
            Image.fromarray(image).save(root / "JPEGImages" / f"{split}_{number}{suffix}")
            for folder in ("SegmentationClass", "SegmentationObject"):
                mask = Image.fromarray(labels)
                mask.putpalette(PALETTE)
                mask.save(root / folder / f"{split}_{number}.png")
        keys = "".join(f"{split}_{number}\n" for number in range(len(shapes)))
        (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text(keys)
    return root


@pytest.fixture(name="write_voc", scope="session")
def _write_voc() -> WriteVoc:
    return write_voc


@pytest.fixture(scope="session")
def voc_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny VOC folder: 5 train pairs and 3 val pairs, one of each smaller than 32 x 48."""
    root = tmp_path_factory.mktemp("voc") / "VOC2012"
    return write_voc(root, {"train": [(40, 60)] * 4 + [(20, 60)], "val": [(40, 60), (33, 50), (40, 30)]})
