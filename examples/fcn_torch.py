"""Train a small fully convolutional network in PyTorch: random crops in, whole images scored, resumable at any batch.

pip install 'segfeed[torch]'
python fcn_torch.py sample --to train-run            # from scratch, in four to five minutes on 2 cores
python fcn_torch.py sample --to train-run --resume   # continues after an interruption, to the same weights
python fcn_torch.py VOCdevkit/VOC2012 --to voc-run   # the same on a dataset of your own
python fcn_torch.py sample --augment mmseg-ade20k    # crops scaled and coloured as that recipe draws them

The network is that of Long, Shelhamer & Darrell, "Fully Convolutional Networks for Semantic Segmentation" (CVPR 2015),
made small: a convolutional encoder, class scores by 1 x 1 convolutions of every stage, and transposed convolutions,
bilinear at first, that double coarse scores until those of the next finer stage can be added.
"""

import os
import time
from math import cos, pi
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import segfeed
from pictures import paint_predictions, plot_curves
from segfeed.scoring.predictions import write_predictions
from segfeed.system.work import show_progress

STAGES = ((16, 1), (32, 2), (64, 2), (128, 3), (192, 3))
"""Channels and convolutions of each stage of the encoder; each halves height and width."""


class FCN(nn.Module):
    """Score images (N, 3, H, W) of any size: logits (N, classes, H, W)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        inputs = (3, *(channels for channels, _ in STAGES))
        self.stages = nn.ModuleList(
            nn.Sequential(convolution(before, after, stride=2), *(convolution(after, after) for _ in range(1, depth)))
            for before, (after, depth) in zip(inputs, STAGES, strict=False)
        )
        self.scores = nn.ModuleList(nn.Conv2d(channels, classes, kernel_size=1) for channels, _ in STAGES)
        self.doublings = nn.ModuleList(doubling(classes) for _ in STAGES)

    def forward(self, images: Tensor) -> Tensor:
        """Score every stage; then, from the coarsest up, double and add the scores of the next finer one."""
        features, skips = images, []
        for stage, score in zip(self.stages, self.scores, strict=True):
            features = stage(features)
            skips.append(score(features))
        logits = skips.pop()
        for double, skip in zip(self.doublings[:-1], reversed(skips), strict=True):
            logits = cut(double(logits), skip) + skip
        return cut(self.doublings[-1](logits), images)


def convolution(before: int, after: int, stride: int = 1) -> nn.Sequential:
    """Return a 3 x 3 convolution, batch normalisation and ReLU; with a stride of 2, odd sizes are rounded up."""
    layer = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(after), nn.ReLU(inplace=True))


def doubling(classes: int) -> nn.ConvTranspose2d:
    """Return a transposed convolution that doubles each class's scores bilinearly, until training changes it."""
    layer = nn.ConvTranspose2d(classes, classes, 4, stride=2, padding=1, bias=False)
    tent = torch.tensor([0.25, 0.75, 0.75, 0.25])
    layer.weight = nn.Parameter(torch.eye(classes)[:, :, None, None] * torch.outer(tent, tent))
    return layer


def cut(scores: Tensor, like: Tensor) -> Tensor:
    """Cut off the row and the column that doubling adds if a size was rounded up."""
    return scores[..., : like.shape[-2], : like.shape[-1]]


def pace(step: int, steps: int) -> float:
    """Return the share of the peak learning rate: linear up over the first fifth, then half a cosine down."""
    return min((step + 1) / (0.2 * steps), 0.5 + 0.5 * cos(pi * step / steps))


