"""Shipped descriptions: each recognises its dataset and no other, and reads it as an independent table says."""

import importlib.util
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segfeed.datasets.descriptions.reader import parse_description, read_description
from segfeed.datasets.descriptions.text import write_description
from segfeed.datasets.descriptions.variants import make_format
from segfeed.datasets.recognition import FORMATS, find_format, import_format
from segfeed.datasets.source import Source
from segfeed.errors import MaskError, SourceError, UnknownColourError
from segfeed.pixels import codec
from segfeed.pixels.legend import Legend
from well_known import HEIGHT, NOT_DESCRIBED, STAND_INS

ROOT = Path(__file__).parents[3]
FOLDER = Path(codec.__file__).parents[1] / "datasets" / "descriptions" / "well_known"
SHIPPED = {path.stem: read_description(path) for path in sorted(FOLDER.glob("*.toml"))}
MASK_SUFFIXES = getattr(codec, "MASK_SUFFIXES", (".png",))
_AUTOMATIC = ["all", "train", "val"]
_LOSSY = "kvasir_seg"


def recognise(name: str, path: Path) -> Path | None:
    found = make_format(SHIPPED[name]).recognise(path)
    return None if found is None else found.folder or found.root


def recognises(name: str, path: Path) -> bool:
    try:
        return recognise(name, path) is not None
    except SourceError:  # several of them
        return True


def scan(name: str, root: Path, split: str) -> Source:
    files = make_format(SHIPPED[name]).list_split(root, split)
    legend = files.legend()
    assert isinstance(legend, Legend)
    return Source(root, name, split, "semantic", files.samples, legend, missing=files.missing)


def needs_decoder(name: str) -> None:
    suffixes = {
        Path(mask).suffix for samples in STAND_INS[name].splits.values() for _, mask in samples.values() if mask
    }
    if name != _LOSSY and not suffixes <= {*MASK_SUFFIXES}:
        pytest.skip(f"masks as {', '.join(suffixes)} are not decoded yet")


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, Path]:
    top = tmp_path_factory.mktemp("well-known")
    return {name: stand_in.write(top / f"{name} here" / name) for name, stand_in in STAND_INS.items()}


@pytest.fixture(scope="module")
def others(tmp_path_factory) -> dict[str, Path]:
    top = tmp_path_factory.mktemp("not-described")
    for name, files in NOT_DESCRIBED.items():
        for file in files:
            path = top / name / "root" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return {name: top / name / "root" for name in NOT_DESCRIBED}


def test_each_description_has_a_stand_in():
    assert set(SHIPPED) == set(STAND_INS)
    assert not set(SHIPPED) & set(FORMATS)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_description_says_where_it_comes_from_and_what_it_was_tried_on(name):
    found = SHIPPED[name]
    assert found.title
    assert found.source.startswith("https://")
    assert found.note.endswith(".")
    assert found.tested in ("real data", "stand-in", "documentation")


@pytest.mark.parametrize("name", STAND_INS)
def test_a_dataset_is_recognised_by_its_folder_and_by_the_one_above(name, written):
    assert recognise(name, written[name]) == written[name]
    assert recognise(name, written[name].parent) == written[name]


@pytest.mark.parametrize("name", STAND_INS)
def test_nothing_else_recognises_it(name, written):
    assert [other for other in SHIPPED if recognise(other, written[name])] == [name]
    claimed = [other for other in FORMATS if other != "folders" and import_format(other).recognise(written[name])]
    assert claimed == []


@pytest.mark.parametrize("name", STAND_INS)
@pytest.mark.slow
def test_it_is_found_among_all_formats_by_its_folder_and_by_the_one_above(name, written):
    for path in (written[name], written[name].parent):
        assert find_format(path).name == name


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_written_of_it_reads_back_as_the_same(name):
    said = SHIPPED[name]
    bare = {"tested": "", "needs": (), "pairs": (), "unless": (), "is_sure": False}
    plain = replace(said, **bare, variants=tuple(replace(variant, **bare) for variant in said.variants))
    assert parse_description(write_description(plain), said.where) == plain


