"""The report as a file: what it says, what it shows, and what it never lets through."""

import base64
import hashlib
import io
import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

import segfeed
from hostile_names import FILE_PAYLOAD, PAYLOAD, harmless, hostile, make_folder, make_source
from little_voc import COLOURS, a_photo, make_voc, put_mask, put_photo, some_labels
from segfeed import Augment, Draw, Plan, scan
from segfeed.audit.checking import check
from segfeed.audit.class_counts import ClassCounts
from segfeed.audit.facts import read_facts
from segfeed.audit.findings import Finding
from segfeed.cli import auditing
from segfeed.cli.options import as_command
from segfeed.datasets.blobs import File
from segfeed.datasets.overview import describe
from segfeed.datasets.source import Sample, Source
from segfeed.errors import OptionError, SourceMissingError, StorageError
from segfeed.pictures.report.cards import CARDS_OF_A_KIND, group_findings, make_cards
from segfeed.pictures.report.charts import plot_sizes
from segfeed.pictures.report.gallery import choose_samples
from segfeed.pictures.report.page import write_report
from segfeed.pictures.report.pictures import KeptMasks, Pictures, make_pictures
from segfeed.pictures.report.template import visible
from segfeed.pictures.report.thumbnails import make_thumbnail
from segfeed.plans.recipes import named
from segfeed.plans.sampling import corners
from segfeed.plans.wording import describe as describe_row

CROP = (32, 40)


