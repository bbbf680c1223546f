"""Configurations of mmsegmentation, old and new, become formats, descriptions, augments; nothing is executed."""

from textwrap import dedent

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.descriptions.text import write_description
from segfeed.errors import DescriptionError
from segfeed.recipes import from_mmseg, named

PIPELINE = """
crop_size = {crop}
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'{reduce}),
    dict(type='RandomResize', scale={scale}, ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs')
]
"""
LOADERS = """
dataset_type = '{type}'
data_root = '{root}'
train_dataloader = dict(
    batch_size=4, num_workers=4, sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type=dataset_type, data_root=data_root, {train} pipeline=train_pipeline))
val_dataloader = dict(batch_size=1, dataset=dict(type=dataset_type, data_root=data_root, {val} pipeline=[]))
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
"""
ADE = PIPELINE.format(crop="(512, 512)", scale="(2048, 512)", reduce=", reduce_zero_label=True") + LOADERS.format(
    type="ADE20KDataset", root="data/ade/ADEChallengeData2016",
    train="data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),",
    val="data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),",
)  # fmt: skip


@pytest.fixture
def read(tmp_path):
    """Write files below configs/ and read the last one."""

    def written(**files):
        for name, text in files.items():
            path = tmp_path / "configs" / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        return from_mmseg(path)

    return written


def test_ade20k_is_the_recipe_of_that_name(read):
    config, recipe = read(**{"datasets/ade20k": ADE}), named("mmseg-ade20k")
    assert config.augment == recipe.augment
    assert config.crop_size == recipe.crop_size
    assert (config.root, config.format, config.splits) == ("data/ade/ADEChallengeData2016", "ade20k", ("train", "val"))
    assert config.batch_size == 4
    assert config.description is None
    assert [line.partition(":")[0] for line in config.left_out] == ["RandomCrop"]
    assert "cat_max_ratio=0.75" in config.left_out[0]


def test_cityscapes_through_a_base_whose_values_are_changed(read):
    base = PIPELINE.format(crop="(512, 1024)", scale="(2048, 1024)", reduce="") + LOADERS.format(
        type="CityscapesDataset", root="data/cityscapes/",
        train="data_prefix=dict(img_path='leftImg8bit/train', seg_map_path='gtFine/train'),",
        val="data_prefix=dict(img_path='leftImg8bit/val', seg_map_path='gtFine/val'),",
    )  # fmt: skip
    own = """
        _base_ = ['../_base_/cityscapes.py']
        crop_size = (512, 1024)
        data_preprocessor = dict(size=crop_size)
        model = dict(data_preprocessor=dict(type='SegDataPreProcessor', mean=[123.675, 116.28, 103.53],
                                            std=[58.395, 57.12, 57.375], bgr_to_rgb=True))
        train_dataloader = dict(batch_size=2, num_workers=8)
    """
    config = read(**{"_base_/cityscapes": base, "pspnet/own": own})
    assert (config.format, config.root, config.batch_size) == ("cityscapes", "data/cityscapes/", 2)
    assert config.augment == named("mmseg-cityscapes").augment
    assert config.crop_size == named("mmseg-cityscapes").crop_size
    np.testing.assert_allclose(config.normalize, segfeed.IMAGENET, atol=1e-6)


def test_voc12_in_the_form_of_0_x(read, tmp_path, write_voc):
    config = read(
        voc12="""
        dataset_type = 'PascalVOCDataset'
        data_root = 'data/VOCdevkit/VOC2012'
        img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
        crop_size = (512, 512)
        train_pipeline = [
            dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'),
            dict(type='Resize', img_scale=(2048, 512), ratio_range=(0.5, 2.0)),
            dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
            dict(type='RandomFlip', prob=0.5), dict(type='PhotoMetricDistortion'),
            dict(type='Normalize', **img_norm_cfg),
            dict(type='Pad', size=crop_size, pad_val=0, seg_pad_val=255),
            dict(type='DefaultFormatBundle'), dict(type='Collect', keys=['img', 'gt_semantic_seg']),
        ]
        data = dict(
            samples_per_gpu=4, workers_per_gpu=4,
            train=dict(type=dataset_type, data_root=data_root, img_dir='JPEGImages', ann_dir='SegmentationClass',
                       split='ImageSets/Segmentation/trainval.txt', pipeline=train_pipeline),
            val=dict(type=dataset_type, data_root=data_root, img_dir='JPEGImages', ann_dir='SegmentationClass',
                     split='ImageSets/Segmentation/val.txt', pipeline=[]))
    """
    )
    assert (config.format, config.splits, config.batch_size) == ("voc", ("trainval", "val"), 4)
    assert config.augment == named("mmseg-ade20k").augment
    np.testing.assert_allclose(config.normalize, segfeed.IMAGENET, atol=1e-6)
    root = write_voc(tmp_path / config.root, {"trainval": [(40, 60)] * 4, "val": [(40, 60)] * 2})
    train, val = segfeed.load(root, 2, (32, 32), splits=config.splits, format=config.format, pack=False)
    assert (len(train.reader.keys), len(val.reader.keys)) == (4, 2)


