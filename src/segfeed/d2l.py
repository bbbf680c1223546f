"""The chapter "Semantic Segmentation and the Dataset" of Dive into Deep Learning, by the book's names.

`from segfeed import d2l` in place of `from d2l import ...`: the chapter's functions from `download_extract` on, on
segfeed's engine, with arrays of NumPy in (H, W, 3) layout, or with a framework's own batches. Photos are not kept in
memory as float32, and no dataset fills a table of 16 million entries.

The chapter's visible results are kept, also if `segfeed.load` does something else:

| the chapter, and these names | segfeed.load |
| --- | --- |
| void borders and unknown colours become background | void stays void; an unknown colour is an error |
| images smaller than the crop are left out | padded; small="drop" leaves them out and says so |
| validation on random crops, the last batch left out | every image once, whole |
| photos and masks are filtered separately | a photo and its mask are one sample |
| crops from the global np.random | a plan: same seed, same crops, on any number of threads and ranks |

Source: https://d2l.ai/chapter_computer-vision/semantic-segmentation-and-dataset.html
"""

import importlib
import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from segfeed.batches.batch_format import IMAGENET
from segfeed.batches.loader import Loader
from segfeed.datasets.blobs import Blob
from segfeed.datasets.catalogue.fetching import DATASETS, fetch_archive, fetch_dataset
from segfeed.errors import OptionError, SizeMismatchError, sentence
from segfeed.feed import scan
from segfeed.packs.making import make_pack
from segfeed.packs.pack import Pack
from segfeed.pixels.axes import channels_last, is_channels_first, size_px, whole_pixels
from segfeed.pixels.codec import decode_mask, decode_photo
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import colour_codes, voc_colours
from segfeed.pixels.public_legends import VOC
from segfeed.plans.plan import Draw, Plan
from segfeed.system.options import whole_number
from segfeed.system.storage import cache_folder

__all__ = [
    "DATA_HUB",
    "DATA_URL",
    "VOC_CLASSES",
    "VOC_COLORMAP",
    "VOCSegDataset",
    "download_extract",
    "load_data_voc",
    "read_voc_images",
    "show_images",
    "voc_colormap2label",
    "voc_label_indices",
    "voc_rand_crop",
]

VOC_COLORMAP = [list(colour) for colour in voc_colours(21)]
"""Red, green and blue of the 21 classes."""

VOC_CLASSES = list(VOC.names)
"""The names of the 21 classes."""

DATA_URL = "http://d2l-data.s3-accelerate.amazonaws.com/"
"""The folder of the book's datasets on the web."""

DATA_HUB: dict[str, tuple[str, str]] = {
    "voc2012": (DATA_URL + DATASETS["voc2012"].remote.name, DATASETS["voc2012"].remote.sha1)
}
"""The datasets that `download_extract` knows: name -> URL and SHA-1 of an archive."""

_ADAPTERS = {"torch": "to_torch", "tensorflow": "to_tf", "jax": "to_jax"}

# As the chapter reads a mask: everything that is not a class, void included, is background.
_CHAPTER = Legend(VOC.names, VOC.colours, void_colours=(), void_indices=(), title="the chapter's VOC")


def __getattr__(name: str) -> Any:
    """Say of a name that is not here where the names of the book's other chapters are."""
    found = f"no name {name!r}: it has this chapter's names alone ({', '.join(__dir__())})"
    remedy = "for other chapters import the book's own package beside it: `from d2l import torch as book`"
    raise AttributeError(sentence("segfeed.d2l", found, "", f"{remedy}, then call book.{name}"))


def __dir__() -> list[str]:
    """List the chapter's names alone."""
    return __all__