class Parsed(HTMLParser):
    """A parsed page: its tags with their attributes, its text by the tag around it, in order."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self._open = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, text):
        self.texts.append((self._open[-1] if self._open else "", text))

    def having(self, tag, **attributes):
        return [found for name, found in self.tags if name == tag and attributes.items() <= found.items()]

    def text(self):
        told = (text for tag, text in self.texts if tag not in ("script", "style"))
        return " ".join(" ".join(told).split())

    def script(self):
        return [text for tag, text in self.texts if tag == "script"]


def report(tmp_path, data, **options):
    html = write_report(data, tmp_path / "report.html", crop_size=CROP, overwrite=True, **options).read_text("utf-8")
    return Parsed(html)


def pixels(uri):
    head, _, payload = uri.partition(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    return Image.open(io.BytesIO(base64.b64decode(payload)))


def colours_of(uri):
    return np.array(pixels(uri).convert("RGBA"))[..., :3]


@pytest.fixture(scope="module")
def little(tmp_path_factory):
    """A VOC folder without a fault: 5 train pairs, 3 val pairs, trainval joining them."""
    keys = [f"{split}_{number}" for split, count in (("train", 5), ("val", 3)) for number in range(count)]
    splits = {"train": keys[:5], "val": keys[5:], "trainval": keys}
    return make_voc(tmp_path_factory.mktemp("little") / "VOC", splits)


@pytest.fixture(scope="module")
def page(little, tmp_path_factory):
    """The report of the folder without a fault."""
    return report(tmp_path_factory.mktemp("page"), little)


def test_it_says_what_the_dataset_is(page, little):
    text = page.text()
    assert "Dataset report VOC" in text
    assert f"Format voc : ImageSets/Segmentation lies in {little}, classes in labelmap.txt" in text
    assert f"segfeed {segfeed.__version__}" in text
    assert "simplejpeg" in text
    (written,) = page.having("time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", written["datetime"])
    for line in ("train 5 48 64 0", "trainval 8 48 64 0", "val 3 48 64 0", "joins train and val"):
        assert line in text


def test_a_dataset_without_a_fault_is_said_to_have_none(page):
    assert "No findings" in page.text()
    assert "Nothing is wrong" in page.text()
    assert not page.having("li", **{"class": "finding"})


def test_classes_come_with_colour_id_pixels_and_images(page, little):
    train = scan(little, "train")
    counts = np.bincount(np.concatenate([train.read(n).labels.ravel() for n in range(5)]), minlength=256)
    text = page.text()
    for label, name in enumerate(train.legend.names):
        colour = "#{:02x}{:02x}{:02x}".format(*train.legend.colours[label])
        share = 100 * counts[label] / counts.sum()
        assert f"{label} {colour} {name} {share:.1f} % {counts[label]:,} 5" in text
        assert page.having("rect", fill=colour)
    assert f"void {100 * counts[255] / counts.sum():.1f} % {counts[255]:,} –" in text


def test_splits_that_only_join_others_are_counted_and_shown_once(page):
    columns = page.text().partition("Id Class")[0].rpartition("train val")
    assert columns[1]
    shots = [found["data-key"] for found in page.having("button", **{"class": "shot"})]
    assert sorted(shots) == sorted(set(shots))
    assert len(shots) == 8


@pytest.mark.slow
def test_the_policy_allows_this_style_and_this_script_and_nothing_else(tmp_path, little):
    html = write_report(little, tmp_path / "report.html").read_text("utf-8")
    (meta,) = Parsed(html).having("meta", **{"http-equiv": "Content-Security-Policy"})
    policy = dict(rule.strip().split(" ", 1) for rule in meta["content"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "data:"
    for directive, tag in (("style-src", "style"), ("script-src", "script")):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
    assert set(policy) >= {"base-uri", "form-action"}
    assert "unsafe" not in meta["content"]


@pytest.mark.slow
def test_nothing_is_fetched_and_no_attribute_holds_code(page):
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name != "style", tag
            if name in ("href", "src", "action", "srcset", "data", "poster"):
                assert value.startswith(("data:", "#")), (tag, name, value[:60])
    assert {tag for tag, _ in page.tags} & {"iframe", "object", "embed", "base", "img", "video"} == set()
    assert [set(found) for found in page.having("link")] == [{"rel", "href"}]


def points(polygon):
    return [tuple(map(float, point.split(","))) for point in polygon["points"].split()]


def test_crops_are_the_rows_of_the_plans_epoch_0(page, little):
    train = scan(little, "train")
    rows = Plan(train.sizes, 1, Draw(CROP, flip=True), seed=0)
    shots = [found for found in page.having("button", **{"class": "shot"}) if found["data-split"] == "train"]
    frames = page.having("polygon", **{"class": "crop line"})
    assert len(shots) == len(frames) == 5
    for position, (shot, frame) in enumerate(zip(shots, frames, strict=True)):
        (row,) = rows.rows(0, position)
        assert shot["data-key"] == train.keys[row["sample"]]
        expected = [(left, top) for top, left in corners(row, *train.sizes[row["sample"]].tolist()).tolist()]
        assert points(frame) == expected
        assert {row["left"], row["left"] + row["width"]} == {x for x, _ in expected}
        assert {row["top"], row["top"] + row["height"]} == {y for _, y in expected}
        told = f"Crop {position + 1} of epoch 0: top {row['top']}, left {row['left']}"
        assert shot["data-note"] == told + (", mirrored with flip=True" if row["flip"] else "")


@pytest.mark.slow
def test_a_crop_larger_than_its_photo_is_shown_whole(tmp_path, little):
    parsed = Parsed(write_report(little, tmp_path / "report.html", crop_size=(60, 100)).read_text("utf-8"))
    views = [found["viewbox"] for found in parsed.having("svg", **{"class": "picture"})]
    frames = parsed.having("polygon", **{"class": "crop line"})
    for view, frame in zip(views[:5], frames, strict=True):
        left, top, width, height = map(int, view.split())
        x, y = map(min, zip(*points(frame), strict=True))
        assert left <= min(0, x)
        assert top <= min(0, y)
        assert left + width >= max(64, x + 100)
        assert top + height >= max(48, y + 60)
    assert "5 of 5" in parsed.text()


@pytest.mark.slow
def test_windows_of_an_augmentation_are_drawn_as_they_lie_on_the_photo(tmp_path, little):
    augment = Augment(flip=0.5, scale=(0.5, 2), rotate=(-30, 30), hue=(-18, 18))
    path = write_report(little, tmp_path / "report.html", crop_size=CROP, augment=augment)
    parsed, train = Parsed(path.read_text("utf-8")), scan(little, "train")
    shots = [found for found in parsed.having("button", **{"class": "shot"}) if found["data-split"] == "train"]
    frames = parsed.having("polygon", **{"class": "crop line"})
    views = [found["viewbox"] for found in parsed.having("svg", **{"class": "picture"})]
    rows = Plan(train.sizes, 5, Draw(CROP, augment=augment)).rows(0, 0)
    for row, shot, frame, view in zip(rows, shots, frames, views, strict=False):
        size = train.sizes[row["sample"]].tolist()
        np.testing.assert_allclose(points(frame), corners(row, *size)[:, ::-1], atol=0.051)
        left, top, width, height = map(int, view.split())
        assert all(left < x < left + width and top < y < top + height for x, y in points(frame))
        for name, words in describe_row(row, *size).items():
            assert words in shot["data-note"], name
    assert "mirrored crops" in parsed.text()
    assert "hue=(-18.0, 18.0)" in parsed.text()


@pytest.mark.slow
def test_a_recipe_brings_its_crop_size(tmp_path, little):
    parsed = Parsed(write_report(little, tmp_path / "report.html", augment="deeplabv3plus").read_text("utf-8"))
    assert "513 × 513 px" in parsed.text()
    assert "deeplabv3plus" in parsed.text()
    same = write_report(little, tmp_path / "same.html", augment=named("deeplabv3plus")).read_text("utf-8")
    assert "scale_step=0.25" in Parsed(same).text()
    assert "Recipe(" not in same
    with pytest.raises(OptionError, match="deeplabv3plus"):
        write_report(little, tmp_path / "other.html", augment="deeplab")


def test_pictures_hold_the_labels_exactly_and_the_photo_nearly(little):
    source = scan(little, "train")
    picture = make_thumbnail(source, 0, 512, source.legend)
    pair = source.read(0)
    mask = pixels(picture.mask.uri)
    assert mask.mode == "P"
    colours, alpha = np.split(np.array(mask.convert("RGBA")), [3], axis=-1)
    for label in range(3):
        assert (colours[pair.labels == label] == source.legend.colours[label]).all()
    assert (alpha[pair.labels == 0] == 128).all()  # black dims the photo, where other colours cover it
    assert (alpha[pair.labels != 0] == 255).all()
    image = np.array(pixels(picture.photo.uri)).astype(int)
    assert np.abs(image - pair.image).mean() < 6
    assert picture.shares == {label: np.mean(pair.labels == label) for label in picture.shares}
    assert list(picture.shares.values()) == sorted(picture.shares.values(), reverse=True)


@pytest.mark.slow
def test_large_pictures_shrink_without_inventing_colours(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a"]}, size=(480, 640))
    source = scan(root)
    picture = make_thumbnail(source, 0, 100, source.legend)
    assert (picture.photo.height, picture.photo.width) == (480, 640)
    assert pixels(picture.photo.uri).size == pixels(picture.mask.uri).size == (100, 75)
    found = {tuple(colour) for colour in colours_of(picture.mask.uri).reshape(-1, 3).tolist()}
    assert found == {*source.legend.colours, (240, 238, 230), (178, 174, 162)}  # and void, hatched


@pytest.mark.slow
def test_many_pictures_are_drawn_smaller(tmp_path):
    keys = [f"k{number}" for number in range(160)]
    root = make_voc(tmp_path / "VOC", {"train": keys}, size=(8, 1000))
    source = scan(root)
    widths = []
    for count in (8, 160):
        selection = choose_samples("train", source.sizes, Draw((8, 8)), count)
        pictures = make_pictures([source], [selection], [], source.legend).pictures
        widths.append(pixels(pictures[0].thumbnail.photo.uri).width)
    assert widths == [512, round(512 * (72 / 160) ** 0.5)]


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A VOC folder in which each pair of train has a fault of its own."""
    keys = ["blended", "damaged", "gone", "jpeg", "photo", "sound", "transposed", "unknown"]
    root = make_voc(tmp_path_factory.mktemp("broken") / "VOC", {"train": keys, "val": ["other"]})
    masks, photos = root / "SegmentationClass", root / "JPEGImages"
    colours = Image.open(masks / "blended.png").convert("RGB")
    colours.resize((20, 15), Image.Resampling.BILINEAR).resize((64, 48), Image.Resampling.BILINEAR).save(
        masks / "blended.png"
    )
    (masks / "damaged.png").write_bytes((masks / "damaged.png").read_bytes()[:-20])
    (masks / "gone.png").unlink()
    Image.open(masks / "jpeg.png").convert("RGB").save(masks / "jpeg.jpg", quality=60)
    (masks / "jpeg.png").unlink()
    (photos / "photo.png").write_bytes((photos / "photo.png").read_bytes()[:-30])
    put_mask(root, "transposed", some_labels().T.copy())
    labels = some_labels()
    labels[2, 3] = 77
    put_mask(root, "unknown", labels)
    return root


