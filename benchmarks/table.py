"""The table: medians and ratios of all rounds, on the screen, as Markdown and as JSON."""

import json
import os
import platform
import statistics
import sys
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import chart
from contenders import Row
from rich.console import Console
from rich.table import Table

GROUPS = {
    "floor": "The floor: bytes written or copied, and nothing else",
    "segfeed": "segfeed from a pack",
    "files": "From files",
    "peer": "Peers",
    "augmented": "segfeed, augmented",
    "augmented peer": "Peers, augmented",
}
_SHORT_TURNS = (
    "Short turns, sorted by how long a message from one core to the other takes right before and right after them. "
    "Near cores share a chiplet, and its way to memory; where the hypervisor has put them apart, each has its own. "
    "Turns during which they moved are left out. A ratio is of two medians."
)
Results = dict[str, Any]


def median(row: Row) -> float:
    """Return a row's median pairs per second."""
    return statistics.median(row.rounds)


def ratios(row: Row, rows: dict[str, Row]) -> dict[str, float]:
    """Compare a row with others: the median over rounds, each compared within itself.

    Returns:
        ratios: by the other's key; for a peer, how many times as fast segfeed is; for the others, which part of that
            row is reached.
    """
    measured = [rows[key] for key in row.against if key in rows and rows[key].rounds] if row.rounds else []
    return {other.key: round(_ratio(row, other), 2) for other in measured}


def _ratio(row: Row, other: Row) -> float:
    each = zip(row.rounds, other.rounds, strict=True)
    return statistics.median(theirs / own if row.is_peer else own / theirs for own, theirs in each)


def machine() -> dict[str, Any]:
    """Describe the machine: processor, cores that may be used, memory, system, load when the run began."""
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0] if names else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "versions": {name: metadata.version(name) for name in ("segfeed", "numpy", "numba", "simplejpeg", "pillow")},
        "command": " ".join(["benchmarks/run.py", *sys.argv[1:]]),
    }


def collect(
    rows: dict[str, Row], facts: dict[str, Any], costs: dict[str, Any], distances: list[dict[str, Any]]
) -> Results:
    """Put everything that was found into plain JSON values."""
    lines = []
    for row in rows.values():
        fields = {key: value for key, value in asdict(row).items() if key not in ("python", "module")}
        fields |= {
            "median_pairs_per_s": round(median(row), 1) if row.rounds else None,
            "rounds": [round(each, 1) for each in row.rounds],
            "ratios": ratios(row, rows),
        }
        lines.append(fields)
    known = machine() | facts.pop("machine", {})
    return {"machine": known, "job": facts, "rows": lines, "distances": distances, "costs": costs}


