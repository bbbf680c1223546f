"""Little datasets of every format, a few pixels each, for the fuzzing of whole commands."""

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from little_voc import CLASSES, COLOURS, make_voc
from well_known import STAND_INS

_SIZE = (6, 8)
_KEYS = {"train": ("a", "b", "c"), "val": ("d", "e")}


def _photo(path: Path, number: int, size: tuple[int, int] = _SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), 7 * number % 256, np.uint8)).save(path)


def _mask(path: Path, stored: np.ndarray, *, palette: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(stored)
    if palette:
        picture.putpalette(COLOURS.tobytes())
    picture.save(path)


def _values(*values: int) -> np.ndarray:
    return np.resize(np.array(values, np.uint8), _SIZE)


def _pairs(root: Path, photo: str, mask: str, *values: int, palette: bool = False) -> Path:
    """Write a photo and a mask of each key; `{split}` and `{key}` stand in the patterns."""
    for split, keys in _KEYS.items():
        for number, key in enumerate(keys):
            _photo(root / photo.format(split=split, key=key), number)
            _mask(root / mask.format(split=split, key=key), _values(*values), palette=palette)
    return root


def _voc(root: Path) -> Path:
    return make_voc(root, {split: list(keys) for split, keys in _KEYS.items()}, size=_SIZE)


def _voc_jpeg(root: Path) -> Path:
    _voc(root)
    for path in (root / "JPEGImages").iterdir():
        with Image.open(path) as picture:
            picture.save(path.with_suffix(".jpg"))
        path.unlink()
    return root


def _tar(root: Path) -> Path:
    folder = _voc(root / "VOCdevkit/VOC2012")
    (folder / "labelmap.txt").unlink()
    path = root / "VOC2012.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(root / "VOCdevkit", "VOCdevkit")
    shutil.rmtree(root / "VOCdevkit")
    return path


def _labelme(root: Path) -> Path:
    _pairs(root, "JPEGImages/{key}.jpg", "SegmentationClass/{key}.png", 0, 1, 2, 255, palette=True)
    (root / "class_names.txt").write_text("_background_\ncat\ndog\n")
    return root


def _roboflow(root: Path) -> Path:
    _pairs(root, "{split}/{key}_jpg.rf.00.jpg", "{split}/{key}_jpg.rf.00_mask.png", 0, 1, 7)
    for split in _KEYS:
        (root / split / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, cat\n7, dog")
    return root


def _camvid(root: Path) -> Path:
    _pairs(root, "{split}/{key}.png", "{split}annot/{key}.png", *range(12))
    for split, keys in _KEYS.items():
        lines = (f"/CamVid/{split}/{key}.png /CamVid/{split}annot/{key}.png\n" for key in keys)
        (root / f"{split}.txt").write_text("".join(lines))
    (root / "codes.txt").write_text("".join(f"class{letter}\n" for letter in "abcdefghijk") + "void\n")
    return root


def _ade20k(root: Path) -> Path:
    for split, folder in (("train", "training"), ("val", "validation")):
        for number in range(2):
            _photo(root / f"images/{folder}/ADE_{split}_0000000{number}.jpg", number)
            _mask(root / f"annotations/{folder}/ADE_{split}_0000000{number}.png", _values(*range(20)))
    rows = "".join(f"{number}\tname {number}\n" for number in range(1, 151))
    (root / "objectInfo150.txt").write_text(f"Idx\tName\n{rows}")
    return root


def _cityscapes(root: Path) -> Path:
    for split in _KEYS:
        for number in range(2):
            key = f"city_00000{number}_000019"
            _photo(root / f"leftImg8bit/{split}/city/{key}_leftImg8bit.png", number)
            _mask(root / f"gtFine/{split}/city/{key}_gtFine_labelIds.png", _values(*range(34), 255))
    return root


def _kitti(root: Path) -> Path:
    for number in range(3):
        _photo(root / f"training/image_2/00000{number}_10.png", number)
        _photo(root / f"testing/image_2/00000{number}_10.png", number)
        _mask(root / f"training/semantic/00000{number}_10.png", _values(7, 8, 26, 0))
    return root


def _vistas(root: Path) -> Path:
    for folder in ("training", "validation"):
        for key in ("a", "b"):
            _photo(root / f"{folder}/images/{key}.jpg", 1)
            _mask(root / f"{folder}/v1.2/labels/{key}.png", _values(0, 1, 2))
    names = (("bird", [165, 42, 42], True), ("road", [128, 64, 128], True), ("void", [0, 0, 0], False))
    labels = [{"name": name, "color": colour, "evaluate": counts} for name, colour, counts in names]
    (root / "config_v1.2.json").write_text(json.dumps({"labels": labels}))
    return root


def _coco_stuff(root: Path) -> Path:
    for split in ("train2017", "val2017"):
        for number in (9, 25):
            _photo(root / f"images/{split}/{number:012d}.jpg", number)
            _mask(root / f"annotations/{split}/{number:012d}.png", _values(0, 1, 10, 181, 255))
    return root


def table(rows: int = 5) -> pa.Table:
    """Return a table of photos and masks, as Hugging Face's `datasets` writes it."""
    columns: dict[str, list[dict[str, object]]] = {"image": [], "mask": []}
    for row in range(rows):
        pictures = {"image": np.full((*_SIZE, 3), row, np.uint8), "mask": _values(0, 1, 2)}
        for name, pixels in pictures.items():
            out = io.BytesIO()
            Image.fromarray(pixels).save(out, "PNG")
            columns[name].append({"bytes": out.getvalue(), "path": f"{row}.png"})
    return pa.table({"key": [f"k{row}" for row in range(rows)], **columns})


def _parquet(root: Path) -> Path:
    (root / "data").mkdir(parents=True)
    for split in _KEYS:
        path = root / f"data/{split}-00000-of-00001.parquet"
        pq.write_table(table(), path, row_group_size=3, write_page_checksum=split == "train", compression="none")
    (root / "id2label.json").write_text('{"0": "background", "1": "cat", "2": "dog"}')
    return root


def _arrow(root: Path) -> Path:
    for split in _KEYS:
        (root / split).mkdir(parents=True)
        open_writer = pa.ipc.new_stream if split == "train" else pa.ipc.new_file
        with open_writer(str(root / split / "data-00000-of-00001.arrow"), table().schema) as writer:
            writer.write_table(table(), max_chunksize=3)
        state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": split}
        (root / split / "state.json").write_text(json.dumps(state))
        (root / split / "dataset_info.json").write_text("{}")
    (root / "dataset_dict.json").write_text(json.dumps({"splits": list(_KEYS)}))
    (root / "id2label.json").write_text('{"0": "background", "1": "cat", "2": "dog"}')
    return root


def _two_folders(root: Path) -> Path:
    _pairs(root, "images/{split}/{key}.png", "masks/{split}/{key}.png", 0, 1, 2)
    (root / "classes.json").write_text(json.dumps({"0": "background", "1": "cat", "2": "dog"}))
    return root


def _described(root: Path) -> Path:
    _pairs(root, "img/{key}.png", "gt/{key}_L.png", 0, 1, 2)
    (root / "who.csv").write_text("key,patient\na,1\nb,1\nc,2\nd,3\ne,4\n")
    (root / "segfeed.toml").write_text(
        'photos = "img/{key}.png"\nmasks = "gt/{key}_L.png"\n\n[splits]\nhash = { train = 60, val = 40 }\n'
        'group = { file = "who.csv", key = "key", column = "patient" }\n\n'
        '[classes]\n0 = "background"\n1 = "cat"\n"2" = "dog"\n'
    )
    return root


def _pair_lists(root: Path) -> Path:
    _pairs(root, "p/{key}.png", "m/{key}.png", 0, 1, 2)
    for split, keys in _KEYS.items():
        (root / "lists").mkdir(exist_ok=True)
        (root / f"lists/{split}.txt").write_text("".join(f"p/{key}.png m/{key}.png\n" for key in keys))
    (root / "labelmap.txt").write_text(
        "".join(f"{name}:{','.join(map(str, COLOURS[i]))}::\n" for i, name in enumerate(CLASSES))
    )
    (root / "segfeed.toml").write_text(
        'photos = "p/{key}.png"\nmasks = "m/{key}.png"\nlegend = "labelmap.txt"\n\n'
        '[splits]\nlists = "lists/{split}.txt"\n'
    )
    return root


def _stand_in(name: str, root: Path) -> Path:
    return STAND_INS[name].write(root)


DATASETS: dict[str, Callable[[Path], Path]] = {
    "voc": _voc, "voc_jpeg": _voc_jpeg, "tar": _tar, "labelme": _labelme, "roboflow": _roboflow, "camvid": _camvid,
    "ade20k": _ade20k, "cityscapes": _cityscapes, "kitti": _kitti, "vistas": _vistas, "coco_stuff": _coco_stuff,
    "parquet": _parquet, "arrow": _arrow, "two_folders": _two_folders, "described": _described,
    "pair_lists": _pair_lists, **{name: partial(_stand_in, name) for name in STAND_INS},
}  # fmt: skip
"""By name, what writes a dataset into a folder that is not there yet, and returns the path that a person passes."""