def findings_of(parsed):
    """List what each finding of a page shows: its rule, its pictures' keys, and the tags of its pictures."""
    found = []
    for tag, attributes in parsed.tags:
        if attributes.get("class") == "finding":
            found.append((attributes["data-rule"], [], []))
        elif tag == "footer":
            break
        elif found:
            found[-1][1].extend([attributes["data-key"]] if attributes.get("class") == "shot" else [])
            found[-1][2].append(attributes)
    return found


@pytest.mark.slow
def test_every_finding_about_a_sample_is_shown_on_its_picture(tmp_path, broken):
    shown = findings_of(report(tmp_path, broken))
    audit = check(broken, crop_size=CROP)
    assert [rule for rule, _, _ in shown] == [finding.rule for finding in audit]
    for finding, (_, keys, _) in zip(audit, shown, strict=True):
        assert keys[:1] == ([finding.key] if finding.key else keys[:1]), finding
    assert {"mask-missing", "mask-jpeg", "photo-damaged", "mask-unknown"} <= {rule for rule, _, _ in shown}


@pytest.mark.slow
def test_what_a_finding_points_at_is_boxed(tmp_path, broken):
    shown = [
        tags
        for rule, keys, tags in findings_of(report(tmp_path, broken))
        if "unknown" in keys and rule == "mask-unknown"
    ]
    (box,) = [found for found in shown[0] if found.get("class") == "box line"]
    x, y, width, height = (int(box[name]) for name in ("x", "y", "width", "height"))
    assert x <= 3 < x + width
    assert y <= 2 < y + height
    assert max(width, height) < 8


