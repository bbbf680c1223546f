"""Doubts: what masks store against their legend is said by scan, load and check alike, and nothing else is."""

import ast
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from little_voc import a_photo
from segfeed.audit.checking import check
from segfeed.datasets.doubts import examining as doubts
from segfeed.datasets.doubts.evidence import Evidence, StoredValue
from segfeed.datasets.doubts.examining import examine, list_doubts
from segfeed.errors import LegendError, MaskError, UnknownColourError
from segfeed.packs import making as packs
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import voc_colours
from segfeed.pixels.public_legends import VOC

SIZE = (24, 32)
VESSEL = ["background", "vessel"]
PALETTE = [part for colour in voc_colours(256) for part in colour]
BLACK_AND_WHITE = [0] * 765 + [255] * 3
RULES = {
    "void-assumed",
    "split-all-void",
    "legend-off-by-one",
    "mask-ids-as-colours",
    "legend-unusable",
    "split-mostly-void",
    "palettes-renumbered",
    "palette-two-readings",
}


def stripes(*values, dtype=np.uint8) -> np.ndarray:
    """Paint vertical stripes of equal width, one for each value."""
    columns = np.arange(SIZE[1]) * len(values) // SIZE[1]
    return np.repeat(np.array(values, dtype)[columns][None], SIZE[0], axis=0)


def save(path: Path, pixels: np.ndarray, palette=None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(pixels)
    if palette is not None:
        picture.putpalette(palette)
    picture.save(path)


def write(root: Path, masks, *, palette=None, split="") -> Path:
    """Write a folder of photos and one of masks; with a split, one of each in it."""
    for number, mask in enumerate(masks):
        save(root / "images" / split / f"{split}{number}.png", a_photo(f"{split}{number}", SIZE))
        save(root / "masks" / split / f"{split}{number}.png", mask, palette)
    return root


def gray_rgb(indices: np.ndarray) -> np.ndarray:
    return np.repeat(indices[..., None], 3, axis=2)


def rules_of(root, **options) -> set[tuple[str, str]]:
    return {(one.severity, one.rule) for one in check(root, crop_size=(8, 8), **options) if one.rule in RULES}


def refused(root, split="all", **options) -> MaskError:
    """Check that scan, load and check refuse a split by the same rule, and return scan's error."""
    with pytest.raises(MaskError) as caught:
        segfeed.scan(root, split, **options)
    with pytest.raises(MaskError) as loaded:
        segfeed.load(root, 1, (16, 16), splits=(split, None), **options)
    assert (loaded.value.where, loaded.value.found) == (caught.value.where, caught.value.found)
    assert caught.value.where == str(root)
    assert caught.value.expected
    assert "error" in {severity for severity, _ in rules_of(root, **options)}
    return caught.value


def accepted(root, split="all", **options) -> segfeed.Source:
    """Check that nothing is doubted anywhere, and return the source."""
    source = segfeed.scan(root, split, **options)
    assert examine(source)[1] == ()
    assert rules_of(root, **options) == set()
    return source


def said_in_python(remedy: str) -> list[dict]:
    """Read the legends that a remedy writes down."""
    return [ast.literal_eval("{" + part.partition("}")[0] + "}") for part in remedy.split("legend={")[1:]]


def said_in_json(remedy: str) -> list[dict]:
    found, decoder = [], json.JSONDecoder()
    while '{"' in remedy:
        described, end = decoder.raw_decode(remedy := remedy[remedy.index('{"') :])
        found.append(described)
        remedy = remedy[end:]
    return found


def seen(source) -> set[int]:
    return {int(label) for number in range(len(source)) for label in np.unique(source.read(number).labels)}


# Values that are void only because nobody said what they mean.


def thin(value: int, pixels: int = 5) -> np.ndarray:
    mask = stripes(0)
    mask[0, :pixels] = value
    return mask


@pytest.mark.parametrize(
    ("masks", "palette"),
    [
        ([stripes(0, 255)] * 6, None),
        ([stripes(0, 255)] * 6, PALETTE),
        ([stripes(0, 255)] * 6, BLACK_AND_WHITE),
        ([thin(255)] * 6, None),  # a crack, a vessel: under a hundredth
        ([stripes(0)] * 5 + [stripes(255)], None),
        ([stripes(0, 255)], None),
    ],
)
@pytest.mark.slow
def test_binary_masks_of_0_and_255_with_two_names_are_refused_with_both_ways_out(tmp_path, masks, palette):
    root = write(tmp_path / "d", masks, palette=palette)
    error = refused(root, legend=VESSEL)
    assert "255 is void by default" in error.found
    assert "'vessel' never occurs" in error.found
    as_class, as_void = said_in_python(error.remedy)
    assert as_class == {0: "background", 255: "vessel"}
    assert as_void == {0: "background", 1: "vessel", 255: None}
    assert seen(accepted(root, legend=as_class)) == {0, 1}
    assert seen(accepted(root, legend=as_void)) == {0, 255}


@pytest.mark.slow
def test_the_lines_for_the_command_line_work_too(tmp_path):
    root = write(tmp_path / "d", [stripes(0, 255)] * 6)
    found = []
    for number, described in enumerate(said_in_json(refused(root, legend=VESSEL).remedy)):
        path = tmp_path / f"legend{number}.json"
        path.write_text(json.dumps(described))
        found.append((segfeed.scan(root, "all", legend=path).legend.names, seen(accepted(root, legend=path))))
    assert found == [(("background", "vessel"), {0, 1}), (("background", "vessel"), {0, 255})]


@pytest.mark.parametrize(
    ("names", "absent"),
    [
        (["vessel"], []),
        (["background", "cup", "disc"], ["cup", "disc"]),
        ([f"class {n}" for n in range(40)], ["class 1"]),
    ],
)
@pytest.mark.slow
def test_255_is_refused_for_any_number_of_names_if_nothing_but_the_first_occurs(tmp_path, names, absent):
    error = refused(write(tmp_path / "d", [stripes(0, 255)] * 5), legend=names)
    assert all(name in error.found for name in absent)


def test_the_class_keeps_its_place_in_the_way_out(tmp_path):
    error = refused(write(tmp_path / "d", [stripes(0, 255)] * 5), legend=["background", "cup", "disc"])
    assert [list(said.values()) for said in said_in_python(error.remedy)] == [
        ["background", "cup", "disc"],
        ["background", "cup", "disc", None],
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("class_names.txt", "background\nvessel\n"),
        ("class_dict.csv", "name,r,g,b\nbackground,0,0,0\nvessel,255,255,255\n"),
        ("labelmap.txt", "background:0,0,0::\nvessel:128,0,0::\n"),
    ],
)
@pytest.mark.slow
def test_a_legend_file_that_says_nothing_of_255_is_doubted(tmp_path, name, text):
    root = write(tmp_path / "d", [stripes(0, 255)] * 5)
    (root / name).write_text(text)
    assert "255 is void by default" in refused(root).found


