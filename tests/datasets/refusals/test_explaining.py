"""Refusals: what is said of a path that no format recognises: what was seen there, and the line that would work."""

import os
import shlex
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image
from typer.testing import CliRunner

import segfeed
from segfeed.cli.app import app
from segfeed.datasets.refusals.explaining import explain_refusal
from segfeed.errors import SourceError, SourceMissingError

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 99\n"


def save_photo(path: Path, number: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(number).integers(0, 256, (20, 20, 3)).astype(np.uint8)).save(path)


def save_mask(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.eye(20, dtype=np.uint8)).save(path)


def write(root: Path, photos: str, masks: str, keys: str = "abcd") -> Path:
    for number, key in enumerate(keys):
        save_photo(root / photos.format(key), number)
        save_mask(root / masks.format(key))
    return root


def refused(root: Path) -> SourceError:
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root)
    return caught.value


@pytest.mark.parametrize(
    ("photos", "masks", "line"),
    [
        ("x/{}.webp", "y/{}.png", '--photos "x/{key}.webp" --masks "y/{key}.png"'),
        ("x/{}.jpg", "y/{}.png", '--photos "x/{key}.jpg" --masks "y/{key}.png"'),
        ("x/{}.png", "y/{}_manual.png", '--photos "x/{key}.png" --masks "y/{key}_manual.png"'),
        ("x/{}.jpg", "x/{}_m.png", '--photos "x/{key}.jpg" --masks "x/{key}_m.png"'),
        ("{}.jpg", "{}-matte.png", '--photos "{key}.jpg" --masks "{key}-matte.png"'),
        ("images/{}.jpg", "annotations/maps/{}.png", '--masks "annotations/maps/{key}.png"'),
        ("x/{}.jpg", "x/{}.png", '--photos "x/{key}.jpg" --masks "x/{key}.png"'),
        ("{}.tif", "{}_mask.tif", '--photos "{key}.tif" --masks "{key}_mask.tif"'),
        ("x/p {}.png", "x/p {}-gt.png", '--photos "x/{key}.png" --masks "x/{key}-gt.png"'),
    ],
)
@pytest.mark.slow
def test_folders_that_fit_are_named_with_the_line_that_reads_them(tmp_path, photos, masks, line):
    error = refused(write(tmp_path, photos, masks))
    assert "4 photos in" in error.found
    assert f"segfeed scan {tmp_path} " in error.remedy
    assert line in error.remedy


@pytest.mark.parametrize(
    ("photos", "masks", "line"),
    [
        ("{0}_img/{1}.jpg", "{0}_lab/{1}.png", '--photos "{split}_img/{key}.jpg" --masks "{split}_lab/{key}.png"'),
        (
            "{0}/{0}-org-img/{1}.jpg",
            "{0}/{0}-label-img/{1}_lab.png",
            '--masks "{split}/{split}-label-img/{key}_lab.png"',
        ),
        ("shots/{0}/{1}.jpg", "truth/{1}.png", '--photos "shots/{split}/{key}.jpg" --masks "truth/{key}.png"'),
        ("{0}/{1}.png", "{0}/{1}_m.png", '--photos "{split}/{key}.png" --masks "{split}/{key}_m.png"'),
        (
            "uavid_{0}/s{2}/Images/{1}.png",
            "uavid_{0}/s{2}/Labels/{1}.png",
            '--photos "uavid_{split}/{folder}/Images/{key}',
        ),
        ("{0}/s{2}/a/{1}.png", "{0}/s{2}/b/{1}.png", '--masks "{split}/{folder}/b/{key}.png"'),
    ],
)
@pytest.mark.slow
def test_words_for_splits_in_names_of_folders_become_placeholders_that_work(tmp_path, photos, masks, line):
    for split in ("train", "val"):
        for number in (1, 2):
            keys = (split, split + "{}", number)
            write(tmp_path, photos.format(*keys), masks.format(*keys))
    error = refused(tmp_path)
    assert line in error.remedy
    said = dict(zip(("photos", "masks"), error.remedy.split('"')[1::2], strict=True))
    source = segfeed.scan(tmp_path, "val", legend=["ground", "line"], **said)
    assert {key.rpartition("/")[2] for key in source.keys} == {"vala", "valb", "valc", "vald"}
    assert len(source) == (8 if "{2}" in photos else 4)


