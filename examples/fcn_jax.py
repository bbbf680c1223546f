"""Train a small fully convolutional network in plain JAX: parameters are a tree of arrays, a step is one function.

pip install 'segfeed[jax]'
python fcn_jax.py sample --to jax-run

The network is that of fcn_torch.py: Long, Shelhamer & Darrell (CVPR 2015), made small.
"""

from functools import partial
from itertools import pairwise
from math import cos, pi
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import typer
from jax import Array, lax

import segfeed
from pictures import paint_predictions, plot_curves
from segfeed.scoring.predictions import write_predictions
from segfeed.system.work import show_progress

STAGES = ((16, 1), (32, 2), (64, 2), (128, 3), (192, 3))
"""Channels and convolutions of each stage of the encoder; each halves height and width."""

PEAK_RATE, VOID = 2e-3, 255

Tree = Any  # nested lists and dicts of arrays


class State(NamedTuple):
    """Everything that a step changes."""

    parameters: Tree
    statistics: Tree  # running (mean, variance) before each normalisation
    first: Tree  # Adam's moments of the slopes
    second: Tree
    step: int = 1


def initial_state(seed: int, classes: int) -> State:
    """Draw kernels as PyTorch does, except for the doublings, which begin bilinear.

    In NumPy: compiling code that runs once would take longer than running it.
    """
    random = np.random.default_rng(seed)
    ones, zeros = (partial(make, dtype=np.float32) for make in (np.ones, np.zeros))

    def kernel(*shape: int) -> Array:
        return (random.uniform(-1, 1, shape) / np.prod(shape[:-1]) ** 0.5).astype(np.float32)

    widths = [channels for channels, depth in STAGES for _ in range(depth)]
    tent = np.array([0.25, 0.75, 0.75, 0.25], np.float32)
    doubling = np.outer(tent, tent)[..., None, None] * np.eye(classes, dtype=np.float32)
    parameters = {
        "layers": [
            {"kernel": kernel(3, 3, before, after), "scale": ones(after), "shift": zeros(after)}
            for before, after in pairwise((3, *widths))
        ],
        "scores": [{"kernel": kernel(channels, classes), "bias": zeros(classes)} for channels, _ in STAGES],
        "doublings": [doubling] * len(STAGES),
    }
    nothing = jax.tree.map(np.zeros_like, parameters)
    return State(parameters, [(zeros(width), ones(width)) for width in widths], nothing, nothing)


def forward(parameters: Tree, images: Array, statistics: Tree | None = None) -> tuple[Array, Tree]:
    """Score images (N, H, W, 3) of any size: logits (N, H, W, classes), and the statistics that normalised them.

    Without statistics, those of the batch are used, as in training.
    """
    features, skips, found = images, [], []
    layers, known = iter(parameters["layers"]), iter(statistics or [])
    for (_, depth), score in zip(STAGES, parameters["scores"], strict=True):
        for number in range(depth):
            features, own = convolve(features, next(layers), 1 if number else 2, next(known, None))
            found.append(own)
        skips.append(features @ score["kernel"] + score["bias"])
    logits, *skips = reversed(skips)
    for kernel, skip in zip(parameters["doublings"], skips, strict=False):
        logits = double(logits, kernel, skip) + skip
    return double(logits, parameters["doublings"][-1], images), found


def convolve(features: Array, layer: Tree, stride: int, known: Tree | None) -> tuple[Array, Tree]:
    """Convolve, normalise each channel, cut off below zero; return each channel's mean and variance, too."""
    # Not "SAME": it pads even sizes on one side only, so whole images would be shifted against the crops.
    sides, axes = ((1, 1), (1, 1)), ("NHWC", "HWIO", "NHWC")
    features = lax.conv_general_dilated(features, layer["kernel"], (stride, stride), sides, dimension_numbers=axes)
    mean, variance = known or (features.mean((0, 1, 2)), features.var((0, 1, 2)))
    scale = layer["scale"] * lax.rsqrt(variance + 1e-5)
    return jax.nn.relu((features - mean) * scale + layer["shift"]), (mean, variance)