OWN = """
    dataset_type = 'BaseSegDataset'
    data_root = 'data/roads'
    metainfo = dict(classes=('ground', 'road'), palette=[[0, 0, 0], [128, 64, 128]])
    train_pipeline = [
        dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', reduce_zero_label=True),
        dict(type='Resize', scale=(64, 48)),
        dict(type='RandomRotate', prob=0.3, degree=(-5, 10)),
        dict(type='RandomCrop', crop_size=32),
        dict(type='RandomCutOut', prob=0.5, n_holes=2, cutout_shape=(8, 8)),
        dict(type='PackSegInputs')]
    train_dataloader = dict(batch_size=2, dataset=dict(type='RepeatDataset', times=40, dataset=dict(
        type=dataset_type, data_root=data_root, metainfo=metainfo, img_suffix='.png', seg_map_suffix='_L.png',
        data_prefix=dict(img_path='img_dir/train', seg_map_path='ann_dir/train'), pipeline=train_pipeline)))
    val_dataloader = dict(batch_size=1, dataset=dict(
        type=dataset_type, data_root=data_root, metainfo=metainfo, img_suffix='.png', seg_map_suffix='_L.png',
        data_prefix=dict(img_path='img_dir/val', seg_map_path='ann_dir/val'), pipeline=[]))
"""


TURN = "dict(type='RandomRotate', prob=0.3, degree=(-5, 10)),"


def test_a_dataset_of_one_s_own_is_read_as_the_configuration_says(read, tmp_path):
    config = read(own=OWN)
    assert config.format is None
    assert config.augment.resize == ("exact", 48, 64)
    assert config.augment.rotate == (-10, 5, 0.3)
    assert config.crop_size == (32, 32)
    assert {line.partition(":")[0] for line in config.left_out} == {
        "RepeatDataset",
        "RandomCutOut",
        "reduce_zero_label",
    }
    root = tmp_path / config.root
    for split, count in (("train", 3), ("val", 1)):
        for folder, ending in (("img_dir", ".png"), ("ann_dir", "_L.png")):
            (root / folder / split).mkdir(parents=True)
            for number in range(count):
                pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) % 3
                image = np.repeat(pixels[..., None], 3, -1) if folder == "img_dir" else pixels
                Image.fromarray(image).save(root / folder / split / f"{number}{ending}")
    source = segfeed.scan(root, "train", description=config.description)
    assert source.legend.names == ("ground", "road")
    assert len(source) == 3
    np.testing.assert_array_equal(source.read(0).labels.ravel()[:6], [255, 0, 1, 255, 0, 1])  # 0 is void, ids from 0
    assert len(segfeed.scan(root, "val", description=config.description)) == 1
    (root / "segfeed.toml").write_text(write_description(config.description))
    assert segfeed.scan(root, "train").legend.names == ("ground", "road")


def test_lists_make_the_splits(read):
    text = OWN.replace("img_dir/train", "img").replace("img_dir/val", "img").replace("ann_dir/train", "ann")
    text = text.replace("ann_dir/val", "ann").replace(
        "pipeline=train_pipeline", "ann_file='a.txt', pipeline=train_pipeline"
    )
    rule = read(own=text).description.splits
    assert dict(rule.lists) == {"train": "a.txt"}
    same = read(own=OWN.replace("/train'", "'").replace("/val'", "'"))
    assert same.splits == ("all", "all")
    assert any(line.startswith("splits") for line in same.left_out)


def test_newer_configurations_name_classes_and_import_their_bases(read):
    config = read(
        **{
            "_base_/ade": ADE.replace("'ADE20KDataset'", "ADE20KDataset").replace(
                "type='RandomFlip'", "type=RandomFlip"
            ),
            "net/own": """
            from mmengine.config import read_base
            with read_base():
                from .._base_.ade import *
            train_dataloader.update(batch_size=7)
        """,
        }
    )
    assert config.format == "ade20k"
    assert config.augment.flip == 0.5
    assert config.batch_size == 4
    assert config.left_out[0].startswith("own.py, line 5: train_dataloader.update")