def test_a_legend_file_is_not_taken_for_json_shapes_nor_a_tar_for_another_file(tmp_path):
    save_photo(tmp_path / "a" / "x.png")
    (tmp_path / "a" / "id2label.json").write_text('{"0": "ground"}')
    assert "pictures in" in refused(tmp_path / "a").found
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        archive.add(tmp_path / "a" / "x.png", "images/x.png")
    assert "a tar without ImageSets/Segmentation" in refused(tmp_path / "b.tar").found


def test_tables_without_pictures_called_so_are_told_with_their_columns(tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"left": [b"x"], "depth": [b"y"]}), tmp_path / "train.parquet")
    assert "train.parquet has columns 'left', 'depth'" in refused(tmp_path).found


@pytest.mark.slow
def test_splits_and_folders_of_keys_become_placeholders(tmp_path):
    for split in ("train", "val"):
        write(tmp_path / "a", f"shots/{split}/{{}}{split}.jpg", f"truth/{split}/{{}}{split}.png")
    assert '--photos "shots/{split}/{key}.jpg" --masks "truth/{split}/{key}.png"' in refused(tmp_path / "a").remedy
    for scene in ("s1", "s2"):
        write(tmp_path / "b", f"shots/{scene}/{{}}{scene}.jpg", f"truth/{scene}/{{}}{scene}.png")
    assert '--photos "shots/{folder}/{key}.jpg" --masks "truth/{folder}/{key}.png"' in refused(tmp_path / "b").remedy


def test_folders_of_scenes_that_number_their_photos_alike_become_a_placeholder(tmp_path):
    for scene in ("s1", "s2"):
        write(tmp_path, f"shots/{scene}/RGB-{{}}.jpg", f"truth/{scene}/class_{{}}_v2.png")
    line = '--photos "shots/{folder}/RGB-{key}.jpg" --masks "truth/{folder}/class_{key}_v2.png"'
    assert line in refused(tmp_path).remedy


def test_what_is_counted_is_what_the_patterns_cover(tmp_path):
    for field in ("Feld A", "Feld B", "Feld C"):
        write(tmp_path, f"Aufnahme/{field}/{{}}_rgb.jpeg", f"Handarbeit/{field}/fertig/{{}}_labels.png")
    save_photo(tmp_path / "Aufnahme/Feld A/z_rgb.jpeg")
    error = refused(tmp_path)
    assert "12 photos in Aufnahme/Feld A and 2 more folders fit masks" in error.found
    assert "(5 JPEG), Aufnahme/Feld B (4 JPEG), Aufnahme/Feld C (4 JPEG) and 3 more" in error.found


def test_folders_two_deep_that_both_differ_become_one_placeholder(tmp_path):
    for day in ("2024-05-01", "2024-05-02"):
        for camera in ("cam1", "cam2"):
            write(tmp_path / "a", f"{day}/{camera}/{{}}.png", f"{day}/{camera}/{{}}_mask.png")
            write(tmp_path / "b", f"x/{day}/{camera}/p/{{}}.jpg", f"y/{day}/{camera}/{{}}.png")
    error = refused(tmp_path / "a")
    assert "16 photos in 2024-05-01/cam1 and 3 more folders fit masks" in error.found
    assert '--photos "{folder}/{key}.png" --masks "{folder}/{key}_mask.png"' in error.remedy
    error = refused(tmp_path / "b")
    assert "16 photos in x/2024-05-01/cam1/p and 3 more folders fit masks" in error.found
    assert '--photos "x/{folder}/p/{key}.jpg" --masks "y/{folder}/{key}.png"' in error.remedy


def test_photos_that_cannot_be_decoded_are_photos_beside_masks_that_can(tmp_path):
    for number, key in enumerate("abcd"):
        save_mask(tmp_path / f"Referenz/{key}.TIF")
        (tmp_path / "Bilder").mkdir(exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (20, 20, 4)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"Bilder/{key}.TIF")
    assert '--photos "Bilder/{key}.TIF" --masks "Referenz/{key}.TIF"' in refused(tmp_path).remedy