def test_photo_and_mask_of_different_sizes_stand_side_by_side(tmp_path, broken):
    source = scan(broken, "val")
    photo = source.samples[0].photo
    mask = File.of(str(broken / "SegmentationClass" / "transposed.png"))
    sample = Sample("transposed", photo, mask)
    picture = make_thumbnail(Source(broken, "voc", "val", "semantic", (sample,), source.legend), 0, 512, source.legend)
    assert picture.mask_left > 64
    assert (picture.height, picture.width) == (64, picture.mask_left + 48)


def test_what_the_legend_does_not_know_is_shown_in_its_stored_colour(broken):
    whole = scan(broken, "val")
    mask = File.of(str(broken / "SegmentationClass" / "unknown.png"))
    source = Source(broken, "voc", "v", "semantic", (Sample("u", whole.samples[0].photo, mask),), whole.legend)
    picture = make_thumbnail(source, 0, 512, source.legend)
    assert colours_of(picture.mask.uri)[2, 3].tolist() == COLOURS[77].tolist()
    assert picture.shares == {}


@pytest.mark.slow
def test_a_damaged_dataset_is_counted_as_far_as_it_can_be_read(tmp_path, broken):
    text = report(tmp_path, broken).text()
    assert re.search(r"train 8 48 64 0 [\d.]+ % 2 without a file, 5 with an error", text)
    assert "The first 6 of 6 crops of epoch 0" in text  # a damaged photo still declares its size


def test_unknown_pixels_count_as_what_they_become(broken):
    whole = scan(broken, "val")
    sample = Sample("u", whole.samples[0].photo, File.of(str(broken / "SegmentationClass" / "unknown.png")))
    for unknown, place in (("error", None), ("cat", 1), ("void", 255)):
        source = Source(broken, "voc", "v", "semantic", (sample,), whole.legend, unknown)
        facts = read_facts(source, sample, (("v", "u"),))
        counted = ClassCounts.of_facts([facts], whole.legend)
        expected = np.bincount(some_labels().ravel(), minlength=256)
        expected[0] -= 1
        if place is not None:
            expected[place] += 1
        assert counted.pixels.tolist() == expected[:3].tolist()
        assert counted.void_pixels == expected[255]


def test_nothing_but_findings_is_left_of_a_dataset_that_cannot_be_listed(tmp_path, little):
    parsed = report(tmp_path, little, task="instance")
    text = parsed.text()
    for words in ("could not be listed", "No sample can be shown.", "No split could be listed", "No photo's size"):
        assert words in text
    assert {found["data-rule"] for found in parsed.having("li", **{"class": "finding"})} == {"split-unreadable"}


