"""Recognition: every format is asked, those of other packages, too; their faults are theirs, by name."""

import subprocess
import sys
from pathlib import Path

import pytest

import segfeed
from segfeed.datasets.descriptions import shipped
from segfeed.datasets.export import export_splits
from segfeed.datasets.recognition import FORMATS, GROUP, explain_refusal, find_format, format_names, import_format
from segfeed.errors import OptionError, PluginError, SegfeedError, SourceError

GOOD = """
from pathlib import Path
from segfeed.datasets.source import Recognised
def recognise(path): return Recognised(path, "there is a flag") if (Path(path) / "flag").exists() else None
def split_names(root): return ["train"]
def list_split(root, split): raise NotImplementedError
"""
OBJECT = """
import types
FLAG = types.SimpleNamespace(recognise=recognise, split_names=split_names, list_split=list_split)
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a package with one module and its entry points."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    written = []

    def write(package: str, points: dict[str, str], code: str = GOOD, version: str = "1.0") -> Path:
        module = package.replace("-", "_")
        (site / f"{module}.py").write_text(code)
        written.append(module)
        described = site / f"{module}-{version}.dist-info"
        described.mkdir()
        (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        (described / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
        return site

    yield write
    for module in written:
        sys.modules.pop(module, None)


def test_formats_of_other_packages_come_after_our_own(install):
    install("flag-format", {"flag": "flag_format"})
    assert format_names() == [*FORMATS, *shipped.list_own(), "flag"]
    assert import_format("flag").__name__ == "flag_format"
    assert import_format("voc").__name__ == FORMATS["voc"]


def test_plugin_answers_for_its_own_datasets_only(install, tmp_path, voc_folder):
    install("flag-format", {"flag": "flag_format"})
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "flag").touch()
    found = find_format(tmp_path / "set")
    assert (found.recognised.why, found.name) == ("there is a flag", "flag")
    assert segfeed.scan(voc_folder).format == "voc"


def test_plugin_may_be_an_object_of_a_module(install, tmp_path):
    install("flag-format", {"flag": "flag_format:FLAG"}, GOOD + OBJECT)
    (tmp_path / "flag").touch()
    assert find_format(tmp_path).recognised.why == "there is a flag"


def test_two_answers_are_refused_and_both_named(install, tmp_path, write_voc):
    install("flag-format", {"flag": "flag_format"})
    root = write_voc(tmp_path / "VOC2012", {"train": [(2, 3)]})
    (root / "flag").touch()
    with pytest.raises(SourceError, match=r"several formats: voc \(.*\), flag \(there is a flag\)") as caught:
        segfeed.scan(root)
    assert "format=" in caught.value.remedy
    assert segfeed.scan(root, format="voc").format == "voc"


def test_plain_folders_are_asked_last(tmp_path, install):
    install("flag-format", {"flag": "flag_format"})
    for folder in ("images", "masks"):
        (tmp_path / "set" / folder).mkdir(parents=True)
        (tmp_path / "set" / folder / "a.png").touch()
    assert find_format(tmp_path / "set").name == "folders"
    (tmp_path / "set" / "flag").touch()
    assert find_format(tmp_path / "set").name == "flag"
    assert find_format(tmp_path / "set", "folders").name == "folders"


def test_name_of_one_of_our_formats_is_taken(install, voc_folder):
    install("rival", {"voc": "rival"})
    with pytest.raises(PluginError) as caught:
        segfeed.scan(voc_folder)
    assert caught.value.where == "format 'voc'"
    assert caught.value.found == "it is added by package 'rival', but there is one of segfeed itself"


def test_one_name_in_two_packages_is_refused(install, voc_folder):
    install("flag-a", {"flag": "flag_a"})
    install("flag-b", {"flag": "flag_b"})
    with pytest.raises(PluginError, match=r"it is added by package 'flag-[ab]', but .* 'flag-[ab]'") as caught:
        segfeed.scan(voc_folder)
    assert caught.value.where == "format 'flag'"


def test_package_that_is_listed_twice_is_one(install):
    install("flag-format", {"flag": "flag_format"})
    install("flag-format", {"flag": "flag_format"}, version="0.9")
    assert format_names().count("flag") == 1


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import no_such_module_anywhere", "cannot be imported.*no_such_module_anywhere"),
        ("1 / 0", "cannot be imported.*ZeroDivisionError"),
        ("def recognise(path): return None", "has no function split_names, list_split"),
        ("recognise = split_names = list_split = 3", "has no function recognise, split_names, list_split"),
    ],
)
@pytest.mark.slow
def test_broken_package_is_named_and_can_be_gone_around(install, voc_folder, code, found):
    install("broken", {"odd": "broken"}, code)
    with pytest.raises(PluginError, match=found) as caught:
        segfeed.scan(voc_folder)
    assert caught.value.where == "format 'odd' of package 'broken'"
    assert "pass format=" in caught.value.remedy
    assert segfeed.scan(voc_folder, format="voc").format == "voc"


def test_fault_of_a_plugin_is_one_of_ours():
    assert issubclass(PluginError, SegfeedError)
    assert issubclass(PluginError, ImportError)


def test_unknown_format_is_refused_with_those_there_are(install, voc_folder):
    install("flag-format", {"flag": "flag_format"})
    with pytest.raises(OptionError) as caught:
        segfeed.scan(voc_folder, format="nope")
    assert (caught.value.where, caught.value.found) == ("format", "'nope'")
    assert caught.value.expected == f"one of {', '.join(format_names())}"


@pytest.mark.slow
def test_import_of_segfeed_looks_for_no_plugins(install):
    site = install("broken", {"odd": "broken"}, "1 / 0")
    code = "import segfeed, sys; print('broken' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(site)}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def put(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["training/street/1_seg.png", "training/street/1.json"], "the full ADE20K"),
        (["training/image_2/1.png", "training/instance/1.png"], "KITTI without class masks"),
        (["train/_annotations.coco.json", "train/a.jpg"], "JSON shapes"),
        (["annotations/instances_train2017.json"], "JSON shapes"),
        (["data.yaml", "train/labels/a.txt"], "YOLO"),
        (["annotations.xml", "images/a.jpg"], "XML"),
        (["Annotations/a.xml", "JPEGImages/a.jpg"], "XML"),
        (["a.jpg", "a.json"], "JSON files, but no masks"),
        (["train.tfrecord"], "TFRecord"),
        (["train-000000.tar", "val-000000.tar", "legend.json"], "WebDataset shards"),
        (["train/00000.tar", "train/00000.json"], "WebDataset shards"),
        (["data.yaml", "backup-20240131.tar"], "YOLO"),
        (["VOCtrainval_11-May-2012.tar", "a.json"], "JSON files, but no masks"),
    ],
)
@pytest.mark.slow
def test_reason_is_told(tmp_path, names, found):
    reason, remedy = explain_refusal(put(tmp_path, *names))
    assert found in reason
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path)
    assert caught.value.found == f"no known dataset layout: {reason}"
    assert caught.value.remedy == remedy


def test_own_shards_are_told_from_a_dataset_without_masks(tmp_path, voc_folder):
    folder = export_splits([segfeed.scan(voc_folder)], tmp_path / "shards", "webdataset")
    for path in (folder, folder / "train-000000.tar"):
        with pytest.raises(SourceError) as caught:
            segfeed.scan(path)
        assert "WebDataset shards" in caught.value.found
        assert caught.value.remedy.startswith("pass the dataset that they were made from, or export")


def test_nothing_is_said_of_what_is_not_known(tmp_path):
    found, remedy = explain_refusal(put(tmp_path, "a.jpg", "b/c.txt"))
    assert found == (
        "pictures in . (1 JPG), of 2 folders, 1 deep, but no two folders in which photos and masks have the same names"
    )
    assert "--photos" in remedy
    (tmp_path / "bare").mkdir()
    assert explain_refusal(tmp_path / "bare")[0] == "no picture in 1 folder, 0 deep"
    assert "neither a tar nor a table" in explain_refusal(put(tmp_path, "single.bin") / "single.bin")[0]
    assert explain_refusal(put(tmp_path, "packs.tar") / "packs.tar")[0].startswith("a tar without ImageSets/")


def test_search_ends_in_a_huge_folder_and_in_a_loop_of_links(tmp_path, monkeypatch):
    monkeypatch.setattr("segfeed.datasets.refusals.survey._MOST_ENTRIES", 50)
    put(tmp_path, *(f"a/{number:03d}/{number}.jpg" for number in range(100)), "z/data.yaml")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert "where the search ended" in explain_refusal(tmp_path)[0]
    monkeypatch.setattr("segfeed.datasets.refusals.survey._MOST_ENTRIES", 5_000)
    assert "YOLO" in explain_refusal(tmp_path)[0]


@pytest.mark.parametrize(
    "name",
    [
        "labelme_dataset", "roboflow_dataset/voc", "roboflow_dataset/createml", "kaggle_dataset/relaxed_voc1",
        "voc_dataset/voc_dataset3", "roboflow_dataset/tfrecord",
    ],
)  # fmt: skip
def test_real_exports_without_masks_are_refused_with_a_remedy(shared_data, name):
    path = shared_data / "exports" / "datumaro-assets" / "tests" / "assets" / name
    with pytest.raises(SourceError) as caught:
        segfeed.scan(path)
    assert caught.value.remedy.startswith(("export masks instead", "write Parquet", "merge the masks"))
