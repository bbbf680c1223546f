"""Legends of public datasets: the classes that their documentation numbers, with the colours that it draws them in.

A legend numbers classes as the dataset's benchmark does; `indices` are the values that its masks store.

>>> CITYSCAPES.names[:2], CITYSCAPES.indices[:2]
(('road', 'sidewalk'), (7, 8))
"""

from segfeed.pixels.legend import Legend


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _colours(text: str) -> tuple[tuple[int, int, int], ...]:
    return tuple((int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)) for code in text.split())


VOC = Legend(
    (
        "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
        "diningtable", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train", "tv/monitor",
    ),
    void_indices=(255,),
    title="voc2012",
    reading="colour",
)  # fmt: skip
"""The 21 classes of PASCAL VOC with their palette; colour (224, 224, 192), index 255, is void."""

_ADE20K_NAMES = """
    wall, building, sky, floor, tree, ceiling, road, bed, windowpane, grass, cabinet, sidewalk, person, earth, door,
    table, mountain, plant, curtain, chair, car, water, painting, sofa, shelf, house, sea, mirror, rug, field,
    armchair, seat, fence, desk, rock, wardrobe, lamp, bathtub, railing, cushion, base, box, column, signboard,
    chest of drawers, counter, sand, sink, skyscraper, fireplace, refrigerator, grandstand, path, stairs, runway,
    case, pool table, pillow, screen door, stairway, river, bridge, bookcase, blind, coffee table, toilet, flower,
    book, hill, bench, countertop, stove, palm, kitchen island, computer, swivel chair, boat, bar, arcade machine,
    hovel, bus, towel, light, truck, tower, chandelier, awning, streetlight, booth, television, airplane,
    dirt track, apparel, pole, land, bannister, escalator, ottoman, bottle, buffet, poster, stage, van, ship,
    fountain, conveyer belt, canopy, washer, plaything, swimming pool, stool, barrel, basket, waterfall, tent, bag,
    minibike, cradle, oven, ball, food, step, tank, trade name, microwave, pot, animal, bicycle, lake, dishwasher,
    screen, blanket, sculpture, hood, sconce, vase, traffic light, tray, ashcan, fan, pier, crt screen, plate,
    monitor, bulletin board, shower, radiator, glass, clock, flag
"""
_ADE20K_COLOURS = """
    787878 b47878 06e6e6 503232 04c803 787850 8c8c8c cc05ff e6e6e6 04fa07 e005ff ebff07 96053d 787846 08ff33 ff0652
    8fff8c ccff04 ff3307 cc4603 0066c8 3de6fa ff0633 0b66ff ff0747 ff09e0 0907e6 dcdcdc ff095c 7009ff 08ffd6 07ffe0
    ffb806 0aff47 ff290a 07ffff e0ff08 6608ff ff3d06 ffc207 ff7a08 00ff14 ff0829 ff0599 0633ff eb0cff a09614 00a3ff
    8c8ca0 fa0a0f 14ff00 1fff00 ff1f00 ffe000 99ff00 0000ff ff4700 00ebff 00adff 1f00ff 0bc8c8 ff5200 00fff5 003dff
    00ff70 00ff85 ff0000 ffa300 ff6600 c2ff00 008fff 33ff00 0052ff 00ff29 00ffad 0a00ff adff00 00ff99 ff5c00 ff00ff
    ff00f5 ff0066 ffad00 ff0014 ffb8b8 001fff 00ff3d 0047ff ff00cc 00ffc2 00ff52 000aff 0070ff 3300ff 00c2ff 007aff
    00ffa3 ff9900 00ff0a ff7000 8fff00 5200ff a3ff00 ffeb00 08b8aa 8500ff 00ff5c b800ff ff001f 00b8ff 00d6ff ff0070
    5cff00 00e0ff 70e0ff 46b8a0 a300ff 9900ff 47ff00 ff00a3 ffcc00 ff008f 00ffeb 85ff00 ff00eb f500ff ff007a fff500
    0abed4 d6ff00 00ccff 1400ff ffff00 0099ff 0029ff 00ffcc 2900ff 29ff00 ad00ff 00f5ff 4700ff 7a00ff 00ffb8 005cff
    b8ff00 0085ff ffd600 19c2c2 66ff00 5c00ff
"""

ADE20K = Legend(
    _names(_ADE20K_NAMES), _colours(_ADE20K_COLOURS), indices=tuple(range(1, 151)), void_indices=(0,), title="ade20k"
)
"""The 150 classes of MIT's scene parsing benchmark; masks store 1 to 150, and 0 if nothing of these was labelled.

In its palette, road and skyscraper have the same gray; here skyscraper is (140, 140, 160).

Source: objectInfo150.txt (first names) and visualizationCode/color150.mat of github.com/CSAILVision/sceneparsing.
"""