@pytest.mark.parametrize("name", NOT_DESCRIBED)
def test_no_description_recognises_other_datasets(name, others):
    assert [other for other in SHIPPED if recognise(other, others[name])] == []


@pytest.mark.slow
def test_no_description_recognises_real_data_of_other_kinds(shared_data):
    folders = [path for path in shared_data.rglob("*") if path.is_dir()]
    assert len(folders) > 20
    read = {name for name, said in SHIPPED.items() if said.tested == "real data"}
    claimed = {(folder, name) for folder in folders for name in SHIPPED if recognises(name, folder)}
    assert {name for _, name in claimed} == read
    for folder, name in claimed:  # itself, or the folder above it
        assert any(name in str(path) for path in (folder, *folder.iterdir())), (folder, name)


@pytest.mark.parametrize("name", STAND_INS)
@pytest.mark.slow
def test_its_splits_and_samples_are_listed(name, written):
    needs_decoder(name)
    stand_in, asked = STAND_INS[name], make_format(SHIPPED[name])
    wanted = _AUTOMATIC if set(stand_in.splits) == {"all"} else sorted(stand_in.splits)
    assert sorted(asked.split_names(written[name])) == wanted
    for split, samples in stand_in.splits.items():
        found = asked.list_split(written[name], split)
        assert found.missing == ()
        listed = {sample.key: (sample.photo.address, sample.mask and sample.mask.address) for sample in found.samples}
        assert listed == {
            key: (str(written[name] / photo), str(written[name] / mask) if mask else None)
            for key, (photo, mask) in samples.items()
        }


@pytest.mark.parametrize("name", [name for name in STAND_INS if name != _LOSSY])
def test_its_labels_are_those_of_an_independent_reading(name, written):
    needs_decoder(name)
    stand_in = STAND_INS[name]
    for split, samples in stand_in.splits.items():
        source = scan(name, written[name], split)
        names = dict(enumerate(source.legend.names)) | {source.legend.void: None}
        for index, key in enumerate(source.keys):
            labels = source.read(index).labels
            assert labels.shape == (HEIGHT, len(stand_in.means))
            mask = samples[key][1]
            if mask:
                called = [[names[int(label)] for label in row] for row in labels]
                assert called == stand_in.read(written[name] / mask)
            else:
                assert (labels == source.legend.void).all()


def classes(name: str) -> tuple[str, ...]:
    said = SHIPPED[name]
    return tuple(dict.fromkeys((said.variants[0] if said.variants else said).classes.values()))


def test_classes_that_a_stand_in_shows_in_part_are_all_there():
    assert len(classes("foodseg103")) == 104
    assert list(SHIPPED["foodseg103"].classes) == list(range(104))
    assert classes("pascal_context") == tuple(sorted(classes("pascal_context")))  # their numbers follow the alphabet
    assert {name: len(classes(name)) for name in ("pascal_context", "lip", "suim", "loveda", "potsdam")} == {
        "pascal_context": 59, "lip": 20, "suim": 8, "loveda": 7, "potsdam": 6,
    }  # fmt: skip


def test_masks_that_are_jpegs_are_refused_for_what_they_are(written):
    source = scan(_LOSSY, written[_LOSSY], "all")
    with pytest.raises(MaskError) as caught:
        source.read(0)
    assert "JPEG" in caught.value.found


@pytest.mark.parametrize("folder", ["training", "test"])
def test_one_half_of_drive_is_read_by_itself(written, folder):
    needs_decoder("drive")
    root = written["drive"] / folder
    assert recognise("drive", root) == root
    source = scan("drive", root, "all")
    assert {Path(sample.mask.address).parent.name for sample in source.samples} == {"1st_manual"}
    assert source.legend.names[source.read(0).labels[0, 1]] == "vessel"


