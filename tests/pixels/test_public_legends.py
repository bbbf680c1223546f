"""Legends of public datasets: counts and numbers that their documentation states."""

import csv

import numpy as np
import pytest

from segfeed.pixels.public_legends import ADE20K, CITYSCAPES, CITYSCAPES_TRAIN_IDS, COCO_STUFF


def test_counts_are_those_of_the_benchmarks():
    assert [len(legend) for legend in (ADE20K, CITYSCAPES, CITYSCAPES_TRAIN_IDS, COCO_STUFF)] == [150, 19, 19, 171]


@pytest.mark.parametrize("legend", [ADE20K, CITYSCAPES, CITYSCAPES_TRAIN_IDS, COCO_STUFF], ids=lambda one: one.title)
def test_every_index_that_is_stored_is_a_class_or_void(legend):
    stored = np.array([[*legend.indices, *legend.void_indices]], np.uint8)
    assert legend.encode(stored).tolist() == [[*range(len(legend)), *[255] * len(legend.void_indices)]]
    assert all(name == " ".join(name.split()) for name in legend.names)


def test_cityscapes_knows_all_of_its_34_ids():
    assert sorted(CITYSCAPES.indices + CITYSCAPES.void_indices) == [*range(34), 255]
    assert dict(zip(CITYSCAPES.names, CITYSCAPES.indices, strict=True))["bicycle"] == 33
    assert CITYSCAPES_TRAIN_IDS.names == CITYSCAPES.names


def test_coco_stuff_numbers_are_labels_minus_one():
    numbers = dict(zip(COCO_STUFF.names, COCO_STUFF.indices, strict=True))
    # labels.txt: 1 person, 13 stop sign, 90 toothbrush, 92 banner, 182 wood
    wanted = {"person": 0, "stop sign": 12, "toothbrush": 89, "banner": 91, "wood": 181}
    assert {name: numbers[name] for name in wanted} == wanted
    assert not {"street sign", "hat", "shoe", "eye glasses", "plate", "mirror", "desk", "blender"} & {*COCO_STUFF.names}


def test_ade20k_has_the_colours_of_its_toolkit():
    colours = dict(zip(ADE20K.names, ADE20K.colours, strict=True))
    assert colours["wall"] == (120, 120, 120)
    assert colours["road"] == (140, 140, 140)
    assert colours["flag"] == (92, 0, 255)


def test_ade20k_names_are_those_of_the_real_list(shared_data):
    with (shared_data / "exports" / "ade20k-sample" / "objectInfo150.csv").open() as file:
        listed = {int(row["Idx"]): row["Name"] for row in csv.DictReader(file)}
    for index, name in zip(ADE20K.indices, ADE20K.names, strict=True):
        assert f"{listed[index]};".startswith(f"{name.replace(' ', ';')};")
