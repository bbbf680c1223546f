"""A dataset in which every name attacks the page that shows it, and the same dataset with harmless names."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from little_voc import CLASSES, COLOURS, a_photo, some_labels
from segfeed import Legend, Source
from segfeed.datasets.blobs import File
from segfeed.datasets.source import Missing, Sample

Name = Callable[[str], str]

PAYLOAD = (
    '</title></script><script>window.hacked=1;alert(1)</script><img src=x onerror="window.hacked=1;alert(2)">'
    "' onmouseover='alert(3)' javascript:alert(4) \"onfocus=alert(5) autofocus {{ 7 * 7 }} {% raw %} ${7*7} &lt;b&gt; "
    "\x1b[31m \u2028 \u202e ]]> --> <!-- \\u003c "
)
FILE_PAYLOAD = "\"><img src=x onerror=window.hacked=1;alert(6)>' {{ 7 * 7 }} &lt; \x1b[31m \u202e "


def harmless(word: str) -> str:
    return word


def hostile(word: str) -> str:
    return PAYLOAD + word


def make_source(folder: Path, name: Name) -> Source:
    """Write four samples, one of them with an unknown colour and one without a mask, and name everything by `name`."""
    file_name = harmless if name is harmless else FILE_PAYLOAD.__add__
    root = folder / file_name("root")
    root.mkdir()
    samples = []
    for word in ("a", "b", "c"):
        image, labels = a_photo(word), some_labels()
        labels[30:34, 2:6] = 77 if word == "b" else 0
        files = [root / file_name(f"{word}.photo.png"), root / file_name(f"{word}.mask.png")]
        Image.fromarray(image).save(files[0])
        mask = Image.fromarray(labels)
        mask.putpalette(COLOURS.tobytes())
        mask.save(files[1])
        photo, stored = (File.of(str(path)) for path in files)
        samples.append(Sample(name(word), photo, stored))
    classes = tuple(name(word)[-200:] for word in CLASSES)  # names of classes have a limit
    legend = Legend(classes, tuple(map(tuple, COLOURS[:3].tolist())), title=name("legend"))
    missing = (Missing(name("d"), "mask", str(root)),)
    return Source(
        root, name("format"), name("split"), "semantic", tuple(samples), legend, "error", name("why"), missing
    )


def make_folder(folder: Path, name: Name) -> Path:
    """Write a VOC folder that names its folder, its list and its classes by `name`, as far as names of files allow."""
    file_name = harmless if name is harmless else FILE_PAYLOAD.__add__
    root = folder / file_name("root")
    for part in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / part).mkdir(parents=True)
    key = "a" if name is harmless else "' onclick='alert(1)' {{ 7 + 7 }} a&lt;"
    Image.fromarray(a_photo("a")).save(root / "JPEGImages" / f"{key}.png")
    mask = Image.fromarray(np.where(some_labels() == 255, 0, some_labels()).astype(np.uint8))
    mask.putpalette(COLOURS.tobytes())
    mask.save(root / "SegmentationClass" / f"{key}.png")
    (root / "ImageSets" / "Segmentation" / f"{file_name('split')}.txt").write_text(f"{key}\n")
    word = "{}" if name is harmless else "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> {}"
    lines = [f"{word.format(name)}:{','.join(map(str, COLOURS[i]))}::" for i, name in enumerate(CLASSES)]
    (root / "labelmap.txt").write_text("\n".join(lines))
    return root