@pytest.mark.slow
def test_classes_that_are_renamed_by_groups_are_doubted_all_the_same(tmp_path):
    root = write(tmp_path / "d", [stripes(0, 255)] * 5)
    (root / "class_names.txt").write_text("background\nvessel\n")
    assert "'lesion' never occurs" in refused(root, legend={"vessel": "lesion", "*": "*"}).found


@pytest.mark.slow
def test_void_by_wish_does_not_hide_it(tmp_path):
    mask = np.linspace(0, 255, SIZE[0] * SIZE[1]).astype(np.uint8).reshape(SIZE)
    mask[mask == 1] = 2  # blurred borders, and no pixel of class 1
    assert "255 is void by default" in refused(write(tmp_path / "d", [mask] * 5), legend=VESSEL, unknown="void").found


def test_a_split_that_stores_other_values_than_the_others_is_named(tmp_path):
    root = write(tmp_path / "d", [stripes(0, 1)] * 5, split="train")
    write(root, [stripes(0, 255)] * 5, split="val")
    assert seen(segfeed.scan(root, "train", legend=VESSEL)) == {0, 1}
    with pytest.raises(MaskError) as caught:
        segfeed.load(root, 2, (16, 16), legend=VESSEL)
    assert "split 'val'" in caught.value.found
    found = [one for one in check(root, crop_size=(8, 8), legend=VESSEL) if one.rule in RULES]
    assert [(one.severity, one.rule, one.split) for one in found] == [("error", "void-assumed", "val")]