def download_extract(name: str, folder: str | None = None, *, file: str | os.PathLike[str] | None = None) -> str:
    """Download a dataset of `DATA_HUB` into the cache and unpack it; what was unpacked before is there at once.

    Of "voc2012" only what segmentation needs is unpacked, and if the book's server does not answer, other mirrors are
    asked: a mirror that fails is logged as a warning, with the one that is asked next.

    Args:
        name: a key of `DATA_HUB`.
        folder: the path, inside the archive, of the folder to return; if None, the one of the archive's own name.
        file: the archive, if it was downloaded by other means; nothing is asked for then.

    Returns:
        path: of that folder.

    Raises:
        OptionError: if the dataset is unknown, or lacks that folder.
        DownloadError: if no server delivers the archive.
        SourceError: if the archive is not what it must be.
        StorageError: if the cache has no room or may not be written.
    """
    if name not in DATA_HUB:
        raise OptionError(
            "name",
            found=f"{name!r}, which is not in DATA_HUB",
            expected=f"one of {', '.join(DATA_HUB)}",
            remedy="add the dataset's URL and SHA-1 to DATA_HUB",
        )
    url, sha1 = DATA_HUB[name]
    if name == "voc2012":
        other = None if sha1 == DATASETS[name].remote.sha1 else cache_folder() / "datasets" / f"{name}-{sha1[:12]}"
        root = fetch_dataset(name, other, archive=file or url, sha1=sha1).parents[1]
    else:
        root = fetch_archive(url, sha1, archive=file)
    path = root / (folder or os.path.splitext(url.rpartition("/")[2])[0])
    if not os.path.isdir(path):
        names = ", ".join(sorted(entry.name for entry in root.iterdir() if not entry.name.startswith(".")))
        raise OptionError(
            "folder",
            found=f"{str(path.relative_to(root))!r}, which {url} does not hold",
            expected=f"one of what it holds: {names}",
        )
    return str(path)


def read_voc_images(
    voc_dir: str | os.PathLike[str],
    is_train: bool = True,  # noqa: FBT001, FBT002 - the chapter's signature
) -> tuple[list[npt.NDArray[np.uint8]], list[npt.NDArray[np.uint8]]]:
    """Read all photos of a split and their masks as colours.

    Returns:
        features: a list of uint8 (H, W, 3).
        labels: a list of uint8 (H, W, 3), masks in VOC's colours.

    >>> features, labels = read_voc_images(getfixture("voc_folder"))
    >>> features[0].shape == labels[0].shape
    True
    """
    samples = scan(voc_dir, _split(is_train)).samples
    features = [decode_photo(sample.photo.read(), sample.photo.name) for sample in samples]
    return features, [_colours(sample.mask) for sample in samples if sample.mask is not None]


@cache
def voc_colormap2label() -> npt.NDArray[np.int32]:
    """Build the chapter's table from colour codes to class ids: int32 (256**3,), read-only, made once.

    Only the pages that are read take memory. segfeed itself does not use it.

    >>> int(voc_colormap2label()[128 << 16])      # (128, 0, 0)
    1
    """
    table = np.zeros(256**3, np.int32)
    table[colour_codes(np.array(VOC_COLORMAP, np.uint8))] = np.arange(len(VOC_COLORMAP))
    table.flags.writeable = False
    return table