@pytest.mark.slow
def test_without_a_legend_masks_are_shown_and_no_class_is_made_up(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    for number, key in enumerate("abcde"):
        Image.fromarray(a_photo(key)).save(tmp_path / "set" / "images" / f"{key}.jpg")
        mask = np.where(some_labels()[..., None] == 1, (10, 200, 30 + number), (0, 0, 0)).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / "set" / "masks" / f"{key}.png")
    parsed = report(tmp_path, tmp_path / "set")
    assert "The dataset does not say what its masks mean" in parsed.text()
    masks = [found["href"] for found in parsed.having("image", **{"class": "labels"})]
    assert len(masks) == 5
    seen = np.concatenate([colours_of(uri).reshape(-1, 3) for uri in masks])
    assert {tuple(colour) for colour in seen.tolist()} == {(0, 0, 0), *((10, 200, 30 + n) for n in range(5))}


@pytest.mark.slow
def test_objects_have_pictures_but_no_classes(tmp_path, voc_folder):
    parsed = report(tmp_path, voc_folder, task="instance")
    assert "Labels are object ids here, which have no classes." in parsed.text()
    assert len(parsed.having("image", **{"class": "labels"})) == 8
    values = json.loads(parsed.script()[0])
    assert "object 3" in [name for name, _, _ in values["pictures"][0]["labels"]]


def test_photos_to_be_predicted_are_shown_as_they_are(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"]})
    put_photo(root, "t", a_photo("t"))
    (root / "ImageSets" / "Segmentation" / "test.txt").write_text("t\n")
    parsed = report(tmp_path, root)
    assert len(parsed.having("image", **{"class": "photo alone"})) == 1
    assert "test 1 48 64 0 – no masks" in parsed.text()


@pytest.mark.slow
def test_a_source_that_was_scanned_already_is_reported_alone(tmp_path, little):
    parsed = report(tmp_path, scan(little, "train[:2]"))
    assert {found["data-split"] for found in parsed.having("button", **{"class": "shot"})} == {"train[:2]"}
    assert "The first 2 of 2 crops" in parsed.text()


def structure(html):
    return [(tag, *sorted(found)) for tag, found in Parsed(html).tags]


@pytest.mark.parametrize("make", [make_source, make_folder])
@pytest.mark.slow
def test_hostile_names_change_no_tag_and_no_attribute(tmp_path, make):
    pages = []
    for name in (harmless, hostile):
        folder = tmp_path / name.__name__
        folder.mkdir()
        # The same windows in both: a plan knows sizes, not names.
        path = write_report(make(folder, name), folder / "report.html", crop_size=CROP)
        pages.append(path.read_text("utf-8"))
    plain, attacked = pages
    assert structure(attacked) == structure(plain)
    assert attacked.count("<script") == plain.count("<script") == 2
    assert "<img" not in attacked
    parsed = Parsed(attacked)
    assert len(parsed.script()) == 2
    assert (
        visible(FILE_PAYLOAD).strip() in parsed.text()
        if make is make_folder
        else visible(PAYLOAD) in " ".join(text for _, text in parsed.texts)
    )
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u2028\u202e]", attacked)
    assert "</" not in parsed.script()[0]
    assert json.loads(parsed.script()[0])["pictures"]


@pytest.mark.slow
def test_names_that_are_not_utf8_are_written_out(tmp_path):
    root = make_voc(tmp_path / os.fsdecode(b"VOC\xff"), {"train": ["a", "b"]})
    assert "VOC\\udcff" in report(tmp_path, root).text()


def test_what_is_not_seen_is_written_out():
    assert visible("a\x1b\u202e\u2028\udcff é 漢") == "a\\x1b\\u202e\\u2028\\udcff é 漢"


def many_findings(count, found):
    return [Finding("error", "r", "train", f"k{n}", f"k{n}.png", found(n), "e", "m") for n in range(count)]


def test_findings_that_differ_in_numbers_and_names_alone_are_one_card():
    groups = group_findings(many_findings(75, lambda n: f"k{n} has {n} px, first at row {n / 2}"))
    assert [len(group) for group in groups] == [75]
    (card,) = make_cards(groups, make_pictures([], [], groups, None))
    assert (len(card.lines), card.left_out, card.is_shared) == (75, 0, False)
    assert [line.words for line in card.lines[:2]] == ["k0 has 0 px, first at row 0.0", "k1 has 1 px, first at row 0.5"]


