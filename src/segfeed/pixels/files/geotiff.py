"""GeoTIFF: where on a map the pixels of a TIFF lie, as its own tags say.

Sources: OGC GeoTIFF Standard 1.1, "Requirements class TIFF", "Raster to Model Coordinate Transformation".
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segfeed.errors import PhotoError
from segfeed.pixels.files.tiff import read_tiff_tags

_SCALE, _TIEPOINTS, _MATRIX, _KEYS = 33550, 33922, 34264, 34735
_MODEL, _RASTER, _GEOGRAPHIC, _PROJECTED = 1024, 1025, 2048, 3072
_IS_POINT = 2
_USER_DEFINED = 32767


@dataclass(frozen=True, slots=True, eq=False)
class MapPlace:
    """Where pixels lie on a map.

    Attributes:
        epsg: the number of the coordinate reference system in the EPSG register; 0 if the file names none.
        matrix: float64 (2, 3): map x and y of (column, row, 1), in px from the left and upper edge of the picture.
    """

    epsg: int
    matrix: npt.NDArray[np.float64]

    def to_pixels(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Turn map coordinates (N, 2) into x and y in px."""
        with np.errstate(all="ignore"):  # what is beyond all numbers is refused as a point
            pixels: npt.NDArray[np.float64] = (points - self.matrix[:, 2]) @ np.linalg.inv(self.matrix[:, :2]).T
        return pixels


def read_map_place(data: bytes, name: str) -> MapPlace:
    """Read where the pixels of a GeoTIFF lie.

    Raises:
        PhotoError: if it is not a TIFF, or says nothing of maps, or only by control points.
    """
    tags = read_tiff_tags(data, name, PhotoError, {_SCALE, _TIEPOINTS, _MATRIX, _KEYS})
    keys = _read_keys(tags.get(_KEYS, ()))
    matrix = _read_matrix(tags)
    if matrix is None or not _has_inverse(matrix):
        found = "control points" if len(tags.get(_TIEPOINTS, ())) > 6 else "no place on a map"
        expected = "a GeoTIFF with ModelPixelScale and one ModelTiepoint, or with ModelTransformation"
        raise PhotoError(name, found=f"a TIFF with {found}", expected=expected, remedy="write it again with gdalwarp")
    if keys.get(_RASTER) == _IS_POINT:  # what is said of the first pixel is said of its centre
        matrix[:, 2] -= matrix[:, :2].sum(axis=1) / 2
    epsg = keys.get(_GEOGRAPHIC if keys.get(_MODEL) == 2 else _PROJECTED, 0)
    return MapPlace(0 if epsg == _USER_DEFINED else epsg, matrix)


def _read_matrix(tags: Mapping[int, tuple[float, ...]]) -> npt.NDArray[np.float64] | None:
    if len(given := tags.get(_MATRIX, ())) == 16:
        return np.array(given, np.float64).reshape(4, 4)[:2, [0, 1, 3]]
    scale, tie = tags.get(_SCALE, ()), tags.get(_TIEPOINTS, ())
    if len(scale) != 3 or len(tie) != 6:
        return None
    (right, down, _), (column, row, _, x, y, _) = scale, tie
    return np.array([[right, 0, x - column * right], [0, -down, y + row * down]])


def _has_inverse(matrix: npt.NDArray[np.float64]) -> bool:
    with np.errstate(all="ignore"):  # numbers near the largest that there are
        size = abs(np.linalg.det(matrix[:, :2]))
    return bool(np.isfinite(matrix).all() and 0 < size < np.inf)


def _read_keys(numbers: tuple[float, ...]) -> dict[int, int]:
    """Read the keys whose values stand in the directory itself."""
    rows = zip(*(numbers[start::4] for start in range(4, 8)), strict=False)
    return {int(key): int(value) for key, place, _, value in rows if place == 0 and np.isfinite((key, value)).all()}
