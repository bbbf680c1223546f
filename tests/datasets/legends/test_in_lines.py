"""Lines of legend files: what is a name, a stored value and a colour, and what has two readings."""

import pytest

from segfeed.datasets.legends.in_lines import rows_of_text
from segfeed.errors import LegendError


def read(text, **options):
    return [row[:3] for row in rows_of_text(text, **options)]


VALUES = [("road", 1, None), ("traffic light", 2, None)]
COLOURS = [("road", None, (128, 64, 128)), ("traffic light", None, (1, 2, 3))]
BOTH = [("road", 0, (128, 64, 128)), ("traffic light", 1, (1, 2, 3))]


@pytest.mark.parametrize(
    "text",
    [
        "road\ntraffic light",
        "road\r\n\r\ntraffic light\r\n",
        "# two\nroad  \n\ttraffic light,\n",
        "road::\ntraffic light:",
        "road # gray\ntraffic light",
    ],
)
def test_names_alone(text):
    assert read(text) == [("road", None, None), ("traffic light", None, None)]


@pytest.mark.parametrize(
    "line",
    [
        "1 road|2 traffic light",
        "road 1|traffic light 2",
        "1: road|2: traffic light",
        "road: 1|traffic light: 2",
        "1,road|2,traffic light",
        "road, 1|traffic light, 2",
        "1;road;|2;traffic light;",
        "1\troad|2\ttraffic light",
        "1  road|2\ttraffic light",
        "1 = road|2 = traffic light",
        "1 -> road|2 -> traffic light",
        "1. road|2. traffic light",
        "1) road|2) traffic light",
        "1 - road|2 - traffic light",
        "[1] road|[2] traffic light",
        "road (1)|traffic light (2)",
        '"1","road"|"2","traffic light"',
        "'road': 1,|'traffic light': 2,",
        "1 road # gray|2 traffic light",
        '1 "road"|2 "traffic light"',
        "01 road|02 traffic light",
    ],
)
def test_one_number_a_line_is_the_stored_value(line):
    assert read(line.replace("|", "\n")) == VALUES


@pytest.mark.parametrize(
    "line",
    [
        "road 128 64 128|traffic light 1 2 3",
        "128 64 128 road|1 2 3 traffic light",
        "road,128,64,128|traffic light,1,2,3",
        "128, 64, 128 road|1, 2, 3 traffic light",
        "road:128,64,128::|traffic light:1,2,3::",
        "road:128,64,128:a,b:c|traffic light:1,2,3::",
        "128 64 128\troad|1 2 3\t\ttraffic light",
        "128 64 128\t\troad|1 2 3 traffic light",
        "road (128, 64, 128)|traffic light (1,2,3)",
        "road: [128, 64, 128]|traffic light: [1, 2, 3]",
        "road;128;64;128|traffic light;1;2;3",
        "#804080 road|#010203 traffic light",
        "road,#804080|traffic light,#010203",
        "'road': (128, 64, 128),|'traffic light': (1, 2, 3),",
        "road rgb(128,64,128)|traffic light rgb(1,2,3)",
    ],
)
def test_three_numbers_a_line_are_the_colour(line):
    assert read(line.replace("|", "\n")) == COLOURS


@pytest.mark.parametrize(
    "line",
    [
        "0 128 64 128 road|1 1 2 3 traffic light",
        "0,road,128,64,128|1,traffic light,1,2,3",
        "128 64 128 road 0|1 2 3 traffic light 1",
        "road,0,128,64,128|traffic light,1,1,2,3",
        "road 128 64 128 0|traffic light 1 2 3 1",
        "0: road (128, 64, 128)|1: traffic light (1, 2, 3)",
        "0\t#804080\troad|1\t#010203\ttraffic light",
    ],
)
def test_four_numbers_a_line_are_both(line):
    assert read(line.replace("|", "\n")) == BOTH


