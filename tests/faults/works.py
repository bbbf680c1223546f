"""The works whose writes are broken: packing, drawing the sample, and each kind of export."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults.forks import task


@dataclass(frozen=True)
class Work:
    """Describe a work that writes into one folder.

    Attributes:
        job: a function of `faults.jobs`.
        kind: of export; "coded" of a pack that keeps files.
        depth: how many parts of a path name what appears at once.
    """

    job: str
    kind: str = ""
    depth: int = 2

    def __str__(self) -> str:
        return f"{self.job} {self.kind}".strip()

    def task(self, root: Path, folder: Path, **how: Any) -> dict[str, Any]:
        """Describe the job of writing into a folder."""
        arguments: tuple[Any, ...] = {
            "pack": (root, folder, "train", self.kind == "coded"),
            "draw": (folder,), "export": (root, folder / "out", self.kind),
        }[self.job]  # fmt: skip
        return task(self.job, *arguments, folder=folder, **how)


PACK = Work("pack")
WORKS = [
    PACK,
    Work("pack", "coded"),
    Work("draw"),
    *(Work("export", kind, 1) for kind in ("voc", "parquet", "webdataset")),
]
