"""The D2L book's pipeline in tf.data: the whole dataset decoded and normalised in memory, then random crops of it."""

import functools
from typing import Any

import numpy as np
from PIL import Image
from turns import MEAN, STD, Feed, Job, serve_feed

TITLE = "tf.data, all preloaded as float32"
AGAINST = ("warm", "cold", "stream")
REQUIREMENTS = [["tensorflow-cpu", "pillow", "numpy"]]
ABOUT = (
    "Photos as float32 and labels as int32 in memory before the clock starts; shuffle, crop, batch(drop_remainder), "
    "prefetch, all AUTOTUNE, endless. Tried: tf.image.random_crop of both concatenated (the book's), a paired crop of "
    "dataset elements, and a paired crop straight out of the preloaded tensor. NHWC float32, int32; tensors are not "
    "converted."
)
VARIANTS = ({"crop": "concat"}, {"crop": "element"}, {"crop": "tensor"})


def main() -> None:
    """Take turns."""
    serve_feed(_open_feed, VARIANTS, ["tensorflow-cpu"])


@functools.cache
def _preload(job_text: str) -> Any:
    """Decode and normalise everything, as the book does; pictures smaller than the largest get a border."""
    import tensorflow as tf  # noqa: PLC0415

    job = Job.parse(job_text)
    pairs = [(Image.open(job.photo(key)), Image.open(job.mask(key))) for key in job.ids]
    sizes = np.array([(mask.height, mask.width) for _, mask in pairs], np.int32)
    height, width = sizes.max(axis=0)
    images = np.zeros((len(pairs), height, width, 3), np.float32)
    labels = np.zeros((len(pairs), height, width), np.int32)
    for n, (photo, mask) in enumerate(pairs):
        tall, wide = sizes[n]
        images[n, :tall, :wide] = (np.asarray(photo) / np.float32(255) - MEAN) / STD
        labels[n, :tall, :wide] = np.asarray(mask)
        photo.close()
        mask.close()
    with tf.device("CPU"):
        return tf.constant(images), tf.constant(labels), tf.constant(sizes)


def _open_feed(job: Job, crop: str) -> Feed:
    import tensorflow as tf  # noqa: PLC0415

    images, labels, sizes = _preload(job.to_json())
    cut = {"concat": _cut_concatenated, "element": _cut_element, "tensor": _cut_tensor(images, labels, sizes)}[crop]
    height, width = job.crop_size
    count = len(job.ids)
    dataset = (
        tf.data.Dataset.range(count)
        if crop == "tensor"
        else tf.data.Dataset.from_tensor_slices((images, labels, sizes))
    )
    dataset = dataset.shuffle(count if crop == "tensor" else 64).repeat()
    dataset = dataset.map(functools.partial(cut, height, width), num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.batch(job.batch_size, drop_remainder=True, num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.prefetch(tf.data.AUTOTUNE)
    return Feed(lambda: iter(dataset), lambda batch: (batch[0].numpy(), batch[1].numpy()))


def _cut_concatenated(height: int, width: int, image: Any, labels: Any, size: Any) -> Any:
    import tensorflow as tf  # noqa: PLC0415

    both = tf.concat([image, tf.cast(labels, tf.float32)[..., tf.newaxis]], axis=-1)[: size[0], : size[1]]
    both = tf.image.random_crop(both, (height, width, 4))
    return both[..., :3], tf.cast(both[..., 3], tf.int32)


def _place(size: Any, height: int, width: int) -> Any:
    import tensorflow as tf  # noqa: PLC0415

    slack = size - tf.constant([height, width])
    return tf.random.uniform([2], 0, 2**31 - 1, tf.int32) % (slack + 1)


def _cut_element(height: int, width: int, image: Any, labels: Any, size: Any) -> Any:
    import tensorflow as tf  # noqa: PLC0415

    place = _place(size, height, width)
    cut = tf.slice(image, tf.concat([place, [0]], 0), (height, width, 3))
    return cut, tf.slice(labels, place, (height, width))


def _cut_tensor(images: Any, labels: Any, sizes: Any) -> Any:
    def cut(height: int, width: int, index: Any) -> Any:
        import tensorflow as tf  # noqa: PLC0415

        first = tf.concat([[tf.cast(index, tf.int32)], _place(sizes[index], height, width)], 0)
        image = tf.slice(images, tf.concat([first, [0]], 0), (1, height, width, 3))[0]
        return image, tf.slice(labels, first, (1, height, width))[0]

    return cut


if __name__ == "__main__":
    main()
