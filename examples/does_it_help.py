"""Measure whether augmentation helps: few training pairs, the same steps, three seeds, with and without.

pip install 'segfeed[torch]'
python does_it_help.py sample

Both arms see crops of the same size in the same order; one mirrors half of them, the other also scales them and changes
their colours. The network and its schedule are those of fcn_torch.py, made for small crops.
"""

import statistics
from typing import Annotated, Any

import torch
import typer
from fcn_torch import Training, evaluate

import segfeed
from segfeed.system.work import show_progress

BATCH_SIZE, CROP_SIZE = 4, (128, 192)
ARMS: dict[str, segfeed.Augment] = {
    "mirrored": segfeed.Augment(flip=0.5),
    "augmented": segfeed.Augment(
        flip=0.5,
        scale=(0.5, 2),
        scale_draw="log",
        brightness=(-0.125, 0.125, 0.5),
        contrast=(0.5, 1.5, 0.5),
        saturation=(0.5, 1.5, 0.5),
        hue=(-18, 18, 0.5),
    ),
}


def train_one(pairs: Any, val: Any, augment: segfeed.Augment, seed: int, steps: int) -> float:
    """Train a network from scratch and return its val mIoU, 0..1."""
    plan = segfeed.Plan(pairs.sizes, BATCH_SIZE, segfeed.Draw(CROP_SIZE, augment=augment), seed=seed)
    loader = segfeed.Loader(pairs, plan)
    train = segfeed.to_torch(loader, "cpu", channels_last=True)
    torch.manual_seed(seed)
    training = Training(train, 1, torch.device("cpu"))
    training.steps = steps
    with show_progress(f"seed {seed}", steps) as advance:
        while len(training.loss) < steps:
            for images, labels in train:
                if len(training.loss) < steps:
                    training.step(images, labels)
                    advance(1)
    return evaluate(training.model, val).miou


def main(
    path: Annotated[str, typer.Argument(help="The folder of a dataset, or sample.")] = "sample",
    *,
    share: Annotated[str, typer.Option(help="Which pairs are trained on.")] = "train[:10%]",
    steps: Annotated[int, typer.Option(min=1, help="Batches of four crops.")] = 300,
    seeds: Annotated[int, typer.Option(min=1)] = 3,
) -> None:
    """Train with and without augmentation, and print each seed's val mIoU."""
    few, val = segfeed.load(path, BATCH_SIZE, CROP_SIZE, splits=(share, "val"), val_batch_size=8)
    typer.echo(f"{len(few.reader)} pairs trained on, {len(val.reader)} scored, {steps} steps of {BATCH_SIZE} crops")
    val = segfeed.to_torch(val, "cpu", channels_last=True)
    for name, augment in ARMS.items():
        scores = [train_one(few.reader, val, augment, seed, steps) for seed in range(seeds)]
        told = ", ".join(f"{score:.3f}" for score in scores)
        typer.echo(f"{name}: val mIoU {statistics.mean(scores):.3f} (seeds: {told})")


if __name__ == "__main__":
    typer.run(main)
