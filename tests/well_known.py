"""Small stand-ins of well-known datasets, in the layout that each one's documentation shows.

What masks store and what it means is written down here a second time, apart from the descriptions.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

HEIGHT = 3  # px
Stored = int | tuple[int, int, int]
Samples = Mapping[str, tuple[str, str]]  # key -> photo and mask; the mask is "" if there is none


@dataclass(frozen=True)
class StandIn:
    """A dataset to be written.

    Attributes:
        splits: the files of each split.
        means: stored value -> class, or None for void; the columns of every mask.
        texts: other files.
        others: pictures that belong to no sample.
        palette: colours of palette masks; masks are gray, or RGB if the stored values are colours, without any.
    """

    splits: Mapping[str, Samples]
    means: Mapping[Stored, str | None]
    texts: Mapping[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    palette: tuple[int, ...] = ()

    def write(self, root: Path) -> Path:
        number = 0
        for samples in self.splits.values():
            for photo, mask in samples.values():
                number += 1
                self._photo(root / photo, number)
                if mask:
                    self._mask(root / mask)
        for name in self.others:
            self._mask(root / name)
        for name, text in self.texts.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return root

    def read(self, path: Path) -> list[list[str | None]]:
        """Read a mask with Pillow and the table of this stand-in: the class of each pixel."""
        with Image.open(path) as picture:
            stored: npt.NDArray[np.uint8] = np.asarray(picture)
        if stored.ndim == 2:
            return [[self.means[int(value)] for value in row] for row in stored]
        return [[self.means[(int(r), int(g), int(b))] for r, g, b in row] for row in stored]

    def _photo(self, path: Path, number: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (len(self.means), HEIGHT), (number, 2 * number, 3 * number)).save(path)

    def _mask(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = np.array([list(self.means)] * HEIGHT, np.uint8)
        picture = Image.fromarray(columns)
        if self.palette:
            picture.putpalette(self.palette)
        picture.save(path)


def _numbered(names: str, first: int = 0) -> dict[Stored, str | None]:
    return dict(enumerate(names.split(", "), first))


def _pairs(photo: str, mask: str, *keys: str) -> Samples:
    return {key: (photo.format(key), mask.format(key)) for key in keys}


CITYSCAPES = _numbered(
    "road, sidewalk, building, wall, fence, pole, traffic light, traffic sign, vegetation, terrain, sky, person, "
    "rider, car, truck, bus, train, motorcycle, bicycle"
) | {255: None}
CONTEXT = _numbered(
    "aeroplane, bag, bed, bedclothes, bench, bicycle, bird, boat, book, bottle, building, bus, cabinet, car, cat, "
    "ceiling, chair, cloth, computer, cow, cup, curtain, dog, door, fence, floor, flower, food, grass, ground, horse, "
    "keyboard, light, motorbike, mountain, mouse, person, plate, platform, pottedplant, road, rock, sheep, shelves, "
    "sidewalk, sign, sky, snow, sofa, table, track, train, tree, truck, tvmonitor, wall, water, window, wood",
    1,
) | {0: None}
LIP = _numbered(
    "Background, Hat, Hair, Glove, Sunglasses, UpperClothes, Dress, Coat, Socks, Pants, Jumpsuits, Scarf, Skirt, Face, "
    "Left-arm, Right-arm, Left-leg, Right-leg, Left-shoe, Right-shoe"
)
ISPRS: dict[Stored, str | None] = {
    (255, 255, 255): "impervious surfaces",
    (0, 0, 255): "building",
    (0, 255, 255): "low vegetation",
    (0, 255, 0): "tree",
    (255, 255, 0): "car",
    (255, 0, 0): "clutter/background",
}
BLACK_AND_WHITE = (0, 0, 0, 255, 255, 255)

STAND_INS = {
    "oxford_pet": StandIn(
        {
            "trainval": _pairs("images/{}.jpg", "annotations/trimaps/{}.png", "Abyssinian_1", "pug_17"),
            "test": _pairs("images/{}.jpg", "annotations/trimaps/{}.png", "great_pyrenees_2"),
        },
        {1: "pet", 2: "background", 3: None},
        {
            "annotations/trainval.txt": "Abyssinian_1 1 1 1\npug_17 26 2 17\n",
            "annotations/test.txt": "great_pyrenees_2 16 2 11\n",
            "annotations/list.txt": "#Image CLASS-ID SPECIES BREED ID\nAbyssinian_1 1 1 1\n",
            "annotations/xmls/pug_17.xml": "<annotation/>",
        },
        others=("annotations/trimaps/._pug_17.png",),
    ),
    "bdd100k": StandIn(
        {
            "train": _pairs("images/10k/train/{}.jpg", "labels/sem_seg/masks/train/{}.png", "0a0a-1", "0b-2"),
            "val": _pairs("images/10k/val/{}.jpg", "labels/sem_seg/masks/val/{}.png", "7d06-0"),
            "test": {"ac-1": ("images/10k/test/ac-1.jpg", "")},
        },
        CITYSCAPES,
        others=("labels/sem_seg/colormaps/train/0b-2.png",),
    ),
    "deepglobe": StandIn(
        {
            "train": _pairs("train/{}_sat.jpg", "train/{}_mask.png", "119", "855"),
            "valid": {"2334": ("valid/2334_sat.jpg", "")},
            "test": {"10452": ("test/10452_sat.jpg", "")},
        },
        {
            (0, 255, 255): "urban_land",
            (255, 255, 0): "agriculture_land",
            (255, 0, 255): "rangeland",
            (0, 255, 0): "forest_land",
            (0, 0, 255): "water",
            (255, 255, 255): "barren_land",
            (0, 0, 0): None,
        },
        {"metadata.csv": "image_id,split,sat_image_path,mask_path\n"},
    ),
    "loveda": StandIn(
        {
            "train": {
                **_pairs("Train/Rural/images_png/{}.png", "Train/Rural/masks_png/{}.png", "0", "1"),
                **_pairs("Train/Urban/images_png/{}.png", "Train/Urban/masks_png/{}.png", "1366"),
            },
            "val": _pairs("Val/Urban/images_png/{}.png", "Val/Urban/masks_png/{}.png", "3514"),
            "test": {"4191": ("Test/Rural/images_png/4191.png", "")},
        },
        _numbered("background, building, road, water, barren, forest, agriculture", 1) | {0: None},
    ),
    "isic2018": StandIn(
        {
            "train": _pairs(
                "ISIC2018_Task1-2_Training_Input/{}.jpg",
                "ISIC2018_Task1_Training_GroundTruth/{}_segmentation.png",
                "ISIC_0000000",
                "ISIC_0000001",
            ),
            "val": {"ISIC_0012255": ("ISIC2018_Task1-2_Validation_Input/ISIC_0012255.jpg", "")},
            "test": {"ISIC_0012169": ("ISIC2018_Task1-2_Test_Input/ISIC_0012169.jpg", "")},
        },
        {0: "background", 255: "lesion"},
        {"ISIC2018_Task1-2_Training_Input/ATTRIBUTION.txt": "ISIC"},
    ),
    "isic2017": StandIn(
        {
            "train": _pairs(
                "ISIC-2017_Training_Data/{}.jpg",
                "ISIC-2017_Training_Part1_GroundTruth/{}_segmentation.png",
                "ISIC_0000000",
            ),
            "val": {"ISIC_0001769": ("ISIC-2017_Validation_Data/ISIC_0001769.jpg", "")},
            "test": _pairs(
                "ISIC-2017_Test_v2_Data/{}.jpg",
                "ISIC-2017_Test_v2_Part1_GroundTruth/{}_segmentation.png",
                "ISIC_0012086",
            ),
        },
        {0: "background", 255: "lesion"},
        {"ISIC-2017_Training_Part3_GroundTruth.csv": "image_id,melanoma\n"},
        others=("ISIC-2017_Training_Data/ISIC_0000000_superpixels.png",),
    ),
    "isic2016": StandIn(
        {
            split: _pairs(
                f"ISBI2016_ISIC_Part1_{folder}_Data/{{}}.jpg",
                f"ISBI2016_ISIC_Part1_{folder}_GroundTruth/{{}}_Segmentation.png",
                f"ISIC_000000{number}",
            )
            for number, (split, folder) in enumerate((("train", "Training"), ("test", "Test")))
        },
        {0: "background", 255: "lesion"},
    ),
    "hrf": StandIn(
        {"all": {key: (f"images/{key}.JPG", f"manual1/{key}.tif") for key in ("01_dr", "02_g", "03_h")}},
        {0: "background", 255: "vessel"},
        others=("mask/01_dr_mask.tif", "mask/02_g_mask.tif", "mask/03_h_mask.tif"),
    ),
    "pascal_context": StandIn(
        {
            "train": _pairs("JPEGImages/{}.jpg", "SegmentationClassContext/{}.png", "2008_000002", "2008_000003"),
            "val": _pairs("JPEGImages/{}.jpg", "SegmentationClassContext/{}.png", "2008_000009"),
        },
        CONTEXT,
        {
            "ImageSets/SegmentationContext/train.txt": "2008_000002\n2008_000003\n",
            "ImageSets/SegmentationContext/val.txt": "2008_000009\n",
        },
        others=("JPEGImages/2010_006086.jpg",),
    ),
    "lip": StandIn(
        {
            split: _pairs(
                f"TrainVal_images/{split}_images/{{}}.jpg",
                f"TrainVal_parsing_annotations/{split}_segmentations/{{}}.png",
                f"{number}_1234574",
            )
            for split, number in (("train", 1000), ("val", 2000))
        },
        LIP,
        {"TrainVal_images/train_id.txt": "1000_1234574\n"},
        others=("TrainVal_parsing_annotations/train_segmentations_reversed/1000_1234574.png",),
    ),
    "suim": StandIn(
        {
            "trainval": _pairs("train_val/images/{}.jpg", "train_val/masks/{}.bmp", "d_r_1_", "w_r_24_"),
            "test": _pairs("TEST/images/{}.jpg", "TEST/masks/{}.bmp", "d_r_47_"),
        },
        {
            (0, 0, 0): "background (waterbody)",
            (0, 0, 255): "human divers",
            (0, 255, 0): "aquatic plants and sea-grass",
            (0, 255, 255): "wrecks and ruins",
            (255, 0, 0): "robots and instruments",
            (255, 0, 255): "reefs and invertebrates",
            (255, 255, 0): "fish and vertebrates",
            (255, 255, 255): "sea-floor and rocks",
        },
        others=("TEST/masks/RO/d_r_47_.bmp", "TEST/masks/HD/d_r_47_.bmp"),
    ),
    "kvasir_seg": StandIn(
        {"all": _pairs("images/{}.jpg", "masks/{}.jpg", "cju0qkwl35piu0993l0dewei2", "cju0qoxqj9q6s0835b43399p4")},
        {0: "background", 255: "polyp"},
        {"kavsir_bboxes.json": "{}"},
    ),
    "drive": StandIn(
        {
            "train": _pairs("training/images/{}_training.tif", "training/1st_manual/{}_manual1.gif", "21", "22"),
            "test": _pairs("test/images/{}_test.tif", "test/1st_manual/{}_manual1.gif", "01"),
        },
        {0: "background", 1: "vessel"},
        others=("training/mask/21_training_mask.gif", "test/mask/01_test_mask.gif", "test/2nd_manual/01_manual2.gif"),
        palette=BLACK_AND_WHITE,
    ),
    "chase_db1": StandIn(
        {
            "all": {
                key: (f"Image_{key}.jpg", f"Image_{key}_1stHO.png")
                for key in ("01L", "01R", "02L", "02R", "03L", "14R")
            }
        },
        {0: "background", 255: "vessel"},
        others=("Image_01L_2ndHO.png", "Image_01R_2ndHO.png"),
    ),
    "carvana": StandIn(
        {
            "train": _pairs("train/{}.jpg", "train_masks/{}_mask.gif", "0cdf5b5d0ce1_01", "0cdf5b5d0ce1_02"),
            "test": {"0004d4463b50_01": ("test/0004d4463b50_01.jpg", "")},
        },
        {0: "background", 1: "car"},
        {"train_masks.csv": "img,rle_mask\n"},
        palette=BLACK_AND_WHITE,
    ),
    "inria": StandIn(
        {
            "train": _pairs("train/images/{}.tif", "train/gt/{}.tif", "austin1", "tyrol-w36"),
            "test": {"bellingham1": ("test/images/bellingham1.tif", "")},
        },
        {0: "not building", 255: "building"},
    ),
    "potsdam": StandIn(
        {"all": _pairs("2_Ortho_RGB/top_potsdam_{}_RGB.tif", "5_Labels_all/top_potsdam_{}_label.tif", "2_10", "6_7")},
        {**ISPRS, (252, 255, 0): "car"},
        {"2_Ortho_RGB/top_potsdam_2_10_RGB.tfw": "0.05\n"},
        others=(
            "5_Labels_all_noBoundary/top_potsdam_2_10_label_noBoundary.tif",
            "3_Ortho_IRRG/top_potsdam_2_10_IRRG.tif",
        ),
    ),
    "vaihingen": StandIn(
        {
            "all": _pairs(
                "top/top_mosaic_09cm_area{}.tif", "gts_for_participants/top_mosaic_09cm_area{}.tif", "1", "11", "37"
            )
        },
        ISPRS,
        others=("top/top_mosaic_09cm_area2.tif", "dsm/dsm_09cm_matching_area1.tif"),
    ),
    "foodseg103": StandIn(
        {
            "train": _pairs("Images/img_dir/train/{}.jpg", "Images/ann_dir/train/{}.png", "00000000", "00000002"),
            "test": _pairs("Images/img_dir/test/{}.jpg", "Images/ann_dir/test/{}.png", "00000048"),
        },
        {
            0: "background",
            1: "candy",
            2: "egg tart",
            24: "egg",
            48: "chicken duck",
            62: "hanamaki baozi",
            88: "celery stick",
            96: "French beans",
            102: "salad",
            103: "other ingredients",
        },
        {"category_id.txt": "0\tbackground\n", "ImageSets/train.txt": "00000000\n00000002\n"},
    ),
    "cvat_cityscapes": StandIn(
        {
            "default": _pairs(
                "imgsFine/leftImg8bit/default/{}_leftImg8bit.png", "gtFine/default/{}_gtFine_labelIds.png", "f1", "f2"
            ),
            "Train": _pairs(
                "imgsFine/leftImg8bit/Train/{}_leftImg8bit.png", "gtFine/Train/{}_gtFine_labelIds.png", "farm/f3"
            ),
        },
        {0: "background", 1: "leaf", 2: "stem"},
        {"label_colors.txt": "0 0 0 background\n10 20 30 leaf\n200 0 0 stem\n"},
        others=("gtFine/default/f1_gtFine_color.png", "gtFine/default/f1_gtFine_instanceIds.png"),
    ),
    "cvat_camvid": StandIn(
        {
            "default": _pairs("default/{}.jpg", "defaultannot/{}.png", "f1", "f2"),
            "Validation": _pairs("Validation/{}.png", "Validationannot/{}.png", "f3"),
        },
        {(0, 0, 0): "background", (10, 20, 30): "leaf", (200, 0, 0): "stem"},
        {
            "label_colors.txt": "0 0 0 background\n10 20 30 leaf\n200 0 0 stem\n",
            "default.txt": "/default/f1.jpg defaultannot/f1.png\n/default/f2.jpg defaultannot/f2.png\n",
            "Validation.txt": "/Validation/f3.png Validationannot/f3.png\n",
        },
    ),
    "paddleseg": StandIn(
        {
            "train": _pairs("images/{}.jpg", "labels/{}.png", "a", "b"),
            "val": _pairs("images/{}.jpg", "labels/{}.png", "c"),
        },
        {0: "bg", 1: "road", 2: "tree"},
        {
            "train.txt": "images/a.jpg labels/a.png\nimages/b.jpg labels/b.png\n",
            "val.txt": "images/c.jpg labels/c.png\n",
            "class_names.txt": "bg\nroad\ntree\n",
        },
    ),
    "paddlex": StandIn(
        {
            "train": _pairs("JPEGImages/{}.jpg", "Annotations/{}.png", "1", "2"),
            "val": _pairs("JPEGImages/{}.jpg", "Annotations/{}.png", "3"),
        },
        {0: "background", 1: "human"},
        {
            "train_list.txt": "JPEGImages/1.jpg Annotations/1.png\nJPEGImages/2.jpg Annotations/2.png\n",
            "val_list.txt": "JPEGImages/3.jpg Annotations/3.png\n",
            "class_names.txt": "background\nhuman\n",
        },
    ),
    "supervisely": StandIn(
        {
            "ds0": _pairs("ds0/img/{}.jpg", "ds0/masks_machine/{}.png", "p1", "p2"),
            "ds1": _pairs("ds1/img/{}.png", "ds1/masks_machine/{}.png", "p1"),
        },
        {0: "background", 1: "road", 2: "tree"},
        {
            "obj_class_to_machine_color.json": json.dumps({"road": [1, 1, 1], "tree": [2, 2, 2]}),
            "meta.json": "{}",
            "ds0/ann/p1.jpg.json": "{}",
        },
        others=("ds0/masks_human/p1.png",),
    ),
    "ade20k": StandIn(
        {
            split: _pairs(f"images/{folder}/{{}}.jpg", f"annotations/{folder}/{{}}.png", f"ADE_{split}_00000001")
            for split, folder in (("train", "training"), ("val", "validation"))
        },
        {0: None, 1: "wall", 2: "building", 13: "person", 21: "car", 150: "flag"},
        {"sceneCategories.txt": "ADE_train_00000001 airport_terminal\n"},
        others=("annotations/training/preview.png",),
    ),
    "cityscapes": StandIn(
        {
            split: _pairs(
                f"leftImg8bit/{split}/{city}/{{}}_leftImg8bit.png",
                f"gtFine/{split}/{city}/{{}}_gtFine_labelIds.png",
                f"{city}_000000_000019",
                f"{city}_000001_000019",
            )
            for split, city in (("train", "aachen"), ("val", "munster"))
        }
        | {"test": {"berlin_0_1": ("leftImg8bit/test/berlin/berlin_0_1_leftImg8bit.png", "")}},
        {0: None, 7: "road", 8: "sidewalk", 26: "car", 29: None, 31: "train", 33: "bicycle"},
        others=(
            "gtFine/train/aachen/aachen_000000_000019_gtFine_instanceIds.png",
            "gtFine/train/aachen/aachen_000000_000019_gtFine_labelTrainIds.png",
        ),
    ),
    "kitti": StandIn(
        {
            "train": _pairs("training/image_2/{}.png", "training/semantic/{}.png", "000000_10", "000001_10"),
            "test": {"000000_10": ("testing/image_2/000000_10.png", "")},
        },
        {0: None, 7: "road", 26: "car", 33: "bicycle"},
        others=("training/semantic_rgb/000000_10.png", "training/image_2/000000_11.png"),
    ),
    "vistas": StandIn(
        {
            split: _pairs(f"{folder}/images/{{}}.jpg", f"{folder}/v1.2/labels/{{}}.png", "aZ09_-x")
            for split, folder in (("train", "training"), ("val", "validation"))
        },
        {0: "animal--bird", 1: "construction--flat--road", 2: None},
        {
            "config_v1.2.json": json.dumps(
                {
                    "labels": [
                        {"name": "animal--bird", "color": [165, 42, 42], "evaluate": True},
                        {"name": "construction--flat--road", "color": [128, 64, 128], "evaluate": True},
                        {"name": "void--unlabeled", "color": [0, 0, 0], "evaluate": False},
                    ]
                }
            )
        },
        others=("training/v1.2/instances/aZ09_-x.png",),
        palette=(165, 42, 42, 128, 64, 128, 0, 0, 0),
    ),
    "coco_stuff": StandIn(
        {
            f"{split}2017": _pairs(
                f"images/{split}2017/{{}}.jpg", f"annotations/{split}2017/{{}}.png", f"00000000000{number}"
            )
            for split, number in (("train", 9), ("val", 4))
        },
        {0: "person", 1: "bicycle", 10: "fire hydrant", 12: "stop sign", 181: "wood", 255: None},
        {"annotations/instances_train2017.json": "{}"},
        others=("annotations/train2017/000000000009_labelTrainIds.png",),
    ),
    "dsb2018": StandIn(
        {
            "train": {
                key: (f"stage1_train/{key}/images/{key}.png", f"stage1_train/{key}/masks/{key}1.png")
                for key in ("00ae65", "0121d6")
            },
            "test": {"0114f4": ("stage1_test/0114f4/images/0114f4.png", "")},
        },
        {0: "background", 255: "nucleus"},
        {"stage1_train_labels.csv": "ImageId,EncodedPixels\n"},
    ),
    "keras_prepped": StandIn(
        {
            "train": _pairs("images_prepped_train/{}.png", "annotations_prepped_train/{}.png", "0001TP_1", "0001TP_2"),
            "test": _pairs("images_prepped_test/{}.png", "annotations_prepped_test/{}.png", "0016E5_1"),
        },
        {0: "sky", 1: "building", 2: "pole"},
        {"class_names.txt": "sky\nbuilding\npole\n"},
    ),
}

NOT_DESCRIBED = {  # what the formats that are code read: names alone decide, so the files are empty
    "voc": ("JPEGImages/a.jpg", "SegmentationClass/a.png", "ImageSets/Segmentation/train.txt", "Annotations/a.xml"),
    "voc of CVAT": (
        "JPEGImages/a.jpg",
        "SegmentationClass/a.png",
        "ImageSets/Segmentation/default.txt",
        "labelmap.txt",
    ),
    "labelme": ("JPEGImages/a.jpg", "SegmentationClassPNG/a.png", "class_names.txt"),
    "roboflow": ("train/a_jpg.rf.1a.jpg", "train/a_jpg.rf.1a_mask.png", "train/_classes.csv"),
    "camvid": (
        "train.txt",
        "train/1.png",
        "trainannot/1.png",
        "label_colors.txt",
        "default/2.png",
        "defaultannot/2.png",
    ),
    "columns": ("data/train-00000-of-00001.parquet",),
    "folders": ("images/a.jpg", "masks/a.png", "train.txt", "val.txt", "label_colors.txt"),
    "folders of splits": ("train/images/a.tif", "train/gt/a.tif", "test/images/b.tif", "class_dict.csv"),
    "folders beside folders": ("train/a.jpg", "train_labels/a_L.png", "class_dict.csv"),
    "mmsegmentation": ("img_dir/train/a.jpg", "ann_dir/train/a.png"),
    "mmsegmentation's training": ("images/training/a.jpg", "annotations/training/a.png"),
    "yolo of COCO": ("images/train2017/000000000009.jpg", "labels/train2017/000000000009.txt"),
    "ADE20K, full": ("images/ADE/training/street/ADE_train_1.jpg", "images/ADE/training/street/ADE_train_1_seg.png"),
    "one mask an object": ("id1/images/id1.png", "id1/masks/n1.png", "id1/masks/n2.png"),
    "yolo": ("data.yaml", "train/images/a.jpg", "train/labels/a.txt"),
    "coco": ("annotations/instances_train2017.json", "train2017/000000000009.jpg"),
    "photos alone": ("train/a.jpg", "test/b.jpg"),
}