_CITYSCAPES = (
    (7, "road", (128, 64, 128)),
    (8, "sidewalk", (244, 35, 232)),
    (11, "building", (70, 70, 70)),
    (12, "wall", (102, 102, 156)),
    (13, "fence", (190, 153, 153)),
    (17, "pole", (153, 153, 153)),
    (19, "traffic light", (250, 170, 30)),
    (20, "traffic sign", (220, 220, 0)),
    (21, "vegetation", (107, 142, 35)),
    (22, "terrain", (152, 251, 152)),
    (23, "sky", (70, 130, 180)),
    (24, "person", (220, 20, 60)),
    (25, "rider", (255, 0, 0)),
    (26, "car", (0, 0, 142)),
    (27, "truck", (0, 0, 70)),
    (28, "bus", (0, 60, 100)),
    (31, "train", (0, 80, 100)),
    (32, "motorcycle", (0, 0, 230)),
    (33, "bicycle", (119, 11, 32)),
)
_CITYSCAPES_VOID = (
    (0, 0, 0), (111, 74, 0), (81, 0, 81), (250, 170, 160), (230, 150, 140), (180, 165, 180), (150, 100, 100),
    (150, 120, 90), (0, 0, 90), (0, 0, 110),
)  # fmt: skip

CITYSCAPES = Legend(
    tuple(name for _, name, _ in _CITYSCAPES),
    tuple(colour for _, _, colour in _CITYSCAPES),
    void_colours=_CITYSCAPES_VOID,
    indices=tuple(label for label, _, _ in _CITYSCAPES),
    # Every other label of 0 to 33 is ignored in evaluation; -1, a license plate, is 255 in an 8-bit file.
    void_indices=(0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30, 255),
    title="cityscapes",
)
"""The 19 classes of Cityscapes' benchmark, read from its labelIds (KITTI's semantic masks hold the same ids).

Source: cityscapesscripts/helpers/labels.py of github.com/mcordts/cityscapesScripts (id, trainId, ignoreInEval, color).
"""

CITYSCAPES_TRAIN_IDS = Legend(
    CITYSCAPES.names, CITYSCAPES.colours, _CITYSCAPES_VOID, void_indices=(255,), title="cityscapes trainIds"
)
"""The same 19 classes, read from masks that hold the benchmark's own numbers 0 to 18, and 255 for void."""

_COCO_STUFF_NAMES = """
    person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, street sign,
    stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, hat,
    backpack, umbrella, shoe, eye glasses, handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite,
    baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, plate, wine glass, cup, fork, knife,
    spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, couch,
    potted plant, bed, mirror, dining table, window, desk, toilet, door, tv, laptop, mouse, remote, keyboard,
    cell phone, microwave, oven, toaster, sink, refrigerator, blender, book, clock, vase, scissors, teddy bear,
    hair drier, toothbrush, hair brush, banner, blanket, branch, bridge, building-other, bush, cabinet, cage,
    cardboard, carpet, ceiling-other, ceiling-tile, cloth, clothes, clouds, counter, cupboard, curtain, desk-stuff,
    dirt, door-stuff, fence, floor-marble, floor-other, floor-stone, floor-tile, floor-wood, flower, fog,
    food-other, fruit, furniture-other, grass, gravel, ground-other, hill, house, leaves, light, mat, metal,
    mirror-stuff, moss, mountain, mud, napkin, net, paper, pavement, pillow, plant-other, plastic, platform,
    playingfield, railing, railroad, river, road, rock, roof, rug, salad, sand, sea, shelf, sky-other, skyscraper,
    snow, solid-other, stairs, stone, straw, structural-other, table, tent, textile-other, towel, tree, vegetable,
    wall-brick, wall-concrete, wall-other, wall-panel, wall-stone, wall-tile, wall-wood, water-other, waterdrops,
    window-blind, window-other, wood
"""
_COCO_STUFF_UNUSED = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91)
_COCO_STUFF = {
    label: name for label, name in enumerate(_names(_COCO_STUFF_NAMES), 1) if label not in _COCO_STUFF_UNUSED
}

COCO_STUFF = Legend(
    tuple(_COCO_STUFF.values()),
    indices=tuple(label - 1 for label in _COCO_STUFF),
    void_indices=(255,),
    title="coco-stuff",
)
"""The 171 classes of COCO-Stuff, 80 things and 91 stuff; masks store the label minus 1 (0 to 181), and 255 for void.

Eleven of its 182 labels have no annotation anywhere and are left out. It has no palette of its own; VOC's goes on.

Source: labels.txt and README.md ("Caffe-compatible stuff-thing maps", "Labels") of github.com/nightrome/cocostuff.
"""

COCO_STUFF_TRAIN_IDS = Legend(COCO_STUFF.names, void_indices=(255,), title="coco-stuff trainIds")
"""The same 171 classes, read from masks that number them 0 to 170, as mmsegmentation's converters write them.

Source: tools/dataset_converters/coco_stuff164k.py (clsID_to_trID) of github.com/open-mmlab/mmsegmentation.
"""

PUBLIC_LEGENDS = {
    legend.title: legend for legend in (VOC, ADE20K, CITYSCAPES, CITYSCAPES_TRAIN_IDS, COCO_STUFF, COCO_STUFF_TRAIN_IDS)
}
"""The legends that a description may name by their titles."""