@pytest.mark.slow
def test_void_that_another_split_uses_beside_the_class_is_a_warning(tmp_path, caplog):
    root = write(tmp_path / "d", [stripes(0, 1, 255)] * 5, split="train")
    write(root, [stripes(0, 255)] * 5, split="val")
    with caplog.at_level(logging.WARNING, "segfeed"):
        assert seen(segfeed.scan(root, "train", legend=VESSEL)) == {0, 1, 255}
        assert not caplog.text
        assert seen(segfeed.scan(root, "val", legend=VESSEL)) == {0, 255}
    assert "split 'train' holds it beside other classes" in caplog.text
    notes = segfeed.load(root, 2, (16, 16), legend=VESSEL).notes
    assert sum("split 'train' holds it beside other classes" in note for note in notes) == 1
    found = [one for one in check(root, crop_size=(8, 8), legend=VESSEL) if one.rule in RULES]
    assert [(one.severity, one.rule, one.split) for one in found] == [("warning", "void-assumed", "val")]
    said = said_in_python(found[0].remedy)
    assert [seen(accepted(root, "val", legend=legend)) for legend in said] == [{0, 1}, {0, 255}]


def stray(pixels: int, *values: int) -> np.ndarray:
    mask = stripes(*values)
    mask[0, :pixels] = 1
    return mask


@pytest.mark.parametrize(
    "masks",
    [
        [stripes(0, 1)] * 4 + [stripes(0, 255)] * 4,  # two halves, from two tools
        [stripes(0, 255)] * 20 + [stripes(0, 1)] + [stripes(0, 255)] * 20,  # not among the first that are read
        [stripes(0, 255, 0), stripes(0, 1, 0)],
        [stripes(0, 255)] * 7 + [stray(1, 0, 255)],
        [stray(1, 0, 255), *[stripes(0, 255)] * 7],
        [stripes(0), *[thin(255, 30)] * 6, stripes(0, 1)],
    ],
)
@pytest.mark.slow
def test_a_class_that_is_stored_as_1_in_some_masks_and_as_255_in_others_is_refused(tmp_path, masks):
    root = write(tmp_path / "d", masks)
    error = refused(root, legend=VESSEL)
    assert "255 is void by default" in error.found
    as_class, as_void = said_in_python(error.remedy)
    assert as_class == {0: "background", 1: "vessel", 255: "vessel"}
    assert seen(accepted(root, legend=as_class)) == {0, 1}
    assert seen(accepted(root, legend=as_void)) == {0, 1, 255}
    path = tmp_path / "legend.json"
    path.write_text(json.dumps(said_in_json(error.remedy)[0]))
    assert seen(accepted(root, legend=path)) == {0, 1}


@pytest.mark.parametrize(
    ("names", "masks"),
    [
        (VESSEL, [stray(2, 0, 255)] * 8),  # next to nothing, but in each of them
        (VESSEL, [stripes(0, 255)] * 10 + [stripes(0, 1, 255)] * 2),
        (["a", "b", "c"], [stripes(0, 1, 2)] * 4 + [stripes(0, 255)] * 4),
        (["a", "b", "c"], [stripes(0, 255)] * 6 + [stray(1, 0, 255, 255)] + [stray(1, 0, 2, *[255] * 99)]),
    ],
)
@pytest.mark.slow
def test_void_that_lies_seldom_beside_a_class_is_a_warning(tmp_path, caplog, names, masks):
    root = write(tmp_path / "d", masks)
    with caplog.at_level(logging.WARNING, "segfeed"):
        segfeed.scan(root, "all", legend=names)
    assert "255 is void by default" in caplog.text
    notes = segfeed.load(root, 2, (16, 16), splits=("all", None), legend=names).notes
    assert sum("255 is void by default" in note for note in notes) == 1
    assert ("warning", "void-assumed") in rules_of(root, legend=names)


@pytest.mark.slow
def test_much_void_and_an_absent_class_are_a_warning_among_several_classes(tmp_path, caplog):
    root = write(tmp_path / "d", [stripes(0, 1, 255, 255)] * 5)
    names = ["background", "cup", "disc"]
    with caplog.at_level(logging.WARNING, "segfeed"):
        segfeed.scan(root, "all", legend=names)
    assert "'disc' never occurs" in caplog.text
    splits = segfeed.load(root, 2, (16, 16), splits=("all", None), legend=names)
    assert sum("255 is void by default" in note for note in splits.notes) == 1
    assert rules_of(root, legend=names) == {("warning", "void-assumed")}


@pytest.mark.parametrize(
    "legend",
    [
        Legend(tuple(VESSEL), void_indices=(255,)),
        Legend.of_values({0: "background", 1: "vessel", 255: None}),
        {0: "background", 1: "vessel", 255: None},
        VOC,
    ],
)
@pytest.mark.slow
def test_void_that_is_stated_is_believed(tmp_path, legend):
    accepted(write(tmp_path / "d", [stripes(0, 0, 0, 255)] * 6), legend=legend)