def test_what_all_findings_of_a_card_say_is_said_once():
    (card,) = make_cards(group_findings(many_findings(3, lambda _: "no mask")), Pictures((), {}))
    assert card.is_shared
    assert [(line.key, line.file, line.words) for line in card.lines] == [(f"k{n}", f"k{n}.png", "") for n in range(3)]


def test_a_few_different_findings_of_a_kind_have_cards_of_their_own_and_many_share_one():
    few = group_findings(many_findings(CARDS_OF_A_KIND, lambda n: "x" * n))
    assert [len(group) for group in few] == [1] * CARDS_OF_A_KIND
    many = group_findings(many_findings(CARDS_OF_A_KIND + 1, lambda n: "x" * n))
    assert [len(group) for group in many] == [CARDS_OF_A_KIND + 1]


def test_findings_of_other_rules_splits_and_severities_share_no_card():
    one = Finding("error", "r", "train", "a", "", "f", "", "")
    others = [replace(one, severity="note"), replace(one, rule="s"), replace(one, split="val"), replace(one, found="g")]
    groups = group_findings([one, *others])
    assert sorted(groups, key=str) == sorted([(one,), *((other,) for other in others)], key=str)


def test_a_card_says_what_its_first_finding_does_not():
    one = Finding("error", "r", "train", "a", "", "f", "a PNG", "save it")
    groups = [(one, replace(one, key="b", expected="a BMP", remedy="send it"))]
    (card,) = make_cards(groups, Pictures((), {}))
    assert [line.words for line in card.lines] == ["", "expected a BMP; send it"]


@pytest.mark.slow
def test_a_long_list_of_a_card_is_cut_and_counted():
    (card,) = make_cards(group_findings(many_findings(1200, lambda _: "f")), Pictures((), {}))
    assert (len(card.lines), card.left_out) == (1000, 200)


@pytest.mark.slow
def test_75_equal_errors_are_one_card_and_75_dots(tmp_path):
    """As many findings as the head of the page says stand in cards, and every sample that has one is marked."""
    keys = [f"k{n:02d}" for n in range(75)]
    root = make_voc(tmp_path / "VOC", {"train": keys, "val": ["v"]}, size=(16, 20))
    for n, key in enumerate(keys):
        labels = some_labels((16, 20))
        labels[n % 16, 3] = 77
        put_mask(root, key, labels)
    parsed = Parsed(write_report(root, tmp_path / "r.html", crop_size=(8, 8), count=80).read_text("utf-8"))
    cards = parsed.having("li", **{"class": "finding"})
    assert [(card["data-rule"], card["data-count"]) for card in cards if card["data-severity"] == "error"] == [
        ("mask-unknown", "75")
    ]
    assert "75 errors" in parsed.text()
    assert sum(int(card["data-count"]) for card in cards) == len(check(root, crop_size=(8, 8)))
    assert len(parsed.having("span", **{"class": "mark error"})) == 75
    told = parsed.text().partition("Where: all 75")[2]
    assert all(f"SegmentationClass/{key}.png" in told for key in keys)


@pytest.mark.slow
def test_a_split_to_train_on_that_holds_others_is_shown_and_judged_as_one_of_its_own(tmp_path):
    """Such as VOC's trainaug: its name says that it is trained on, so it does not merely join others."""
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"], "extra": ["c"], "trainaug": ["a", "b", "c"], "val": ["v"]})
    parsed = report(tmp_path, root)
    assert len(parsed.having("section", **{"class": "split"})) == 4
    assert "trainaug The first 3 of 3 crops" in parsed.text()
    assert "joins" not in parsed.text()
    shared = {(finding.rule, finding.split, finding.found) for finding in check(root, crop_size=CROP)}
    assert shared == {
        ("id-in-two-splits", "train", "samples shared with 'trainaug': a, b"),
        ("id-in-two-splits", "trainaug", "samples shared with 'extra': c"),
    }


@pytest.fixture
def mask_reads(monkeypatch):
    """The names of the masks that are read, in order; photos of the same name lie in another folder."""
    read, names = File.read, []

    def count(blob, limit_bytes=-1):
        if "SegmentationClass" in blob.address:
            names.append(blob.name)
        return read(blob, limit_bytes)

    monkeypatch.setattr(File, "read", count)
    return names