def test_lines_decide_together_and_not_by_what_comes_first():
    assert read("1 a\n0 b") == [("a", 1, None), ("b", 0, None)]
    assert read("1 0 9 8 a\n0 1 2 3 b") == [("a", 1, (0, 9, 8)), ("b", 0, (1, 2, 3))]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('"lane 1"\n"lane 2"', ["lane 1", "lane 2"]),
        ("0\tlane 1\n1\tlane 2", ["lane 1", "lane 2"]),
        ("0 lane 1\n1 lane 2", ["lane 1", "lane 2"]),
        ("lane 1:1,2,3::\nzone 2:4,5,6::", ["lane 1", "zone 2"]),
        ("1 2 3 lane 1\n4 5 6 lane 2", ["lane 1", "lane 2"]),
        ('"zone 1",1,2,3\n"lane 2",4,5,6', ["zone 1", "lane 2"]),
        ("3d printer\nx2\nB12", ["3d printer", "x2", "B12"]),
        ('"a, b"\nc', ["a, b", "c"]),
        ("driver's cab\nit's", ["driver's cab", "it's"]),
        ("tv/monitor\nnon-road", ["tv/monitor", "non-road"]),
    ],
)
def test_names_that_hold_numbers_or_marks_stay_whole(text, names):
    assert [name for name, _, _ in read(text)] == names


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("class 1\nclass 2\nroad 3", 1, "may be the class 'class' with a stored value"),
        ("road\nlane 1\nlane 2", 1, "has no number"),
        ("1 door\n2 door", 1, "may be the class 'door' with a stored value"),
        ("zone 1,1,2,3\nlane 2,4,5,6", 1, "may be the class 'zone' with a stored value"),
        ("road\ncar 2\nsky", 2, "has numbers (1 after the name), but line 1"),
        ("1 road\n2 tree\nsky", 3, "has no number"),
        ("1 road\ntree 2\n3 sky", 2, "(1 after the name)"),
        ("road 1 2 3\ntree 1 2\nsky 3 4 5", 2, "(2 after the name)"),
        ("0 road 7\n1 tree 8", 1, "has numbers (1 before the name, 1 after the name)"),
        ("128 64 128 255 road\n1 2 3 255 tree", 1, "the first or the last may be the stored value"),
        ("255 0 0\n0 255 0", 1, "has no class name"),
        ("2\nroad\ntree", 1, "has no class name"),
        ("road -1\ntree 0", 1, "-1 is neither"),
        ("road 0.5 0 1\ntree 0 0 1", 1, "0.5 is neither"),
        ("road 0x10\ntree 0x11", 1, "0x10 is neither"),
        ("road 65536\ntree 1", 1, "65536 is neither"),
        ("road, tree, sky", 1, "several texts"),
        ("1,road,flat\n2,tree,nature", 1, "several texts"),
        ("name\nroad\ntree", 1, "may be a class, or the header"),
        ("0 road\n1 tree\n2 Total", 3, "may be a class, or the sum"),
        ("1: road, 2\n2: tree, 3", 1, "has numbers"),
    ],
)
def test_two_readings_and_lines_unlike_the_others_are_errors_that_name_the_line(text, line, words):
    with pytest.raises(LegendError) as caught:
        rows_of_text(text)
    assert caught.value.found.startswith(f"line {line}: ")
    assert words in caught.value.found


def test_names_in_cvats_lines_are_all_that_stands_before_the_colon():
    text = "# label:color_rgb:parts:actions\n0:0,0,0::\nlane 1:1,2,3::\nsign #2, old = x: 4, 5, 6 :head,hand:jump\n"
    assert [name for name, _, _ in read(text)] == ["0", "lane 1", "sign #2, old = x"]
    assert read("0:1,2,3:road:\n1:4,5,6:sky:") == [("road", 0, (1, 2, 3)), ("sky", 1, (4, 5, 6))]


def test_the_ways_out_of_two_readings_work():
    with pytest.raises(LegendError) as caught:
        rows_of_text("class 1\nclass 2\nroad 3")
    assert "quotes" in caught.value.remedy
    assert "header" in caught.value.remedy
    assert read('"class 1"\n"class 2"') == [("class 1", None, None), ("class 2", None, None)]
    assert read("id,name\n0,class 1\n1,class 2") == [("class 1", 0, None), ("class 2", 1, None)]


def test_names_that_differ_in_their_numbers_alone_are_names():
    assert read("class 0\nclass 1\nclass 2") == [(f"class {n}", None, None) for n in range(3)]