def test_void_that_is_stated_by_a_file_is_believed(tmp_path):
    root = write(tmp_path / "d", [stripes(0, 255)] * 6)
    described = {"label_map": {"0": "background", "1": "vessel", "255": "void"}}
    (root / "dataset_meta.json").write_text(json.dumps(described))
    accepted(root)


@pytest.mark.parametrize(
    ("names", "masks"),
    [
        (VESSEL, [stripes(0, 1, 255)] * 6),  # borders, as in VOC
        (["a", "b", "c"], [stripes(0, 255, 255, 1), stripes(2, 255, 255, 255)] * 4),
        (VESSEL, [stripes(0, 1, 255)] * 3 + [stripes(0, 255)] * 3),  # and in some masks without a class
        (VESSEL, [stripes(0, 1)] * 3 + [stripes(255)] * 4),  # crops without labels
        (VESSEL, [stripes(0)] * 6),
        (VESSEL, [stripes(0, 1)] * 6),
        (["a", "b", "c"], [stripes(0, 1, 255, 0, 0, 0, 0, 0)] * 6),  # a rare class, and narrow borders
    ],
)
@pytest.mark.slow
def test_void_in_use_is_no_doubt(tmp_path, names, masks):
    accepted(write(tmp_path / "d", masks), legend=names)


@pytest.mark.slow
def test_a_rare_class_in_the_last_of_hundreds_of_masks_softens_the_doubt(tmp_path, monkeypatch):
    monkeypatch.setattr(doubts, "LOOKED_AT_IN_DOUBT", 16)
    root = write(tmp_path / "d", [stripes(0, 255)] * 50)
    save(root / "masks" / "22.png", stripes(0, 1, 255))
    evidence, found = examine(segfeed.scan(root, "all", legend=VESSEL))
    assert [doubt.severity for doubt in found] == ["warning"]
    assert "49 hold it without 'vessel', 1 hold 'vessel'" in found[0].found
    assert evidence.masks == 50


# Splits that are void throughout.


def cityscapes(root: Path, masks, split="train", names="farm_{}") -> Path:
    for number, mask in enumerate(masks):
        name = names.format(number)
        save(root / f"leftImg8bit/{split}/field/{name}_leftImg8bit.png", a_photo(name, SIZE))
        save(root / f"gtFine/{split}/field/{name}_gtFine_labelIds.png", mask)
    return root


@pytest.mark.slow
def test_own_classes_in_the_layout_of_another_dataset_are_void_throughout_and_refused(tmp_path):
    root = cityscapes(tmp_path / "d", [stripes(0, 1, 2, 3)] * 4)
    error = refused(root, "train")
    assert "every pixel is void" in error.found
    assert "cityscapes" in error.found
    names = dict(zip((0, 1, 2, 3), "abcd", strict=True))
    assert seen(segfeed.scan(root, "train", legend=names)) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "values",
    [
        (0, 1, 2, 3, 4, 5, 6, 7),  # own classes, of which one has a number of Cityscapes
        (0, 1, 2, 8, 10, 11, 13, 255),  # the benchmark's own numbers under the name labelIds
    ],
)
@pytest.mark.slow
def test_own_numbers_in_the_layout_of_another_dataset_are_named_if_most_are_void(tmp_path, caplog, values):
    root = cityscapes(tmp_path / "d", [stripes(*values)] * 4)
    with caplog.at_level(logging.WARNING, "segfeed"):
        segfeed.scan(root, "train")
    assert "of the pixels are void" in caplog.text
    assert "split-mostly-void" in {one.rule for one in check(root, crop_size=(8, 8))}


@pytest.mark.slow
def test_a_test_split_without_labels_is_only_named(tmp_path, caplog):
    root = cityscapes(tmp_path / "d", [stripes(7, 8, 11)] * 4)
    cityscapes(root, [stripes(0, 4)] * 4, "test")
    with caplog.at_level(logging.WARNING, "segfeed"):
        segfeed.scan(root, "test")
    assert "every pixel is void" in caplog.text
    assert rules_of(root) == {("warning", "split-all-void")}


def test_what_becomes_void_by_wish_is_only_named(tmp_path, caplog):
    root = write(tmp_path / "d", [stripes(7, 8)] * 5)
    with caplog.at_level(logging.WARNING, "segfeed"):
        segfeed.scan(root, "all", legend=VESSEL, unknown="void")
    assert "every pixel is void" in caplog.text


def test_masks_of_255_alone_are_refused(tmp_path):
    assert "every pixel is void" in refused(write(tmp_path / "d", [stripes(255)] * 5), legend=VESSEL).found


