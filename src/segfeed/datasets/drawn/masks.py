"""Drawn masks: blobs whose bytes are made from an annotation when they are read, and the options that say how.

A drawn mask's bytes hold the shapes of its own sample and how they are drawn, so what depends on a mask's bytes (a
pack's fingerprint, the comparison of files) needs to know nothing of annotations.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypedDict

from segfeed.datasets.blobs import Blob, File, Stamp
from segfeed.errors import MaskError, OptionError, SegfeedError, SourceError
from segfeed.pixels.legend import Legend
from segfeed.pixels.shapes.drawing import Drawing, Rule, Style, encode_drawing

BACKGROUND = "background"
_WORDS = {
    "rule": ("tool", "centre"),
    "overlap": ("error", "void", "largest", "smallest", "order"),
    "crowd": ("class", "void", "leave"),
    "unpainted": ("background", "void"),
    "boxes": ("error", "leave", "fill"),
    "class_property": (),  # any word
}


class DrawWords(TypedDict, total=False):
    """The options of `DrawOptions` as keyword arguments."""

    rule: str | None
    overlap: str | None
    crowd: str | None
    unpainted: str | None
    boxes: str | None
    class_property: str | None


DRAW_WORDS = tuple(_WORDS)
"""The names of the options that say how drawn shapes become labels."""


@contextmanager
def named_errors(where: str, error_type: type[SourceError]) -> Iterator[None]:
    """Turn what Python says of a value of an unforeseen type, such as null for a list, into an error with its place.

    What annotations may hold instead of what their format says is too much to ask for everywhere.
    """
    try:
        yield
    except SegfeedError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
        found = f"a value that is not as the format has it ({type(error).__name__}: {error})"
        raise error_type(where, found=found, remedy="export the annotations again, or correct them") from error


@dataclass(frozen=True, slots=True)
class DrawOptions:
    """How drawn shapes become labels, as a person asks for it; None leaves it to the format.

    Attributes:
        rule: "tool" for the pixels that the format's own tool fills, "centre" for those whose centre a shape covers.
        overlap: as in `Style`.
        crowd: as in `Style`.
        unpainted: as in `Style`.
        boxes: as in `Style`.
        class_property: the property of GeoJSON that says a feature's class.

    Raises:
        OptionError: if a word is not one of these.

    >>> DrawOptions(overlap="void").given
    {'overlap': 'void'}
    """

    rule: str | None = None
    overlap: str | None = None
    crowd: str | None = None
    unpainted: str | None = None
    boxes: str | None = None
    class_property: str | None = None

    def __post_init__(self) -> None:
        for name, word in self.given.items():
            if _WORDS[name] and word not in _WORDS[name]:
                expected = ", ".join(f'"{one}"' for one in _WORDS[name])
                raise OptionError(name, found=repr(word), expected=f"one of {expected}")

    @property
    def given(self) -> dict[str, Any]:
        """Those that are not None."""
        return {name: word for name in _WORDS if (word := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class DrawnMask:
    """A mask that is drawn from an annotation when it is read.

    Attributes:
        file: that holds the annotation.
        part: what of the file it is, which differs from every other mask's.
        name: what it is called in messages.
        sketch: reads the shapes.
        style: how they are drawn.
        tool: the rule of the format's own tool.
        sketch_upright: reads the shapes as drawn on the photo as its EXIF orientation turns it, if the annotation says
            no size of its own; otherwise None.
    """

    file: File
    part: str
    name: str
    sketch: Callable[[], Drawing] = field(compare=False)
    style: Style = field(default_factory=Style)
    tool: Rule = "coco"
    sketch_upright: Callable[[], Drawing] | None = field(default=None, compare=False)

    @property
    def address(self) -> str:
        """The file's path, what of it is drawn, and how."""
        return f"{self.file.path}#{self.part}#{_as_text(self.style)}"

    @property
    def stamp(self) -> Stamp:
        """The stamp of the file that holds the annotation."""
        return self.file.stamp

    def read(self, limit_bytes: int = -1) -> bytes:
        """Read the annotation and return the bytes of its drawing, or the first ones.

        Raises:
            SourceMissingError: if the file is gone. MaskError: if the annotation is malformed.
        """
        with named_errors(self.name, MaskError):
            data = encode_drawing(self.sketch().in_style(self.style))
        return data if limit_bytes < 0 else data[:limit_bytes]

    def is_unchanged(self) -> bool:
        """Check whether the file still has the stamp it was scanned with."""
        return self.file.is_unchanged()

    def styled(self, options: DrawOptions, *, objects: bool, upright: bool) -> "DrawnMask":
        """Return the same mask, drawn as asked for: of classes or objects, on the stored or the upright photo."""
        style = _style_of(self.style, self.tool, options, objects)
        sketch = self.sketch_upright if upright and self.sketch_upright else self.sketch
        return self.in_style(style) if sketch is self.sketch else replace(self, style=style, sketch=sketch)

    def in_style(self, style: Style) -> "DrawnMask":
        """Return the same mask in another style: itself, if it is the same, since there may be 100,000 of them."""
        return self if style == self.style else replace(self, style=style)


