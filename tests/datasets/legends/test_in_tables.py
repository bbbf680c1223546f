"""Tables of classes: headers of every kind, and cells that do not fit them."""

import pytest

from segfeed.datasets.legends.in_lines import rows_of_text
from segfeed.errors import LegendError


def read(text, **options):
    return [row[:3] for row in rows_of_text(text, **options)]


@pytest.mark.parametrize(
    "header",
    [
        "id,name",
        "Index, Class",
        "value;label",
        "label id\tlabel name",
        "Pixel Value, Class",
        "class,name",
        "CLASS_ID,CLASS_NAME",
        "id name",
        "idx|category",
        "label,class",
    ],
)
def test_stored_values_under_any_header(header):
    mark = next((char for char in "\t;,|" if char in header), " ")
    assert read(f"{header}\n0{mark}sky\n7{mark}traffic light") == [("sky", 0, None), ("traffic light", 7, None)]


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("r,g,b", "1,2,3"),
        ("Red,Green,Blue", "1,2,3"),
        ("color", '"1,2,3"'),
        ("rgb", '"(1, 2, 3)"'),
        ("colour", "#010203"),
        ("hex", "[1 2 3]"),
        ("class_color", "1 2 3"),
    ],
)
def test_colours_under_any_header(header, cells):
    assert read(f"name,{header}\nsky,{cells}") == [("sky", None, (1, 2, 3))]
    assert read(f"id,{header},name\n5,{cells},sky") == [("sky", 5, (1, 2, 3))]


def test_columns_of_another_meaning_are_left_out():
    assert read("name,r,g,b,class_11\nsky,1,2,3,1") == [("sky", None, (1, 2, 3))]
    assert read("Idx,Ratio,Train,Name\n1,0.2,9,wall") == [("wall", 1, None)]
    assert read("id,name,supercategory\n1,wall,inside") == [("wall", 1, None)]
    assert read("id,name,category\n1,wall,inside") == [("wall", 1, None)]


def test_one_column_is_a_table_only_if_the_file_says_so():
    assert read("name\nsky\nroad", is_table=True) == [("sky", None, None), ("road", None, None)]
    assert read("sky\nroad", is_table=True) == [("sky", None, None), ("road", None, None)]
    with pytest.raises(LegendError, match="header"):
        read("name\nsky\nroad")


def test_empty_columns_and_rows_say_nothing():
    assert read("id,name,,\n0,sky,,\n,,,\n1,road,,\n") == [("sky", 0, None), ("road", 1, None)]


def test_numbers_in_the_column_of_colours_are_stored_values():
    assert read("class_name,class_color\n__background__,0\nbox,1") == [("__background__", 0, None), ("box", 1, None)]


def test_void_may_have_no_colour():
    assert read("Class,R,G,B,ID\nVoid,-,-,-,0\nRoad,9,8,7,1") == [("Void", 0, None), ("Road", 1, (9, 8, 7))]
    with pytest.raises(LegendError, match="line 2"):
        read("Class,R,G,B,ID\nSky,-,-,-,0\nRoad,9,8,7,1")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("id,name,trainId\n7,road,0\n8,sky,1", "id and trainId may both be the stored values"),
        ("class,label\nroad,flat\nsky,high", "class and label may both be the class names"),
        ("filename,label\na.jpg,cat\nb.jpg,dog", "is not understood"),
        ("id,r,g,b\n0,1,2,3", "is not understood"),
        ("id,name\n0,sky, blue", "line 2"),
        ("id,name\n0,sky\nx,road", "line 3"),
        ("id,name\n0,sky\n1,", "line 3"),
        ("id,name\n0,sky\n1.5,road", "line 3"),
        ("id,name\n-1,sky", "is stored as -1"),
        ("id,name\n0,sky\n1,road\n1,Total", "line 4: 'Total' may be a class, or the sum"),
        ("name,color\nsky,blue", "line 2"),
    ],
)
def test_tables_that_cannot_be_understood_are_refused(text, found):
    with pytest.raises(LegendError) as caught:
        rows_of_text(text, is_table=True)
    assert found in caught.value.found


def test_two_columns_of_one_content_are_one():
    assert read("id,index,name\n3,3,road") == [("road", 3, None)]