# Numbers that are off by one.


@pytest.mark.slow
def test_numbers_from_1_to_the_number_of_classes_are_refused_and_the_way_out_works(tmp_path):
    root = write(tmp_path / "d", [stripes(1, 2, 3)] * 4)
    names = ["road", "tree", "sky"]
    error = refused(root, legend=names)
    assert "indices 1 to 3, and 0, which is 'road', never occurs" in error.found
    said = said_in_python(error.remedy)[0]
    assert said == {1: "road", 2: "tree", 3: "sky"}
    assert seen(accepted(root, legend=said)) == {0, 1, 2}
    (tmp_path / "legend.json").write_text(json.dumps(said_in_json(error.remedy)[0]))
    assert seen(accepted(root, legend=tmp_path / "legend.json")) == {0, 1, 2}


@pytest.mark.slow
def test_numbers_of_16_bits_from_1_on_are_refused(tmp_path):
    masks = [stripes(1, 300 - number, 300, dtype=np.uint16) for number in range(6)]
    error = refused(write(tmp_path / "d", masks), legend=[f"class {n}" for n in range(300)])
    assert "indices 1 to 300" in error.found


def coco_stuff(root: Path, masks) -> Path:
    for number, mask in enumerate(masks):
        save(root / f"images/train2017/{number:012}.png", a_photo(str(number), SIZE))
        save(root / f"annotations/train2017/{number:012}.png", mask)
    return root


@pytest.mark.parametrize(("values", "severity"), [((1, 2, 11, 182), "error"), ((1, 2, 3, 125), "warning")])
@pytest.mark.slow
def test_coco_stuff_that_is_numbered_from_1_is_doubted(tmp_path, values, severity):
    root = coco_stuff(tmp_path / "d", [stripes(*values)] * 8)
    assert (severity, "legend-off-by-one") in rules_of(root)
    _, found = examine(_listed(root, "train2017"))
    assert [(one.severity, one.rule) for one in found] == [(severity, "legend-off-by-one")]
    assert "'person', never occurs" in found[0].found


def _listed(root, split, **options):
    """List a split as check does, without a look at its masks."""
    return segfeed.datasets.opening.open_dataset(root, segfeed.datasets.opening.Opening.of(**options)).scan(split)


@pytest.mark.parametrize(
    ("masks", "legend"),
    [
        ([stripes(1, 2)] * 3, ["a", "b", "c"]),  # too few to say anything of a
        ([stripes(1, 2)] * 9, {0: "a", 1: "b", 2: "c"}),  # a person's own numbers
        ([stripes(1, 1)] * 9, ["a", "b", "c"]),  # all of one class
        ([stripes(1, 2)] * 9 + [stripes(0)], ["a", "b", "c"]),
        ([stripes(1, 2, 3)] * 9, Legend(("a", "b", "c"), indices=(1, 2, 3))),
    ],
)
@pytest.mark.slow
def test_a_first_class_that_is_rare_or_numbered_by_a_person_is_no_doubt(tmp_path, masks, legend):
    accepted(write(tmp_path / "d", masks), legend=legend)


# Ids in three equal channels.


@pytest.mark.slow
def test_ids_in_three_equal_channels_are_refused_and_the_ways_out_work(tmp_path):
    root = write(tmp_path / "d", [gray_rgb(stripes(0, 1, 2))] * 5)
    names = ["ground", "road", "tree"]
    error = refused(root, legend=names)
    assert "red, green and blue are equal" in error.found
    said = said_in_python(error.remedy)[0]
    assert said == {(0, 0, 0): "ground", (1, 1, 1): "road", (2, 2, 2): "tree"}
    assert seen(accepted(root, legend=said)) == {0, 1, 2}
    (tmp_path / "legend.json").write_text(json.dumps(said_in_json(error.remedy)[0]))
    assert seen(accepted(root, legend=tmp_path / "legend.json")) == {0, 1, 2}


@pytest.mark.slow
def test_black_and_white_masks_of_three_channels_are_refused_with_white_as_the_second_class(tmp_path):
    root = write(tmp_path / "d", [gray_rgb(stripes(0, 255))] * 5)
    said = said_in_python(refused(root, legend=VESSEL).remedy)[0]
    assert seen(accepted(root, legend=said)) == {0, 1}


def test_three_equal_channels_are_ids_if_the_legend_has_nothing_but_numbers(tmp_path):
    root = write(tmp_path / "d", [gray_rgb(stripes(0, 7, 255))] * 5)
    source = accepted(root, legend={0: "ground", 7: "road", 255: None})
    assert source.read(0).labels[0, [0, 12, 25]].tolist() == [0, 1, 255]


