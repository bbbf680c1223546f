"""Errors: four fields, and the one sentence that is made of them; the only tests of wording."""

import copy
import inspect
import pickle

import pytest

from segfeed import errors
from segfeed.errors import SegfeedError, SourceError, sentence

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SegfeedError)]
FIELDS = {"found": "an animated PNG", "expected": "one picture", "remedy": "save the frame you mean"}
BUILTINS = {
    "SegfeedError": (Exception,),
    "OptionError": (ValueError,),
    "NotInstalledError": (ValueError, ImportError),
    "SourceError": (ValueError,),
    "SourceMissingError": (ValueError, FileNotFoundError),
    "ListError": (ValueError,),
    "EmptySplitError": (ValueError,),
    "DescriptionError": (ValueError,),
    "PhotoError": (ValueError,),
    "MaskError": (ValueError,),
    "UnknownColourError": (ValueError,),
    "SizeMismatchError": (ValueError,),
    "SourceChangedError": (ValueError,),
    "ArchiveError": (ValueError,),
    "LegendError": (ValueError,),
    "PluginError": (ImportError,),
    "DownloadError": (OSError,),
    "PackError": (OSError,),
    "TransformError": (ValueError,),
    "StorageError": (OSError,),
    "StateError": (ValueError,),
}


def fields_of(error):
    return {name: getattr(error, name) for name in ("where", "found", "expected", "remedy")}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            ("a.png", "an animated PNG", "one picture", "save the frame you mean"),
            "a.png: an animated PNG; expected one picture; save the frame you mean.",
        ),
        (("a.png", "an animated PNG", "one picture", ""), "a.png: an animated PNG; expected one picture."),
        (("a.png", "an animated PNG", "", "save it again"), "a.png: an animated PNG; save it again."),
        (("a.png", "an animated PNG", "", ""), "a.png: an animated PNG."),
        (("", "no samples", "at least one", ""), "no samples; expected at least one."),
        (("my: set; two/a.png", "empty", "a PNG", ""), "my: set; two/a.png: empty; expected a PNG."),
    ],
    ids=range(6),
)
def test_the_sentence_names_where_and_what_then_what_was_expected_then_the_remedy(fields, text):
    assert sentence(*fields) == text
    assert str(SegfeedError(*fields)) == text


def test_fields_that_are_left_out_are_empty():
    assert sentence("a.png", "empty") == "a.png: empty."
    assert fields_of(SegfeedError("a.png", found="empty")) == {
        "where": "a.png", "found": "empty", "expected": "", "remedy": "",
    }  # fmt: skip


def test_every_class_is_listed_here():
    assert {kind.__name__ for kind in CLASSES} == set(BUILTINS)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_is_caught_by_its_builtin_and_by_the_root(kind):
    assert issubclass(kind, SegfeedError)
    assert all(issubclass(kind, builtin) for builtin in BUILTINS[kind.__name__])


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_has_its_fields_and_the_text_of_them(kind):
    error = kind("a.png", **FIELDS)
    assert fields_of(error) == {"where": "a.png", **FIELDS}
    assert str(error) == sentence("a.png", **FIELDS)
    assert error.args == ("a.png", *FIELDS.values())


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("through", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy])  # noqa: S301 - our own bytes
def test_every_class_keeps_its_fields_on_the_way_to_another_process(kind, through):
    options = {"is_damage": True} if issubclass(kind, SourceError) else {}
    error = kind("a.png", **FIELDS, **options)
    back = through(error)
    assert type(back) is kind
    assert fields_of(back) == fields_of(error)
    assert str(back) == str(error)
    assert getattr(back, "is_damage", None) == options.get("is_damage")


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if issubclass(kind, SourceError)])
def test_a_whole_file_is_not_damaged(kind):
    assert kind("a.png", **FIELDS).is_damage is False
    assert kind("a.png", **FIELDS, is_damage=True).is_damage is True


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if issubclass(kind, OSError)])
def test_the_words_of_an_os_error_are_not_taken_for_a_number_and_a_file(kind):
    error = kind("a.png", **FIELDS)
    assert (error.errno, error.strerror, error.filename) == (None, None, None)


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if issubclass(kind, ImportError)])
def test_the_words_of_an_import_error_are_not_taken_for_a_module(kind):
    assert (kind("jax", **FIELDS).name, kind("jax", **FIELDS).path) == (None, None)


@pytest.mark.parametrize("kind", CLASSES)
def test_json_holds_kind_text_and_fields(kind):
    assert kind("a.png", **FIELDS).to_json() == {
        "kind": kind.__name__,
        "error": "a.png: an animated PNG; expected one picture; save the frame you mean.",
        "where": "a.png",
        **FIELDS,
    }
