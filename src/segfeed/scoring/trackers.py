"""Scores and predictions for TensorBoard, Weights & Biases, MLflow and FiftyOne, in the form that each of them expects.

Each function takes the tracker's own handle, so none of them is needed until it is used. They belong to `scoring`,
since they read scores and predictions; `frameworks` only makes batches.
"""

import importlib
import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from segfeed.datasets.blobs import File
from segfeed.datasets.source import Source
from segfeed.errors import NotInstalledError, OptionError
from segfeed.packs.pack import Pack
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Labels
from segfeed.pixels.objects import class_legend
from segfeed.plans.rows import Rows
from segfeed.scoring.logits import class_ids
from segfeed.scoring.predictions import prediction_path, read_prediction, whole_images
from segfeed.scoring.score import Score
from segfeed.system.storage import save

_REFUSED = re.compile(r"[^\w\-. ]|^\.+$")  # by MLflow in a name, of which it may make a file; others take everything


@dataclass(frozen=True, eq=False)
class Predicted:
    """One sample beside what was predicted for it, at the sample's own size.

    Attributes:
        key: the sample's key.
        image: uint8 (H, W, 3), the photo.
        labels: uint8 (H, W), class ids and void (uint16 above 254 classes).
        ids: the same, what was predicted.
        legend: the classes.
    """

    key: str
    image: npt.NDArray[np.uint8]
    labels: Labels
    ids: Labels
    legend: Legend

    def paint(self) -> npt.NDArray[np.uint8]:
        """Lay photo, labels and prediction side by side: uint8 (H, 3 W, 3)."""
        return np.concatenate([self.image, self.legend.paint(self.labels), self.legend.paint(self.ids)], axis=1)


def predicted_samples(predictions: Any, crops: Rows, reader: Source | Pack) -> Iterator[Predicted]:
    """Read each sample of a batch again, and put what was predicted beside it.

    Args:
        predictions: as in `Score.update`: ids (N, H, W), or logits (N, classes, H, W) or (N, H, W, classes).
        crops: the batch's own, of an exact plan.
        reader: what the batch was read from.

    Raises:
        OptionError: if the predictions do not fit the crops.

    >>> import segfeed
    >>> _, val = segfeed.load("sample", splits=(None, "val[:2]"), val_batch_size=2)
    >>> batch = next(iter(val))
    >>> ids = np.zeros_like(batch.labels)
    >>> [one.ids.shape == one.image.shape[:2] for one in predicted_samples(ids, batch.crops, val.reader)]
    [True, True]
    """
    legend = _classes(reader)
    shape = (len(crops), int(crops["height"][0]), int(crops["width"][0]))
    for sample, ids in whole_images(class_ids(predictions, shape, len(legend)), crops, reader.sizes):
        image, labels = reader.read(sample)
        yield Predicted(reader.keys[sample], image, labels, ids.astype(legend.dtype), legend)


def figures_of(score: Score, name: str = "val") -> dict[str, float]:
    """Return the figures that a score has, flat: "val/miou", "val/iou/cat"; what is NaN is left out.

    >>> score = Score(Legend(("ground", "cat", "dog")))
    >>> score.update([[0, 1]], [[0, 1]])
    >>> sorted(figures_of(score))[:3]
    ['val/frequency_weighted_iou', 'val/iou/cat', 'val/iou/ground']
    """
    classes = zip(score.legend.names, score.iou.tolist(), strict=True)
    figures = score.summary | {f"iou/{class_}": iou for class_, iou in classes}
    return {f"{name}/{figure}": value for figure, value in figures.items() if not np.isnan(value)}


def log_tensorboard(
    writer: Any, score: Score, samples: Iterable[Predicted] = (), *, step: int, name: str = "val"
) -> None:
    """Write a score as scalars and samples as pictures: photo, labels, prediction.

    Args:
        writer: a `SummaryWriter` of PyTorch or tensorboardX.
        score: what was counted.
        samples: of `predicted_samples`.
        step: the step, or the epoch.
        name: the first part of every tag.
    """
    for tag, value in figures_of(score, name).items():
        writer.add_scalar(tag, value, step)
    for one in samples:
        writer.add_image(f"{name}/{one.key}", one.paint(), step, dataformats="HWC")


def log_mlflow(mlflow: Any, score: Score, samples: Iterable[Predicted] = (), *, step: int, name: str = "val") -> None:
    """Log a score as metrics of the active run, samples as pictures, and the whole score as JSON.

    Args:
        mlflow: the module, with an active run.
        score: what was counted; `Score.from_json` reads its JSON back.
        samples: of `predicted_samples`.
        step: the step, or the epoch.
        name: the first part of every name. Marks that MLflow refuses become "_", and so does "/" in a class's name,
            which would be a folder; if two classes then have one name, their ids tell them apart.
    """
    name = "/".join(map(_plain, name.split("/")))
    mlflow.log_metrics(_for_mlflow(figures_of(score, name), score.legend, name), step=step)
    mlflow.log_dict(score.to_json(), f"{name}/score-{step}.json")
    for one in samples:
        mlflow.log_image(one.paint(), f"{name}/{step}/{'/'.join(map(_plain, one.key.split('/')))}.png")