def test_archives_beside_photos_are_named(tmp_path):
    save_photo(tmp_path / "photos/a.jpg")
    (tmp_path / "masks.zip").touch()
    error = refused(tmp_path)
    assert "masks.zip, which may hold the others" in error.found
    assert error.remedy.startswith("unpack each archive")


def test_a_table_beside_pictures_of_other_names_is_named(tmp_path):
    table = "Bild,Maske\n"
    for number, key in enumerate("abcd"):
        save_photo(tmp_path / f"raw/{key}.jpg", number)
        save_mask(tmp_path / f"ann/task_{number}.png")
        table += f"raw/{key}.jpg,ann/task_{number}.png\n"
    (tmp_path / "pairs.csv").write_text(table)
    error = refused(tmp_path)
    assert error.found.endswith("; lists: pairs.csv")
    assert "table = {" in error.remedy


def test_a_legend_in_json_is_no_list_though_photos_are_called_by_numbers(tmp_path):
    write(tmp_path, "x/{}.jpg", "y/{}.png", "0123")
    (tmp_path / "info.json").write_text('[{"label": "ground", "color": "0,1,2"}, {"label": "car", "color": "1,2,3"}]')
    found = refused(tmp_path).found
    assert "lists" not in found
    assert "text that may say what values mean: info.json" in found


def test_folders_that_may_be_splits_can_be_made_splits_by_what_is_said(tmp_path):
    for field in ("Feld A", "Feld B"):
        write(tmp_path, f"Aufnahme/{field}/{{}}_rgb.jpeg", f"Handarbeit/{field}/fertig/{{}}_labels.png")
    error = refused(tmp_path)
    assert "{split} in place of {folder} makes a split of each folder" in error.remedy
    said = dict(zip(("photos", "masks"), error.remedy.split('"')[1::2], strict=True))
    said = {word: pattern.replace("{folder}", "{split}") for word, pattern in said.items()}
    legend = ["ground", "line"]
    assert len(segfeed.scan(tmp_path, "Feld B", legend=legend, **said)) == 4
    with pytest.raises(SourceMissingError) as caught:
        segfeed.load(tmp_path, legend=legend, **said)
    folders = 'folders = { train = "Feld A", val = "Feld B" }'
    assert folders in caught.value.remedy
    described = "\n".join(f'{word} = "{pattern}"' for word, pattern in said.items())
    (tmp_path / "segfeed.toml").write_text(f'{described}\n[splits]\n{folders}\n[classes]\n0 = "ground"\n1 = "line"\n')
    assert len(segfeed.scan(tmp_path, "val")) == 4


def test_splits_that_are_named_so_are_not_told_to_be_made_of_folders(tmp_path):
    for folder in ("train/s1", "train/s2", "val/s1"):
        write(tmp_path, f"a/{folder}/{{}}.jpg", f"b/{folder}/x/{{}}_m.png")
    error = refused(tmp_path)
    assert "{split}" in error.remedy
    assert "in place of" not in error.remedy


def test_lists_and_notes_beside_photos_are_named(tmp_path):
    write(tmp_path, "frames/{}.jpg", "frames/{}.gt.bmp")
    for name, text in {
        "to_train.lst": "frames/a.jpg frames/a.gt.bmp\nframes/b.jpg frames/b.gt.bmp\n",
        "who.csv": "image,drone\na.jpg,1\nb.jpg,1\nc.jpg,2\n",
        "colours.md": "| roof | 200,30,30 |\n",
        "log.txt": "flown in May",
    }.items():
        (tmp_path / name).write_text(text)
    error = refused(tmp_path)
    assert "; lists: to_train.lst, who.csv; text that may say what values mean: colours.md" in error.found
    assert "log.txt" not in error.found


def test_the_line_that_is_said_starts_a_description_with_write(tmp_path):
    write(tmp_path, "x/{}.jpg", "y/{}.png")
    error = refused(tmp_path)
    assert "with --write it starts a segfeed.toml" in error.remedy
    line = shlex.split(error.remedy.partition(": ")[2].partition(";")[0])
    assert CliRunner().invoke(app, [*line[1:], "--write"]).exit_code == 0
    assert (tmp_path / "segfeed.toml").read_text().count("{key}") == 2