_as_text = lru_cache(maxsize=64)(repr)


@lru_cache(maxsize=64)
def _style_of(style: Style, tool: Rule, options: DrawOptions, objects: bool) -> Style:  # noqa: FBT001 - hashed
    """Return a style as asked for: one object for all the samples that share it."""
    words = {name: word for name, word in options.given.items() if name != "class_property"}
    if "rule" in words:
        words["rule"] = tool if words["rule"] == "tool" else "centre"
    return replace(style, **words, objects=objects)


@dataclass(frozen=True, slots=True)
class HeldPhoto:
    """A photo that lies inside an annotation, such as labelme's imageData.

    Attributes:
        file: that holds it.
        name: what it is called in messages.
        take: returns its bytes.
    """

    file: File
    name: str
    take: Callable[[], bytes] = field(compare=False)

    @property
    def address(self) -> str:
        """The file's path, and that it is the photo in it."""
        return f"{self.file.path}#photo"

    @property
    def stamp(self) -> Stamp:
        """The stamp of the file that holds it."""
        return self.file.stamp

    def read(self, limit_bytes: int = -1) -> bytes:
        """Read the photo's bytes, or the first ones."""
        data = self.take()
        return data if limit_bytes < 0 else data[:limit_bytes]

    def is_unchanged(self) -> bool:
        """Check whether the file still has the stamp it was scanned with."""
        return self.file.is_unchanged()


def is_drawn(mask: Blob | None) -> bool:
    """Check whether a mask is drawn from shapes."""
    return isinstance(mask, DrawnMask)


@dataclass(frozen=True)
class Classes:
    """The classes of a drawn dataset, and the stored values that they get.

    A class that is called background takes the value 0, like what no shape covers; else 0 is added as "background".

    Attributes:
        names: in the dataset's order.
        void: names that mean void.
        colours: name -> colour, of those that have one.

    >>> classes = Classes(("cat", "dog"))
    >>> classes.value_of("dog"), classes.legend("pets").names
    (2, ('background', 'cat', 'dog'))
    """

    names: tuple[str, ...]
    void: tuple[str, ...] = ()
    colours: dict[str, tuple[int, int, int]] = field(default_factory=dict, compare=False)
    _values: dict[str, int | None] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        shown = [name for name in self.names if not is_background(name) and name not in self.void]
        values: dict[str, int | None] = {name: place for place, name in enumerate(dict.fromkeys(shown), start=1)}
        values |= {name: 0 for name in self.names if is_background(name)} | dict.fromkeys(self.void)
        object.__setattr__(self, "_values", values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def value_of(self, name: str) -> int | None:
        """Return the stored value of a class; None for void."""
        return self._values[name]

    @property
    def shown(self) -> dict[int, str]:
        """Stored value -> name, of all classes."""
        own = next((name for name in self.names if is_background(name)), BACKGROUND)
        return {0: own} | {value: name for name, value in self._values.items() if value}

    @property
    def style_void(self) -> int:
        """The stored value of void."""
        return 255 if len(self.shown) <= 254 else 65535

    def legend(self, title: str, *, unpainted: str = "background") -> Legend:
        """Return what stored values mean.

        Args:
            title: of the legend.
            unpainted: as in `Style`. If it is "void", no pixel is background, so it is a class only if it has a name.

        Raises:
            LegendError: if two classes have one name.
        """
        shown = self.shown
        note = "" if any(map(is_background, self.names)) else "pixels that no shape covers are 'background'"
        if note and unpainted == "void" and len(shown) > 1:
            del shown[0]
            note = "pixels that no shape covers are void"
        return Legend(
            tuple(shown.values()),
            indices=tuple(shown),
            void_indices=(self.style_void,),
            title=title,
            reading="index",
            note=note,
        )


@dataclass(frozen=True, slots=True)
class LegendOf:
    """Makes the legend of a drawn split when it is called, as `SplitFiles.legend`.

    Attributes:
        classes: of the dataset.
        title: of the legend.
        unpainted: as in `Style`.
    """

    classes: Classes
    title: str
    unpainted: str = "background"

    def __call__(self) -> Legend:
        """Make it."""
        return self.classes.legend(self.title, unpainted=self.unpainted)


def is_background(name: str) -> bool:
    """Check whether a class's name says that it is background.

    >>> is_background("_background_"), is_background("back")
    (True, False)
    """
    return name.strip("_ ").casefold() == BACKGROUND
