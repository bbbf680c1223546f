"""Legend files: every tool's way to write classes down, and every way to get it wrong."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.formats import voc
from segfeed.datasets.legends import files as legend_files
from segfeed.datasets.legends.files import LEGEND_FILES, explain_unread, find_legend, read_legend
from segfeed.errors import LegendError, UnknownColourError
from segfeed.pixels.palette import VOID_COLOUR, voc_colours


@pytest.fixture
def read(tmp_path):
    def reader(text: str | bytes, name: str = "labelmap.txt"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_legend(path)

    return reader


def test_labelmap_of_cvat(read):
    legend = read(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nperson:1,2,3:head,hand:jump\n\ntv set : 250, 50, 83 ::\n"
    )
    assert legend.names == ("background", "person", "tv set")
    assert legend.colours == ((0, 0, 0), (1, 2, 3), (250, 50, 83))
    assert legend.void_colours == (VOID_COLOUR,)


@pytest.mark.parametrize("name", ["ignored", "ignore", "ignore_region", "Void", "VOID"])
def test_class_whose_name_says_so_is_void_in_colour_and_index(read, name):
    legend = read(f"sky:1,2,3::\n{name}:9,8,7::\nroad:4,5,6::\n")
    assert legend.names == ("sky", "road")
    assert legend.colours == ((1, 2, 3), (4, 5, 6))
    colours = np.array([[(1, 2, 3), (9, 8, 7), (4, 5, 6), VOID_COLOUR]], np.uint8)
    assert legend.encode(colours).tolist() == [[0, 255, 1, 255]]
    assert legend.encode(np.array([[0, 1, 2, 255]], np.uint8)).tolist() == [[0, 255, 1, 255]]


def test_vocs_own_void_may_be_named(read):
    legend = read("background:0,0,0::\nignored:224,224,192::\n")
    assert legend.names == ("background",)
    assert legend.void_colours == (VOID_COLOUR,)


def test_class_may_have_the_colour_or_the_value_that_vocs_void_has(read):
    assert read("sky:224,224,192::\n").void_colours == ()
    legend = read("Pixel Value, Class\n0, background\n255, salt\n", "_classes.csv")
    assert legend.encode(np.array([[0, 255]], np.uint8)).tolist() == [[0, 1]]
    with pytest.raises(ValueError, match=r"index 1.* legend"):
        legend.encode(np.array([[1]], np.uint8))


@pytest.mark.parametrize("name", ["unlabelled", "unlabeled", "background", "unknown"])
def test_class_whose_name_does_not_say_so_is_no_void(read, name):
    assert read(f"sky\n{name}\n").names == ("sky", name)


def test_class_names_of_labelme(read):
    legend = read("__ignore__\n_background_\npotted plant\ntv/monitor", "class_names.txt")
    assert legend.names == ("_background_", "potted plant", "tv/monitor")
    assert legend.colours == voc_colours(3)
    assert legend.indices == (0, 1, 2)
    assert legend.void_indices == (255,)


def test_void_amid_plain_names_moves_no_other_class(read):
    legend = read("sky\nvoid\nroad\n", "codes.txt")
    assert legend.names == ("sky", "road")
    assert legend.indices == (0, 2)
    palette = np.array(voc_colours(256), np.uint8)
    assert legend.encode_palette(np.array([[0, 1, 2, 255]], np.uint8), palette).tolist() == [[0, 255, 1, 255]]


def test_label_colors_of_camvid(read):
    legend = read(
        "64 128 64\tAnimal\r\n128 0 0\t\tBuilding\r\n0 0 0 Void\r\n64 192 0 Brick wall\r\n", "label_colors.txt"
    )
    assert legend.names == ("Animal", "Building", "Brick wall")
    assert legend.colours == ((64, 128, 64), (128, 0, 0), (64, 192, 0))
    assert legend.void_colours[0] == (0, 0, 0)


@pytest.mark.parametrize(
    "header", ["name,r,g,b", "Name, R, G, B", "label_name,red,green,blue", "\ufeffclass,r,g,b", "sep=,\nname,r,g,b"]
)
def test_class_dict_of_kaggle(read, header):
    legend = read(f'{header}\nBicyclist,0,128,192\n"wall, brick", 64, 192, 0\nVoid,0,0,0\n', "class_dict.csv")
    assert legend.names == ("Bicyclist", "wall, brick")
    assert legend.colours == ((0, 128, 192), (64, 192, 0))
    assert legend.void_colours[0] == (0, 0, 0)


def test_columns_may_be_in_any_order(read):
    legend = read("id,b,g,r,name\n7,3,2,1,sky\n9,6,5,4,road\n", "labelmap.csv")
    assert legend.names == ("sky", "road")
    assert legend.colours == ((1, 2, 3), (4, 5, 6))
    assert legend.indices == (7, 9)


def test_classes_of_roboflow(read):
    legend = read("Pixel Value, Class\n0, background\n1, Car\n17, swimming pool", "_classes.csv")
    assert legend.names == ("background", "Car", "swimming pool")
    assert legend.indices == (0, 1, 17)


def test_dataset_meta_of_datumaro(read):
    described = {
        "label_map": {"0": "Void", "1": "Animal", "5": "Road"},
        "segmentation_colors": [[0, 0, 0], [64, 128, 64], [128, 64, 128]],
        "background_label": "0",
    }
    legend = read(json.dumps(described), "dataset_meta.json")
    assert legend.names == ("Animal", "Road")
    assert legend.colours == ((64, 128, 64), (128, 64, 128))
    assert legend.indices == (1, 5)
    assert legend.void_colours[0] == (0, 0, 0)
    assert 0 in legend.void_indices


def test_dataset_meta_without_colours_means_vocs_palette(read):
    legend = read('{"label_map": {"0": "sky", "2": "road"}}', "dataset_meta.json")
    assert legend.colours == (voc_colours(3)[0], voc_colours(3)[2])


def test_more_classes_than_8_bits_hold_leave_255_a_class(read):
    legend = read("".join(f"class_{number}\n" for number in range(300)), "codes.txt")
    assert len(legend) == 300
    assert legend.void_indices == (65535,)
    assert legend.encode(np.array([[255, 299, 65535]], np.uint16)).tolist() == [[255, 299, 65535]]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("labelmap.txt", "sky:1,2,3::\nroad:9,8::\n", "line 2: 'road:9,8::' has numbers .2 after the name., but"),
        ("labelmap.txt", "sky,1,2\n", "line 1: 'sky,1,2' has numbers"),
        ("labelmap.txt", "sky:1,2,3::\nroad:::\n", "line 2: 'road:::' has no number set apart"),
        ("labelmap.txt", "sky:1,2,3::\nsea:1,2,3::\n", r"line 2: \(1, 2, 3\) stands for 'sky' and for 'sea'"),
        ("labelmap.txt", "sky:1,2,300::\n", "outside 0..255"),
        ("labelmap.txt", "sky\nSky\n", "line 2: names 'sky' and 'Sky' differ in case only"),
        ("labelmap.txt", "# nothing\n\n", "0 classes"),
        ("labelmap.txt", "void:0,0,0::\n", "0 classes"),
        ("labelmap.txt", "sky\x1b[2J\n", "holds control characters"),
        ("labelmap.txt", b"\xff\xfes\0k\0y\0", "byte 0 is not UTF-8"),
        ("class_dict.csv", "", "0 classes"),
        ("class_dict.csv", "sky,1,2,3\ntree,1,2\n", "line 2: 'tree,1,2' has numbers"),
        ("class_dict.csv", "name,class,r,g,b\nsky,a,1,2,3\n", "is not understood"),
        ("class_dict.csv", "name,r,g,b\nsky,1,2\n", "line 2: 'sky,1,2' does not fit the header"),
        ("class_dict.csv", "name,r,g,b\nsky,1,2,x\n", "line 2"),
        ("_classes.csv", "filename, dog, cat\na.jpg, 1, 0\n", "is not understood"),
        ("_classes.csv", "Pixel Value, Class\n-1, sky\n", "class 'sky' is stored as -1"),
        ("_classes.csv", "Pixel Value, Class\n1, sky\n1, sea\n", "1 stands for 'sky' and for 'sea'"),
        ("dataset_meta.json", "{", "dataset_meta.json"),
        ("dataset_meta.json", "[" * 100_000, "dataset_meta.json"),
        ("dataset_meta.json", "[1]", "malformed"),
        ("dataset_meta.json", '{"labels": []}', "malformed"),
        ("dataset_meta.json", '{"label_map": {"a": "sky"}}', "malformed"),
        ("dataset_meta.json", '{"label_map": {"0": "sky"}, "segmentation_colors": [[1, 2]]}', "malformed"),
        ("dataset_meta.json", '{"label_map": {"0": "sky"}, "segmentation_colors": [[1, 2, 0.5]]}', "malformed"),
        (
            "dataset_meta.json", '{"label_map": {"0": "a", "1": "b"}, "segmentation_colors": [[1, 2, 3]]}',
            "1 segment.* 2 classes",
        ),
    ],
)  # fmt: skip
def test_malformed_file_is_an_error_in_one_line_that_names_it(read, name, text, found):
    with pytest.raises(LegendError, match=found) as caught:
        read(text, name)
    assert caught.value.where.endswith(name)
    assert str(caught.value).isprintable()


def test_huge_file_is_refused_before_it_is_read(read, monkeypatch):
    monkeypatch.setattr(legend_files, "MAX_LEGEND_BYTES", 10)
    with pytest.raises(LegendError) as caught:
        read("sky:1,2,3::\n")
    assert "12 bytes" in caught.value.found
    assert caught.value.expected == "a text that names the classes, at most 10 bytes"


def test_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(LegendError) as caught:
        read_legend(tmp_path / "labelmap.txt")
    assert caught.value.where.endswith("labelmap.txt")
    assert "the file cannot be read" in caught.value.found


def test_legend_is_found_by_the_names_of_legend_files(tmp_path):
    assert find_legend(tmp_path) is None
    (tmp_path / "classes.txt").write_text("cat\ndog\n")  # detectors' lists leave background out
    assert find_legend(tmp_path) is None
    assert "does not say whether the first is stored as 0" in explain_unread(tmp_path)
    (tmp_path / "codes.txt").write_text("sky\nroad\n")
    assert find_legend(tmp_path).names == ("sky", "road")
    assert find_legend(tmp_path).title == tmp_path.name
    assert find_legend(tmp_path, ["labelmap.txt"]) is None


def test_two_legend_files_must_say_the_same(tmp_path):
    (tmp_path / "class_names.txt").write_text("sky\nroad\n")
    (tmp_path / "codes.txt").write_text("sky\r\nroad")
    assert find_legend(tmp_path).names == ("sky", "road")
    (tmp_path / "codes.txt").write_text("road\nsky\n")
    with pytest.raises(LegendError, match=r"class_names\.txt and codes\.txt say different things") as caught:
        find_legend(tmp_path)
    assert "pass legend=" in caught.value.remedy


@pytest.mark.parametrize("text", ["0 cat\n1 dog\n", "cat 1 2 3\ndog 4 5 6\n", "background\ncat\n", "void\ncat\n"])
def test_a_file_of_an_uncertain_name_is_read_if_it_says_what_masks_store(tmp_path, text):
    (tmp_path / "Labels.TXT").write_text(text)
    assert "cat" in find_legend(tmp_path).names
    assert explain_unread(tmp_path) == ""


def test_a_file_of_an_uncertain_name_may_be_something_else(tmp_path):
    (tmp_path / "labels.csv").write_text("filename,label\na.jpg,cat\n")
    (tmp_path / "labels.txt").write_text("a.jpg 0\nb.jpg 1 2\n")
    assert find_legend(tmp_path) is None
    told = explain_unread(tmp_path)
    assert "labels.csv is not a legend file" in told
    assert "labels.txt is not a legend file (line 2" in told


def test_two_files_may_complete_each_other(tmp_path):
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nsky,1,2,3\nroad,4,5,6\n")
    (tmp_path / "class_names.txt").write_text("sky\nroad\n")
    legend = find_legend(tmp_path)
    assert (legend.names, legend.colours) == (("sky", "road"), ((1, 2, 3), (4, 5, 6)))
    (tmp_path / "class_names.txt").unlink()
    (tmp_path / "classes.txt").write_text("7 sky\n9 road\n")
    legend = find_legend(tmp_path)
    assert (legend.colours, legend.indices, legend.reading) == (((1, 2, 3), (4, 5, 6)), (7, 9), "either")
    (tmp_path / "classes.txt").write_text("9 road\n7 tree\n")
    with pytest.raises(LegendError, match="say different things"):
        find_legend(tmp_path)


@pytest.mark.parametrize("name", ["labelmap.txt", "Classes.txt"])
@pytest.mark.parametrize("kind", ["link", "loop", "folder", "pipe"])
def test_what_is_listed_and_cannot_be_read_is_an_error(tmp_path, name, kind):
    path = tmp_path / name
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "nothing" if kind == "link" else path)
    for reader, argument in ((find_legend, tmp_path), (read_legend, path)):
        with pytest.raises(LegendError) as caught:
            reader(argument)
        assert caught.value.where == str(path)
        assert "cannot be read" in caught.value.found


@pytest.mark.parametrize("text", ["road\nsky\n".encode("utf-16"), "road\nsky\n".encode("utf-16-le"), b"road\0\nsky"])
def test_text_of_two_bytes_a_character_is_named(read, text):
    with pytest.raises(LegendError) as caught:
        read(text)
    assert "UTF-16" in caught.value.found
    assert caught.value.remedy == "save it as UTF-8"


@pytest.mark.parametrize("name", ["labels.yaml", "labels.xlsx", "label_map.pbtxt"])
def test_files_of_other_kinds_are_named(read, name):
    with pytest.raises(LegendError) as caught:
        read("names: [sky, road]", name)
    assert name.partition(".")[2] in caught.value.found
    assert caught.value.expected == "text, CSV or JSON"


def test_values_alone_make_palettes_count_for_nothing(read):
    legend = read("1 road\n2 tree\n3 sky\n", "classes.txt")
    palette = np.zeros((4, 3), np.uint8)
    assert legend.encode_palette(np.array([[1, 2, 3]], np.uint8), palette).tolist() == [[0, 1, 2]]
    with pytest.raises(UnknownColourError) as caught:
        legend.encode(np.array([[0, 1]], np.uint8))
    assert '"0 void"' in caught.value.remedy
    assert "{0: None, ...}" in caught.value.remedy
    legend = read("0 void\n1 road\n2 tree\n3 sky\n", "classes.txt")
    assert legend.encode(np.array([[0, 1]], np.uint8)).tolist() == [[255, 0]]


@pytest.mark.parametrize(
    ("text", "reading"),
    [("a\nb", "either"), ("0 a\n1 b", "value"), ("a 1 2 3\nb 4 5 6", "colour"), ("0 1 2 3 a\n1 4 5 6 b", "either")],
)
def test_what_counts_in_a_palette_follows_from_what_the_file_says(read, text, reading):
    assert read(text).reading == reading


@pytest.fixture
def folders(tmp_path):
    """Photos beside gray masks that hold 0, 1, 2 and 255."""
    root = tmp_path / "d"
    stored = np.repeat(np.array([[0, 1, 2, 255]], np.uint8), 8, axis=0)
    for n in range(4):
        for name in ("images", "masks"):
            (root / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 4, 3), 40 * n, np.uint8)).save(root / "images" / f"p{n}.png")
        Image.fromarray(stored).save(root / "masks" / f"p{n}.png")
    return root


def labels_of(root, legend=None):
    return segfeed.scan(root, "all", legend=legend).read(0).labels[0].tolist()


@pytest.mark.parametrize("void", ["void", "ignore", "Ignored", "unlabeled"])
@pytest.mark.slow
def test_names_mean_the_same_in_lists_files_and_the_datasets_own_file(folders, tmp_path, void):
    names = [void, "road", "tree"]
    path = tmp_path / "mine.txt"
    path.write_text("\n".join(names))
    (tmp_path / "mine.json").write_text(json.dumps(names))
    expected = [0, 1, 2, 255] if void == "unlabeled" else [255, 0, 1, 255]
    for legend in (names, tuple(names), path, str(path), tmp_path / "mine.json"):
        assert labels_of(folders, legend) == expected
    (folders / "codes.txt").write_bytes(path.read_bytes())
    assert labels_of(folders) == expected
    assert ("void by its name" in segfeed.scan(folders, "all", legend=names).why) == (void != "unlabeled")
    assert labels_of(folders, segfeed.Legend(names)) == [0, 1, 2, 255]  # field by field, a name is a name


def test_stored_values_beside_the_folders_are_read(folders):
    (folders / "_classes.csv").write_text("Pixel Value, Class\n0, background\n255, vessel\n1, a\n2, b\n")
    source = segfeed.scan(folders, "all")
    assert source.format == "folders"
    assert source.legend.names == ("background", "a", "b", "vessel")
    assert labels_of(folders) == [0, 1, 2, 3]


def test_what_is_not_read_is_told_if_nothing_else_says_what_masks_mean(folders):
    (folders / "classes.txt").write_text("road\ntree\n")
    with pytest.raises(LegendError) as caught:
        segfeed.scan(folders, "all")
    assert "classes.txt lists bare names" in caught.value.found


def test_groups_in_json_are_told_from_stored_values(folders, tmp_path):
    (folders / "codes.txt").write_text("a\nb\nc\n")
    (tmp_path / "groups.json").write_text('{"a": "x", "b": "x", "*": "ignore"}')
    assert labels_of(folders, tmp_path / "groups.json") == [0, 0, 255, 255]
    (tmp_path / "values.json").write_text('{"0": "x", "1": "y", "2": null}')
    assert labels_of(folders, tmp_path / "values.json") == [0, 1, 255, 255]


@pytest.mark.parametrize("legend", [{"a", "b"}, ["a", None], [1, 2], 7, b"a", "no/such/file.txt", "a,b", ""])
@pytest.mark.slow
def test_what_is_no_legend_is_refused_with_the_reason(folders, legend):
    with pytest.raises(LegendError) as caught:
        segfeed.scan(folders, "all", legend=legend)
    assert caught.value.expected or caught.value.remedy


def test_documentation_says_which_format_reads_which_file():
    text = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
    rows = [
        line.split("|")[1:4] for line in text.partition("### Legend files")[2].splitlines() if line.startswith("| `")
    ]
    readers = {name: readers for names, _, readers in rows for name in re.findall("`(.*?)`", names)}
    assert readers.keys() >= {*LEGEND_FILES}
    assert all("`camvid`, `folders`" in readers[name] for name in LEGEND_FILES)
    assert {name for name in LEGEND_FILES if "`voc`" in readers[name]} == {*voc._LEGENDS}


@pytest.mark.slow
def test_every_real_legend_file_is_read(shared_data):
    paths = [path for path in sorted((shared_data / "exports").rglob("*")) if path.name in LEGEND_FILES]
    read = {path: read_legend(path) for path in paths if "multiclass" not in path.parts}
    assert len(read) >= 9
    for path, legend in read.items():
        text = path.read_text("utf-8")
        assert all(name in text for name in legend.names), path


@pytest.mark.parametrize(
    ("suffix", "kind"), [("jpg", "a JPEG"), ("gif", "a GIF"), ("bmp", "a BMP"), ("tif", "a TIFF"), ("webp", "a WebP")]
)
def test_a_picture_in_place_of_a_legend_file_is_named(tmp_path, suffix, kind):
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(path)
    with pytest.raises(LegendError) as caught:
        read_legend(path)
    assert caught.value.found == f"{kind}, not a text"
    assert "palette PNG" in caught.value.remedy


def test_texts_that_begin_like_pictures_are_texts(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("BMW\nAudi\n")
    assert read_legend(path).names == ("BMW", "Audi")