def test_gray_colours_of_a_legend_are_colours(tmp_path):
    root = write(tmp_path / "d", [gray_rgb(stripes(0, 128, 255))] * 5)
    (root / "class_dict.csv").write_text("name,r,g,b\na,0,0,0\nb,128,128,128\nc,255,255,255\n")
    assert seen(accepted(root)) == {0, 1, 2}


def test_blended_colours_are_left_to_the_reading_that_says_where_they_are(tmp_path):
    mask = np.zeros((*SIZE, 3), np.uint8)
    mask[:, 10:, 0] = 128
    mask[:, 9, 0] = 64
    root = write(tmp_path / "d", [mask] * 5)
    source = segfeed.scan(root, "all", legend=VESSEL)
    with pytest.raises(UnknownColourError, match="column 9"):
        source.read(0)


# Palettes.


def test_a_palette_with_two_readings_stops_scan_and_load_and_check_goes_on(tmp_path):
    own = [0, 0, 0, 0, 128, 0, 128, 0, 0] + [0] * 759
    root = write(tmp_path / "d", [stripes(0, 1, 2)] * 4, palette=own)
    names = ["ground", "grass", "brick"]
    for work in (
        segfeed.scan,
        lambda *how, **options: segfeed.load(how[0], 2, (16, 16), splits=(how[1], None), **options),
    ):
        with pytest.raises(MaskError) as caught:
            work(root, "all", legend=names)
        assert "'grass' by its number and 'brick' by its colour" in caught.value.found
    found = check(root, crop_size=(8, 8), legend=names)
    assert found.pairs == 4
    assert sum("'grass' by its number" in one.found for one in found) == 4


def test_two_used_indices_of_one_colour_stop_scan(tmp_path):
    root = write(tmp_path / "d", [stripes(0, 1, 255)] * 4, palette=PALETTE[:6] + [0] * 762)
    (root / "labelmap.txt").write_text("background:0,0,0::\nvessel:128,0,0::\n")
    with pytest.raises(MaskError) as caught:
        segfeed.scan(root, "all")
    assert "0 and 255 are both used" in caught.value.found


# Legend files that a format would ignore, and layouts without one.


@pytest.mark.slow
def test_a_legend_file_that_the_format_ignores_is_refused_and_can_be_chosen(tmp_path):
    root = cityscapes(tmp_path / "d", [stripes(0, 1, 2)] * 4)
    path = root / "label_colors.txt"
    path.write_text("0 0 0 soil\n10 20 30 leaf\n200 0 0 stem\n")
    with pytest.raises(LegendError) as caught:
        segfeed.scan(root, "train")
    assert caught.value.where == str(path)
    assert "soil, leaf, stem" in caught.value.found
    assert rules_of(root) == {("error", "legend-unusable")}
    assert segfeed.scan(root, "train", legend=path).legend.names == ("soil", "leaf", "stem")
    path.unlink()
    assert segfeed.scan(cityscapes(tmp_path / "e", [stripes(7, 8)] * 4), "train").legend.names[0] == "road"


def test_a_legend_file_that_agrees_is_no_doubt(tmp_path):
    root = cityscapes(tmp_path / "d", [stripes(7, 8, 11)] * 4)
    names = ["unlabeled", *segfeed.scan(root, "train").legend.names, "license plate"]
    (root / "label_colors.txt").write_text("".join(f"{n} {n} {n} {name}\n" for n, name in enumerate(names)))
    assert segfeed.scan(root, "train").legend.names[0] == "road"
    spelled = "".join(f"{n} {n} {n} {name.replace(' ', '_').title()}\n" for n, name in enumerate(names))
    (root / "label_colors.txt").write_text(spelled)
    assert segfeed.scan(root, "train").legend.names[0] == "road"
    (root / "label_colors.txt").write_text("0 0 0 road\n1 1 1 car\n")  # a part of the names with other numbers
    with pytest.raises(LegendError):
        segfeed.scan(root, "train")


