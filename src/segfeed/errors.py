"""What can go wrong, by name.

    SegfeedError
    ├── OptionError (ValueError)             a call's own words are off: the command line's exit code is 2, of all others 1
    │   └── NotInstalledError (ImportError)  what was asked for needs a package that is not there
    ├── SourceError (ValueError)             the dataset as it lies on disk is wrong
    │   ├── SourceMissingError (FileNotFoundError)   a folder, list, photo or mask is not there
    │   ├── ListError                        a split list is malformed
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

Every message is one sentence each for where, what was found, what was expected and what to do about it.
"""


class SegfeedError(Exception):
    """Be the root of everything segfeed raises on purpose."""


class OptionError(SegfeedError, ValueError):
    """Say that an argument has no meaning here; both the value and the allowed ones are named."""


class NotInstalledError(OptionError, ImportError):
    """Say that a package is missing; the line that installs it is named."""


class SourceError(SegfeedError, ValueError):
    """Say that a dataset on disk is not what it must be.

    Attributes:
        is_damage: whether a file's bytes are damaged or gone, where otherwise it is whole but not what it must be.
    """

    def __init__(self, *args: object, is_damage: bool = False) -> None:
        super().__init__(*args)
        self.is_damage = is_damage


class SourceMissingError(SourceError, FileNotFoundError):
    """Say that a folder, list, photo or mask is not where it must be."""

    # OSError.__str__ would print "None" for an errno that was never there.
    __str__ = Exception.__str__


class ListError(SourceError):
    """Say that a split list is malformed; the line is named."""


class PhotoError(SourceError):
    """Say that a photo is damaged, mislabelled or of a kind that cannot be read exactly."""


class MaskError(SourceError):
    """Say that a mask is damaged, lossy or of a kind that cannot be read exactly."""


class UnknownColourError(MaskError):
    """Say that a mask holds a colour or index that the legend does not know."""


class SizeMismatchError(SourceError):
    """Say that a photo and its mask differ in size."""


class SourceChangedError(SourceError):
    """Say that a file of a source changed between two readings that must agree."""


class ArchiveError(SourceError):
    """Say that an archive is damaged, is not the expected one, or holds what no archive of pictures needs."""


class LegendError(SegfeedError, ValueError):
    """Say that a legend contradicts itself."""


class PluginError(SegfeedError, ImportError):
    """Say that an installed package adds a format that cannot be used; the package is named."""


class DownloadError(SegfeedError, OSError):
    """Say that no mirror gave a file whole; each mirror's failure is named."""


class PackError(SegfeedError, OSError):
    """Say that a pack on disk is damaged, incomplete or of another format version."""


class StorageError(SegfeedError, OSError):
    """Say that the cache folder cannot take what must be written: no space, no permission."""


class StateError(SegfeedError, ValueError):
    """Say that a saved loader state does not fit; every differing field is listed with both values."""