def voc_label_indices(colormap: npt.ArrayLike, colormap2label: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """Map the colours of a mask to class ids; void and unknown colours become 0, the background.

    Args:
        colormap: whole numbers 0..255 of any type, (H, W, 3) or, as PyTorch's cells hand them in, (3, H, W): a mask in
            VOC's colours.
        colormap2label: what `voc_colormap2label` returned.

    Returns:
        labels: int32 (H, W), class ids 0..20.

    Raises:
        OptionError: if it has another shape, or values that are not those of pixels, such as colours scaled to 0..1.

    >>> voc_label_indices([[[128, 0, 0], [224, 224, 192]]], voc_colormap2label())
    array([[1, 0]], dtype=int32)
    """
    colours = whole_pixels("colormap", channels_last("colormap", np.asarray(colormap)))
    return np.asarray(colormap2label)[colour_codes(colours)]


def voc_rand_crop(feature: Any, label: Any, height: int, width: int) -> tuple[Any, Any]:
    """Cut the same random window out of a photo and its mask, drawn from the global `np.random`, as in the chapter.

    Args:
        feature: an array or tensor (H, W, 3) or (3, H, W).
        label: of the same height and width: (H, W), (H, W, 3) or (3, H, W).
        height: of the crop in px, at most H.
        width: of the crop in px, at most W.

    Returns:
        crops: two views, of the kinds and layouts that were handed in.

    Raises:
        OptionError: if the crop is empty or larger than the photo, or one of the two is not an array of pixels.
        SizeMismatchError: if photo and mask differ in size: one window would show two places.

    >>> feature, label = voc_rand_crop(np.zeros((400, 500, 3)), np.zeros((400, 500)), 320, 480)
    >>> feature.shape, label.shape
    ((320, 480, 3), (320, 480))
    """
    size, other = (size_px(name, picture) for name, picture in (("feature", feature), ("label", label)))
    if size != other:
        raise SizeMismatchError(
            "feature, label",
            found=f"a photo of {size[1]} x {size[0]} px but a mask of {other[1]} x {other[0]} (width x height)",
            expected="equal sizes",
            remedy="pass the mask of this photo",
        )
    height, width = (whole_number(*side, 1, 2**31 - 1) for side in (("height", height), ("width", width)))
    slack = size[0] - height, size[1] - width
    if min(slack) < 0:
        raise OptionError(
            "height, width",
            found=f"a crop of {height} x {width} px",
            expected=f"at most the photo's {size[0]} x {size[1]} px",
        )
    top, left = (np.random.randint(side + 1) for side in slack)  # noqa: NPY002 - the chapter draws from np.random
    window = slice(top, top + height), slice(left, left + width)
    return tuple(
        picture[(slice(None), *window)] if is_channels_first(picture.shape) else picture[window]
        for picture in (feature, label)
    )


class VOCSegDataset:
    """The chapter's dataset: `dataset[i]` is a normalised random crop of a photo, and its labels.

    Args:
        is_train: the train list, or the val list.
        crop_size: (height, width) in px; smaller photos are left out.
        voc_dir: the VOC folder.

    >>> dataset = VOCSegDataset(True, (32, 48), getfixture("voc_folder"))
    read 4 examples
    >>> feature, label = dataset[0]
    >>> feature.shape, feature.dtype, label.shape, label.dtype
    ((32, 48, 3), dtype('float32'), (32, 48), dtype('int32'))
    """

    def __init__(self, is_train: bool, crop_size: tuple[int, int], voc_dir: str | os.PathLike[str]) -> None:  # noqa: FBT001 - the chapter's signature
        self.crop_size = Draw(crop_size).crop_size
        self.rgb_mean, self.rgb_std = (np.array(part, np.float32) for part in IMAGENET)
        self._pack = _pack(voc_dir, is_train)
        self._large = np.flatnonzero((self._pack.sizes >= self.crop_size).all(axis=1))
        if not len(self._large):
            height, width = self.crop_size
            found = f"{height} x {width} px, which none of {len(self._pack)} photos holds (height x width)"
            raise OptionError("crop_size", found=found, expected="a crop that some photos hold")
        print(f"read {len(self)} examples")  # noqa: T201 - the chapter prints it

    def normalize_image(self, img: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Normalise pixels 0..255, (..., 3) or (3, H, W), by ImageNet's mean and standard deviation."""
        pixels = np.asarray(img, np.float32)
        first = is_channels_first(pixels.shape)
        mean, std = ((part[:, None, None] if first else part) for part in (self.rgb_mean, self.rgb_std))
        return np.asarray((pixels / 255 - mean) / std, np.float32)

    def __getitem__(self, idx: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        pair = self._pack.read(int(self._large[idx]))
        feature, label = voc_rand_crop(pair.image, pair.labels, *self.crop_size)
        return self.normalize_image(feature), label.astype(np.int32)

    def __len__(self) -> int:
        return len(self._large)


def load_data_voc(
    batch_size: int,
    crop_size: tuple[int, int],
    voc_dir: str | os.PathLike[str] | None = None,
    framework: Literal["torch", "tensorflow", "jax"] | None = None,
    *,
    small: Literal["drop", "pad"] = "drop",
) -> tuple[Any, Any]:
    """Load the chapter's train and val batches: float32 (N, H, W, 3) and int32 (N, H, W), void as background.

    Both are random crops without the last, incomplete batch; val is not shuffled.

    Args:
        batch_size: pairs in a batch.
        crop_size: (height, width) of a crop in px.
        voc_dir: the VOC folder; that of `download_extract("voc2012")` if None.
        framework: "torch" for the batches of `to_torch`, with images (N, 3, H, W) and labels int64, "tensorflow" for a
            `tf.data.Dataset`, "jax" for the batches of `to_jax`; None for NumPy's.
        small: "drop" leaves out photos that are smaller than the crop, as the chapter does; "pad" keeps them.

    Returns:
        train, val: two of what the framework's adapter makes of a Loader; two Loaders for NumPy.

    Raises:
        OptionError: if framework is another word.
        NotInstalledError: if the framework is not installed.

    >>> train_iter, test_iter = load_data_voc(2, (32, 48), getfixture("voc_folder"))
    read 4 examples
    read 2 examples
    >>> for X, Y in train_iter:
    ...     print(X.shape, Y.shape)
    (2, 32, 48, 3) (2, 32, 48)
    (2, 32, 48, 3) (2, 32, 48)
    """
    adapt, draw = _adapter(framework), Draw(crop_size, small=small)
    voc_dir = voc_dir or download_extract("voc2012", "VOCdevkit/VOC2012")
    loaders = []
    for is_train in (True, False):
        pack = _pack(voc_dir, is_train)
        plan = Plan(pack.sizes, batch_size, draw, shuffle=is_train)
        print(f"read {len(plan)} examples")  # noqa: T201 - the chapter prints it
        loaders.append(adapt(Loader(pack, plan)))
    return loaders[0], loaders[1]


def show_images(
    imgs: Iterable[Any], num_rows: int, num_cols: int, titles: Sequence[str] | None = None, scale: float = 1.5
) -> npt.NDArray[Any]:
    """Plot images in rows and columns with pyplot, as the chapter does.

    Args:
        imgs: (H, W, 3) or (3, H, W), uint8 0..255 or float 0..1, or (H, W).
        num_rows: rows of the grid.
        num_cols: columns of the grid.
        titles: one for each image.
        scale: inches that a row and a column take.

    Returns:
        axes: (num_rows * num_cols,) of matplotlib axes.
    """
    from matplotlib import pyplot as plt  # noqa: PLC0415 - half a second that only pictures need

    _, grid = plt.subplots(num_rows, num_cols, figsize=(num_cols * scale, num_rows * scale), squeeze=False)
    axes = grid.flatten()
    for index, (axis, image) in enumerate(zip(axes, imgs, strict=False)):
        pixels = np.asarray(image)
        axis.imshow(np.moveaxis(pixels, 0, -1) if is_channels_first(pixels.shape) else pixels)
        axis.get_xaxis().set_visible(False)
        axis.get_yaxis().set_visible(False)
        if titles:
            axis.set_title(titles[index])
    return axes


def _adapter(framework: str | None) -> Callable[[Loader], Any]:
    """Import the function that turns a loader into a framework's own batches, before anything is read."""
    if framework is None:
        return lambda loader: loader
    if framework not in _ADAPTERS:
        raise OptionError("framework", found=repr(framework), expected=f"{', '.join(map(repr, _ADAPTERS))} or None")
    module = importlib.import_module(f"segfeed.frameworks.{framework}")
    adapt: Callable[[Loader], Any] = getattr(module, _ADAPTERS[framework])
    return adapt


def _colours(mask: Blob) -> npt.NDArray[np.uint8]:
    stored = decode_mask(mask.read(), mask.name)
    if stored.palette is not None:
        return np.asarray(stored.palette[stored.pixels])
    return stored.pixels if stored.pixels.ndim == 3 else VOC.paint(stored.pixels)


def _split(is_train: bool) -> str:  # noqa: FBT001 - the chapter's word
    return "train" if is_train else "val"


def _pack(voc_dir: str | os.PathLike[str], is_train: bool) -> Pack:  # noqa: FBT001 - the chapter's word
    return make_pack(scan(voc_dir, _split(is_train), legend=_CHAPTER, unknown="background"))