def save_again(root: Path, masks: str, suffix: str, convert: Callable[[np.ndarray], np.ndarray]) -> None:
    """Save the masks that fit a pattern with other values and another suffix, as a person's own script does."""
    for path in sorted(root.glob(masks)):
        with Image.open(path) as picture:
            values = convert(np.asarray(picture))
        path.unlink()
        Image.fromarray(values).save(path.with_suffix(suffix))


@pytest.mark.parametrize(("suffix", "white"), [(".png", 255), (".png", 1), (".gif", 255)])
def test_vessels_of_drive_that_were_saved_again_are_vessels(tmp_path, suffix, white):
    if suffix not in MASK_SUFFIXES:
        pytest.skip("GIFs are not decoded yet")
    root = STAND_INS["drive"].write(tmp_path)
    save_again(root, "training/1st_manual/*", suffix, lambda values: values * np.uint8(white))
    for path in (root / "training" / "images").iterdir():
        with Image.open(path) as photo:
            photo.save(path.with_suffix(".png"))
        path.unlink()
    source = scan("drive", root, "train")
    assert source.keys == ("21", "22")
    assert source.read(0).labels.tolist() == [[0, 1]] * HEIGHT
    assert source.legend.names == ("background", "vessel")


def test_polyps_that_were_made_exact_are_read(tmp_path):
    root = STAND_INS[_LOSSY].write(tmp_path)
    save_again(root, "masks/*", ".png", lambda values: np.where(values > 127, 255, 0).astype(np.uint8))
    assert scan(_LOSSY, root, "all").read(1).labels.tolist() == [[0, 1]] * HEIGHT


def test_machine_masks_in_three_equal_channels_are_read_by_their_colours(tmp_path):
    root = STAND_INS["supervisely"].write(tmp_path)
    save_again(root, "*/masks_machine/*", ".png", lambda values: np.stack([values] * 3, axis=-1))
    source = scan("supervisely", root, "ds0")
    assert source.legend.names == ("background", "road", "tree")
    assert source.read(0).labels[0].tolist() == [0, 1, 2]


def test_an_index_that_no_machine_colour_names_is_refused(tmp_path):
    root = STAND_INS["supervisely"].write(tmp_path)
    save_again(root, "*/masks_machine/*", ".png", lambda values: values + np.uint8(1))
    with pytest.raises(UnknownColourError) as caught:
        scan("supervisely", root, "ds0").read(0)
    assert "index 3" in caught.value.found


@pytest.mark.parametrize("kind", ["comma", "one column", "absent files", "three columns", "empty"])
def test_a_list_that_pairs_no_files_is_not_paddle_s(tmp_path, kind):
    root = STAND_INS["paddleseg"].write(tmp_path)
    said = {
        "comma": "images/a.jpg,labels/a.png\n",
        "one column": "a\nb\n",
        "absent files": "images/x.jpg labels/x.png\n",
        "three columns": "images/a.jpg labels/a.png 1\n",
        "empty": "",
    }[kind]
    for name in ("train.txt", "val.txt"):
        (root / name).write_text(said)
    assert (recognise("paddleseg", root) is not None) == (kind == "comma")


def test_the_first_release_of_bdd100k_lies_elsewhere(tmp_path):
    STAND_INS["bdd100k"].write(tmp_path)
    for old, new in (("images/10k", "bdd100k/seg/images"), ("labels/sem_seg/masks", "bdd100k/seg/labels")):
        (tmp_path / new).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / old).rename(tmp_path / new)
    root = tmp_path / "bdd100k"
    for path in (root / "seg" / "labels").rglob("*.png"):
        path.rename(path.with_name(f"{path.stem}_train_id.png"))
    assert recognise("bdd100k", tmp_path) == root
    source = scan("bdd100k", root, "train")
    assert source.keys == ("0a0a-1", "0b-2")
    assert source.read(1).labels[0].tolist() == [*range(19), 255]


