"""Notebooks: what each value shows of itself, whatever it holds; in one line of text, and as HTML of 200 kB at most."""

import dataclasses
import html.parser
import pickle
import re
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from hostile_names import PAYLOAD, make_source
from segfeed import Augment, Draw, Legend, Loader, Plan, Score, Splits
from segfeed.audit.findings import Audit, Checked, Finding
from segfeed.datasets.blobs import File
from segfeed.datasets.source import Sample, Source
from segfeed.pictures.cells import MAX_BYTES, MAX_ROWS
from segfeed.pictures.notebook import html_of

MOST = 200_000
NAMES = tuple(f"class {n}" for n in range(300))


class Page(html.parser.HTMLParser):
    """Collects a page's tags, its text, and whether every tag is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.open, self.text = set(), set(), [], []
        self.feed(page)
        assert self.open == []
        self.said = " ".join(self.text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.text.append(text)


def shown(value) -> Page:
    """Return what a notebook shows of a value, after checks that hold for every one."""
    page, line = value._repr_html_(), repr(value)
    assert len(page.encode()) <= MOST
    assert line.isprintable()
    assert "\n" not in line
    assert len(line) < 600
    assert line.startswith(type(value).__name__ + "(")
    parsed = Page(page)
    assert parsed.tags <= {"div", "span", "b", "table", "tr", "td", "th", "img"}
    assert parsed.attributes <= {"style", "alt", "src"}, "no id, no class, no handler"
    return parsed


def pictures(value) -> list[str]:
    return re.findall(r'<img alt="([^"]*)"', value._repr_html_())


@pytest.fixture(scope="module")
def source(voc_folder):
    return segfeed.scan(voc_folder)


@pytest.fixture
def loader(source):
    return Loader(source, Plan(source.sizes, 2, Draw((32, 48))), threads=2)


def test_a_source_says_what_it_is_and_shows_samples(source):
    assert repr(source) == "Source(VOC2012 train: 5 samples, 21 classes, format voc)"
    page = shown(source)
    assert "21: background, aeroplane" in page.said
    assert pictures(source) == list(source.keys)


@pytest.mark.slow
def test_a_loader_a_batch_and_splits_say_what_they_are(source, loader):
    batch = next(iter(loader))
    assert repr(loader) == "Loader(VOC2012 train: 2 batches of 2 crops of 32 x 48 px, float32; next is epoch 1)"
    assert repr(batch) == "Batch(images float32 (2, 32, 48, 3), labels int32 (2, 32, 48))"
    assert "random crops of 32 x 48 px" in shown(loader).said
    assert "next is epoch 1; below are crops of epoch 0" in shown(loader).said
    assert loader.legend is loader.reader.legend
    assert "float32 (2, 32, 48, 3)" in shown(batch).said
    assert pictures(batch) == list(batch.keys)
    val = Loader(source, Plan.exact(source.sizes, 4))
    page = shown(Splits(loader, val, ("3 images are <b>padded</b>.",)))
    assert "3 images are <b>padded</b>." in page.said
    assert "every image once, whole, on 40 x 60 px" in page.said
    assert "next is epoch 0; below are whole images" in page.said
    assert repr(Splits(None, None)) == "Splits(train=None, val=None)"
    shown(Splits(None, val))


def test_a_plan_shows_its_first_rows(source):
    plan = Plan(source.sizes, 4, Draw((32, 48), augment=Augment(flip=0.5, rotate=(-10, 10))), seed=7, shard=(1, 2))
    assert repr(plan) == "Plan(5 samples: 1 batch of 4, crops of 32 x 48 px, seed 7, rank 1 of 2)"
    page = shown(plan)
    assert "shuffled, seed 7" in page.said
    assert str(plan.rows(0, 0)["sample"][0]) in page.text
    assert "whole, on 40 x 60 px" in repr(Plan.exact(source.sizes))


def test_a_score_shows_its_classes_in_print_and_in_a_notebook():
    score = Score(Legend(("ground", "cat", "never seen")))
    shown(score)  # nothing counted yet
    score.update([[0, 1, 1, 0]], [[0, 1, 0, 255]])
    assert repr(score) == "Score(3 classes, 3 pixels, mIoU 50.00%)"
    summary, _, heads, *rows = str(score).splitlines()
    assert summary.startswith("mIoU 50.00%, ")
    assert heads.split()[:3] == ["class", "IoU", "accuracy"]
    assert rows[1].split() == ["cat", "50.00%", "100.00%", "66.67%", "1", "2"]
    assert len({len(line) for line in (heads, *rows)}) == 1, "columns are aligned"
    assert {"never seen", "50.00%", "-"} <= set(shown(score).text)


def test_an_audit_shows_its_findings_and_counts_what_it_leaves_out():
    finding = Finding("error", "mask-missing", "train", "a", "", "no mask", "one <PNG>", "add it")
    audit = Audit("d", "/d", "voc", (finding,) * 500, (Checked("train", ("a",) * 9),), 9)
    assert repr(audit) == "Audit(d: 9 pairs, 500 errors, 0 warnings, 0 notes)"
    page = shown(audit)
    assert "train a: no mask; expected one <PNG>; add it." in page.text
    assert f"and {500 - MAX_ROWS} further rows" in page.text
    assert "nothing is wrong" in shown(Audit("d", "/d", "voc", (), (), 1)).text


def test_300_classes_stay_brief():
    legend = Legend(NAMES)
    page = shown(legend)
    assert f"and {300 - MAX_ROWS} further rows" in page.text
    assert len(repr(legend)) < 150
    shown(Score(legend))


@pytest.mark.parametrize(
    "name", ["\n".join("ab"), "\u202e", "\udcff", "x" * 5000, "<script>alert(1)</script>", "'\"&amp;"]
)
@pytest.mark.slow
def test_hostile_names_are_text(name, source):
    named = dataclasses.replace(
        source,
        root=Path("/nowhere", name[:200]),
        split=name,
        samples=tuple(dataclasses.replace(sample, key=name) for sample in source.samples),
        legend=Legend((*source.legend.names[:-1], name[:200]), title=name),
    )
    loader = Loader(named, Plan(source.sizes, 2, Draw((32, 48))), threads=0)
    score = Score(named.legend)
    finding = Finding("error", name, name, name, name, name, name, name)
    audit = Audit(name, name, name, (finding,) * 60, (Checked(name, (name,)),), 1)
    for value in (named, named.legend, loader, next(iter(loader)), Splits(loader, None, (name,)), score, audit):
        assert "script" not in shown(value).tags
        str(value).encode()
    assert len(pictures(named)) == 5


def test_a_dataset_in_which_every_name_attacks_is_shown(tmp_path):
    source = make_source(tmp_path, lambda word: PAYLOAD[:180] + word)
    page = shown(source)
    assert "onerror" not in page.attributes
    assert "is not in legend" in page.said or "unknown" in page.said or "77" in page.said
    assert ", 1 missing)" in repr(source)


@pytest.mark.slow
def test_a_source_without_masks_or_with_objects_or_without_samples_is_shown(source, voc_folder):
    bare = dataclasses.replace(
        source, samples=tuple(dataclasses.replace(sample, mask=None) for sample in source.samples)
    )
    assert repr(bare).endswith(", no masks)")
    assert "no: photos to be predicted" in shown(bare).text
    assert len(pictures(bare)) == 5
    objects = segfeed.scan(voc_folder, task="instance")
    assert "objects" in repr(objects)
    assert "none: masks number objects" in shown(objects).text
    shown(Loader(objects, Plan(objects.sizes, 2, Draw((32, 48)))))
    assert pictures(dataclasses.replace(source, samples=())) == []


def test_files_that_vanished_or_are_damaged_are_named_in_place_of_a_picture(write_voc, tmp_path):
    root = write_voc(tmp_path / "VOC2012", {"train": [(40, 60)] * 3})
    source = segfeed.scan(root)
    loader = Loader(source, Plan(source.sizes, 3, Draw((32, 48))))
    (root / "JPEGImages" / "train_0.png").unlink()
    (root / "SegmentationClass" / "train_1.png").write_bytes(b"no picture")
    page = shown(source)
    assert pictures(source) == ["train_2"]
    assert any("train_1" in text and "no picture" not in text for text in page.text)
    assert "no crops" in shown(loader).text


def test_a_huge_split_is_shown_without_being_read(voc_folder, source, monkeypatch):
    read, blank = [], source.read(0)
    monkeypatch.setattr(Source, "read", lambda _, index: read.append(index) or blank)
    huge = dataclasses.replace(source, samples=source.samples * 200_000)
    assert "1,000,000 samples" in repr(huge)
    shown(huge)
    assert read == [0, 200_000, 400_000, 599_999, 799_999, 999_999]
    assert "sizes" not in vars(huge), "no header was read"


@pytest.mark.parametrize("size", [(1, 4000), (4000, 1), (1, 1), (1500, 1500)])
@pytest.mark.slow
def test_noise_in_any_shape_stays_small(size, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "p.png")
    Image.fromarray(noise[..., 0] % 21).save(tmp_path / "m.png")
    sample = Sample("k", File.of(str(tmp_path / "p.png")), File.of(str(tmp_path / "m.png")))
    source = Source(tmp_path, "voc", "train", "semantic", (sample,) * 6, Legend(NAMES[:21]))
    shown(source)
    plan = Plan(source.sizes, 2, Draw((64, 64)))
    shown(Splits(Loader(source, plan), Loader(source, Plan.exact(source.sizes, 2))))
    assert 1 <= len(pictures(source)) <= 6
    assert sum(map(len, re.findall(r'src="([^"]*)"', source._repr_html_()))) <= MAX_BYTES


@pytest.mark.slow
def test_showing_moves_no_epoch_and_starts_no_thread(loader, source):
    twin = Loader(source, Plan(source.sizes, 2, Draw((32, 48))), threads=2)
    running, alike = iter(loader), iter(twin)
    next(running), next(alike)
    before, threads = loader.state_dict(), threading.active_count()
    for _ in range(3):
        shown(loader), repr(loader), loader.show_batch(2, epoch=5, step=1), loader.peek(7)
    assert loader.state_dict() == before
    assert threading.active_count() == threads
    np.testing.assert_array_equal(next(running).images, next(alike).images)
    np.testing.assert_array_equal(next(iter(loader)).images, next(iter(twin)).images)


def test_a_closed_loader_and_a_closed_pack_are_shown(source, cache):
    pack = segfeed.make_pack(source)
    loader = Loader(pack, Plan(pack.sizes, 2, Draw((32, 48))))
    next(iter(loader))
    loader.close()
    assert len(pictures(loader)) == 2
    pack.close()
    shown(loader)


@pytest.mark.slow
def test_what_was_pickled_shows_itself_alike(loader, source):
    batch = next(iter(loader))
    for value in (source, loader, loader.plan, source.legend, batch, Score(source.legend)):
        again = pickle.loads(pickle.dumps(value))  # noqa: S301 - made here
        assert (repr(again), again._repr_html_()) == (repr(value), value._repr_html_())


def test_arrays_that_a_person_changed_are_said_not_to_fit(loader):
    batch = next(iter(loader))
    batch.labels[:] = 77
    page = shown(batch)
    assert "neither a class of the legend nor void" in page.said
    assert pictures(batch) == []


def test_colours_are_the_page_s_own_in_light_and_dark(source, loader):
    """Text has no colour of its own, and lines and tracks are translucent grey, so both themes can be read."""
    score = Score(source.legend)
    score.update([[0, 1]], [[0, 1]])
    styles = re.findall(r'style="([^"]*)"', "".join(map(html_of, (source, loader, source.legend, score))))
    declared = {part for style in styles for part in style.split(";") if re.match(r"(color|background)\b", part)}
    assert {part for part in declared if part.startswith("color")} == {"color:inherit"}
    swatches = {f"background:rgb{colour}" for colour in source.legend.colours}
    assert declared - swatches - {"color:inherit"} == {
        "background:none", "background:rgba(128,128,128,.25)", "background:rgba(70,130,180,.9)",
    }  # fmt: skip


def test_a_peeked_batch_is_the_one_that_the_epoch_delivers(loader):
    for epoch in range(2):
        for step, batch in enumerate(loader):
            peeked = loader.peek(epoch, step)
            np.testing.assert_array_equal(peeked.images, batch.images)
            np.testing.assert_array_equal(peeked.labels, batch.labels)
            assert peeked.keys == batch.keys
    assert len(loader.peek(0, 0, 1).images) == 1


def test_other_values_are_refused():
    with pytest.raises(TypeError, match="nothing shows a int"):
        html_of(7)
