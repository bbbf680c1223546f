"""Descriptions: read strictly, with the line of what is wrong; written so that they read back."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segfeed.datasets.descriptions import reader as description_reader
from segfeed.datasets.descriptions.description import Description
from segfeed.datasets.descriptions.patterns import parse_patterns
from segfeed.datasets.descriptions.reader import parse_description, read_description
from segfeed.datasets.descriptions.text import write_description
from segfeed.datasets.matching.split_rule import KeyRule, SplitRule
from segfeed.errors import DescriptionError

WHOLE = """title = "Roads"
source = "https://example.org"
photos = ["images/{split}/{key}.jpg", "images/{split}/{key}.png"]
masks = "labels/{split}/{key}_mask.png"
objects = "objects/{split}/{key}.png"

[splits]
folders = { train = "training", val = "validation" }
group = "{key:before last _}"

[classes]
0 = "background"
255 = "road"
"#804080" = "car"
1 = "road"
void = [7, "#000000"]
"""


def test_everything_that_a_description_may_say():
    found = parse_description(WHOLE, "segfeed.toml")
    assert found == Description(
        "segfeed.toml",
        parse_patterns(["images/{split}/{key}.jpg", "images/{split}/{key}.png"]),
        parse_patterns("labels/{split}/{key}_mask.png"),
        parse_patterns("objects/{split}/{key}.png"),
        SplitRule({"train": ("training",), "val": ("validation",)}, group=KeyRule("_", last=True)),
        {0: "background", 255: "road", (128, 64, 128): "car", 1: "road"},
        (7, (0, 0, 0)),
        title="Roads",
        source="https://example.org",
    )


@pytest.mark.parametrize(
    ("group", "key", "wanted"),
    [
        ("{key:before _}", "a_b_c", "a"),
        ("{key:before last _}", "a_b_c", "a_b"),
        ("{key:after _}", "a_b_c", "b_c"),
        ("{key:after last _}", "a_b_c", "c"),
        ("{key:before _}", "abc", "abc"),
        ("{folder}", "video/frame1", "video"),
    ],
)
def test_groups_by_the_key_s_text(group, key, wanted):
    rule = parse_description(f'photos = "{{key}}.jpg"\n[splits]\ngroup = "{group}"\n', "x").splits.group
    assert rule.word_of(key) == wanted


SHIPPED = """photos = "a/{split}/{name}.jpg"
samples = "masks"
legend = "colours.json"
unpainted = "ground"