def test_archives_that_unpack_a_folder_into_one_of_its_name_are_read(tmp_path):
    stand_in = STAND_INS["lip"]
    written = stand_in.write(tmp_path / "flat")
    for name in ("TrainVal_images", "TrainVal_parsing_annotations"):
        (tmp_path / "LIP" / name).mkdir(parents=True)
        (written / name).rename(tmp_path / "LIP" / name / name)
    assert scan("lip", tmp_path / "LIP", "val").keys == tuple(stand_in.splits["val"])


def test_a_legend_file_of_the_dataset_outranks_a_shipped_legend(tmp_path):
    root = STAND_INS["deepglobe"].write(tmp_path)
    (root / "class_dict.csv").write_text("name,r,g,b\nurban,0,255,255\nfarm,255,255,0\ngrass,255,0,255\n")
    assert scan("deepglobe", root, "train").legend.names == ("urban", "farm", "grass")


def test_half_written_lists_are_told(tmp_path):
    root = STAND_INS["oxford_pet"].write(tmp_path)
    (root / "annotations" / "trainval.txt").write_text("Abyssinian_1 1 1 1\nAbyssinian_9 1 1 1\n")
    (root / "annotations" / "trimaps" / "Abyssinian_1.png").unlink()
    found = make_format(SHIPPED["oxford_pet"]).list_split(root, "trainval")
    told = [(lack.key, lack.what) for lack in found.missing]
    assert told == [("Abyssinian_1", "mask"), ("Abyssinian_9", "photo"), ("Abyssinian_9", "mask")]
    assert found.samples == ()


def test_a_split_without_its_list_is_not_offered(tmp_path):
    root = STAND_INS["paddleseg"].write(tmp_path)
    (root / "val.txt").unlink()
    assert make_format(SHIPPED["paddleseg"]).split_names(root) == ["train"]


@pytest.mark.slow
def test_a_mask_that_a_list_names_but_is_not_there_is_missing(tmp_path):
    root = STAND_INS["paddlex"].write(tmp_path)
    (root / "Annotations" / "3.png").unlink()
    found = make_format(SHIPPED["paddlex"]).list_split(root, "val")
    assert [(lack.key, lack.what) for lack in found.missing] == [("3", "mask")]


def test_two_masks_of_a_photo_are_refused(tmp_path):
    root = STAND_INS["loveda"].write(tmp_path)
    for kind in ("images_png", "masks_png"):
        (root / f"Train/Urban/{kind}/0.png").write_bytes((root / f"Train/Rural/{kind}/0.png").read_bytes())
    with pytest.raises(SourceError) as caught:
        make_format(SHIPPED["loveda"]).list_split(root, "train")
    assert "sample 0 has 2 photos" in caught.value.found


def test_the_table_of_docs_is_that_of_the_descriptions():
    path = ROOT / "docs" / "list_descriptions.py"
    spec = importlib.util.spec_from_file_location("list_descriptions", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.PAGE.read_text(encoding="utf-8")
    assert module.put_table(page) == page, "run docs/list_descriptions.py"
    assert [line.split("`")[1] for line in module.make_table().splitlines()[2:]] == list(SHIPPED)


def test_the_example_of_contributing_is_a_description(tmp_path):
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## Add a dataset\n")[1].split("\n## ")[0]
    said = parse_description(re.search(r"```toml\n(.*?)```", section, re.DOTALL)[1], "roads.toml")
    for name in ("train/images/1.jpg", "train/gt/1_gt.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    asked = make_format(said)
    assert asked.recognise(tmp_path) is None
    (tmp_path / said.needs[0]).touch()
    assert asked.recognise(tmp_path).root == tmp_path
    assert [sample.key for sample in asked.list_split(tmp_path, "train").samples] == ["1"]


def test_they_ship_with_the_package():
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert built["targets"]["wheel"] == {"packages": ["src/segfeed", "src/segfeed_start.py"]}  # whole, TOML as well
