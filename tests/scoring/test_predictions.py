"""Predictions: back to each image's own size, to files that other programs read, and to a score that misses nothing."""

import os
import re
import shutil
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from plain_rows import plain_rows
from segfeed import BatchFormat, Draw, Legend, Loader, Plan, Shard, make_pack, scan
from segfeed.errors import MaskError, OptionError, SourceError, SourceMissingError, StorageError
from segfeed.pixels.codec import decode_mask, read_labels
from segfeed.pixels.palette import voc_colours
from segfeed.pixels.public_legends import VOC
from segfeed.scoring import predictions
from segfeed.scoring.predictions import read_prediction, score_folder, whole_images, write_predictions
from segfeed.scoring.score import Score

SIZES = ((40, 60), (33, 50), (40, 30))  # of voc_folder's val


@pytest.fixture
def source(voc_folder):
    return scan(voc_folder, "val")


@pytest.fixture
def folder(source, tmp_path):
    """Write a folder of predictions: the labels moved by a pixel, class 3 where they are void."""
    for batch in exact(source, 2):
        labels = np.roll(batch.labels, 1, axis=2)
        write_predictions(tmp_path / "out", np.where(labels == 255, 3, labels), batch.crops, source)
    return tmp_path / "out"


def exact(source, batch_size, **options):
    return Loader(source, Plan.exact(source.sizes, batch_size, **options), threads=0)


def save(path, pixels, palette=None):
    picture = Image.fromarray(pixels)
    if palette is not None:
        picture.putpalette(np.array(palette, np.uint8).tobytes())
    picture.save(path)


def test_whole_images_are_the_labels_that_the_source_holds(source):
    seen = []
    for batch in exact(source, 2):
        for sample, ids in whole_images(batch.labels, batch.crops, source.sizes):
            np.testing.assert_array_equal(ids, source.read(sample).labels)
            seen.append(sample)
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("framework", ["torch", pytest.param("tensorflow", marks=pytest.mark.slow), "jax"])
def test_whole_images_are_cut_from_every_frameworks_arrays(source, framework):
    module = pytest.importorskip(framework)
    make = {"torch": "tensor", "tensorflow": "constant", "jax": "numpy.asarray"}[framework]
    for name in make.split("."):
        module = getattr(module, name)
    batch = next(iter(exact(source, 3)))
    found = dict(whole_images(module(batch.labels), batch.crops, source.sizes))
    assert [found[n].shape for n in range(3)] == list(SIZES)
    np.testing.assert_array_equal(found[2], source.read(2).labels)


def test_flipped_and_padded_crops_are_turned_and_cut_back(source):
    loader = Loader(source, Plan(source.sizes, 3, Draw((64, 80), flip=True), seed=5), threads=0)
    flips = set()
    for _ in range(4):
        for batch in loader:
            flips |= set(batch.crops["flip"].tolist())
            for sample, ids in whole_images(batch.labels, batch.crops, source.sizes):
                np.testing.assert_array_equal(ids, source.read(sample).labels)
    assert flips == {True, False}


def test_crops_that_do_not_hold_their_image_are_refused(source):
    batch = next(iter(Loader(source, Plan(source.sizes, 3, Draw((36, 48))), threads=0)))
    with pytest.raises(OptionError) as caught:
        list(whole_images(batch.labels, batch.crops, source.sizes))
    assert re.search(r"sample \d that does not hold its image of \d+ x \d+ px", caught.value.found)
    assert "exact plan" in caught.value.remedy


@pytest.mark.parametrize("predictions", [np.zeros((3, 40, 60)), np.zeros((2, 40, 60), int), np.zeros((3, 40, 61), int)])
def test_predictions_that_are_no_ids_on_the_canvas_are_refused(source, predictions):
    crops = Plan.exact(source.sizes, 3).rows(0, 0)
    with pytest.raises(OptionError) as caught:
        list(whole_images(predictions, crops, source.sizes))
    assert caught.value.expected == "integer ids (3, 40, 60), one canvas for each crop"


def test_crops_of_another_split_are_refused(source):
    crops = plain_rows([(3, 0, 0, 40, 60, False)])
    with pytest.raises(OptionError) as caught:
        list(whole_images(np.zeros((1, 40, 60), int), crops, source.sizes))
    assert (caught.value.where, caught.value.found) == ("crops", "sample 3, but 3 sizes")
    assert "reader.sizes" in caught.value.remedy


