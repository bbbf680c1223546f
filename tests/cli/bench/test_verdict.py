"""The benchmark: what it measures, what it prints, and what it concludes."""

import json
import math
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segfeed import Draw, Loader, Plan, make_pack, scan
from segfeed.cli import app as cli
from segfeed.cli.bench import verdict as bench
from segfeed.cli.bench.machine import Machine, Stopwatch, measure_machine, private_mib
from segfeed.cli.bench.verdict import BenchResult, Feed, judge, measure
from segfeed.datasets.blobs import File
from segfeed.datasets.source import Source
from segfeed.errors import OptionError

CROP = (32, 48)
QUICK = {"threads": 2, "seconds": 0.05}
SHARES = ("reading", "decoding", "cutting", "waiting")

FEED = Feed(
    pairs_per_s=400.0, reading=0.1, decoding=0.82, cutting=0.05, waiting=0.03,
    consumer_waited=1.0, feed_waited=0.0, disk_faults_per_pair=0.0, private_mib=500.0,
)  # fmt: skip
WARM = replace(FEED, pairs_per_s=5600.0, reading=0.0, decoding=0.0, cutting=0.97)
RESULT = BenchResult(
    name="VOC2012", split="train", batch_size=64, crop_size=(320, 480), steps=22, step_ms=0.0, compiled=True,
    pack="packs/1", pack_made_s=None, machine=Machine(2, 5800.0, 16_000.0), cold=FEED, warm=WARM, training=None,
)  # fmt: skip


@pytest.fixture
def source(voc_folder, cache):
    return scan(voc_folder)


@pytest.fixture
def run(monkeypatch, capsys, voc_folder, cache):
    """Run `segfeed bench` on the tiny dataset in this process: (exit code, standard output, standard error)."""

    def ran(*words: object) -> tuple[int, str, str]:
        small = ("--crop", "32x48", "--batch-size", "2", "--seconds", "0.05", "--threads", "2")
        monkeypatch.setattr(sys, "argv", ["segfeed", "bench", *map(str, (voc_folder, *small, *words))])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        return caught.value.code or 0, out, err

    return ran


# ---- what it measures


@pytest.mark.parametrize("threads", [0, 1, 2, 9])
@pytest.mark.slow
def test_thread_time_is_shared_out_without_a_rest(source, threads):
    result = measure(source, 2, Draw(CROP), threads=threads, seconds=0.05)
    for feed in (result.cold, result.warm):
        assert feed.pairs_per_s > 0
        assert all(0 <= getattr(feed, share) <= 1 for share in (*SHARES, "consumer_waited", "feed_waited"))
        assert sum(getattr(feed, share) for share in SHARES) == pytest.approx(1, abs=1e-6)
        assert feed.cutting > 0
    assert result.cold.decoding > 0 < result.cold.reading
    assert result.warm.decoding == result.warm.reading == 0
    assert result.machine.threads == max(threads, 1)


@pytest.mark.slow
def test_slow_files_are_seen_as_reading(source, monkeypatch):
    read = File.read

    def slowly(blob: File, limit_bytes: int = -1) -> bytes:
        time.sleep(0.01)
        return read(blob, limit_bytes)

    monkeypatch.setattr(File, "read", slowly)
    result = measure(source, 2, Draw(CROP), **QUICK)
    assert result.cold.reading > 0.3
    assert result.cold.reading > result.cold.decoding
    assert result.cold.pairs_per_s <= 2 / 0.02  # two threads, two files of 10 ms a pair
    assert result.warm.reading == 0
    assert judge(result)[0] == "reading"


@pytest.mark.slow
def test_slow_decoders_are_seen_as_decoding(source, monkeypatch):
    decode = Source.decode

    def slowly(*words, **options):
        time.sleep(0.02)
        return decode(*words, **options)

    monkeypatch.setattr(Source, "decode", slowly)
    result = measure(source, 2, Draw(CROP), **QUICK)
    assert result.cold.decoding > 0.3
    assert result.cold.decoding > result.cold.reading
    assert judge(result)[0] == "decoding"


@pytest.mark.slow
def test_training_step_is_what_the_feed_then_waits_for(source):
    result = measure(source, 2, Draw(CROP), threads=2, seconds=0.3, step_ms=50)
    training = result.training
    assert result.step_pairs_per_s == 40
    assert 0 < training.pairs_per_s <= 40
    assert training.feed_waited > 0.5 > training.consumer_waited
    assert training.waiting >= training.feed_waited
    assert result.warm.feed_waited == 0
    assert result.warm.consumer_waited > 0.5


@pytest.mark.slow
def test_threads_that_fill_during_a_step_are_not_said_to_wait_for_it(source, monkeypatch):
    monkeypatch.setattr(bench.Pack, "stored", slowed(bench.Pack.stored, 0.06))
    result = measure(source, 1, Draw(CROP), threads=1, seconds=0.2, step_ms=20)
    assert result.training.feed_waited < 0.2
    assert result.training.consumer_waited > 0.5


def slowed(function, seconds):
    def slowly(*words):
        time.sleep(seconds)
        return function(*words)

    return slowly