def test_names_that_no_pattern_can_hold_are_no_traceback(tmp_path):
    write(tmp_path, "x/{}{{.jpg", "y/{}{{.png")
    assert "4 photos in x fit masks" in refused(tmp_path).found


@pytest.mark.parametrize(
    ("folders", "line"),
    [
        (("p1/s1", "p1/s2", "p2/s1"), '--photos "{key}/he.png" --masks "{key}/he.drawn.tif"'),
        (("all/p1", "all/p2"), '--photos "all/{key}/he.png" --masks "all/{key}/he.drawn.tif"'),
        (("train/p1", "train/p2", "val/p3"), '--photos "{split}/{key}/he.png" --masks "{split}/{key}/he.drawn.tif"'),
    ],
)
def test_a_folder_a_sample_becomes_a_placeholder_that_works(tmp_path, folders, line):
    for folder in folders:
        write(tmp_path, f"{folder}/he.png", f"{folder}/he.drawn.tif", "a")
    error = refused(tmp_path)
    assert line in error.remedy
    assert f"{len(folders)} folders hold he.png and he.drawn.tif" in error.found
    said = dict(zip(("photos", "masks"), error.remedy.split('"')[1::2], strict=True))
    split = "all" if "split" not in line else "train"
    source = segfeed.scan(tmp_path, split, legend=["ground", "line"], **said)
    assert len(source) == sum(folder.startswith("train") or split == "all" for folder in folders)


def test_two_folders_that_hold_the_same_names_are_no_folders_of_a_sample(tmp_path):
    write(tmp_path, "a/{}.png", "b/{}.png", "x")
    assert '--photos "a/{key}.png" --masks "b/{key}.png"' in refused(tmp_path).remedy


def test_masks_beside_xml_or_json_are_not_said_to_be_missing(tmp_path):
    write(tmp_path, "x/{}.jpg", "y/{}.png")
    for name in ("boxes/a.xml", "a.json", "data.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert "not masks" not in refused(tmp_path).found
    assert "but no masks" not in refused(tmp_path).found


def test_dataset_that_lies_deeper_is_named_with_its_path(tmp_path, write_voc):
    root = write_voc(tmp_path / "a" / "b" / "c" / "VOC2012", {"train": [(2, 3)]})
    error = refused(tmp_path)
    assert "a dataset lies deeper: a/b/c (voc)" in error.found
    assert error.remedy == f"pass the path of it: segfeed scan {root.parent}"
    write_voc(tmp_path / "a" / "d" / "e" / "VOC2007", {"train": [(2, 3)]})
    assert "datasets lie deeper: a/b/c (voc), a/d/e (voc)" in refused(tmp_path).found


def test_patterns_that_leave_out_a_dataset_are_not_proposed_for_all(tmp_path, shared_data):
    for city in ("berlin", "rome"):
        write(tmp_path, f"a/{city}/x/images/{{}}.png", f"a/{city}/x/masks/{{}}.png")
    assert "how all of them lie" in refused(tmp_path).remedy
    write(tmp_path, "c/d/e/images/{}.png", "c/d/e/masks/{}.png")
    for root in (tmp_path, shared_data / "exports/datumaro-assets"):  # which has several formats
        error = refused(root)
        assert "datasets lie deeper" in error.found
        assert "all of them" not in error.remedy


def test_a_pipe_that_is_called_like_annotations_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    assert "it has JSON files" in explain_refusal(tmp_path)[0]


def test_cityscapes_in_two_places_is_told_to_be_joined(tmp_path):
    write(tmp_path, "p/leftImg8bit/train/x/{}_leftImg8bit.png", "q/gtFine/train/x/{}_gtFine_labelIds.png")
    error = refused(tmp_path)
    assert error.found.endswith("Cityscapes in two places: leftImg8bit lies in p, gtFine in q")
    assert "into one folder" in error.remedy


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("shard.00000.mds", "MDS"),
        ("train/shard.00000.mds.zstd", "MDS"),
        ("chunk-0-0.bin", "LitData"),
        ("part.tfrecord-00000-of-00010", "TFRecord"),
        ("a.tfrecords", "TFRecord"),
        ("train.beton", "FFCV"),
        ("train/data.mdb", "LMDB"),
        ("all.h5", "HDF5"),
        ("imagesTr/1.nii.gz", "medical volumes"),
    ],
)
def test_kinds_that_are_not_read_are_named(tmp_path, name, found):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    (tmp_path / "index.json").touch()
    assert found in refused(tmp_path).found


