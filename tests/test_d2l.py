"""The chapter's names, element for element against the chapter as NumPy and Pillow would spell it."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from segfeed import d2l
from segfeed.errors import OptionError, SizeMismatchError, SourceMissingError
from segfeed.pixels.palette import voc_colours

# As printed in the chapter.
COLORMAP = [
    [0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128], [128, 0, 128], [0, 128, 128], [128, 128, 128],
    [64, 0, 0], [192, 0, 0], [64, 128, 0], [192, 128, 0], [64, 0, 128], [192, 0, 128], [64, 128, 128], [192, 128, 128],
    [0, 64, 0], [128, 64, 0], [0, 192, 0], [128, 192, 0], [0, 64, 128],
]  # fmt: skip
CLASSES = [
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train", "tv/monitor",
]  # fmt: skip
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def open_rgb(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.array(picture.convert("RGB"))


def chapter_images(root: Path, split: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    ids = (root / "ImageSets" / "Segmentation" / f"{split}.txt").read_text().split()
    features = [open_rgb(next((root / "JPEGImages").glob(f"{key}.*"))) for key in ids]
    return features, [open_rgb(root / "SegmentationClass" / f"{key}.png") for key in ids]


def chapter_table() -> np.ndarray:
    table = np.zeros(256**3, np.int64)
    for index, (red, green, blue) in enumerate(COLORMAP):
        table[(red * 256 + green) * 256 + blue] = index
    return table


def chapter_labels(colours: np.ndarray, table: np.ndarray) -> np.ndarray:
    wide = colours.astype(np.int64)
    return table[(wide[:, :, 0] * 256 + wide[:, :, 1]) * 256 + wide[:, :, 2]]


def chapter_examples(root: Path, split: str, height: int, width: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Render what the chapter's dataset gives, its crops drawn from np.random in its order."""
    table, examples = chapter_table(), []
    for feature, colours in zip(*chapter_images(root, split), strict=True):
        if feature.shape[0] < height or feature.shape[1] < width:
            continue
        top = np.random.randint(feature.shape[0] - height + 1)  # noqa: NPY002 - as the chapter does
        left = np.random.randint(feature.shape[1] - width + 1)  # noqa: NPY002
        window = slice(top, top + height), slice(left, left + width)
        examples.append(((feature[window] / 255 - MEAN) / STD, chapter_labels(colours, table)[window]))
    return examples


@pytest.fixture(params=["tiny", pytest.param("real", marks=pytest.mark.slow)])
def case(request):
    """Return a VOC root and a crop that some of its photos are too small for."""
    if request.param == "tiny":
        return request.getfixturevalue("voc_folder"), (32, 48)
    return request.getfixturevalue("voc2012_part"), (320, 480)


@pytest.fixture
def pyplot():
    """Draw without a screen."""
    before = mpl.get_backend()
    mpl.use("Agg")
    yield plt
    plt.close("all")
    mpl.use(before)


def test_constants_are_those_of_the_chapter():
    assert d2l.VOC_COLORMAP == COLORMAP
    assert d2l.VOC_CLASSES == CLASSES


@pytest.mark.parametrize(("is_train", "split"), [(True, "train"), (False, "val")])
def test_read_voc_images_gives_photos_and_masks_in_colour(case, is_train, split):
    features, labels = d2l.read_voc_images(case[0], is_train)
    expected_features, expected_labels = chapter_images(case[0], split)
    assert len(features) == len(labels) == len(expected_features)
    for found, expected in zip([*features, *labels], [*expected_features, *expected_labels], strict=True):
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, expected)


def test_read_voc_images_reads_train_by_default(voc_folder):
    assert len(d2l.read_voc_images(voc_folder)[0]) == 5


def test_masks_stored_in_rgb_are_read_alike(tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"train": [(6, 8)], "val": [(6, 8)]})
    before = d2l.read_voc_images(root)[1][0]
    Image.fromarray(before).save(root / "SegmentationClass" / "train_0.png")
    np.testing.assert_array_equal(d2l.read_voc_images(root)[1][0], before)