def test_numbers_in_camvids_layout_are_camvids_classes_only_in_camvid(tmp_path):
    for keys, is_camvid in ((("0001TP_006690", "0016E5_07959"), True), (("field_0", "field_1"), False)):
        root = tmp_path / keys[0]
        for key in keys:
            save(root / "train" / f"{key}.png", a_photo(key, SIZE))
            save(root / "trainannot" / f"{key}.png", stripes(0, 1, 2, 11))
        (root / "train.txt").write_text("".join(f"train/{key}.png trainannot/{key}.png\n" for key in keys))
        if is_camvid:
            assert segfeed.scan(root).legend.names[0] == "sky"
        else:
            with pytest.raises(LegendError) as caught:
                segfeed.scan(root)
            assert "0, 1, 2, 11" in caught.value.found
            assert "label_colors.txt" in caught.value.expected
            assert segfeed.scan(root, legend=[f"class {n}" for n in range(12)]).read(0).labels.max() == 11


# What is never doubted.


def test_objects_are_never_doubted(tmp_path):
    accepted(write(tmp_path / "d", [stripes(0, 255)] * 5), task="instance")


def test_splits_without_masks_are_never_doubted(tmp_path):
    root = write(tmp_path / "d", [stripes(0, 1)] * 5, split="train")
    write(root, [stripes(0, 1)] * 5, split="test")
    shutil.rmtree(root / "masks" / "test")
    assert not segfeed.scan(root, "test", legend=VESSEL).has_masks