@pytest.mark.parametrize(("line", "name"), [
    (f"{' ' * 500_000}road{' ' * 500_000}x", f"road{' ' * 500_000}x"),
    (f"1{' ' * 500_000}road", "road"),
    (f"1 ->{' ' * 500_000}road", "road"),
], ids=["blanks", "after a number", "after an arrow"])  # fmt: skip
@pytest.mark.slow
def test_a_long_run_of_blanks_is_gone_through_once(line, name):  # from each of them, it would take hours
    (row,) = rows_of_text(line)
    assert row.name == name


@pytest.mark.slow
def test_a_line_of_many_numbers_is_refused():
    with pytest.raises(LegendError) as caught:
        rows_of_text("road 1\n" + " 1 ," * 50_000 + "x" + ", 2 " * 50_000)
    assert caught.value.found.startswith("line 2: ")


HEADERS = [
    "class_names", "classnames", "label_names", "labels", "LABELS", "category", "categories", "Category names",
    "index", "id", "value", "name", "[classes]", "--- classes ---", "// classes", "%classes", "; classes",
    "/* classes */", "<classes>", "** labels **", "=== Classes ===", "classes:", "class list", "list of classes",
    "object classes", "semantic classes", "names of the classes", "~labels", "@classes", "_classes_", "REM classes",
    "Klassen", "names (of classes)",
]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_of_a_bare_list_is_no_class_and_the_ways_out_work(header):
    with pytest.raises(LegendError) as caught:
        rows_of_text(f"{header}\nbackground\nroad\n")
    assert caught.value.found.startswith(f"line 1: {header!r}")
    assert caught.value.remedy == "remove the line if it is not a class; else put it in quotes"
    assert read("background\nroad\n") == [("background", None, None), ("road", None, None)]
    assert [name for name, _, _ in read(f'"{header}"\nbackground\nroad\n')] == [header, "background", "road"]


@pytest.mark.parametrize("header", ["class_names", "classnames", "label_names", "labels", "category", "categories"])
def test_a_header_of_a_table_of_one_column_is_known(header):
    assert read(f"{header}\nbackground\nroad\n", is_table=True) == [("background", None, None), ("road", None, None)]


@pytest.mark.parametrize(
    "text", ["class A\nclass B", "labelled\nroad", "index finger\nthumb", "label", "street name\nroad"]
)
def test_names_that_hold_such_words_are_classes(text):
    assert [name for name, _, _ in read(text)] == text.split("\n")


@pytest.mark.parametrize("bullet", ["-", "*", "+", "\u2022", "\u2013"])
def test_bullets_are_no_part_of_names(bullet):
    assert read(f"{bullet} road\n{bullet}  traffic light\n") == [("road", None, None), ("traffic light", None, None)]
    assert read(f"{bullet} 1: road\n{bullet} 2: traffic light") == VALUES
    assert read(f"{bullet} road 128 64 128\n{bullet} traffic light 1 2 3") == COLOURS


@pytest.mark.parametrize("mark", ["#", "//", "--"])
def test_a_number_behind_a_mark_is_read_if_it_is_the_position(mark):
    assert read(f"road {mark} 0\ntree {mark} 1") == [("road", 0, None), ("tree", 1, None)]
    with pytest.raises(LegendError, match="may end in a stored value, or in a comment"):
        rows_of_text(f"road {mark} 3\ntree {mark} 1")


@pytest.mark.parametrize(
    "line", ["// of the farm", "; drawn by hand", "- tree", "% 2026", "<here>", "!!", "---", "..."]
)
def test_a_line_that_begins_unlike_the_others_is_no_class(line):
    for text in (f"{line}\nroad\ntree\nsky", f"road\n{line}\ntree\nsky"):
        with pytest.raises(LegendError) as caught:
            rows_of_text(text)
        assert caught.value.found.startswith(f"line {text.split(chr(10)).index(line) + 1}: ")
    assert "quotes" in caught.value.remedy
    assert read(f'road\n"{line}"')[1][0] == line


def test_a_line_without_numbers_above_others_that_have_them_is_told_to_be_removed():
    with pytest.raises(LegendError) as caught:
        read("Werte in den Masken:\n0 = Boden\n10 = Weizen\n")
    assert caught.value.found.startswith("line 1: 'Werte in den Masken:' has no number set apart")
    assert caught.value.remedy.startswith("remove the line, or begin it with '#', if it is not a class; ")
    assert read("# Werte in den Masken:\n0 = Boden\n10 = Weizen\n") == [("Boden", 0, None), ("Weizen", 10, None)]