@pytest.mark.slow
def test_each_mask_is_read_once(tmp_path, little, mask_reads):
    report(tmp_path, little)
    assert sorted(mask_reads) == sorted(f"{key}.png" for key in scan(little, "trainval").keys)


@pytest.mark.slow
def test_each_mask_of_a_damaged_dataset_is_read_once(tmp_path, broken, mask_reads):
    parsed = report(tmp_path, broken)
    assert len(parsed.having("li", **{"class": "finding"})) > 5
    assert sorted(mask_reads) == sorted(path.name for path in (broken / "SegmentationClass").iterdir())


def test_masks_beyond_the_limit_are_read_again(little):
    masks = [sample.mask for sample in scan(little, "train").samples[:2]]
    sizes = [os.path.getsize(mask.path) for mask in masks]
    reads = []

    class Counted:
        def __init__(self, mask):
            self.address, self.read = mask.address, lambda: reads.append(mask.name) or mask.read()

    kept = KeptMasks(sizes[0])
    for mask in (*masks, *masks):
        assert kept.read(Counted(mask)) == mask.read()
    assert reads == [masks[0].name, masks[1].name, masks[1].name]


def test_the_chart_stands_the_crop_among_the_sizes():
    chart = plot_sizes(np.array([[300, 400]] * 9 + [[600, 200]], np.int32), (320, 480))
    scale = chart.crop_x / 480
    assert chart.height - chart.crop_y == pytest.approx(320 * scale, abs=0.2)  # a px is equally long on both sides
    many, one = chart.dots
    assert (many.photos, one.photos) == (9, 1)
    assert many.radius > one.radius
    assert (many.x, many.y) == (pytest.approx(400 * scale, abs=0.1), pytest.approx(chart.height - 300 * scale, abs=0.1))
    assert all(0 <= dot.x <= chart.width and 0 <= dot.y <= chart.height for dot in chart.dots)
    assert [tick.px for tick in chart.ticks_x] == [0, 200, 400]


@pytest.mark.parametrize("size", [(1, 1), (1, 20000), (4096, 3)])
def test_any_size_has_a_chart(size):
    chart = plot_sizes(np.array([size], np.int32), (1, 1))
    assert 0 < chart.width <= 560
    assert 0 < chart.height <= 400
    assert chart.ticks_x[0].px == 0