def test_names_of_a_base_and_deletion(read):
    config = read(
        **{
            "_base_/ade": ADE,
            "net/own": """
            _base_ = '../_base_/ade.py'
            root = {{_base_.data_root}}
            train_pipeline = [dict(type='RandomCrop', crop_size={{_base_.crop_size}})]
            train_dataloader = dict(dataset=dict(_delete_=True, type='ADE20KDataset', data_root=root + '/small',
                                                 pipeline=train_pipeline))
        """,
        }
    )
    assert config.root == "data/ade/ADEChallengeData2016/small"
    assert (config.crop_size, config.augment.flip) == ((512, 512), 0)


@pytest.mark.parametrize(
    ("step", "word"),
    [
        ("dict(type='RandomMosaic', prob=1)", "RandomMosaic"),
        ("dict(type='RandomChoiceResize', scales=[int(512 * x * 0.1) for x in range(5, 21)])", "RandomChoiceResize"),
        ("dict(type='RandomFlip', prob=0.5, direction='vertical')", "RandomFlip"),
        ("dict(type='RandomResize', scale=[(512, 512), (1024, 1024)])", "RandomResize"),
        ("dict(type='RandomCrop', crop_size=get_size())", "RandomCrop"),
        ("dict(type='Albu', transforms=[])", "Albu"),
        ("dict(type='RandomFlip')", "RandomFlip"),
        ("dict(type='RandomResize', scale=(64, 48), resize_type='ResizeShortestEdge')", "RandomResize"),
        ("dict(type='RandomCrop', crop_size=16)", "RandomCrop: segfeed scales and then cuts, each once"),
        ("dict(type='PhotoMetricDistortion', **more)", "PhotoMetricDistortion: not written out"),
        ("make_step()", "make_step()"),
        ("dict(type='RandomFlip', prob=2)", "RandomFlip: flip 2, not a probability"),
        ("dict(type='PhotoMetricDistortion', brightness_delta=300)", "PhotoMetricDistortion: brightness -1.17"),
        ("dict(type='PhotoMetricDistortion', brightness_delta='32')", "PhotoMetricDistortion: brightness_delta=32"),
    ],
)
def test_a_step_that_segfeed_does_not_draw_is_named(read, step, word):
    config = read(own=OWN.replace("dict(type='PackSegInputs')", step))
    assert any(line.startswith(word) for line in config.left_out), config.left_out


@pytest.mark.parametrize(
    ("step", "word"),
    [
        ("dict(type='RandomResize', scale=(64, 48), ratio_range=(2.0, 0.5))", "RandomResize: scale (2.0, 0.5), not"),
        ("dict(type='RandomResize', scale=(-1, 48))", "RandomResize: resize -1, not a whole number"),
        ("dict(type='RandomRotate', prob=0.5, degree=[-5, 20, 30])", "RandomRotate: prob=0.5, degree=[-5, 20, 30]"),
    ],
)
def test_numbers_that_segfeed_does_not_draw_are_named(read, step, word):
    config = read(own=OWN.replace("dict(type='Resize', scale=(64, 48))", step).replace(TURN, ""))
    assert any(line.startswith(word) for line in config.left_out), config.left_out
    assert config.augment.resize is None


def test_of_a_step_that_is_left_out_nothing_is_drawn_and_others_are(read):
    steps = "dict(type='RandomFlip', prob=0.5), dict(type='PhotoMetricDistortion', contrast_range=(1.5, 0.5))"
    augment = read(own=OWN.replace("dict(type='PackSegInputs')", steps)).augment
    assert augment.flip == 0.5
    assert not augment.stages.colours


@pytest.mark.parametrize("degree", ["10", "(-10, 10)", "(10, -10)"])
def test_a_turn_has_its_range_in_either_order(read, degree):
    turn = f"dict(type='RandomRotate', prob=0.5, degree={degree}),"
    assert read(own=OWN.replace(TURN, turn)).augment.rotate == (-10, 10, 0.5)


@pytest.mark.parametrize(
    ("pairs", "flip", "swap"),
    [("[(0, 1)]", 0.5, {"ground": "road"}), ("[]", 0.5, None), ("[(1, 2)]", 0, None), ("[1, 2]", 0, None)],
)
def test_classes_that_change_places_in_mirrored_crops_are_named_or_nothing_is_mirrored(read, pairs, flip, swap):
    step = f"dict(type='RandomFlip', prob=0.5, swap_seg_labels={pairs})"
    config = read(own=OWN.replace("dict(type='PackSegInputs')", step))
    assert (config.augment.flip, config.swap) == (flip, swap)
    assert any("not mirrored" in line for line in config.left_out) == (not flip)


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ("indices=100,", ["dataset: indices=100"]),
        ("ignore_index=0,", ["dataset: ignore_index=0"]),
        ("ignore_index=255, test_mode=False,", []),
        ("**more,", ["dataset: **=more"]),
    ],
)
def test_a_field_of_a_dataset_that_nothing_reads_is_named(read, field, named):
    config = read(own=OWN.replace("type=dataset_type,", f"type=dataset_type, {field}"))
    plain = read(own=OWN)
    assert [line.partition(" (")[0] for line in config.left_out if line not in plain.left_out] == named


