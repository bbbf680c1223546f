"""Private memory while iterating: anonymous memory above that after `import segfeed`, less the slots."""

import json
from pathlib import Path

from turns import Job

import segfeed

_MiB = 1 << 20
_STEPS = 40


def main() -> None:
    """Iterate, and print the most that was private in MiB."""
    job = Job.read()
    imported = _anonymous_bytes()
    train, _ = segfeed.load(
        job.root, job.batch_size, job.crop_size, splits=("train", None), threads=job.workers, cache_dir=job.cache_dir
    )
    slots: dict[int, int] = {}
    highest = steps = 0
    while steps < _STEPS:
        for images, labels in train:
            slots |= {images.ctypes.data: images.nbytes, labels.ctypes.data: labels.nbytes}
            highest = max(highest, _anonymous_bytes())
            steps += 1
            if steps == _STEPS:
                break
    own = highest - imported - sum(slots.values())
    answer = {
        "pairs": len(train.reader.keys),
        "private_mib": round(own / _MiB, 1),
        "slots_mib": round(sum(slots.values()) / _MiB, 1),
        "interpreter_mib": round(imported / _MiB, 1),
    }
    print(json.dumps(answer))  # noqa: T201 - the answer


def _anonymous_bytes() -> int:
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/smaps_rollup has no line 'Anonymous'; this measurement needs Linux.")


if __name__ == "__main__":
    main()
