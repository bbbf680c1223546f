"""Strata: what splits and folds are to share out evenly, and which split each sample goes to then.

That is each value that masks store, which are all read for it, once, or a class that a table or the sample's key says.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from segfeed.datasets.blobs import Blob
from segfeed.datasets.descriptions.description import Description
from segfeed.datasets.descriptions.partition import balance, find_words
from segfeed.datasets.matching.split_rule import KeyRule
from segfeed.errors import ListError, MaskError
from segfeed.pixels.codec import decode_mask
from segfeed.pixels.palette import colour_codes
from segfeed.system.work import in_order, show_progress


@dataclass(frozen=True)
class Strata:
    """What a description shares out; what masks store is read once.

    Attributes:
        root: the dataset's folder.
        description: says by what the samples are shared out, and which belong together.
    """

    root: Path
    description: Description
    _stored: dict[str, frozenset[Hashable]] = field(default_factory=dict, compare=False, repr=False)

    def share_out(self, masks: Mapping[str, Blob | None], shares: Mapping[str, int]) -> dict[str, str]:
        """Choose the split of each sample so that every stratum has its share in every split, as far as groups allow.

        Args:
            masks: of the samples by key; None if one has no mask.
            shares: split -> its part of the whole.

        Raises:
            ListError: if a mask cannot be read, or a table says nothing of a sample.
        """
        rule, keys = self.description.splits, list(masks)
        groups = find_groups(self.root, self.description, keys)
        strata = self._words(rule.stratify, keys) if isinstance(rule.stratify, KeyRule) else self._values(masks)
        held: dict[str, list[frozenset[Hashable]]] = {}
        for key in keys:
            held.setdefault(groups[key], []).append(strata[key])
        chosen = balance(held, shares)
        return {key: chosen[groups[key]] for key in keys}

    def _words(self, rule: KeyRule, keys: Sequence[str]) -> dict[str, frozenset[Hashable]]:
        words = find_words(self.root, rule, keys, self.description.where, "class")
        return {key: frozenset({word}) for key, word in words.items()}

    def _values(self, masks: Mapping[str, Blob | None]) -> dict[str, frozenset[Hashable]]:
        blobs = [mask for mask in masks.values() if mask is not None and mask.address not in self._stored]
        with show_progress("reading the values of masks", len(blobs)) as advance:
            for blob, values in zip(blobs, in_order(lambda n: _values_of(blobs[n]), len(blobs), None), strict=True):
                self._stored[blob.address] = values
                advance(1)
        return {key: self._stored[mask.address] if mask is not None else frozenset() for key, mask in masks.items()}


def find_groups(root: Path, description: Description, keys: Sequence[str]) -> dict[str, str]:
    """Find the group of each key; each is a group of its own if the description says nothing of groups."""
    rule = description.splits.group
    if rule is None:
        return dict(zip(keys, keys, strict=True))
    return find_words(root, rule, keys, description.where, "group")


def _values_of(mask: Blob) -> frozenset[Hashable]:
    """List the values that a mask stores: indices, or colours as numbers."""
    try:
        pixels = decode_mask(mask.read(), mask.name).pixels
    except MaskError as error:
        raise ListError(
            mask.address,
            found=f"splits are shared out by what masks store, and this one cannot be read: {error.found}",
            expected=error.expected,
            remedy=error.remedy,
        ) from error
    # Counting indices takes a tenth of the time of sorting them.
    held = np.unique(colour_codes(pixels)) if pixels.ndim == 3 else np.flatnonzero(np.bincount(pixels.ravel()))
    return frozenset(held.tolist())