[splits]
lists = "{split}.txt"
first_word = true
unlabelled = ["val", "test"]
"""


def test_what_shipped_descriptions_say_besides():
    found = parse_description(SHIPPED, "x")
    assert (found.by_masks, found.unpainted) == (True, "ground")
    assert found.splits == SplitRule(lists={"": "{split}.txt"}, first_word=True, unlabelled=("val", "test"))
    assert parse_description(write_description(found), "x") == found
    said = f'{SHIPPED}[recognise]\nneeds = ["a", "a/{{name}}.jpg"]\nunless = "b"\npairs = "train.txt"\n'
    signs = parse_description(said, "x")
    assert (signs.needs, signs.unless, signs.pairs) == (("a", "a/{name}.jpg"), ("b",), ("train.txt",))


def test_groups_by_a_file():
    said = 'photos = "{key}.jpg"\n[splits]\ngroup = { file = "p.csv", key = "image", column = "patient" }\n'
    assert parse_description(said, "x").splits.group == KeyRule(file="p.csv", key_column="image", column="patient")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("true", True),
        ("false", False),
        ('"{folder}"', KeyRule(folder=True)),
        ('"{key:before _}"', KeyRule("_")),
        ('{ file = "m.csv", key = "image", column = "dx" }', KeyRule(file="m.csv", key_column="image", column="dx")),
    ],
)
def test_what_is_shared_out_evenly_is_said_like_groups_and_written_back(said, meant):
    found = parse_description(f'photos = "{{key}}.jpg"\n[splits]\nstratify = {said}\n', "x")
    assert found.splits.stratify == meant
    assert parse_description(write_description(found), "x").splits.stratify == meant


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('photos = "{key}.jpg"\n[splits]\nstratify = "dx"', "line 3: stratify = 'dx'"),
        ('photos = "{key}.jpg"\n[splits]\nstratify = 1', "line 3: stratify = 1"),
        ('photos = "{key}.jpg"\n[splits]\nstratify = { file = "m.csv" }', "line 3: stratify = {'file'"),
        ('photos = "{key}.jpg"\n[splits]\nhash = { train = 130, val = -30 }', "line 3: train = 130"),
        ('photos = "{key}.jpg"\n[splits]\nhash = { train = 100, val = 0 }', "line 3: val = 0"),
        ('photos = "{key}.jpg"\n[splits]\nhash = { train = 0.8, val = 0.2 }', "line 3: train = 0.8"),
        ('photos = "{key}.jpg"\n[splits]\nhash = { train = "80 percent" }', "line 3: train = '80 percent'"),
        ('photos = "{key}.jpg"\n[splits]\nhash = { train = 80, all = 20 }', "line 3: a share of 'all'"),
        ('photos = "{key}.jpg"\n[splits]\nhash = {}', "line 3: hash names no split"),
        ('photos = "{key}.jpg"\n[splits]\n[splits.lists]\n', "line 3: lists names no split"),
        ('photos = "a/{key}.jpg"\nsamples = "photos"', "line 2: samples = 'photos'"),
        ('photos = "a/{key}.jpg"\nunpainted = "ground"', "line 2: unpainted without legend"),
        ('photos = "a/{key}.jpg"\n[splits]\nfirst_word = "yes"', "line 3: first_word = 'yes'"),
        ('photos = "a/{key}.jpg"\n[splits]\nunlabelled = 3', "line 3: unlabelled = 3"),
        ('photos = "a/{key}.jpg"\n[recognise]\nneeds = "../{key}"', "line 3: pattern '../{key}'"),
        ('photos = "a/{key}.jpg"\n[recognise]\nneed = "a"', "line 3: the key 'need'"),
        ("photos = 3", "line 1: photos = 3"),
        ('masks = "a/{key}.png"', "does not say where photos lie"),
        ('\nphoto = "a/{key}.jpg"', "line 2: the key 'photo'"),
        ('photos = "a/{kay}.jpg"', "line 1: pattern 'a/{kay}.jpg'"),
        ('photos = "a/{key}.jpg"\nphotos = "b/{key}.jpg"', "line 2: this is not TOML"),
        ("photos = [", "line 1: this is not TOML"),
        ('photos = "a/{key}.jpg"\nlegend = "l.txt"\n[classes]\n0 = "a"', "line 2: both legend and [classes]"),
        ('photos = "a/{key}.jpg"\n[splits]\nlists = "a.txt"', "line 3: lists = 'a.txt'"),
        ('photos = "a/{key}.jpg"\n[splits]\nhash = { train = 80 }', "line 3: shares of 80 percent"),
        ('photos = "a/{key}.jpg"\n[splits]\nhash = { train = true }', "line 3: train = True"),
        ('photos = "{split}/{key}.jpg"\n[splits.folders]\ntrain = 1', "line 2: train = 1"),
        (
            'photos = "a/{key}.jpg"\n[splits]\nfolders = { train = "south" }',
            "line 3: folders, but no {split} in photos",
        ),
        (
            'photos = "a/{key}.jpg"\n[splits]\nhash = { train = 100 }\nlists = "{split}.txt"',
            "splits by lists and by hash",
        ),
        ('photos = "a/{key}.jpg"\n[splits]\ngroup = "patient"', "line 3: group = 'patient'"),
        ('photos = "a/{key}.jpg"\n[classes]\n\n0 = 3', "line 4: 0 = 3"),
        ('photos = "a/{key}.jpg"\n[classes]\n"road" = "road"', "line 3: 'road' is not a stored value"),
        ('photos = "a/{key}.jpg"\n[classes]\n65536 = "road"', "line 3: '65536' is not a stored value"),
        ('photos = "a/{key}.jpg"\n[classes]\n0 = "a"\n00 = "b"', "line 4: 00 stands for 'a' and for 'b'"),
        ('photos = "a/{key}.jpg"\n[classes]\n0 = "a"\nvoid = [0]', "line 4: 0 is void and 'a'"),
        ('photos = "a/{key}.jpg"\n[classes]\nvoid = 0', "line 3: void = 0"),
        ('photos = "a/{key}.jpg"\n[classes]\n1 = "a"\nvoid = [0, 0, 0]', "line 4: void = [0, 0, 0]"),
        ('photos = "a/{key}.jpg"\n[classes]\n"200,30" = "a"', "line 3: '200,30' is not a stored value"),
        ('photos = "a/{key}.jpg"\n[classes]\n"200,30,256" = "a"', "line 3: '200,30,256' is not a stored value"),
        ('photos = "a/{key}.jpg"\n[classes]\n"9,9,9" = "a"\n"#090909" = "b"', "line 4: #090909 stands for 'a' and"),
        ('photos = "a/{key}.jpg"\n[classes]\n0.a = "b"', "line 3: 0 = {'a': 'b'}"),
        ('photos.a = "a/{key}.jpg"', "line 1: photos = {'a': 'a/{key}.jpg'}"),
        ('photos = "a/{key}.jpg"\n[splits]\n"hash" . "train" = 200', "line 3: "),
        ('photos = "a/{key}.jpg"\n[clases]\n0 = "a"', "line 2: the key 'clases'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, found):
    with pytest.raises(DescriptionError) as caught:
        parse_description(text, "segfeed.toml")
    assert caught.value.where == "segfeed.toml"
    assert found in caught.value.found
    assert caught.value.expected


def test_a_near_key_is_offered():
    with pytest.raises(DescriptionError) as caught:
        parse_description('photo = "a/{key}.jpg"', "segfeed.toml")
    assert caught.value.expected.startswith("'photos'")


@pytest.mark.parametrize("data", [b"\xff\xfe", b"photos = '\xe9'"])
def test_a_file_that_is_not_utf8_is_named(tmp_path, data):
    path = tmp_path / "segfeed.toml"
    path.write_bytes(data)
    with pytest.raises(DescriptionError) as caught:
        read_description(path)
    assert caught.value.where == str(path)
    assert "UTF-8" in caught.value.found


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DescriptionError) as caught:
        read_description(tmp_path / "segfeed.toml")
    assert caught.value.where == str(tmp_path / "segfeed.toml")


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
VALUES = st.integers(0, 65535) | st.tuples(*[st.integers(0, 255)] * 3)


@given(
    classes=st.dictionaries(VALUES, NAMES, max_size=6),
    void=st.lists(VALUES, max_size=3, unique=True),
    folders=st.dictionaries(NAMES, NAMES, max_size=3),
    title=st.text(st.characters(codec="utf-8"), max_size=20),
)
@pytest.mark.slow
def test_what_is_written_reads_back_as_the_same(classes, void, folders, title):
    said = Description(
        "x",
        parse_patterns("a/{split}/{key}.jpg"),
        parse_patterns(["b/{key}.png", "c/{key}.png"]),
        splits=SplitRule({split: (name,) for split, name in folders.items()}),
        classes=classes,
        void=tuple(value for value in void if value not in classes) if classes else (),
        title=title,
    )
    assert parse_description(write_description(said), "x") == said


def examples() -> list[str]:
    page = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
    section = page.split("## Describe your own dataset")[1].split("\n## ")[0]
    return re.findall(r"```toml\n(.*?)```", section, re.DOTALL)


@pytest.mark.parametrize("text", examples())
def test_examples_of_the_documentation_are_descriptions(text):
    found = parse_description(text if "photos" in text else f'photos = "{{split}}/{{key}}.jpg"\n{text}', "example")
    assert parse_description(write_description(found), "example") == found


def test_every_key_is_documented():
    page = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
    for key in (*description_reader._TOP, *description_reader._SPLITS, *description_reader._RECOGNISE):
        assert f"`{key}" in page or f"{key} =" in page or f"[{key}]" in page, key


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[classes]\nvoid = [255]", "line 2: [classes] names no class"),
        ("[splits]\nhash = { train = 100 }\nstratify = 1", "line 4: stratify = 1"),
        ('samples = "photos"', "line 2: samples = 'photos'"),
        ('unpainted = "a"', "line 2: unpainted without legend"),
        ('[recognise]\nneeds = "a/{kay}.png"', "line 3: pattern 'a/{kay}.png'"),
    ],
)
def test_keys_that_do_not_fit_each_other_are_named_with_their_line(text, found):
    with pytest.raises(DescriptionError) as caught:
        parse_description(f'photos = "a/{{key}}.jpg"\n{text}', "segfeed.toml")
    assert found in caught.value.found


def test_colours_may_be_written_as_legend_files_have_them():
    text = """photos = "a/{key}.jpg"