@pytest.mark.slow
def test_table_of_16_million_colours_is_that_of_the_chapter():
    table = d2l.voc_colormap2label()
    assert table.shape == (256**3,)
    assert np.flatnonzero(table).tolist() == np.flatnonzero(chapter_table()).tolist()
    for index, (red, green, blue) in enumerate(COLORMAP):
        assert table[(red * 256 + green) * 256 + blue] == index


def test_table_is_made_once_and_cannot_be_spoiled():
    table = d2l.voc_colormap2label()
    assert d2l.voc_colormap2label() is table
    with pytest.raises(ValueError, match="read-only"):
        table[5] = 1


def test_label_indices_equal_those_of_the_chapter(case):
    table = chapter_table()
    for colours in d2l.read_voc_images(case[0], is_train=False)[1][:10]:
        labels = d2l.voc_label_indices(colours, d2l.voc_colormap2label())
        np.testing.assert_array_equal(labels, chapter_labels(colours, table))


def test_void_and_unknown_colours_become_background():
    colours = [[[224, 224, 192], [1, 2, 3], [255, 255, 255], [0, 64, 128]]]
    assert d2l.voc_label_indices(colours, d2l.voc_colormap2label()).tolist() == [[0, 0, 0, 20]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_colours_of_any_integer_type_are_looked_up(dtype):
    colours = np.array([[[128, 0, 0], [0, 64, 128]]], dtype)
    assert d2l.voc_label_indices(colours, d2l.voc_colormap2label()).tolist() == [[1, 20]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("kind", ["array", "torch"])
@pytest.mark.slow
def test_channels_first_and_whole_floats_are_looked_up_alike(dtype, kind):
    colours = np.zeros((40, 60, 3), dtype)
    colours[5:, 20:] = 128, 0, 0
    colours[:3] = 224, 224, 192
    table = d2l.voc_colormap2label()
    expected = d2l.voc_label_indices(colours, table)
    assert np.unique(expected).tolist() == [0, 1]
    given = np.ascontiguousarray(colours.transpose(2, 0, 1))
    if kind == "torch":
        torch = pytest.importorskip("torch")
        given, table = torch.from_numpy(given), torch.from_numpy(table.copy())
    np.testing.assert_array_equal(d2l.voc_label_indices(given, table), expected)


@pytest.mark.parametrize(
    ("colours", "words"),
    [
        (np.zeros((40, 60), np.uint8), ["(40, 60)", "read the mask as RGB"]),
        (np.zeros((40, 60, 4), np.uint8), ["(40, 60, 4)", "without alpha"]),
        (np.zeros((1, 40, 60), np.uint8), ["(1, 40, 60)"]),
        (np.zeros((2, 40, 60, 3), np.uint8), ["(2, 40, 60, 3)", "one mask at a time"]),
        (np.full((40, 60, 3), 128 / 255), ["0.50", "multiply by 255"]),
        (np.ones((40, 60, 3), np.float32), ["1.0", "multiply by 255"]),
        (np.full((40, 60, 3), 127.5), ["127.5", "not whole"]),
        (np.full((40, 60, 3), np.nan), ["nan"]),
        (np.full((40, 60, 3), 256), ["256"]),
        (np.full((40, 60, 3), -1), ["-1"]),
        (np.zeros((40, 60, 3), bool), ["bool"]),
    ],
)
def test_what_are_no_colours_of_a_mask_is_refused_by_name(colours, words):
    with pytest.raises(OptionError) as caught:
        d2l.voc_label_indices(colours, d2l.voc_colormap2label())
    assert caught.value.where == "colormap"
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("kind", ["array", "torch"])
@pytest.mark.parametrize("label_shape", [(3, 9, 11), (9, 11), (9, 11, 3)])
def test_rand_crop_cuts_channels_first_as_it_cuts_the_chapters_arrays(label_shape, kind):
    feature = np.arange(9 * 11 * 3).reshape(9, 11, 3)
    label = np.arange(np.prod(label_shape)).reshape(label_shape)
    given = [feature.transpose(2, 0, 1).copy(), label]
    if kind == "torch":
        torch = pytest.importorskip("torch")
        given = [torch.from_numpy(part) for part in given]
    np.random.seed(3)  # noqa: NPY002
    found = d2l.voc_rand_crop(*given, 4, 5)
    assert all(type(one) is type(part) for one, part in zip(found, given, strict=True))
    np.random.seed(3)  # noqa: NPY002
    last = label.transpose(1, 2, 0) if label_shape == (3, 9, 11) else label
    expected = d2l.voc_rand_crop(feature, last, 4, 5)
    np.testing.assert_array_equal(np.asarray(found[0]).transpose(1, 2, 0), expected[0])
    got = np.asarray(found[1])
    np.testing.assert_array_equal(got.transpose(1, 2, 0) if label_shape == (3, 9, 11) else got, expected[1])


@pytest.mark.parametrize("label_shape", [(11, 9), (9, 12), (11, 9, 3), (3, 9, 12), (1, 9, 11)])
def test_photo_and_mask_of_different_sizes_are_not_cut(label_shape):
    with pytest.raises(SizeMismatchError) as caught:
        d2l.voc_rand_crop(np.zeros((9, 11, 3)), np.zeros(label_shape), 4, 5)
    assert "a photo of 11 x 9 px" in caught.value.found


def test_what_is_no_picture_is_not_cut():
    with pytest.raises(OptionError) as caught:
        d2l.voc_rand_crop(np.zeros((2, 9, 11, 3)), np.zeros((9, 11)), 4, 5)
    assert caught.value.where == "feature"


def test_channels_first_are_normalised_and_shown_as_the_chapters_arrays(case):
    dataset = d2l.VOCSegDataset(True, (8, 8), case[0])
    pixels = np.random.default_rng(0).integers(0, 256, (9, 11, 3), np.uint8)
    expected = dataset.normalize_image(pixels)
    np.testing.assert_array_equal(dataset.normalize_image(pixels.transpose(2, 0, 1)), expected.transpose(2, 0, 1))
    axes = d2l.show_images([pixels, pixels.transpose(2, 0, 1), pixels[..., 0]], 1, 3)
    np.testing.assert_array_equal(axes[0].images[0].get_array(), axes[1].images[0].get_array())


def test_label_indices_print_the_chapters_numbers(shared_data):
    colours = open_rgb(shared_data / "voc2012-facts" / "2007_000032.png")
    labels = d2l.voc_label_indices(colours, d2l.voc_colormap2label())
    expected = (
        "0000000001 0000000111 0000001111 0000011111 0000011111 0000111111 0000011111 0000011111 0000001111 0000000011"
    )
    assert " ".join("".join(map(str, row)) for row in labels[105:115, 130:140]) == expected


@pytest.mark.parametrize("label_shape", [(9, 11), (9, 11, 3)])
def test_rand_crop_cuts_the_same_window_as_the_chapter_from_both(label_shape):
    feature = np.arange(9 * 11 * 3).reshape(9, 11, 3)
    label = np.arange(np.prod(label_shape)).reshape(label_shape)
    for seed in range(20):
        np.random.seed(seed)  # noqa: NPY002
        found = d2l.voc_rand_crop(feature, label, 4, 5)
        np.random.seed(seed)  # noqa: NPY002
        top, left = np.random.randint(6), np.random.randint(7)  # noqa: NPY002
        np.testing.assert_array_equal(found[0], feature[top : top + 4, left : left + 5])
        np.testing.assert_array_equal(found[1], label[top : top + 4, left : left + 5])


def test_rand_crop_of_the_photos_own_size_is_the_photo():
    feature, label = np.ones((4, 5, 3)), np.ones((4, 5))
    assert [part.shape for part in d2l.voc_rand_crop(feature, label, 4, 5)] == [(4, 5, 3), (4, 5)]


@pytest.mark.parametrize(("size", "where"), [((0, 5), "height"), ((4, -1), "width"), ((2.0, 3), "height")])
def test_rand_crop_without_a_pixel_is_refused(size, where):
    with pytest.raises(OptionError) as caught:
        d2l.voc_rand_crop(np.ones((4, 5, 3)), np.ones((4, 5)), *size)
    assert caught.value.where == where


def test_rand_crop_of_a_picture_that_is_no_array_is_refused_with_the_way_out():
    picture = Image.new("RGB", (5, 4))
    with pytest.raises(OptionError, match=r"PIL\.Image\.Image; expected an array or a tensor"):
        d2l.voc_rand_crop(picture, np.ones((4, 5)), 2, 2)


def test_a_crop_that_no_photo_holds_is_refused_rather_than_nothing_read(voc_folder):
    with pytest.raises(OptionError, match="which none of"):
        d2l.VOCSegDataset(True, (3200, 4800), voc_folder)


def test_rand_crop_larger_than_the_photo_is_refused():
    with pytest.raises(OptionError) as caught:
        d2l.voc_rand_crop(np.ones((4, 5, 3)), np.ones((4, 5)), 5, 5)
    assert (caught.value.where, caught.value.found) == ("height, width", "a crop of 5 x 5 px")
    assert "4 x 5 px" in caught.value.expected


@pytest.mark.parametrize(("is_train", "split"), [(True, "train"), (False, "val")])
@pytest.mark.slow
def test_dataset_equals_the_chapter_element_for_element(case, is_train, split, capsys):
    root, (height, width) = case
    dataset = d2l.VOCSegDataset(is_train, (height, width), root)
    np.random.seed(11)  # noqa: NPY002
    expected = chapter_examples(root, split, height, width)
    assert capsys.readouterr().out == f"read {len(expected)} examples\n"
    assert len(dataset) == len(expected)
    np.random.seed(11)  # noqa: NPY002
    for index, (image, labels) in enumerate(expected):
        feature, found = dataset[index]
        assert (feature.dtype, found.dtype) == (np.float32, np.int32)
        np.testing.assert_array_equal(found, labels)
        np.testing.assert_allclose(feature, image, rtol=0, atol=1e-6)


def test_dataset_holds_neither_void_nor_unknown_colours(tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"train": [(6, 8)], "val": [(6, 8)]})
    mask = Image.fromarray(np.array([[255] * 8, [77] * 8, [5] * 8] * 2, np.uint8))
    mask.putpalette(np.array(voc_colours(256), np.uint8).tobytes())
    mask.save(root / "SegmentationClass" / "train_0.png")
    labels = d2l.VOCSegDataset(True, (6, 8), root)[0][1]
    assert labels[:, 0].tolist() == [0, 0, 5] * 2


def test_dataset_can_be_iterated_and_ends(voc_folder):
    assert len(list(d2l.VOCSegDataset(True, (32, 48), voc_folder))) == 4


def test_normalize_image_is_that_of_the_chapter(voc_folder):
    dataset = d2l.VOCSegDataset(False, (32, 48), voc_folder)
    image = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    np.testing.assert_allclose(dataset.normalize_image(image), (image / 255 - MEAN) / STD, atol=1e-6)


@pytest.mark.slow
def test_neither_dataset_nor_loaders_need_the_large_table(voc_folder, monkeypatch):
    monkeypatch.setattr(d2l, "voc_colormap2label", lambda: pytest.fail("the table was made"))
    assert d2l.VOCSegDataset(True, (32, 48), voc_folder)[0][1].max() <= 20
    train, val = d2l.load_data_voc(2, (32, 48), voc_folder)
    assert len(list(train)) == 2
    assert len(list(val)) == 1


@pytest.mark.slow
def test_loaders_give_the_chapters_shapes_and_drop_small_ones_and_tails(tmp_path, write_voc, capsys):
    sizes = [(8, 9)] * 4 + [(7, 9)]
    root = write_voc(tmp_path / "VOC2012", {"train": sizes, "val": sizes})
    loaders = d2l.load_data_voc(3, (8, 8), root)
    assert capsys.readouterr().out == "read 4 examples\nread 4 examples\n"
    for loader, split in zip(loaders, ("train", "val"), strict=True):
        (batch,) = loader
        images, labels = batch
        assert (images.shape, images.dtype) == ((3, 8, 8, 3), np.float32)
        assert (labels.shape, labels.dtype) == ((3, 8, 8), np.int32)
        assert labels.max() <= 20
        assert f"{split}_4" not in batch.keys
    with pytest.raises(OptionError, match='small="pad"'):
        d2l.load_data_voc(5, (8, 8), root)
    train, val = d2l.load_data_voc(5, (8, 8), root, small="pad")  # what the remedy says
    assert (len(train), len(val)) == (1, 1)


@pytest.mark.slow
def test_loaders_give_the_chapters_pixels(case):
    root, (height, width) = case
    train, val = d2l.load_data_voc(2, (height, width), root)
    table = chapter_table()
    for loader, split in ((train, "train"), (val, "val")):
        features, colours = chapter_images(root, split)
        for _, batch in zip(range(3), loader, strict=False):
            for image, labels, crop in zip(*batch, batch.crops, strict=True):
                window = slice(crop["top"], crop["top"] + height), slice(crop["left"], crop["left"] + width)
                expected = (features[crop["sample"]][window] / 255 - MEAN) / STD
                np.testing.assert_allclose(image, expected, rtol=0, atol=1e-6)
                np.testing.assert_array_equal(labels, chapter_labels(colours[crop["sample"]], table)[window])


@pytest.mark.parametrize("framework", ["torch", "tensorflow", "jax"])
@pytest.mark.slow
def test_loaders_give_a_frameworks_own_batches(voc_folder, framework, capsys):
    module = pytest.importorskip(framework)
    loaders = d2l.load_data_voc(2, (32, 48), voc_folder, framework=framework)
    assert capsys.readouterr().out == "read 4 examples\nread 2 examples\n"
    kind = {"torch": "Tensor", "tensorflow": "Tensor", "jax": "Array"}[framework]
    for found, expected in zip(loaders, d2l.load_data_voc(2, (32, 48), voc_folder), strict=True):
        assert len(found) == len(expected)
        for batch, (features, labels) in zip(found, expected, strict=True):
            assert all(isinstance(part, getattr(module, kind)) for part in batch)
            X, Y = map(np.asarray, batch)
            np.testing.assert_array_equal(np.moveaxis(X, 1, -1) if framework == "torch" else X, features)
            np.testing.assert_array_equal(Y, labels)


@pytest.mark.slow
def test_tensorflow_gets_two_real_datasets_as_in_the_chapter(voc_folder):
    tf = pytest.importorskip("tensorflow")
    for dataset in d2l.load_data_voc(2, (32, 48), voc_folder, framework="tensorflow"):
        assert isinstance(dataset, tf.data.Dataset)
        assert [spec.shape.as_list() for spec in dataset.element_spec] == [[2, 32, 48, 3], [2, 32, 48]]


def test_another_framework_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(OptionError) as caught:
        d2l.load_data_voc(2, (32, 48), tmp_path / "nowhere", framework="mxnet")
    assert (caught.value.where, caught.value.found) == ("framework", "'mxnet'")
    assert caught.value.expected == "'torch', 'tensorflow', 'jax' or None"


def test_val_is_not_shuffled_and_train_is(voc_folder):
    train, val = d2l.load_data_voc(2, (32, 48), voc_folder)
    assert [batch.keys for batch in val] == [("val_0", "val_1")]
    orders = {tuple(key for batch in train for key in batch.keys) for _ in range(8)}
    assert len(orders) > 1
    assert {tuple(sorted(order)) for order in orders} == {("train_0", "train_1", "train_2", "train_3")}


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(SourceMissingError) as caught:
        d2l.read_voc_images(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)


@pytest.mark.slow
def test_show_images_draws_every_image_with_its_title(pyplot, voc_folder):
    features, labels = d2l.read_voc_images(voc_folder)
    axes = d2l.show_images(features[:3] + labels[:3], 2, 3, titles=list("abcdef"), scale=2)
    assert axes.shape == (6,)
    assert [axis.get_title() for axis in axes] == list("abcdef")
    assert all(not axis.get_xaxis().get_visible() and not axis.get_yaxis().get_visible() for axis in axes)
    np.testing.assert_array_equal(axes[0].get_images()[0].get_array(), features[0])
    assert axes[0].figure.get_size_inches().tolist() == [6, 4]


def test_show_images_takes_a_single_cell_and_labels_without_colours(pyplot):
    axes = d2l.show_images([np.zeros((4, 5))], 1, 1)
    assert axes.shape == (1,)
    axes[0].figure.canvas.draw()


def test_show_images_leaves_cells_without_an_image_empty(pyplot):
    axes = d2l.show_images(iter([np.zeros((4, 5, 3))]), 1, 3)
    assert [len(axis.get_images()) for axis in axes] == [1, 0, 0]