def test_what_a_format_says_otherwise_than_the_configuration_is_named(read):
    changed = ADE.replace("annotations/training", "annotations/mine").replace(
        "data_root=data_root,", "data_root=data_root, metainfo=dict(classes=('wall', 'sky')),"
    )
    known = read(own=ADE).left_out
    assert [line for line in read(own=changed).left_out if line not in known] == [
        "masks: annotations/mine; the format ade20k says them",
        "classes: ['wall', 'sky']; the format ade20k says them",
    ]


@pytest.mark.parametrize(
    ("train", "named"),
    [
        (
            """dict(**voc, img_dir='JPEGImages', ann_dir=['SegmentationClass', 'SegmentationClassAug'],
                    split=['ImageSets/Segmentation/train.txt', 'ImageSets/Segmentation/aug.txt'])""",
            ["ann_dir", "split"],
        ),
        ("[dict(**voc, split='ImageSets/Segmentation/train.txt'), voc]", ["a list"]),
        (
            "dict(type='RepeatDataset', dataset=[dict(**voc, split='ImageSets/Segmentation/train.txt'), voc])",
            ["RepeatDataset", "a list"],
        ),
    ],
    ids=["lists of folders", "a list of datasets", "a list that is repeated"],
)
def test_of_datasets_that_are_joined_by_a_list_the_first_is_read_and_the_others_are_named(read, train, named):
    config = read(
        own=f"""
        voc = dict(type='PascalVOCDataset', data_root='VOC2012')
        data = dict(train={train}, val=dict(**voc, split='ImageSets/Segmentation/val.txt'))
    """
    )
    assert (config.root, config.splits) == ("VOC2012", ("train", "val"))
    assert [line.partition(":")[0] for line in config.left_out] == named


def test_a_ratio_alone_is_one_of_the_photo_s_own_size(read):
    own = OWN.replace("type='Resize', scale=(64, 48)", "type='Resize', img_scale=None, ratio_range=(0.5, 2.0)")
    assert (read(own=own).augment.resize, read(own=own).augment.scale[:2]) == (None, (0.5, 2.0))


@pytest.mark.parametrize(
    "line", ["train_dataloader['batch_size'] = 16", "data_root, extra = ('a', 'b')", "if True: pass"]
)
def test_a_statement_that_is_not_read_is_named_with_its_line(read, line):
    config = read(own=dedent(OWN) + line + "\n")
    assert any(f": {line.replace(': pass', ':')}" in one and "line" in one for one in config.left_out), config.left_out
    assert (config.batch_size, config.root) == (2, "data/roads")


def test_assignments_with_a_type_and_classes_in_a_file_are_read_as_what_they_are(read):
    own = OWN.replace("data_root = ", "data_root: str = ").replace("classes=('ground', 'road')", "classes='names.txt'")
    config = read(own=own)
    assert config.root == "data/roads"
    assert any("names.txt" in line and "legend=" in line for line in config.left_out)


def test_nothing_is_executed_and_no_file_elsewhere_is_read(read, tmp_path):
    mark = tmp_path / "mark"
    config = read(own=f"import os\nos.mkdir({str(mark)!r})\nx = __import__('os').mkdir({str(mark)!r})\n" + dedent(OWN))
    assert config.root == "data/roads"
    assert not mark.exists()
    (tmp_path / "secret.py").write_text("data_root = 'x'")
    for base, word in {
        "../../secret.py": "outside",
        "/etc/passwd": "outside",
        "mmseg::_base_/x.py": "_base_",
        "https://example.org/x.py": "_base_",
        "./own.py": "based on itself",
        "./absent.py": "absent.py",
    }.items():
        with pytest.raises(DescriptionError, match=word):
            read(**{"net/own": f"_base_ = {base!r}\n" + dedent(OWN)})


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x = (", "not Python"),
        ("(" * 2000, "not Python"),
        ("model = dict(type='A')", "no train dataset"),
        (OWN.replace("'data/roads'", "os.environ['ROOT']"), "os.environ"),
        (OWN.replace("ann_dir/val", "ann_dir/validation"), "same names"),
        (OWN.replace("img_dir/val", "img_dir/other/val"), "one folder"),
    ],
)
def test_what_cannot_be_told_is_an_error_with_a_name(read, text, word):
    with pytest.raises(DescriptionError, match=word):
        read(own=text)