def write(results: Results, out: Path) -> None:
    """Write results.json and results.md, and print the table."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / "results.md").write_text(_markdown(results))
    _print(results)


def _cells(line: dict[str, Any], titles: dict[str, str]) -> tuple[str, str, str, str]:
    """Lay a row out: title, median, spread, ratio; or title and reason."""
    if line["failed"]:
        return line["title"], "-", "", line["failed"]
    low, high = min(line["rounds"]), max(line["rounds"])
    compared = "; ".join(
        f"{titles[other]} is {ratio:.1f} x as fast"
        if line["group"].endswith("peer")
        else f"{ratio:.2f} of {titles[other]}"
        for other, ratio in line["ratios"].items()
    )
    return line["title"], f"{line['median_pairs_per_s']:,.0f}", f"{low:,.0f} to {high:,.0f}", compared


def _print(results: Results) -> None:
    shown = Table(title="pairs per second", title_justify="left")
    for name, justify in (("", "left"), ("median", "right"), ("rounds", "right"), ("compared", "left")):
        shown.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    titles = {line["key"]: line["title"] for line in results["rows"]}
    for group, heading in GROUPS.items():
        if all(line["group"] != group for line in results["rows"]):
            continue
        shown.add_section()
        shown.add_row(f"[bold]{heading}[/bold]")
        for line in results["rows"]:
            if line["group"] == group:
                shown.add_row(*_cells(line, titles))
    console = Console()
    console.print(shown)
    for sentence in (*_distance_lines(results["distances"], titles), *_cost_lines(results["costs"])):
        console.print(f"- {sentence}", markup=False, highlight=False)


def _markdown(results: Results) -> str:
    found, job = results["machine"], results["job"]
    titles = {line["key"]: line["title"] for line in results["rows"]}
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    text = [
        "# segfeed beside its peers",
        "",
        (
            f"{found['cpu']}, {found['cores']} cores, {found['memory_gib']} GiB, {found['system']}, Python "
            f"{found['python']}; {versions}. Load when it began: {found['load_at_start']}."
        ),
        f"Command: `{found['command']}`.",
        "",
        _task(job),
        "",
        *(f"![pairs per second]({name})" for name, _ in chart.charts(results)),
    ]
    for group, heading in GROUPS.items():
        lines = [line for line in results["rows"] if line["group"] == group]
        if lines:
            text += ["", f"## {heading}", "", "| | pairs/s | rounds | compared |", "|---|---:|---:|---|"]
            text += [f"| {' | '.join(_cells(line, titles))} |" for line in lines]
    if results["distances"]:
        text += ["", "## Near and far cores", "", _SHORT_TURNS, ""]
        text += [f"- {sentence}" for sentence in _distance_lines(results["distances"], titles)]
    text += ["", "## Costs", "", *(f"- {sentence}" for sentence in _cost_lines(results["costs"]))]
    text += ["", "## How each row is set up and checked", "", *map(_about, results["rows"]), ""]
    return "\n".join(text)


def _task(job: dict[str, Any]) -> str:
    """Describe what every row had to do, and how it was timed."""
    height, width = job["crop_size"]
    return (
        f"Data: {job['data']}: {job['distinct']} pairs at least as large as the crop, repeated to {job['pairs']:,}; "
        f"random crops of {height} x {width}, batches of {job['batch_size']}, float32 normalised NHWC and int32 labels "
        f"unless a row says otherwise, {job['workers']} threads or workers. {job['rounds']} rounds; in each, every row "
        f"had one turn of at least {job['seconds']:g} s, in this order. Medians; ratios are taken within a round. All "
        "files are in the page cache. Who has no turn is stopped (SIGSTOP). segfeed's turns are whole epochs, begin "
        f"and end included; peers are timed while they run, after their first batches."
    )


def _about(line: dict[str, Any]) -> str:
    facts, parts = line["facts"], [line["about"]]
    if facts.get("tried"):
        tried = ", ".join(f"{_settings(each['settings'])}: {each['pairs_per_s']:,.0f}" for each in facts["tried"])
        parts.append(f"Settings tried (pairs/s): {tried}.")
    if facts.get("agreement"):
        parts.append(f"Checked: {facts['agreement']}.")
    if facts.get("versions") and line["group"].endswith("peer"):
        parts.append("Versions: " + ", ".join(f"{name} {version}" for name, version in facts["versions"].items()) + ".")
    if line["failed"]:
        parts.append(f"Not measured: {line['failed']}.")
    return f"- **{line['title']}**: " + " ".join(part for part in parts if part)


def _settings(settings: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.items()) or "default"


def _distance_lines(distances: list[dict[str, Any]], titles: dict[str, str]) -> list[str]:
    return [
        f"{found['where']} cores ({found['ns'][0]} to {found['ns'][1]} ns): "
        + ", ".join(
            f"{titles[key]} {speed:,.0f} ({found['turns'][key]} turns)" for key, speed in found["pairs_per_s"].items()
        )
        + "".join(f"; {ratio}" for ratio in _distance_ratios(found["pairs_per_s"]))
        for found in distances
    ]


def _distance_ratios(speeds: dict[str, float]) -> list[str]:
    """Compare segfeed with memory, and both with the fastest peer."""
    ratios = [
        f"segfeed is {speeds['warm'] / speeds['kernel']:.2f} of its kernel alone",
        f"the kernel is {speeds['kernel'] / speeds['stream']:.2f} of streaming stores",
    ]
    if "ffcv" in speeds:
        ratios.append(f"segfeed is {speeds['warm'] / speeds['ffcv']:.1f} x as fast as FFCV")
        ratios.append(f"streaming stores alone would be {speeds['stream'] / speeds['ffcv']:.1f} x as fast as FFCV")
    return ratios


def _cost_lines(costs: dict[str, Any]) -> list[str]:
    lines = []
    if (start := costs.get("start")) is not None:
        lines.append(
            f"start: {start['median_s']:.2f} s from `load` on an existing pack of {start['pairs']:,} pairs to the "
            f"first batch, in a fresh process after `import segfeed` (median of {start['processes']} processes, the "
            f"slowest {max(start['all_s']):.2f} s; one before them, not counted: {start['uncounted_s']:.2f} s)"
        )
    for each in costs.get("memory", ()):
        note = f" ({each['note']})" if each.get("note") else ""
        lines.append(
            f"memory: {each['private_mib']:.0f} MiB private (anonymous) while iterating over {each['pairs']:,} "
            f"pairs{note}, above the {each['interpreter_mib']:.0f} MiB of the interpreter after import, and besides "
            f"{each['slots_mib']:.0f} MiB of slots"
        )
    if (plan := costs.get("plan_rows")) is not None:
        lines.append(
            f"plan: {plan['median_ms']:.2f} ms for the rows of a batch at {plan['samples']:,} samples "
            f"(median of {plan['calls']} calls over epochs and positions)"
        )
    return lines
