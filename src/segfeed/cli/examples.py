"""Examples of every command, as its help shows them, in a module of its own for the test that runs them all.

Those of `fetch` need a network or an archive: the test only reads them.
"""

EXAMPLES = {
    "demo": ("segfeed demo", "segfeed demo --to pictures --json"),
    "fetch": ("segfeed fetch voc2012", "segfeed fetch voc2012 --from VOCtrainval_11-May-2012.tar"),
    "scan": ("segfeed scan sample", "segfeed scan sample segfeed.toml --write", "segfeed scan sample --json"),
    "check": ("segfeed check sample", "segfeed check sample --split val --strict"),
    "report": ("segfeed report sample", "segfeed report sample --to report.html --count 4"),
    "load": (
        "segfeed load sample",
        "segfeed load sample --batch-size 8 --crop 200x300 --flip --splits train,-",
        "segfeed load sample --no-pack --layout NCHW --dtype uint8",
    ),
    "pack": ("segfeed pack sample", "segfeed pack sample --splits val --threads 2"),
    "show": ("segfeed show sample", "segfeed show sample --split val --count 6 --to val.png"),
    "stats": ("segfeed stats sample", "segfeed stats sample --split val --json"),
    "bench": ("segfeed bench sample --seconds 1 --batch-size 8", "segfeed bench sample --seconds 1 --step-ms 50"),
    "export": ("segfeed export sample --to as-voc", "segfeed export sample --to tables --as parquet --splits val"),
    "score": (
        "segfeed score predictions sample",
        "segfeed score predictions sample --split val --picture confusion.png",
    ),
    "verify": ("segfeed verify", "segfeed verify sample --splits val"),
    "cache": ("segfeed cache", "segfeed cache --json"),
    "prune": ("segfeed cache prune --dry-run", "segfeed cache prune --older-than 7"),
}


def epilog(command: str) -> str:
    """Write a command's examples as the end of its help."""
    return "Examples:\n\n" + "\n\n".join(f"  {line}" for line in EXAMPLES[command])