@pytest.mark.slow
def test_pack_is_made_once(source, cache):
    first, second = (measure(source, 2, Draw(CROP), **QUICK) for _ in range(2))
    assert first.pack_made_s > 0
    assert second.pack_made_s is None
    assert first.pack == second.pack
    assert Path(first.pack).parent == cache / "packs"


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.slow
def test_timed_loader_delivers_the_very_same_batches(source, split, voc_folder):
    source = scan(voc_folder, split)
    plan = Plan(source.sizes, 2, Draw(CROP))
    for reader, timed in ((source, bench._timed(source)), (make_pack(source),) * 2):
        with Loader(reader, plan) as plain, bench._TimedLoader(timed, plan, threads=2) as loader:
            for expected, batch in zip(plain, loader, strict=True):
                assert np.array_equal(expected.images, batch.images)
                assert np.array_equal(expected.labels, batch.labels)
            assert loader.watch.count("filling") == len(plan) - plan.tail
            del expected, batch


def test_sizes_are_not_read_again(source):
    sizes = source.sizes
    assert bench._timed(source).sizes is sizes


@pytest.mark.parametrize(
    "words",
    [{"batch_size": 64}, {"batch_size": 0}, {"threads": -1}, {"seconds": 0}, {"seconds": -1},
     {"seconds": math.nan}, {"seconds": math.inf}, {"step_ms": -1}, {"step_ms": math.nan}],
    ids=str,
)  # fmt: skip
@pytest.mark.slow
def test_bad_options_are_refused_before_anything_is_measured(source, cache, monkeypatch, words):
    monkeypatch.setattr(bench, "measure_machine", lambda *_: pytest.fail("measured"))
    with pytest.raises(OptionError):
        measure(source, **{"batch_size": 2, "draw": Draw(CROP), **QUICK, **words})
    assert not cache.exists()


def test_machine_copies_and_writes():
    machine = measure_machine(batch_size=2, crop_px=1000, threads=3, seconds=0.02)
    assert machine.threads == 3
    assert machine.write_pairs_per_s > 100
    assert machine.copy_pairs_per_s > 100


def test_many_threads_share_batches_as_a_loader_lets_them(monkeypatch):
    made = []
    monkeypatch.setattr("segfeed.cli.bench.machine._writer", lambda pixels: made.append(pixels) or (lambda: None))
    monkeypatch.setattr("segfeed.cli.bench.machine._copier", lambda pixels: made.append(pixels) or (lambda: None))
    for threads, pairs in ((1, 64), (4, 64), (5, 32), (16, 16)):
        made.clear()
        measure_machine(batch_size=64, crop_px=10, threads=threads, seconds=0.001)
        assert made == [10 * pairs] * threads * 2


def test_stopwatch_counts_what_is_under_way_and_only_what_went_well():
    watch = Stopwatch()
    with watch.span("outer", 3):
        with pytest.raises(ValueError, match="no"), watch.span("inner"):
            raise ValueError("no")
        time.sleep(0.01)
        spent = watch.spent_s()
        assert spent["outer"] >= 0.01 > spent["inner"]
        assert watch.count("outer") == 0
    assert (watch.count("outer"), watch.count("inner")) == (3, 0)
    assert watch.spent_s()["outer"] >= spent["outer"]
    assert watch.spent_s() == watch.spent_s()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
@pytest.mark.slow
def test_private_memory_grows_with_what_is_written():
    before = private_mib()
    held = np.ones(64 << 20, np.uint8)
    assert private_mib() - before > 50
    del held