def test_files_are_palette_pngs_that_hold_the_ids(source, folder):
    assert sorted(os.listdir(folder)) == ["val_0.png", "val_1.png", "val_2.png"]
    for n, size in enumerate(SIZES):
        with Image.open(folder / f"val_{n}.png") as picture:
            assert (picture.mode, picture.size) == ("P", size[::-1])
            ids, colours = np.array(picture), np.array(picture.convert("RGB"))
        np.testing.assert_array_equal(colours, np.array(voc_colours(21))[ids])
        labels = source.read(n).labels[:, :-1]
        np.testing.assert_array_equal(ids[:, 1:][labels != 255], labels[labels != 255])


@pytest.mark.slow
def test_logits_are_written_as_the_ids_they_mean(source, tmp_path):
    batch = next(iter(exact(source, 4)))
    ids = np.where(batch.labels == 255, 0, batch.labels)
    logits = np.eye(21, dtype=np.float16)[ids]
    write_predictions(tmp_path / "ids", ids, batch.crops, source)
    paths = write_predictions(tmp_path / "logits", np.moveaxis(logits, -1, 1), batch.crops, make_pack(source))
    assert [path.name for path in paths] == ["val_0.png", "val_1.png", "val_2.png"], "no file for a row of padding"
    for path in paths:
        assert path.read_bytes() == (tmp_path / "ids" / path.name).read_bytes()


def test_files_are_replaced_and_nothing_else_is_left(source, folder):
    crops = Plan.exact(source.sizes, 1).rows(0, 1)
    (path,) = write_predictions(folder, np.full((1, 40, 60), 7), crops, source)
    assert (read_prediction(path, VOC) == 7).all()
    assert sorted(os.listdir(folder)) == ["val_0.png", "val_1.png", "val_2.png"]


def test_failed_writing_leaves_the_older_file(source, folder, monkeypatch):
    before = (folder / "val_0.png").read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(StorageError) as caught:
        write_predictions(folder, np.full((1, 40, 60), 7), Plan.exact(source.sizes, 1).rows(0, 0), source)
    assert caught.value.where.endswith("val_0.png")
    assert "No space left on device" in caught.value.found
    monkeypatch.undo()
    assert (folder / "val_0.png").read_bytes() == before
    assert sorted(os.listdir(folder)) == ["val_0.png", "val_1.png", "val_2.png"]


