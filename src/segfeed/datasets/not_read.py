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
        "its annotations are GeoJSON, shapes in the coordinates of a map, not masks",
        "draw them as masks, such as by rasterio.features.rasterize with the photo's transform",
    ),
    Kind(
        r"(coco|createml)\.json$|(^|/)instances_[^/]+\.json$", "its annotations are JSON shapes, not masks", _MAKE_MASKS
    ),
    Kind(
        r"(^|/)data\.ya?ml$", "this is a YOLO dataset, whose annotations are boxes or polygons, not masks", _MAKE_MASKS
    ),
    Kind(r"\.xml$", "its annotations are XML boxes or polygons, not masks", _MAKE_MASKS),
    Kind(r"\.json$", "it has JSON files, but no masks that segfeed could find", _MAKE_MASKS),
)
"""Kinds that have no masks, if none was seen."""