class Training:
    """Everything that a step changes, so that all of it is saved together and restored together."""

    def __init__(self, train: Any, epochs: int, device: torch.device) -> None:
        self.train = train
        self.model = FCN(len(train.dataset.legend)).to(device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=2e-3)
        self.steps = epochs * len(train)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: pace(step, self.steps))
        self.loss: list[float] = []  # of each batch
        self.miou: list[float] = []  # of val after each epoch
        self.began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """How long the training has run, before an interruption and after it."""
        return time.perf_counter() - self.began

    @property
    def _parts(self) -> dict[str, Any]:
        # The loader is a part like the others: its state says which batches of the epoch remain.
        return {"train": self.train, "model": self.model, "optimizer": self.optimizer, "schedule": self.schedule}

    def save(self, path: Path) -> None:
        """Replace the checkpoint in one step: after a kill or a power failure, the old or the new one is complete."""
        checkpoint = {name: part.state_dict() for name, part in self._parts.items()}
        new = path.with_suffix(".new")
        with new.open("wb") as file:
            past = {"steps": self.steps, "loss": self.loss, "miou": self.miou, "seconds": self.seconds}
            torch.save(checkpoint | past, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)

    def restore(self, path: Path) -> None:
        """Continue from a checkpoint."""
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)  # runs no code that the file may hold
        if checkpoint["steps"] != self.steps:
            raise typer.BadParameter(
                f"{path} is of a training of {checkpoint['steps']} batches, this one has {self.steps}; "
                "pass the same --epochs."
            )
        for name, part in self._parts.items():
            part.load_state_dict(checkpoint[name])
        self.loss, self.miou = checkpoint["loss"], checkpoint["miou"]
        self.began = time.perf_counter() - checkpoint["seconds"]

    def step(self, images: Tensor, labels: Tensor) -> None:
        """Learn from one batch."""
        loss = cross_entropy(self.model(images), labels)  # it leaves out void, which is -100 in labels
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.loss.append(loss.item())


@torch.inference_mode()
def evaluate(model: nn.Module, val: Any, folder: Path | None = None) -> segfeed.Score:
    """Score every image once, whole; write the predictions to a folder, if there is one."""
    score = segfeed.Score(val.dataset.legend)
    model.eval()
    for batch in val:
        ids = model(batch.images).argmax(1)
        score.update(ids, batch.labels)
        if folder:
            write_predictions(folder, ids, batch.crops, val.dataset)
    model.train()
    return score


def main(  # noqa: PLR0913 - each is an option of the command line
    path: Annotated[str, typer.Argument(help="The folder of a dataset, or sample.")] = "sample",
    *,
    to: Annotated[Path, typer.Option(help="Folder for the checkpoint and the pictures.")] = Path("train-run"),
    epochs: Annotated[int, typer.Option(min=1)] = 24,
    batch_size: Annotated[int, typer.Option(min=1)] = 4,
    crop: Annotated[tuple[int, int], typer.Option(help="Height and width in pixels.")] = (256, 384),
    augment: Annotated[str | None, typer.Option(help="A recipe's name, such as torchvision, instead of flips.")] = None,
    seed: int = 0,
    save_every: Annotated[int, typer.Option(min=1, help="Batches from checkpoint to checkpoint.")] = 20,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the checkpoint, if there is one.")] = False,
) -> None:
    """Train a small FCN, score it on whole images, and paint its predictions."""
    checkpoint = to / "checkpoint.pt"
    if checkpoint.exists() and not resume:
        raise typer.BadParameter(f"{checkpoint} exists; pass --resume to continue from it, or --to another folder.")
    to.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train, val = (
        segfeed.to_torch(loader, device, channels_last=True)
        for loader in segfeed.load(
            path, batch_size, crop, flip=not augment, augment=augment, seed=seed, val_batch_size=8
        )
    )
    torch.manual_seed(seed)
    training = Training(train, epochs, device)
    if checkpoint.exists():
        training.restore(checkpoint)

    for epoch in range(len(training.miou), epochs):
        remaining = (epoch + 1) * len(train) - len(training.loss)
        with show_progress(f"epoch {epoch + 1} of {epochs}", remaining) as advance:
            for done, batch in enumerate(train, start=1):
                training.step(*batch)
                advance(1)
                if done % save_every == 0 and done < remaining:  # the end of an epoch is saved with its score
                    training.save(checkpoint)
        training.miou.append(evaluate(training.model, val).miou)
        training.save(checkpoint)
        mean = sum(training.loss[-len(train) :]) / len(train)
        typer.echo(f"epoch {epoch + 1}: loss {mean:.3f}, val mIoU {training.miou[-1]:.3f}, {training.seconds:.0f} s")

    evaluate(training.model, val, to / "predictions")
    plot_curves(training.loss, training.miou, to / "learning_curve.png")
    paint_predictions(val.dataset, to / "predictions", to / "predictions.png")
    typer.echo(f"pictures in {to}")


if __name__ == "__main__":
    typer.run(main)