def _for_mlflow(figures: dict[str, float], legend: Legend, name: str) -> dict[str, float]:
    plain = [_plain(class_) for class_ in legend.names]
    tags = {
        f"{name}/iou/{class_}": f"{name}/iou/{word}" + (f" {id_}" if plain.count(word) > 1 else "")
        for id_, (class_, word) in enumerate(zip(legend.names, plain, strict=True))
    }
    return {tags.get(tag, tag): value for tag, value in figures.items()}


def _plain(name: str) -> str:
    return _REFUSED.sub("_", name)


def log_wandb(run: Any, score: Score, samples: Iterable[Predicted] = (), *, step: int, name: str = "val") -> None:
    """Log a score as metrics, and samples as `wandb.Image` with masks that can be shown and hidden by class.

    Args:
        run: what `wandb.init` returned.
        score: what was counted.
        samples: of `predicted_samples`.
        step: the step, or the epoch.
        name: the first part of every name.

    Raises:
        OptionError: if there are more than 254 classes: W&B keeps masks in 8 bits.
        NotInstalledError: if wandb is not installed.
    """
    wandb = _module("wandb")
    pictures = {}
    for one in samples:
        if one.legend.void > 255:
            raise OptionError(
                "legend", found=f"{len(one.legend)} classes", expected="at most 254: W&B keeps masks in 8 bits"
            )
        names = dict(enumerate(one.legend.names)) | {one.legend.void: "void"}
        masks = {
            "prediction": {"mask_data": one.ids, "class_labels": names},
            "labels": {"mask_data": one.labels, "class_labels": names},
        }
        # A name for each: W&B shows a list of pictures wrongly if their sizes differ.
        pictures[f"{name}/{one.key}"] = wandb.Image(one.image, masks=masks, caption=one.key)
    run.log(figures_of(score, name) | pictures, step=step)


def mask_targets(legend: Legend) -> dict[int, str]:
    """Return what FiftyOne shall call each value of the masks that `fiftyone_samples` writes.

    FiftyOne never shows 0. If the first class is background, values are class ids and void is 255; otherwise each is
    its class id + 1, and 0 is void.

    >>> mask_targets(Legend(("background", "cat"))), mask_targets(Legend(("road", "car")))
    ({0: 'background', 1: 'cat', 255: 'void'}, {0: 'void', 1: 'road', 2: 'car'})
    """
    first = _first_value(legend)
    names = {first + id_: name for id_, name in enumerate(legend.names)}
    return dict(sorted((names | {_void_value(legend): "void"}).items()))


def fiftyone_samples(
    source: Source, folder: str | os.PathLike[str], *, predictions: str | os.PathLike[str] | None = None
) -> list[Any]:
    """Make a FiftyOne sample of each sample of a split, with masks on disk: "labels", and "prediction" if any.

    Add them to a dataset, and set its `default_mask_targets` to `mask_targets(source.legend)`.

    Args:
        source: what `segfeed.scan` found, with photos that are files.
        folder: where the masks are written, as PNG whose values are those of `mask_targets`; made if it is missing.
        predictions: a folder of what `write_predictions` wrote; None for none.

    Raises:
        OptionError: if photos lie in an archive or a table, or there are more than 254 classes.
        SourceMissingError: if a prediction is missing.
        NotInstalledError: if FiftyOne is not installed.
    """
    fiftyone, legend = _module("fiftyone"), _classes(source)
    if legend.void > 255:
        raise OptionError("legend", found=f"{len(legend)} classes", expected="at most 254")
    samples = []
    for index, sample in enumerate(source.samples):
        if not isinstance(sample.photo, File):
            raise OptionError(
                source.name,
                found=f"photo {sample.photo.name} in an archive or a table",
                expected="files",
                remedy="write them out first: segfeed export PATH --to FOLDER",
            )
        fields = {
            "labels": _write(prediction_path(Path(folder, "labels"), sample.key), source.read(index).labels, legend)
        }
        if predictions is not None:
            ids = read_prediction(prediction_path(Path(predictions), sample.key), legend)
            fields["prediction"] = _write(prediction_path(Path(folder, "prediction"), sample.key), ids, legend)
        masks = {field: fiftyone.Segmentation(mask_path=path) for field, path in fields.items()}
        samples.append(fiftyone.Sample(filepath=os.path.abspath(sample.photo.path), tags=[source.split], **masks))
    return samples


def _write(path: Path, labels: Labels, legend: Legend) -> str:
    values = np.where(labels == legend.void, _void_value(legend), labels.astype(np.int64) + _first_value(legend))
    png = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(png, "PNG")
    save(path, png.getvalue(), "the mask")
    return os.path.abspath(path)


def _first_value(legend: Legend) -> int:
    return 0 if legend.names[0].casefold() in ("background", "bg", "_background_") else 1


def _void_value(legend: Legend) -> int:
    return 0 if _first_value(legend) else 255


def _classes(reader: Source | Pack) -> Legend:
    if (legend := class_legend(reader.legend)) is None:
        raise OptionError(reader.name, found="object ids, not classes", remedy='scan the source with task="semantic"')
    return legend


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise NotInstalledError(name, found="not installed", remedy=f"install it with: pip install {name}") from error