def test_folder_that_is_a_file_is_refused(source, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(StorageError) as caught:
        write_predictions(tmp_path / "out", np.zeros((1, 40, 60), int), Plan.exact(source.sizes, 1).rows(0, 0), source)
    assert "cannot be written" in caught.value.found


@pytest.mark.parametrize("stranger", [21, 255, -1])
def test_predictions_that_are_no_class_are_not_written(source, tmp_path, stranger):
    ids = np.zeros((1, 40, 60), int)
    ids[0, 3, 4] = stranger
    with pytest.raises(OptionError) as caught:
        write_predictions(tmp_path / "out", ids, Plan.exact(source.sizes, 1).rows(0, 0), source)
    assert caught.value.found == f"{stranger} in 1 pixels"
    assert "21 classes" in caught.value.expected
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("key", ["../up", "/etc/up", "a//b", "a/../../up", "a\\up", "up\0"])
@pytest.mark.slow
def test_key_that_leads_out_of_the_folder_is_refused(source, tmp_path, key):
    class Astray:
        keys, sizes, legend = (key,), source.sizes[:1], source.legend

    with pytest.raises(OptionError) as caught:
        write_predictions(tmp_path / "in", np.zeros((1, 40, 60), int), Plan.exact(Astray.sizes, 1).rows(0, 0), Astray())
    assert caught.value.where == f"key {key!r}"
    assert os.listdir(tmp_path) == []


def test_object_ids_are_not_predicted(voc_folder, tmp_path):
    objects = scan(voc_folder, "val", task="instance")
    crops = Plan.exact(objects.sizes, 1).rows(0, 0)
    with pytest.raises(OptionError) as caught:
        write_predictions(tmp_path, np.zeros((1, 40, 60), int), crops, objects)
    assert caught.value.where == objects.name
    assert "object ids" in caught.value.found
    with pytest.raises(OptionError) as caught:
        score_folder(tmp_path, objects)
    assert caught.value.where == "legend"


@pytest.mark.slow
def test_files_have_the_score_of_the_arrays_they_were_written_from(source, folder):
    expected = Score(source.legend)
    for batch in exact(source, 2):
        labels = np.roll(batch.labels, 1, axis=2)
        expected.update(np.where(labels == 255, 3, labels), batch.labels)
    for reader in (source, make_pack(source)):
        for threads in (1, 4):
            np.testing.assert_array_equal(score_folder(folder, reader, threads=threads).confusion, expected.confusion)
    assert 0 < expected.miou < 1


@pytest.mark.slow
def test_written_by_two_ranks_read_as_one(source, folder, tmp_path):
    for rank in range(2):
        for batch in exact(source, 4, shard=Shard(rank, 2)):
            labels = np.roll(batch.labels, 1, axis=2)
            write_predictions(tmp_path / "ranks", np.where(labels == 255, 3, labels), batch.crops, source)
    np.testing.assert_array_equal(
        score_folder(tmp_path / "ranks", source).confusion, score_folder(folder, source).confusion
    )


def test_every_encoding_of_the_same_ids_reads_the_same(tmp_path):
    ids = np.random.default_rng(0).integers(0, 21, (9, 12)).astype(np.uint8)
    colours = np.array(voc_colours(256), np.uint8)
    order = np.random.default_rng(1).permutation(256)  # a palette of the file's own
    save(tmp_path / "palette.png", ids, colours)
    save(tmp_path / "shuffled.png", np.argsort(order).astype(np.uint8)[ids], colours[order])
    save(tmp_path / "gray.png", ids)
    save(tmp_path / "rgb.png", colours[ids])
    for name in ("palette", "shuffled", "gray", "rgb"):
        np.testing.assert_array_equal(read_prediction(tmp_path / f"{name}.png", VOC), ids, err_msg=name)


def test_ids_above_254_classes_are_read_from_16_bits(tmp_path):
    legend = Legend(tuple(f"class {n}" for n in range(400)))
    ids = np.array([[0, 255, 399]], np.uint16)
    save(tmp_path / "wide.png", ids)
    np.testing.assert_array_equal(read_prediction(tmp_path / "wide.png", legend), ids)


@pytest.mark.parametrize(
    ("index", "palette", "found"),
    [
        (255, True, "palette index 255, colour (224, 224, 192)"),
        (40, True, "palette index 40, colour (64, 0, 64)"),
        (255, False, "index 255"),
        (21, False, "index 21"),
    ],
)
def test_pixels_without_a_class_are_named_and_counted(tmp_path, index, palette, found):
    ids = np.zeros((5, 6), np.uint8)
    ids[2, 3:5] = index
    save(tmp_path / "p.png", ids, voc_colours(256) if palette else None)
    with pytest.raises(MaskError) as caught:
        read_prediction(tmp_path / "p.png", VOC)
    assert caught.value.where == "p.png"
    assert caught.value.found == f"row 2, column 3: {found}; 2 pixels in all"
    assert caught.value.expected == "one of the 21 classes of legend 'voc2012'"


def test_colours_and_indices_beyond_are_named(tmp_path):
    save(tmp_path / "rgb.png", np.full((2, 2, 3), 9, np.uint8))
    with pytest.raises(MaskError) as caught:
        read_prediction(tmp_path / "rgb.png", VOC)
    assert "colour (9, 9, 9)" in caught.value.found
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(9)),
        (b"IDAT", zlib.compress(b"\0\5")),
    )
    parts = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    (tmp_path / "short.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts) + b"\0\0\0\0IEND\xaeB`\x82")
    with pytest.raises(MaskError) as caught:
        read_prediction(tmp_path / "short.png", VOC)
    assert "palette index 5;" in caught.value.found


def test_gray_predictions_are_not_guessed_where_stored_indices_are_no_ids(tmp_path):
    legend = Legend(("road", "car"), indices=(7, 26))
    save(tmp_path / "gray.png", np.zeros((2, 2), np.uint8))
    with pytest.raises(MaskError) as caught:
        read_prediction(tmp_path / "gray.png", legend)
    assert "may be class ids or what legend 'custom' stores" in caught.value.found
    save(tmp_path / "palette.png", np.ones((2, 2), np.uint8), legend.colours)
    assert (read_prediction(tmp_path / "palette.png", legend) == 1).all()


def test_prediction_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SourceMissingError) as caught:
        read_prediction(tmp_path / "x.png", VOC)
    assert caught.value.where == str(tmp_path / "x.png")


def test_everything_wrong_with_a_folder_is_in_one_message(source, folder):
    (folder / "val_0.png").unlink()
    (folder / "notes.txt").write_text("hello")
    save(folder / "train_0.png", np.zeros((40, 60), np.uint8))
    (folder / "val_1.png").write_bytes(b"GIF89a" + bytes(60))
    save(folder / "val_2.png", np.zeros((30, 40), np.uint8))
    (folder / ".DS_Store").write_text("hidden files do not matter")
    with pytest.raises(SourceError) as caught:
        score_folder(folder, source)
    message = str(caught.value)
    assert "1 missing (val_0.png); 2 of no sample (notes.txt, train_0.png); 2 of another size or kind (" in message
    assert re.search(r"val_1.png is (not a picture|a GIF), val_2.png is 40 x 30 instead of 30 x 40 px", message)
    assert "expected KEY.png for each of the 3 samples of split 'val'" in message


@pytest.mark.slow
def test_missing_files_are_counted_and_the_first_are_named(write_voc, tmp_path):
    many = scan(write_voc(tmp_path / "VOC2012", {"val": [(4, 5)] * 30}), "val")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError) as caught:
        score_folder(tmp_path / "empty", many)
    assert caught.value.found.startswith("30 missing (val_0.png, val_1.png, ")
    assert caught.value.found.endswith(" and 25 more)")


def test_hidden_files_are_passed_over(source, folder):
    (folder / ".val_0.png.host.1.abcd.unfinished").write_bytes(b"what a killed process left")
    assert score_folder(folder, source).pixels


def test_void_and_damage_in_a_file_are_named(source, folder):
    whole = (folder / "val_1.png").read_bytes()
    (folder / "val_1.png").write_bytes(whole[:-30])
    with pytest.raises(MaskError) as caught:
        score_folder(folder, source)
    assert all(word in str(caught.value) for word in ("val_1.png", "damaged PNG"))
    shutil.copy(source.root / "SegmentationClass/val_1.png", folder)
    with pytest.raises(MaskError) as caught:
        score_folder(folder, source)
    assert caught.value.where == "val_1.png"
    assert caught.value.found.startswith("row 0, column 0: palette index 255, ")
    assert caught.value.found.endswith("; 50 pixels in all")


def test_folder_that_is_not_there_is_named(source, tmp_path):
    with pytest.raises(SourceMissingError) as caught:
        score_folder(tmp_path / "nowhere", source)
    assert caught.value.where == str(tmp_path / "nowhere")


def test_split_without_masks_cannot_be_scored(write_voc, tmp_path):
    root = write_voc(tmp_path / "VOC2012", {"test": [(8, 9)]})
    (root / "SegmentationClass/test_0.png").unlink()
    with pytest.raises(SourceMissingError) as caught:
        score_folder(tmp_path, scan(root, "test"))
    assert (caught.value.where, caught.value.found) == ("VOC2012", "split 'test' has no masks")


@pytest.mark.slow
def test_real_masks_score_as_scikit_learn_counts_them(voc2012_part, tmp_path):
    confusion_matrix = pytest.importorskip("sklearn.metrics").confusion_matrix
    source = scan(voc2012_part, "val")
    expected = np.zeros((21, 21), np.int64)
    for batch in Loader(source, Plan.exact(source.sizes, 16), format=BatchFormat(dtype="uint8"), threads=2):
        predictions = batch.images[..., 0].astype(np.int64) // 13  # wrong, but everywhere a class
        write_predictions(tmp_path, predictions, batch.crops, source)
    for sample in source.samples:
        with Image.open(tmp_path / f"{sample.key}.png") as picture:
            ids = np.array(picture)
        labels = read_labels(decode_mask(sample.mask.read()), VOC)
        expected += confusion_matrix(labels[labels != 255], ids[labels != 255], labels=range(21))
    np.testing.assert_array_equal(score_folder(tmp_path, source).confusion, expected)


def predicted(tmp_path, pixels, legend, palette=None):
    save(tmp_path / "a.png", np.asarray(pixels, np.uint8), palette)
    with pytest.raises(MaskError) as caught:
        read_prediction(tmp_path / "a.png", legend)
    return caught.value.remedy


def test_predictions_of_0_and_255_are_refused_with_the_way_out(tmp_path):
    assert "divide by 255" in predicted(tmp_path, [[0, 255]], Legend(("background", "vessel")))


def test_predictions_from_1_to_the_number_of_classes_are_refused_with_the_way_out(tmp_path):
    assert "subtract 1" in predicted(tmp_path, [[1, 2, 3]], Legend(("a", "b", "c")))


def test_predictions_in_three_equal_channels_are_refused_with_the_way_out(tmp_path):
    pixels = np.repeat(np.array([[0, 1, 2]])[..., None], 3, axis=2)
    assert "one of the three equal channels" in predicted(tmp_path, pixels, Legend(("a", "b", "c")))


def test_predictions_in_a_palette_of_other_colours_are_refused_with_the_way_out(tmp_path):
    palette = np.array([(9, 9, 9), (200, 30, 30), (30, 200, 30)])
    assert "the legend's colours" in predicted(tmp_path, [[0, 1, 2]], VOC, palette)


def test_predictions_whose_palette_has_two_readings_are_refused(tmp_path):
    palette = np.array([(0, 0, 0), (0, 128, 0), (128, 0, 0)])
    assert "by index" in predicted(tmp_path, [[0, 1, 2]], Legend(("a", "b", "c")), palette)


def shifted(source, tmp_path, change):
    """Score predictions that are the labels, changed, class 3 where they are void; return what was warned of."""
    for number, key in enumerate(source.keys):
        labels = source.read(number).labels
        save(tmp_path / f"{key}.png", change(np.where(labels == 255, 3, labels)).astype(np.uint8))
    return score_folder(tmp_path, source)


def test_predictions_that_run_from_1_are_named(source, tmp_path, caplog):
    (tmp_path / "out").mkdir()
    score = shifted(source, tmp_path / "out", lambda ids: np.minimum(ids + 1, 20))
    assert score.pixel_accuracy < 0.1
    assert "subtract 1 if the ids run from 1" in caplog.text


@pytest.mark.parametrize(
    "change", [lambda ids: ids, lambda ids: np.full_like(ids, 3), lambda ids: np.maximum(ids, 1), lambda ids: 20 - ids]
)
@pytest.mark.slow
def test_other_predictions_are_scored_without_a_word(source, tmp_path, caplog, change):
    (tmp_path / "out").mkdir()
    shifted(source, tmp_path / "out", change)
    assert caplog.text == ""


def test_predictions_whose_files_number_colours_anew_are_never_scored_by_number(tmp_path, caplog):
    legend = {0: "background", 1: "tree", 2: "road"}
    colours = [(0, 0, 0), (200, 30, 0), (0, 200, 30)]
    for folder in ("images", "masks", "moved", "other", "same"):
        (tmp_path / folder).mkdir()
    for number, order in enumerate(((0, 1, 2), (1, 2, 0), (0, 1, 2))):
        ids = np.repeat(np.array([[0, 1, 2, 2]], np.uint8), 4, axis=0)
        Image.fromarray(np.full((4, 4, 3), 40 * number, np.uint8)).save(tmp_path / "images" / f"{number}.png")
        Image.fromarray(ids).save(tmp_path / "masks" / f"{number}.png")
        for folder, stored, palette in (
            ("same", ids, colours),
            ("moved", np.argsort(order).astype(np.uint8)[ids], [colours[label] for label in order]),
            ("other", ids, [*colours[:2], (9, 9, number)]),
        ):
            picture = Image.fromarray(stored)
            picture.putpalette([part for colour in palette for part in colour])
            picture.save(tmp_path / folder / f"{number}.png")
    source = scan(tmp_path, "all", legend=legend, photos="images/{key}.png", masks="masks/{key}.png")
    assert score_folder(tmp_path / "same", source).miou == 1
    assert not caplog.text
    with pytest.raises(MaskError, match="palettes that number colours differently") as caught:
        score_folder(tmp_path / "moved", source)
    assert "gray PNG" in caught.value.remedy
    assert score_folder(tmp_path / "other", source).miou == 1
    assert "palettes that differ" in caplog.text


@pytest.mark.slow
def test_many_missing_predictions_are_counted_and_the_first_few_named(tmp_path):
    source = scan("sample", "val")
    (tmp_path / "Thumbs.db").write_bytes(b"")
    (tmp_path / "desktop.ini").write_bytes(b"")
    with pytest.raises(SourceError) as caught:
        score_folder(tmp_path, source)
    first = ", ".join(f"{key}.png" for key in source.keys[:5])
    assert caught.value.found == f"40 missing ({first} and 35 more)"


@pytest.mark.parametrize("key", ["a/", "/a", "a//b", "../a", "a/./b", "a\\b"])
def test_a_key_that_is_no_file_in_the_folder_is_refused(tmp_path, key):
    with pytest.raises(OptionError) as caught:
        predictions.prediction_path(tmp_path, key)
    assert repr(key) in caught.value.where
