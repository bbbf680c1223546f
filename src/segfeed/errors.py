"""What can go wrong, by name.

    SegfeedError
    ├── OptionError (ValueError)             a call's own words are off; exit code 2, others 1
    │   └── NotInstalledError (ImportError)  what was asked for needs a package that is not there
    ├── TransformError (ValueError)          a person's own transform raised, or returned what is not a crop
    ├── SourceError (ValueError)             the dataset as it lies on disk is wrong
    │   ├── SourceMissingError (FileNotFoundError)   a folder, list, photo or mask is not there
    │   ├── ListError                        a split list is malformed
    │   ├── EmptySplitError                  nothing lists the splits, and the hash of the ids leaves one empty
    │   ├── DescriptionError                 a description of a dataset (segfeed.toml) is malformed
    │   ├── PhotoError                       a photo cannot be read exactly
    │   ├── MaskError                        a mask cannot be read exactly
    │   │   └── UnknownColourError           a mask holds a colour or index the legend does not
    │   ├── SizeMismatchError                photo and mask differ in size
    │   ├── SourceChangedError               a file changed while it was being packed
    │   └── ArchiveError                     an archive is damaged, not the expected one, or not safe to unpack
    ├── LegendError (ValueError)             a legend contradicts itself
    ├── PluginError (ImportError)            an installed package adds a format that cannot be used
    ├── DownloadError (OSError)              no mirror gave a file whole
    ├── PackError (OSError)                  a pack is damaged or of another format version
    ├── StorageError (OSError)               the cache folder cannot take what must be written
    └── StateError (ValueError)              a saved state does not fit this loader

Every error has four fields; its text, and every finding of an audit, is made of them by `sentence` and nowhere else.
"""


def sentence(where: str, found: str, expected: str = "", remedy: str = "") -> str:
    """Write where something is wrong, what was found, what was expected and what to do as one sentence.

    >>> sentence("a.png", "an animated PNG", "one picture", "save the frame you mean")
    'a.png: an animated PNG; expected one picture; save the frame you mean.'
    """
    clauses = [found, f"expected {expected}" if expected else "", remedy]
    told = "; ".join(clause for clause in clauses if clause)
    return f"{where}: {told}." if where else f"{told}."


class SegfeedError(Exception):
    """The root of everything that segfeed raises on purpose.

    Attributes:
        where: the file, folder, option or thing that is wrong, by its name alone: "a.png", "list.txt", "crop_size".
        found: what was found there, a clause; a place inside a file comes first: "row 3, column 9: colour (1, 2, 3)".
        expected: what was expected, a clause; "" if nothing definite was.
        remedy: what to do, a clause; "" if `expected` says it.

    >>> error = MaskError("a.png", found="an animated PNG", expected="one picture", remedy="save the frame you mean")
    >>> print(error)
    a.png: an animated PNG; expected one picture; save the frame you mean.
    """

    def __init__(self, where: str, found: str, expected: str = "", remedy: str = "") -> None:
        # Not super(): OSError, from which some errors derive, would take these words for an errno and a file name.
        Exception.__init__(self, where, found, expected, remedy)
        self.where, self.found, self.expected, self.remedy = where, found, expected, remedy

    def __str__(self) -> str:
        return sentence(self.where, self.found, self.expected, self.remedy)

    def to_json(self) -> dict[str, str]:
        """Describe the error in plain JSON values: its kind, its text and its four fields."""
        return {
            "kind": type(self).__name__,
            "error": str(self),
            "where": self.where,
            "found": self.found,
            "expected": self.expected,
            "remedy": self.remedy,
        }


class OptionError(SegfeedError, ValueError):
    """An argument has no meaning here; both the value and the allowed ones are named."""


class NotInstalledError(OptionError, ImportError):
    """A package is missing; the line that installs it is named."""


class TransformError(SegfeedError, ValueError):
    """A person's own transform raised, or returned something else than a crop; sample and row are named."""


class SourceError(SegfeedError, ValueError):
    """A dataset on disk is not what it must be.

    Attributes:
        is_damage: whether a file's bytes are damaged or gone; otherwise the file is whole but not what it must be.
    """

    def __init__(
        self, where: str, found: str, expected: str = "", remedy: str = "", *, is_damage: bool = False
    ) -> None:
        super().__init__(where, found, expected, remedy)
        self.is_damage = is_damage


class SourceMissingError(SourceError, FileNotFoundError):
    """A folder, list, photo or mask is not where it must be."""


class ListError(SourceError):
    """A split list is malformed; the line is named."""


class EmptySplitError(SourceError):
    """A split that a hash of the ids makes is empty, which is normal if there are few samples."""


class DescriptionError(SourceError):
    """A description of a dataset, such as its segfeed.toml, is malformed; the line is named."""


class PhotoError(SourceError):
    """A photo is damaged, mislabelled or of a kind that cannot be read exactly."""


class MaskError(SourceError):
    """A mask is damaged, lossy or of a kind that cannot be read exactly."""


class UnknownColourError(MaskError):
    """A mask holds a colour or index that the legend does not know."""


class SizeMismatchError(SourceError):
    """A photo and its mask differ in size."""


class SourceChangedError(SourceError):
    """A file of a source changed between two readings that must agree."""


class ArchiveError(SourceError):
    """An archive is damaged, is not the expected one, or holds what no archive of pictures needs."""


class LegendError(SegfeedError, ValueError):
    """A legend contradicts itself."""


class PluginError(SegfeedError, ImportError):
    """An installed package adds a format that cannot be used; the package is named."""


class DownloadError(SegfeedError, OSError):
    """No mirror gave a file whole; each mirror's failure is named."""


class PackError(SegfeedError, OSError):
    """A pack on disk is damaged, incomplete or of another format version."""


class StorageError(SegfeedError, OSError):
    """The cache folder cannot take what must be written: no space, no permission."""


class StateError(SegfeedError, ValueError):
    """A saved loader state does not fit; every differing field is listed with both values."""
