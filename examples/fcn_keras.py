"""Train a small fully convolutional network with Keras on TensorFlow: model.fit over segfeed's tf.data.Dataset.

pip install 'segfeed[tensorflow]'
python fcn_keras.py sample --to keras-run

The network is that of fcn_torch.py: Long, Shelhamer & Darrell (CVPR 2015), made small.
"""

from pathlib import Path
from typing import Annotated, Any

import keras
import numpy as np
import typer
from keras import layers

import segfeed
from pictures import paint_predictions
from segfeed.scoring.predictions import write_predictions

STAGES = ((16, 1), (32, 2), (64, 2), (128, 3), (192, 3))
"""Channels and convolutions of each stage of the encoder; each halves height and width."""


def fcn(classes: int) -> keras.Model:
    """Return a network that scores images (N, H, W, 3) of any size: logits (N, H, W, classes)."""
    images = keras.Input((None, None, 3))
    features, skips = images, []
    for channels, depth in STAGES:
        for number in range(depth):
            features = convolution(features, channels, strides=1 if number else 2)
        skips.append(layers.Conv2D(classes, kernel_size=1)(features))
    logits, *skips = reversed(skips)
    for skip in skips:
        logits = layers.add([double(logits, classes, skip), skip])
    return keras.Model(images, double(logits, classes, images))


def convolution(features: Any, channels: int, strides: int) -> Any:
    """Apply a 3 x 3 convolution, batch normalisation and ReLU; with strides of 2, odd sizes are rounded up."""
    # Not padding="same": it pads even sizes on one side only, so whole images would be shifted against the crops.
    features = layers.Conv2D(channels, 3, strides, use_bias=False)(layers.ZeroPadding2D(1)(features))
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(features))


def double(scores: Any, classes: int, like: Any) -> Any:
    """Double height and width, bilinearly until training changes it; cut off the excess of rounded sizes."""
    doubled = layers.Conv2DTranspose(classes, 4, 2, padding="same", use_bias=False, kernel_initializer=bilinear)(scores)
    return Cut()(doubled, like)


def bilinear(shape: tuple[int, ...], dtype: str | None = None) -> Any:
    """Return the kernel (4, 4, classes, classes) that doubles each class's scores separately."""
    tent = np.array([0.25, 0.75, 0.75, 0.25])
    return keras.ops.convert_to_tensor(np.outer(tent, tent)[..., None, None] * np.eye(shape[-1]), dtype)


class Cut(layers.Layer):
    """A layer that cuts scores at the bottom and on the right to the size of others."""

    def call(self, scores: Any, like: Any) -> Any:
        """Cut (N, H, W, classes)."""
        _, height, width, _ = keras.ops.shape(like)
        return scores[:, :height, :width]


def evaluate(model: keras.Model, val: segfeed.Loader, folder: Path | None = None) -> segfeed.Score:
    """Score every image once, whole; write the predictions to a folder, if there is one."""
    score = segfeed.Score(val.legend)
    for step, (images, labels) in enumerate(segfeed.to_tf(val)):
        logits = model.predict_on_batch(images)
        score.update(logits, labels)
        if folder:
            write_predictions(folder, logits, val.plan.rows(0, step), val.reader)
    return score


def main(
    path: Annotated[str, typer.Argument(help="The folder of a dataset, or sample.")] = "sample",
    *,
    to: Annotated[Path, typer.Option(help="Folder for weights, log and pictures.")] = Path("keras-run"),
    epochs: Annotated[int, typer.Option(min=1)] = 24,
    batch_size: Annotated[int, typer.Option(min=1)] = 4,
    crop: Annotated[tuple[int, int], typer.Option(help="Height and width in pixels.")] = (256, 384),
    augment: Annotated[str | None, typer.Option(help="A recipe's name, such as torchvision, instead of flips.")] = None,
    seed: int = 0,
) -> None:
    """Train a small FCN, score it on whole images, and paint its predictions."""
    to.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(seed)
    train, val = segfeed.load(path, batch_size, crop, flip=not augment, augment=augment, seed=seed, val_batch_size=8)
    steps = epochs * len(train)
    warm_up = 1 + steps // 5
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps - warm_up, warmup_target=2e-3, warmup_steps=warm_up)
    # Void is 255 in labels, which the loss leaves out.
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
    model = fcn(len(train.legend))
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    log = keras.callbacks.CSVLogger(to / "log.csv")
    model.fit(segfeed.to_tf(train), epochs=epochs, shuffle=False, callbacks=[log])  # the plan has shuffled already
    model.save_weights(to / "fcn.weights.h5")
    score = evaluate(model, val, to / "predictions")
    paint_predictions(val.reader, to / "predictions", to / "predictions.png")
    typer.echo(f"val mIoU {score.miou:.3f}; pictures in {to}")


if __name__ == "__main__":
    typer.run(main)
