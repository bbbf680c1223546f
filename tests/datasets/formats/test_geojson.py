"""GeoJSON over GeoTIFF: what rasterio burnt, by pixels of any place on the map; and what is not clear, refused."""

import json

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

import segfeed
from segfeed.errors import MaskError, OptionError, PhotoError, SourceError
from segfeed.pixels.codec import decode_mask
from segfeed.pixels.files.geotiff import read_map_place

X, Y = 500_000.0, 4_000_000.0
SCALE, TIE = (2.0, 2.0, 0.0), (0.0, 0.0, 0.0, X, Y, 0.0)
PLACED = {33550: SCALE, 33922: TIE}


def put_tiff(path, tags=PLACED, *, size=(10, 8), epsg=32633, raster=1, geographic=False):
    """Write a GeoTIFF of 10 x 8 px of 2 m, whose upper left corner is (X, Y)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, values in tags.items():
        directory.tagtype[tag] = 12
        directory[tag] = values
    keys = [(1024, 2 if geographic else 1), (1025, raster), (2048 if geographic else 3072, epsg)]
    directory.tagtype[34735] = 3
    directory[34735] = (1, 1, 0, 3, *(number for key, value in keys for number in (key, 0, 1, value)))
    Image.new("RGB", size, (9, 9, 9)).save(path, tiffinfo=directory)
    return path


def square(left, top, right, bottom):
    """Return a ring of map coordinates by px."""
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return [[X + 2 * column, Y - 2 * row] for column, row in corners]


def feature(rings, label="house", kind="Polygon", **properties):
    geometry = None if rings is None else {"type": kind, "coordinates": rings}
    return {"type": "Feature", "properties": {"class": label, **properties}, "geometry": geometry}


def put_json(path, *features, crs="urn:ogc:def:crs:EPSG::32633"):
    described = {"type": "FeatureCollection", "features": features}
    if crs:
        described["crs"] = {"type": "name", "properties": {"name": crs}}
    path.write_text(json.dumps(described))
    return path


def labels_of(path, **options):
    return segfeed.scan(path, "all", **options).read(0).labels


TWO = (feature([square(0, 0, 3, 3)]), feature([square(6, 4, 8, 7)]))


def test_polygons_are_what_rasterio_burnt(shared_data):
    folder = shared_data / "vector/geojson/solaris_buildings"
    source = segfeed.scan(folder / "geotiff_labels.geojson", "all", class_property="building")
    assert source.legend.names == ("background", "yes")
    pixels = decode_mask(source.samples[0].mask.read()).pixels
    np.testing.assert_array_equal(pixels > 0, np.array(Image.open(folder / "truth_made/centre.png")) > 0)
    assert len(segfeed.scan(folder, "all", class_property="building")) == 1


def test_properties_that_may_be_the_class_are_named(shared_data):
    folder = shared_data / "vector/geojson"
    with pytest.raises(OptionError, match="building, tags, z_order, origlen, truncated may each be"):
        segfeed.scan(folder / "solaris_buildings", "all")
    with pytest.raises(OptionError, match=r"class_name, class_id may each be"):
        segfeed.scan(folder / "rastervision_scores/cc-label-full.json", "all")
    with pytest.raises(OptionError, match=r"feature 1 of .* has name = ''"):
        segfeed.scan(folder / "solaris_buildings", "all", class_property="name")


def test_whole_numbers_with_a_point_are_classes_if_they_are_named(tmp_path):
    put_tiff(tmp_path / "a.tif")
    path = put_json(tmp_path / "a.geojson", *(feature([square(0, 0, 3, 3)], label) for label in (1.0, 1, 2.0)))
    with pytest.raises(OptionError, match="none of class seems"):
        segfeed.scan(path, "all")
    assert segfeed.scan(path, "all", class_property="class").legend.names == ("background", "1", "2")
    put_json(path, feature([square(0, 0, 3, 3)], 1.5))
    with pytest.raises(OptionError, match=r"class = 1\.5"):
        segfeed.scan(path, "all", class_property="class")


def test_coordinates_of_another_system_are_refused_by_name(shared_data):
    path = shared_data / "vector/geojson/rastervision_scores/cc-label-full.json"
    with pytest.raises(MaskError) as caught:
        labels_of(path, class_property="class_name")
    assert "EPSG:4326 (no member crs, so longitude and latitude)" in caught.value.found
    assert "EPSG:32633" in caught.value.found
    assert "ogr2ogr -t_srs EPSG:32633" in caught.value.remedy


def test_holes_many_polygons_collections_and_features_without_a_place(tmp_path):
    put_tiff(tmp_path / "a.tif")
    several = feature([[square(0, 0, 1, 1)], [square(8, 0, 10, 2), square(8, 0, 9, 1)]], "pond", "MultiPolygon")
    both = {"type": "GeometryCollection", "geometries": [TWO[1]["geometry"], None]}
    high = [[*point, 31.5] for point in square(4, 0, 5, 1)]
    holed = feature([square(0, 3, 5, 8), square(1, 4, 4, 7)], high=True)
    path = put_json(
        tmp_path / "a.geojson", holed, several, {**TWO[0], "geometry": both}, feature([high], "pond"), feature(None)
    )
    source = segfeed.scan(path, "all")
    assert source.legend.names == ("background", "house", "pond")
    wanted = np.zeros((8, 10), int)
    wanted[3:8, 0:5], wanted[4:7, 1:4], wanted[4:7, 6:8] = 1, 0, 1
    wanted[0, 0], wanted[0:2, 8:10], wanted[0, 8], wanted[0, 4] = 2, 2, 0, 2
    np.testing.assert_array_equal(source.read(0).labels, wanted)
    objects = segfeed.scan(path, "all", task="instance").read(0).labels
    assert objects[0, 0] == objects[1, 9] > 0


@pytest.mark.parametrize(
    ("tags", "raster"),
    [
        (PLACED, 1),
        ({33550: SCALE, 33922: (5.0, 4.0, 0.0, X + 10, Y - 8, 0.0)}, 1),
        ({33550: SCALE, 33922: (0.0, 0.0, 0.0, X + 1, Y - 1, 0.0)}, 2),  # of the first pixel's centre
        ({34264: (2, 0, 0, X, 0, -2, 0, Y, 0, 0, 0, 0, 0, 0, 0, 1)}, 1),
        ({34264: (2, 0, 0, X + 1, 0, -2, 0, Y - 1, 0, 0, 0, 0, 0, 0, 0, 1)}, 2),
    ],
)
@pytest.mark.slow
def test_each_way_to_say_where_pixels_lie(tmp_path, tags, raster):
    path = put_tiff(tmp_path / "a.tif", {tag: tuple(map(float, values)) for tag, values in tags.items()}, raster=raster)
    labels = labels_of(put_json(tmp_path / "a.geojson", *TWO))
    assert labels[0:3, 0:3].all()
    assert labels[4:7, 6:8].all()
    assert int(labels.sum()) == 15
    assert read_map_place(path.read_bytes(), "a.tif").epsg == 32633


def test_a_picture_that_is_turned_on_the_map(tmp_path):
    turn = np.radians(30)
    a, b = 2 * np.cos(turn), 2 * np.sin(turn)
    matrix = (a, b, 0.0, X, b, -a, 0.0, Y, *[0.0] * 7, 1.0)
    put_tiff(tmp_path / "a.tif", {34264: matrix})
    corners = [(2, 1), (6, 1), (6, 5), (2, 5)]
    ring = [[X + a * column + b * row, Y + b * column - a * row] for column, row in corners]
    labels = labels_of(put_json(tmp_path / "a.geojson", feature([ring]), feature([ring])))
    assert labels[1:5, 2:6].all()
    assert int(labels.sum()) == 16


def test_longitude_and_latitude_are_those_of_a_picture_in_degrees(tmp_path):
    put_tiff(
        tmp_path / "a.tif", epsg=4326, geographic=True, tags={33550: (1.0, 1.0, 0.0), 33922: (*[0.0] * 4, 8.0, 0.0)}
    )
    ring = [[2, 6], [6, 6], [6, 2], [2, 2], [2, 6]]
    for crs in (None, "urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326"):
        path = put_json(tmp_path / "a.geojson", feature([ring]), feature([ring]), crs=crs)
        assert int(labels_of(path).sum()) == 16


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({}, "no place on a map"),
        ({33550: SCALE}, "no place"),
        ({33922: TIE * 4}, "control points"),
        ({33550: (0.0, 0.0, 0.0), 33922: TIE}, "no place"),
    ],
)
@pytest.mark.slow
def test_a_tiff_that_lies_nowhere_is_named(tmp_path, tags, found):
    put_tiff(tmp_path / "a.tif", tags)
    with pytest.raises(PhotoError, match=found):
        labels_of(put_json(tmp_path / "a.geojson", *TWO))


@pytest.mark.slow
def test_unknown_systems_and_damaged_geometries_are_named(tmp_path):
    put_tiff(tmp_path / "a.tif", epsg=32767)
    with pytest.raises(MaskError, match="unknown coordinate reference system"):
        labels_of(put_json(tmp_path / "a.geojson", *TWO))
    put_tiff(tmp_path / "a.tif")
    for geometry in ({"type": "Curve", "coordinates": []}, {"coordinates": []}, {"type": "Polygon"}, [1]):
        with pytest.raises(MaskError, match="geometry"):
            labels_of(put_json(tmp_path / "a.geojson", TWO[0], {**TWO[1], "geometry": geometry}))
    with pytest.raises(MaskError, match="1 point, which outlines no object"):
        labels_of(put_json(tmp_path / "a.geojson", TWO[0], feature([X, Y], kind="Point")))


def test_the_picture_of_one_name_counts_and_others_are_not_guessed(tmp_path):
    for name in ("a", "b"):
        put_tiff(tmp_path / f"{name}.tif")
        put_json(tmp_path / f"{name}.geojson", *TWO)
    assert segfeed.scan(tmp_path, "all").keys == ("a", "b")
    (tmp_path / "b.tif").rename(tmp_path / "c.tif")
    with pytest.raises(SourceError, match=r"a\.tif, c\.tif beside it"):
        segfeed.scan(tmp_path, "all")


@pytest.mark.slow
def test_folders_are_splits_and_the_class_is_said_in_segfeed_toml(tmp_path):
    for split in ("train", "val"):
        put_tiff(tmp_path / split / "a.tif")
        put_json(tmp_path / split / "a.geojson", *(feature([square(0, 0, 3, 3)], kind_of="x") for _ in range(2)))
    with pytest.raises(OptionError, match="class, kind_of may each be"):
        segfeed.scan(tmp_path, "train")
    (tmp_path / "segfeed.toml").write_text('[shapes]\nclass_property = "kind_of"\n')
    assert segfeed.scan(tmp_path, "val").legend.names == ("background", "x")
    assert segfeed.scan(tmp_path, "val", class_property="class").legend.names == ("background", "house")


def test_a_property_for_a_format_that_has_none_is_refused(voc_folder):
    with pytest.raises(OptionError, match="has no properties"):
        segfeed.scan(voc_folder, class_property="class")


@pytest.mark.parametrize("url", ["http://www.opengis.net/def/crs/EPSG/0/32633", "EPSG:32633", "epsg:32633"])
def test_a_reference_system_may_be_named_in_any_usual_way(tmp_path, url):
    put_tiff(tmp_path / "a.tif")
    assert labels_of(put_json(tmp_path / "a.geojson", *TWO, crs=url)).any()


@pytest.mark.parametrize("crs", [{"properties": "EPSG:32633"}, {"properties": [1]}, "EPSG:" + "9" * 5000, 5])
def test_a_malformed_reference_system_is_an_unknown_one(tmp_path, crs):
    put_tiff(tmp_path / "a.tif")
    crs = {"type": "name", "properties": {"name": crs}} if isinstance(crs, str) else crs
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": TWO, "crs": crs}))
    with pytest.raises(MaskError, match="an unknown coordinate reference system"):
        labels_of(path)


def test_a_picture_without_features_is_background_whatever_the_reference_system(tmp_path):
    for name, features in (("a", TWO), ("b", ())):
        put_tiff(tmp_path / f"{name}.tif")
        put_json(tmp_path / f"{name}.geojson", *features, crs="urn:ogc:def:crs:EPSG::32633" if features else None)
    source = segfeed.scan(tmp_path, "all")
    assert [bool(source.read(index).labels.any()) for index in range(2)] == [True, False]


@pytest.mark.parametrize("point", [["500000", "4000000"], [True, False], [X, None]])
def test_coordinates_that_are_not_numbers_are_refused(tmp_path, point):
    put_tiff(tmp_path / "a.tif")
    with pytest.raises(MaskError, match="feature 3: coordinates that are not numbers"):
        labels_of(put_json(tmp_path / "a.geojson", *TWO, feature([[point] * 4])))


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_not_a_tiff_has_no_place(data):
    with pytest.raises(PhotoError, match=r"a\.tif: not a TIFF"):
        read_map_place(data, "a.tif")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e300, 5e-324])
def test_scales_near_the_ends_of_all_numbers_are_refused_without_warnings(tmp_path, scale):
    put_tiff(tmp_path / "a.tif", {33550: (scale, scale if scale > 1 else 1.0, 0.0), 33922: TIE})
    with pytest.raises((MaskError, PhotoError)):
        labels_of(put_json(tmp_path / "a.geojson", *TWO))


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_keys_that_are_not_whole_numbers_name_no_reference_system(tmp_path, odd):
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, values in {**PLACED, 34735: (1.0, 1.0, 0.0, 2.0, odd, 0.0, 1.0, 5.0, 3072.0, 0.0, 1.0, odd)}.items():
        directory.tagtype[tag] = 12
        directory[tag] = values
    Image.new("RGB", (10, 8)).save(tmp_path / "a.tif", tiffinfo=directory)
    assert read_map_place((tmp_path / "a.tif").read_bytes(), "a.tif").epsg == 0
