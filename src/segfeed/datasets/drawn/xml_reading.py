"""Reading XML that others wrote: element by element, and no document that declares entities, which could explode."""

import xml.parsers.expat
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from segfeed.datasets.blobs import File
from segfeed.errors import SourceError

_DEEPEST = 50
_CHUNK = 1 << 20


class Element(NamedTuple):
    """An element whose end was read.

    Attributes:
        path: the tags from the root to it.
        attributes: as written.
        text: inside it, without that of elements in it.
    """

    path: tuple[str, ...]
    attributes: dict[str, str]
    text: str


def walk_xml(file: File) -> Iterator[Element]:
    """Yield the elements of an XML file in the order in which they end.

    Raises:
        SourceError: if it is not XML, is nested too deep, or declares a document type.
    """
    stack: list[tuple[str, dict[str, str], list[str]]] = []
    ended: list[Element] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if len(stack) >= _DEEPEST:
            raise SourceError(file.path, found="XML nested too deep", expected="annotations")
        stack.append((tag, attributes, []))

    def end(_tag: str) -> None:
        path = tuple(tag for tag, _, _ in stack)
        _, attributes, text = stack.pop()
        ended.append(Element(path, attributes, "".join(text)))

    def refuse(*_words: object) -> NoReturn:
        found = "a document type, whose entities may grow without end"
        raise SourceError(file.path, found=found, expected="plain XML", remedy="remove the DOCTYPE")

    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = lambda text: stack[-1][2].append(text) if stack else None
    parser.StartDoctypeDeclHandler = refuse
    data = file.read()
    try:
        for place in range(0, max(len(data), 1), _CHUNK):
            parser.Parse(data[place : place + _CHUNK], place + _CHUNK >= len(data))
            yield from ended
            ended.clear()
    except xml.parsers.expat.ExpatError as error:
        found = "an empty file" if not data.strip() else f"no valid XML ({error})"
        raise SourceError(file.path, found=found, expected="XML", remedy="export it again") from None