[classes]
"200,30,30" = "roof"
"(30, 30, 200)" = "water"
"#f0f000" = "road"
7 = "post"
void = ["0, 0, 0", [255, 255, 255], 9]
"""
    said = parse_description(text, "segfeed.toml")
    assert said.classes == {(200, 30, 30): "roof", (30, 30, 200): "water", (240, 240, 0): "road", 7: "post"}
    assert said.void == ((0, 0, 0), (255, 255, 255), 9)


@pytest.mark.parametrize(
    ("line", "found"), [("#c81e1e = 'roof'", "[classes] names no class"), ("200,30,30 = 'roof'", "this is not TOML")]
)
def test_a_colour_without_quotes_is_refused_with_one_in_quotes(line, found):
    with pytest.raises(DescriptionError) as caught:
        parse_description(f'photos = "a/{{key}}.jpg"\n[classes]\n{line}', "segfeed.toml")
    assert found in caught.value.found
    assert re.search(r'"(#804080|128,64,128)" = "road"', caught.value.expected)


def test_remarks_are_comments():
    said = parse_description('photos = "a/{key}.jpg"', "x")
    text = write_description(said, ["Read this.", ""])
    assert text.endswith("\n\n# Read this.\n#\n")
    assert parse_description(text, "x") == said


def test_keys_of_thousands_of_parts_are_refused_before_they_take_gigabytes():
    text = 'photos = "a/{key}.jpg"\n' + "a" + ".a" * 3000 + " = 1"
    with pytest.raises(DescriptionError) as caught:
        parse_description(text, "segfeed.toml")
    assert caught.value.found == "line 2: more than 100 dots that stand in no text"
    dots = "." * 500  # in a text, and in a name in quotes, they are none
    assert parse_description(f'photos = "a/{{key}}{dots}jpg"', "segfeed.toml").photos


@pytest.mark.parametrize("text", ["a = " + "1" * 5000, "a = " + "[" * 100_000, "a = " + "{a = " * 100_000])
def test_numbers_and_nests_without_end_are_named(text):
    with pytest.raises(DescriptionError) as caught:
        parse_description(text, "segfeed.toml")
    assert "this is not TOML" in caught.value.found