def test_a_file_that_exists_is_never_overwritten_unasked(tmp_path, little):
    path = tmp_path / "report.html"
    path.write_text("mine")
    with pytest.raises(OptionError) as caught:
        write_report(little, path)
    assert (caught.value.where, caught.value.found) == (str(path), "the file exists")
    assert "overwrite=True" in caught.value.remedy
    assert path.read_text() == "mine"
    assert write_report(little, path, overwrite=True) == path
    assert path.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"count": 0}, "count"),
        ({"count": 1001}, "1001"),
        ({"crop_size": (0, 4)}, "height"),
        ({"unknown": "nothing"}, "'nothing'"),
    ],
)
def test_options_without_meaning_are_refused_and_nothing_is_written(tmp_path, little, options, words):
    with pytest.raises(OptionError) as caught:
        write_report(little, tmp_path / "report.html", **options)
    assert words in str(caught.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_a_place_that_cannot_be_written_is_named(tmp_path, little):
    with pytest.raises(OptionError) as caught:
        write_report(little, tmp_path)
    assert (caught.value.where, caught.value.found) == (str(tmp_path), "a folder")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        write_report(little, tmp_path / "file" / "report.html")
    assert caught.value.where == str(tmp_path / "file" / "report.html")
    with pytest.raises(SourceMissingError):
        write_report(tmp_path / "nowhere", tmp_path / "report.html")


def test_a_report_that_fails_leaves_nothing_behind(tmp_path, little, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(StorageError) as caught:
        write_report(little, tmp_path / "report.html")
    assert "No space left" in caught.value.found
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_the_sample_makes_a_file_of_less_than_6_mb(tmp_path):
    path = write_report("sample", tmp_path / "report.html")
    parsed = Parsed(path.read_text("utf-8"))
    assert path.stat().st_size < 6e6
    assert len(parsed.having("button", **{"class": "shot"})) == 24 + 24 + 6 + 3
    assert "58 of 160 photos are smaller than the default crop" in parsed.text()


@pytest.mark.slow
def test_real_pairs_are_shown(tmp_path, voc2012_part):
    path = write_report(voc2012_part, tmp_path / "report.html")
    assert path.stat().st_size < 6e6
    text = Parsed(path.read_text("utf-8")).text()
    assert "VOC2012" in text
    assert "0 error" not in text
    assert "15 #c08080 person" in text


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(as_command(auditing.report))
    return lambda *words: CliRunner().invoke(app, list(map(str, words)))


@pytest.mark.slow
def test_the_command_writes_the_report_and_says_where(run, little, tmp_path):
    done = run(little, "--crop", "32x40", "--count", "2")
    assert done.exit_code == 0, done.output
    assert re.fullmatch(rf"wrote {tmp_path}/VOC-report\.html \(\d\.\d MB\)\n", done.output)
    assert "The first 2 of 5 crops" in Parsed((tmp_path / "VOC-report.html").read_text("utf-8")).text()


@pytest.mark.slow
def test_the_command_prints_one_object_for_machines(run, little, tmp_path):
    done = run(little, "--to", "a.html", "--json")
    assert json.loads(done.output) == {
        "report": str(tmp_path / "a.html"),
        "bytes": (tmp_path / "a.html").stat().st_size,
    }


@pytest.mark.slow
def test_the_command_overwrites_only_by_force(run, little, tmp_path):
    (tmp_path / "VOC-report.html").write_text("mine")
    assert isinstance(run(little).exception, OptionError)
    assert (tmp_path / "VOC-report.html").read_text() == "mine"
    assert run(little, "--force").exit_code == 0


@pytest.mark.slow
def test_what_masks_store_is_listed_with_what_it_is_taken_for(tmp_path):
    root = make_voc(tmp_path / "set", {"train": ["a", "b"], "val": ["c"]})
    labels = some_labels()
    labels[0, :5] = 9  # of no class
    put_mask(root, "b", labels)
    page = write_report(root, tmp_path / "r.html", crop_size=CROP).read_text()
    rows = re.findall(r"<tr>(.*?)</tr>", re.search(r'<table class="values.*?</table>', page, re.DOTALL)[0], re.DOTALL)
    cells = [[re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", row)] for row in rows[1:]]
    assert [line[:4] for line in cells] == [
        ["0", "#000000", "0", "background"],
        ["1", "#800000", "1", "cat"],
        ["2", "#008000", "2", "dog"],
        ["255", "#e0e0c0", "–", "void"],
        ["9", "#c00000", "–", "not in the legend"],
    ]
    assert "What the 3 masks that could be read store" in page


def test_objects_have_no_stored_values(tmp_path):
    root = make_voc(tmp_path / "set", {"train": ["a"]})
    (root / "SegmentationClass").rename(root / "SegmentationObject")
    page = write_report(root, tmp_path / "r.html", crop_size=CROP, task="instance").read_text()
    assert 'class="values' not in page


def test_without_a_legend_values_are_listed_as_they_are(tmp_path):
    for folder, picture in (("images", a_photo("a")), ("masks", np.resize(np.array([0, 7], np.uint8), (48, 64)))):
        (tmp_path / "set" / folder).mkdir(parents=True)
        Image.fromarray(picture).save(tmp_path / "set" / folder / "a.png")
    page = write_report(tmp_path / "set", tmp_path / "r.html", crop_size=CROP).read_text()
    table = re.search(r'<table class="values.*?</table>', page, re.DOTALL)[0]
    assert re.findall(r"<bdi>(.*?)</bdi>", table) == ["?", "?"]


def test_what_is_odd_about_a_dataset_is_said_by_scan_and_report(tmp_path):
    root = make_voc(tmp_path / "set", {"train": ["a"]})
    said = 'note = "Masks of <b>site 3</b> were drawn twice."\n'
    said += 'photos = "JPEGImages/{key}.png"\nmasks = "SegmentationClass/{key}.png"\nlegend = "labelmap.txt"\n'
    (root / "segfeed.toml").write_text(said)
    assert describe(root).note.startswith("Masks of <b>site 3</b>")
    page = write_report(root, tmp_path / "r.html", crop_size=CROP).read_text()
    assert "<b>Note</b>: <bdi>Masks of &lt;b&gt;site 3&lt;/b&gt; were drawn twice.</bdi>" in page