def test_private_memory_that_no_system_tells_is_said_to_be_unknown(monkeypatch):
    def refuse(*_: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", refuse)
    assert private_mib() is None
    unknown = replace(RESULT, cold=replace(FEED, private_mib=None))
    assert unknown.table()[-1][3] == "not measured on this system"
    assert json.loads(json.dumps(unknown.to_json()))["cold"]["private_mib"] is None


# ---- what it concludes


def test_feed_as_fast_as_memory():
    limit, sentence = judge(RESULT)
    assert limit == "memory"
    assert sentence == (
        "The feed is as fast as memory: 2 threads write 5,800 pairs/s and the feed delivers 5,600; "
        "nothing to change here (--step-ms compares it with your training step)."
    )
    one = replace(RESULT, machine=Machine(1, 5800.0, 16_000.0))
    assert "1 thread writes 5,800 pairs/s" in judge(one)[1]


def test_step_that_is_slower_than_the_feed():
    assert judge(replace(RESULT, step_ms=100.0)) == (
        "step",
        "The training step limits: it takes 640 pairs/s and the feed can deliver 5,600; nothing to change here.",
    )


def test_step_that_is_faster_than_memory():
    limit, sentence = judge(replace(RESULT, step_ms=1.0))
    assert limit == "memory"
    assert "while your training step could take 64,000; only batches of fewer bytes" in sentence


@pytest.mark.parametrize("step_ms", [0.0, 100.0])
def test_decoding_limits_who_had_no_pack(step_ms):
    assert judge(replace(RESULT, pack_made_s=3.0, step_ms=step_ms)) == (
        "decoding",
        "Decoding limits the cold feed (82 % of thread time); use a pack: it delivers 14 times as many.",
    )


def test_files_limit_who_had_no_pack():
    cold = replace(FEED, pairs_per_s=1600.0, reading=0.7, decoding=0.2)
    assert judge(replace(RESULT, pack_made_s=3.0, cold=cold)) == (
        "reading",
        "Reading files limits the cold feed (70 % of thread time); use a pack: it delivers 3.5 times as many.",
    )


def test_step_that_even_files_are_fast_enough_for():
    assert judge(replace(RESULT, pack_made_s=3.0, step_ms=1000.0))[0] == "step"


def test_pack_that_gains_nothing_is_not_recommended():
    assert judge(replace(RESULT, pack_made_s=3.0, cold=WARM))[0] == "memory"


SLOW = replace(WARM, pairs_per_s=2000.0)


@pytest.mark.parametrize(
    ("limit", "changes", "cause", "remedy"),
    [
        ("disk", {"warm": replace(SLOW, disk_faults_per_pair=6.0)}, "the pack came from disk rather than memory",
         "add memory or put the cache folder on a faster disk (--cache-dir)."),
        ("kernels", {"warm": SLOW, "compiled": False}, "The plain NumPy path limits",
         "install numba, whose kernels cut faster."),
        ("waiting", {"warm": replace(SLOW, waiting=0.45), "steps": 2},
         "they wait 45 % of their time, with 2 batches an epoch",
         "use smaller batches or fewer threads."),
        ("cutting", {"warm": SLOW}, "Cutting limits the warm feed (97 % of thread time)",
         "use more threads if there are cores left, or smaller crops."),
    ],
)  # fmt: skip
def test_what_keeps_a_warm_feed_below_memory(limit, changes, cause, remedy):
    slow = replace(RESULT, **changes)
    for step_ms in (0.0, 1.0):
        found, sentence = judge(replace(slow, step_ms=step_ms))
        assert found == limit
        assert cause in sentence
        assert "2,000 pairs/s" in sentence
        assert sentence.endswith(remedy)
        assert ("your training step could take 64,000" in sentence) == bool(step_ms)
    assert judge(replace(slow, step_ms=1000.0))[0] == "step"


def test_disk_that_is_as_fast_as_memory_limits_nothing():
    assert judge(replace(RESULT, warm=replace(WARM, disk_faults_per_pair=6.0)))[0] == "memory"


# ---- what the command prints


@pytest.mark.slow
def test_table_pack_and_verdict_are_printed(run):
    code, out, err = run()
    assert (code, err) == (0, "")
    lines = [line.strip() for line in out.splitlines() if line.strip()]
    assert lines[0] == "VOC2012 train: batches of 2 crops of 32 x 48 px, 2 threads"
    assert re.match(r"pack: made in \d+\.\d s, /", lines[1])
    assert re.fullmatch(r"write only +copy only +cold: files +warm: pack", lines[2])
    for title in ("pairs per second", *(f"threads: {share}" for share in SHARES), "private memory"):
        assert any(line.startswith(title) for line in lines), title
    assert lines[-1].endswith(".")
    assert "limit" in lines[-1] or "memory" in lines[-1]
    assert "pack: was there, /" in run()[1]


@pytest.mark.slow
def test_json_is_one_object(run):
    code, out, err = run("--json")
    assert (code, err, out.count("\n")) == (0, "", 1)
    found = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert (found["name"], found["split"], found["batch_size"], found["crop_size"]) == ("VOC2012", "train", 2, [32, 48])
    assert set(found["machine"]) == {"threads", "write_pairs_per_s", "copy_pairs_per_s"}
    assert set(found["cold"]) == set(found["warm"]) == set(Feed.__dataclass_fields__)
    assert found["training"] is None
    assert found["pack_made_s"] > 0
    assert found["verdict"].endswith(".")


@pytest.mark.slow
def test_step_adds_a_column(run):
    assert "warm, 20 ms a step" in run("--step-ms", 20)[1]
    found = json.loads(run("--step-ms", 20, "--json")[1])
    assert found["step_ms"] == 20
    assert 0 < found["training"]["pairs_per_s"] <= 100  # two pairs after each 20 ms or more
    assert "training step" in found["verdict"]  # whichever of the two was faster, on whatever machine


@pytest.mark.parametrize(
    "words",
    [("--batch-size", 64), ("--crop", "abc"), ("--seconds", 0), ("--seconds", "nan"), ("--step-ms", -1),
     ("--threads", -1), ("--task", "panoptic"), ("--unknown", "dragon"), ("--no-such-option",)],
    ids=str,
)  # fmt: skip
@pytest.mark.slow
def test_bad_use_is_one_line_and_exit_code_2(run, words):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("segfeed: ")
    assert err.count("\n") == 1


@pytest.mark.slow
def test_missing_split_is_bad_data(run):
    code, out, err = run("--split", "nowhere")
    assert (code, out) == (1, "")
    assert err.startswith("segfeed: ")


@pytest.mark.slow
def test_objects_can_be_measured(run):
    assert run("--task", "instance", "--split", "val")[0] == 0