def double(scores: Array, kernel: Array, like: Array) -> Array:
    """Double height and width, and cut off what exceeds a size that was rounded up."""
    doubled = lax.conv_transpose(scores, kernel, (2, 2), "SAME")
    return doubled[:, : like.shape[1], : like.shape[2]]


def loss_of(parameters: Tree, images: Array, labels: Array) -> tuple[Array, Tree]:
    """Return the mean cross-entropy of the pixels that are not void, and the batch's statistics."""
    known = labels != VOID
    logits, statistics = forward(parameters, images)
    own = jnp.take_along_axis(jax.nn.log_softmax(logits), jnp.where(known, labels, 0)[..., None], axis=-1)[..., 0]
    return -jnp.sum(own, where=known) / jnp.maximum(known.sum(), 1), statistics


@partial(jax.jit, donate_argnums=0)
def learn(state: State, images: Array, labels: Array, rate: float) -> tuple[State, Array]:
    """Take one step of Adam (Kingma & Ba 2015)."""
    parameters, statistics, first, second, step = state
    (loss, found), slopes = jax.value_and_grad(loss_of, has_aux=True)(parameters, images, labels)
    statistics = jax.tree.map(lambda old, new: 0.9 * old + 0.1 * new, statistics, found)
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slopes)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, slopes)
    rate = rate * jnp.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    parameters = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), parameters, first, second)
    return State(parameters, statistics, first, second, step + 1), loss


def pace(step: int, steps: int) -> float:
    """Return the share of the peak learning rate: linear up over the first fifth, then half a cosine down."""
    return min((step + 1) / (0.2 * steps), 0.5 + 0.5 * cos(pi * step / steps))


@jax.jit
def predict(state: State, images: Array) -> Array:
    """Return the likeliest class of each pixel: ids (N, H, W)."""
    logits, _ = forward(state.parameters, images, state.statistics)
    return logits.argmax(axis=-1)


def evaluate(state: State, val: segfeed.Loader, folder: Path | None = None) -> segfeed.Score:
    """Score every image once, whole; write the predictions to a folder, if there is one."""
    score = segfeed.Score(val.legend)
    for batch in segfeed.to_jax(val):
        ids = predict(state, batch.images)
        score.update(ids, batch.labels)
        if folder:
            write_predictions(folder, ids, batch.crops, val.reader)
    return score


def main(
    path: Annotated[str, typer.Argument(help="The folder of a dataset, or sample.")] = "sample",
    *,
    to: Annotated[Path, typer.Option(help="Folder for the weights and the pictures.")] = Path("jax-run"),
    epochs: Annotated[int, typer.Option(min=1)] = 24,
    batch_size: Annotated[int, typer.Option(min=1)] = 4,
    crop: Annotated[tuple[int, int], typer.Option(help="Height and width in pixels.")] = (256, 384),
    augment: Annotated[str | None, typer.Option(help="A recipe's name, such as torchvision, instead of flips.")] = None,
    seed: int = 0,
) -> None:
    """Train a small FCN, score it on whole images, and paint its predictions."""
    to.mkdir(parents=True, exist_ok=True)
    train, val = segfeed.load(path, batch_size, crop, flip=not augment, augment=augment, seed=seed, val_batch_size=8)
    state = initial_state(seed, len(train.legend))
    batches, losses, mious = segfeed.to_jax(train), [], []
    for epoch in range(1, epochs + 1):
        with show_progress(f"epoch {epoch} of {epochs}", len(train)) as advance:
            for images, labels in batches:
                rate = PEAK_RATE * pace(len(losses), epochs * len(train))
                state, loss = learn(state, images, labels, rate)
                losses.append(float(loss))
                advance(1)
        mious.append(evaluate(state, val).miou)
        mean = sum(losses[-len(train) :]) / len(train)
        typer.echo(f"epoch {epoch}: loss {mean:.3f}, val mIoU {mious[-1]:.3f}")
    np.savez(to / "weights.npz", *jax.tree.leaves((state.parameters, state.statistics)))
    evaluate(state, val, to / "predictions")
    plot_curves(losses, mious, to / "learning_curve.png")
    paint_predictions(val.reader, to / "predictions", to / "predictions.png")
    typer.echo(f"pictures in {to}")


if __name__ == "__main__":
    typer.run(main)