def test_masks_that_cannot_be_read_are_left_to_those_who_read_them(tmp_path):
    root = write(tmp_path / "d", [stripes(0, 1)] * 5)
    (root / "masks" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    source = segfeed.scan(root, "all", legend=VESSEL)
    assert examine(source)[0].masks == 4
    with pytest.raises(MaskError):
        source.read(0)


@pytest.mark.parametrize(
    "name",
    [
        "exports/ade20k-sample/sampleData",
        "exports/camvid",
        "exports/cvat-tools",
        "exports/labelme/data_dataset_voc",
        "exports/roboflow",
        "exports/datumaro-assets/tests/assets/camvid_dataset",
        "voc2012-part/VOCdevkit/VOC2012",
    ],
)
@pytest.mark.slow
def test_real_data_is_never_doubted(shared_data, name):
    dataset = segfeed.datasets.opening.open_dataset(shared_data / name)
    for split in dataset.split_names:
        evidence, found = examine(dataset.scan(split))
        assert found == ()
        assert evidence.masks == min(len(dataset.scan(split)), 8)


@pytest.mark.slow
def test_the_sample_is_never_doubted():
    assert rules_of("sample") == set()


# Costs.


@pytest.fixture
def reads(monkeypatch):
    """Count which masks are looked at."""
    found = []
    real = segfeed.datasets.doubts.evidence.decode_mask
    monkeypatch.setattr(
        segfeed.datasets.doubts.evidence, "decode_mask", lambda data, name: found.append(name) or real(data, name)
    )
    return found


@pytest.mark.slow
def test_eight_masks_are_looked_at_if_nothing_is_odd(tmp_path, reads):
    root = write(tmp_path / "d", [stripes(0, 1)] * 100)
    segfeed.scan(root, "all", legend=VESSEL)
    assert 0 in [int(name.removesuffix(".png")) for name in reads]
    assert len(reads) == len(set(reads)) == 8


@pytest.mark.slow
def test_nothing_is_looked_at_if_it_is_packed(tmp_path, cache, reads, monkeypatch):
    monkeypatch.setattr(packs, "_RECENT_NS", -(10**18))  # files that were written a moment ago count as settled
    root = write(tmp_path / "d", [stripes(0, 1)] * 12)
    how = {"splits": ("all", None), "legend": VESSEL}
    segfeed.load(root, 2, (16, 16), **how)
    assert len(reads) == 8
    reads.clear()
    segfeed.load(root, 2, (16, 16), **how)
    segfeed.scan(root, "all", legend=VESSEL)
    assert reads == []


@pytest.mark.slow
def test_no_mask_is_looked_at_twice_in_doubt(tmp_path, reads):
    root = write(tmp_path / "d", [stripes(0, 255)] * 70)
    with pytest.raises(MaskError, match="all 70 masks"):
        segfeed.scan(root, "all", legend=VESSEL)
    assert len(reads) == len(set(reads)) == 70


# Rules alone.


def test_a_doubt_is_plain_json_and_a_sentence():
    counts = (StoredValue(0, None, 0, 90), StoredValue(255, None, 255, 10))
    (doubt,) = list_doubts(Evidence(counts, 8, 3000), Legend(tuple(VESSEL)), "train")
    assert json.loads(json.dumps(doubt.to_json()))["rule"] == "void-assumed"
    assert str(doubt).startswith("8 of 3,000 masks of split 'train', spread over it, hold 0 (90.0%), 255 (10.0%);")


def test_without_a_mask_there_is_no_doubt():
    assert list(list_doubts(Evidence(), Legend(tuple(VESSEL)), "train")) == []


def test_one_mask_of_many_values_does_not_refuse_the_others(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, SIZE, np.uint8)
    root = write(tmp_path, [stripes(0, 1, 2)] * 4 + [noise], split="train")
    legend = {0: "ground", 1: "road", 2: "car"}
    assert len(segfeed.scan(root, "train", legend=legend)) == 5
    found = [one for one in check(root, crop_size=(8, 8), legend=legend) if one.severity == "error"]
    assert len(found) == 1
    assert "train4" in str(found[0])


@pytest.mark.parametrize(
    ("lines", "doubted"),
    [
        ("car:0,128,0::\nbackground:0,0,0::\nroad:128,0,0::\n", True),
        ("background:0,0,0::\ncar:0,128,0::\nroad:128,0,0::\n", False),
        ("sky:0,128,0::\ncar:0,0,0::\nroad:128,0,0::\n", False),
    ],
)
def test_numbers_that_only_the_order_of_colours_explains_are_named_if_background_is_not_the_first(
    tmp_path, lines, doubted
):
    root = write(tmp_path, [stripes(0, 1, 2)] * 5, split="train")
    (root / "labelmap.txt").write_text(lines)
    found = [one for one in check(root) if one.rule == "legend-order-assumed"]
    assert [one.severity for one in found] == ["warning"] * doubted
    if doubted:
        assert "by their order 0 is 'car' and 'background' is 1" in found[0].found
    colours = np.array([(0, 128, 0), (0, 0, 0), (128, 0, 0)], np.uint8)
    root = write(tmp_path / "colours", [colours[stripes(0, 1, 2)]] * 5, split="train")
    (root / "labelmap.txt").write_text(lines)
    assert "legend-order-assumed" not in {one.rule for one in check(root)}


@pytest.mark.parametrize(
    ("values", "legend", "doubted"),
    [
        (range(5), {0: None, 1: "a", 2: "b", 3: "c", 4: "d", 5: "e"}, True),
        ([*range(5), 255], {0: None, 1: "a", 2: "b", 3: "c", 4: "d", 5: "e", 255: None}, True),
        (range(6), {0: None, 1: "a", 2: "b", 3: "c", 4: "d", 5: "e"}, False),
        ((0, 1, 2, 4), {0: None, 1: "a", 2: "b", 3: "c", 4: "d", 5: "e"}, False),
        ((1, 2, 3, 4), {0: None, 1: "a", 2: "b", 3: "c", 4: "d", 5: "e"}, False),
        ((0, 1), {0: None, 1: "a", 2: "b"}, False),
    ],
)
def test_numbers_from_0_by_a_legend_from_1_are_named(tmp_path, values, legend, doubted):
    root = write(tmp_path, [stripes(*values)] * 5, split="train")
    found = [one for one in check(root, legend=legend) if one.rule == "legend-off-by-one"]
    assert [one.severity for one in found] == ["warning"] * doubted
    if doubted:
        assert "indices 0 to 4, and 5, which is 'e', never occurs" in found[0].found
        assert "{0: 'a', 1: 'b', 2: 'c', 3: 'd', 4: 'e'}" in found[0].remedy


def test_colours_are_not_called_exchanged_if_others_are_right_as_they_are(tmp_path):
    colours = np.array([(0, 0, 0), (0, 0, 255), (255, 0, 0)], np.uint8)
    root = write(tmp_path, [colours[stripes(0, 1, 2)]] * 5, split="train")
    legend = {(0, 0, 0): "ground", (0, 0, 255): "water"}
    assert len(segfeed.scan(root, "train", legend=legend)) == 5  # each mask is said by check, and when it is read
    with pytest.raises(UnknownColourError, match=r"colour \(255, 0, 0\)"):
        segfeed.scan(root, "train", legend=legend).read(0)


def test_numbers_beyond_8_bits_are_read_by_a_legend_that_names_them_and_told_by_one_that_does_not(tmp_path):
    root = write(tmp_path, [stripes(0, 300, 65535, dtype=np.uint16)] * 5, split="train")
    source = segfeed.scan(root, "train", legend={0: "a", 300: "b", 65535: None})
    assert set(np.unique(source.read(0).labels)) == {0, 1, 255}
    with pytest.raises(UnknownColourError, match="index 300"):
        segfeed.scan(root, "train", legend=["a", "b", "c"]).read(0)