def test_pointers_of_git_lfs_are_named(tmp_path):
    for name in ("x/a.jpg", "y/a.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(POINTER)
    error = refused(tmp_path)
    assert "x/a.jpg is a pointer of Git LFS" in error.found
    assert "git lfs pull" in error.remedy
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "train.parquet").write_bytes(POINTER)
    assert "a pointer of Git LFS" in refused(tmp_path / "t").found


def test_what_was_seen_is_counted(tmp_path):
    for number in range(3):
        save_photo(tmp_path / "holiday" / f"{number}.jpg", number)
    found, _ = explain_refusal(tmp_path)
    assert found.startswith("pictures in holiday (3 JPG), of 2 folders, 1 deep")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").touch()
    assert explain_refusal(tmp_path / "notes")[0] == "no picture in 1 folder, 0 deep, but files of other kinds: 1 .txt"


def test_path_with_blanks_is_quoted(tmp_path):
    (tmp_path / "my set").mkdir()
    error = refused(write(tmp_path / "my set", "x/{}.jpg", "y/{}.png"))
    assert f"segfeed scan '{tmp_path}/my set' " in error.remedy


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("via.json", '{"metadata": {"1": {"vid": "1", "xy": [7, 2, 2]}}}', "via.json is a project of VIA 3"),
        ("via.csv", "filename,region_shape_attributes\n", "the CSV of VIA"),
        ("export.json", '[{"completions": [{"result": []}]}]', "before 1.0"),
        ("1.json", '{"id": 1, "result": [], "task": {"id": 5}}', "target storage"),
        ("min.json", '[{"label": [{"original_width": 10}], "annotator": 1}]', "JSON-MIN"),
        ("sa_1.json", '{"image": {}, "annotations": [{"segmentation": {}, "predicted_iou": 1}]}', "Segment Anything"),
        ("predictions.json", '[{"image_id": 1, "category_id": 1, "score": 0.5}]', "results in COCO's form"),
        ("coco.json", '{"images": [], "annotations": [{"segmentation": []}]}', "but no categories"),
        ("a.json", '{"image": {}, "annotations": [{"polygon": {"path": []}}]}', "Darwin JSON 1.0"),
        ("a.json", '{"images": [], "annotations": [{"segmentation": [[1, 2', "a.json ends too early"),
        ("b.json", "\ufeff{'images': []}".replace("'", '"'), "a text of UTF-16"),
        ("labels/a.txt", "0 .1 .1 .2 .1 .2 .2", "YOLO's texts without its YAML file"),
        ("obj.names", "cat", "YOLO's texts without its YAML file"),
    ],
)
@pytest.mark.parametrize("is_passed", [True, False])
def test_annotations_that_are_not_read_are_told_by_what_is_in_them(tmp_path, name, text, found, is_passed):
    save_photo(tmp_path / "images/a.jpg")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text, "utf-16" if text[0] == "\ufeff" else "utf-8")
    is_passed = is_passed and name.endswith(("json", "csv"))
    assert found in explain_refusal(tmp_path / name if is_passed else tmp_path)[0]


def test_several_datasets_in_a_folder_are_told_with_the_line_that_reads_all(tmp_path):
    for clip in ("clip1", "clip2"):
        write(tmp_path, f"{clip}/rgb/{{}}.jpg", f"{clip}/gt/{{}}.png")
    error = refused(tmp_path)
    assert error.found.startswith("several photos-and-masks datasets")
    said = dict(zip(("photos", "masks"), error.remedy.split('"')[1::2], strict=True))
    assert len(segfeed.scan(tmp_path, "all", legend=["ground", "line"], **said)) == 8
