"""Datasets that are known by their files and not read: why not, and what to do instead."""

from typing import NamedTuple

_MAKE_MASKS = (
    'export masks instead, such as CVAT\'s "Segmentation mask 1.1" or Roboflow\'s "Semantic Segmentation Masks", or '
    "draw them from the shapes, as labelme2voc.py does"
)
_WRITE_FILES = "write Parquet, or folders of files"


class Kind(NamedTuple):
    """A kind of dataset that is known and not read: a pattern of file names, what it is, what to do."""

    pattern: str
    reason: str
    remedy: str


UNREADABLE = (
    Kind(
        r"_seg\.png$",
        "this is the full ADE20K: 3,000 classes mixed with objects, named in a pickle, which segfeed does not open",
        "take the scene parsing release (ADEChallengeData2016), the same photos with 150 classes",
    ),
    Kind(
        r"(^|/)training/instance/[^/]+\.png$",
        "this is KITTI without class masks: training/instance holds 16-bit objects",
        "add training/semantic of data_semantics.zip",
    ),
    Kind(
        r"\.tfrecords?(-\d+-of-\d+)?(\.gz)?$", "this is a TFRecord dataset, which segfeed does not read", _WRITE_FILES
    ),
    Kind(
        r"\.mds(\.zstd|\.zst)?$", "these are MDS shards (MosaicML Streaming), which segfeed does not read", _WRITE_FILES
    ),
    Kind(r"(^|/)chunk-\d+-\d+\.bin$", "these are LitData chunks, which segfeed does not read", _WRITE_FILES),
    Kind(r"\.beton$", "this is an FFCV dataset, which segfeed does not read", _WRITE_FILES),
    Kind(
        r"(^|[-_/])\d{5,6}\.tar$",
        "these are WebDataset shards, which segfeed writes but does not read",
        "pass the dataset that they were made from, or export that as a VOC folder or as Parquet",
    ),
    Kind(r"(^|/)data\.mdb$", "this is an LMDB database, which segfeed does not read", _WRITE_FILES),
    Kind(r"\.(h5|hdf5)$", "these are HDF5 files, which segfeed does not read", _WRITE_FILES),
    Kind(r"\.npz$", "these are NumPy archives, which segfeed does not read", _WRITE_FILES),
    Kind(
        r"\.mat$",
        "its masks are MATLAB files, which segfeed does not read",
        "write the numbers that they hold as PNG (scipy.io.loadmat reads them)",
    ),
    Kind(
        r"\.(nii(\.gz)?|dcm|mha|nrrd)$",
        "these are medical volumes, which segfeed does not read",
        "write their slices as PNG",
    ),
)
"""Kinds that are told apart by their names alone."""

SHAPES = (
    Kind(
        r"\.geojson$",
        "its annotations are GeoJSON, but no FeatureCollection beside a GeoTIFF",
        "put the GeoTIFF beside a FeatureCollection in its coordinates (ogr2ogr writes one), or draw masks by "
        "rasterio.features.rasterize",
    ),
    Kind(
        r"(coco|createml)\.json$|(^|/)instances_[^/]+\.json$", "its annotations are JSON shapes, not masks", _MAKE_MASKS
    ),
    Kind(
        r"(^|/)data\.ya?ml$",
        "this is a YOLO dataset, whose YAML file lacks names, or train and val",
        "add them: names: [cat, dog], train: images/train, val: images/val",
    ),
    Kind(
        r"(^|/)labels/(.*/)?[^/]+\.txt$|(^|/)obj\.(names|data)$",
        "these seem to be YOLO's texts without its YAML file",
        "write data.yaml beside images and labels: names: [cat, dog], train: images/train, val: images/val",
    ),
    Kind(r"\.xml$", "its annotations are XML boxes or polygons, not masks", _MAKE_MASKS),
    Kind(r"\.json$", "it has JSON files, but no masks, and no annotations that segfeed knows", _MAKE_MASKS),
)
"""Kinds that have no masks, if none was seen."""


class Inside(NamedTuple):
    """A kind of file that is told by what is in it: its suffix, words that it holds all of, what it is, what to do."""

    suffix: str
    words: tuple[bytes, ...]
    reason: str
    remedy: str


_TWO_BYTES = b'"\0'  # how texts of UTF-16 go on after a quotation mark
_EXPORT_JSON = 'export "JSON" from Label Studio'
INSIDE = (
    Inside(".json", (_TWO_BYTES,), "is a text of UTF-16", "save it as UTF-8"),
    Inside(".xml", (_TWO_BYTES,), "is a text of UTF-16", "save it as UTF-8"),
    Inside(
        ".xml",
        (b"<annotations", b"<track "),
        "is CVAT for video, whose tracks stand for frames in between that are not in it",
        'export "CVAT for images 1.1", which has each frame',
    ),
    Inside(".csv", (b"region_shape_attributes",), "is the CSV of VIA", "export JSON from VIA"),
    Inside(".json", (b'"vid"', b'"xy"', b'"metadata"'), "is a project of VIA 3", "export it for COCO"),
    Inside(".json", (b'"completions"', b'"result"'), "is of a Label Studio before 1.0", _EXPORT_JSON),
    Inside(".json", (b'"task"', b'"result"'), "is one annotation in Label Studio's target storage", _EXPORT_JSON),
    Inside(".json", (b'"annotator"', b'"original_width"'), "is Label Studio's JSON-MIN", _EXPORT_JSON),
    Inside(
        ".json",
        (b'"predicted_iou"', b'"segmentation"'),
        "has masks without classes, as Segment Anything writes them",
        "write COCO's images, annotations and categories with them",
    ),
    Inside(
        ".json",
        (b'"score"', b'"category_id"', b'"image_id"'),
        "has results in COCO's form, which name neither photos nor classes",
        "join them with the images and categories of the annotations that they are of",
    ),
    Inside(
        ".json",
        (b'"images"', b'"annotations"', b'"segmentation"'),
        "has COCO's images and annotations, but no categories",
        'add "categories": [{"id": 1, "name": "cat"}]',
    ),
    Inside(".json", (b'"image"', b'"polygon"', b'"path"'), "is V7's Darwin JSON 1.0", "export Darwin JSON 2.0"),
)
"""Kinds that are told by words inside a file; the first that fits counts."""
