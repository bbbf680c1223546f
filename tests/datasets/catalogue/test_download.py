"""Download: whatever servers do, the right bytes come out or an error that says what each mirror did."""

import hashlib
import os
import resource
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from segfeed.datasets.catalogue import watch
from segfeed.datasets.catalogue.download import Patience, Remote, open_remote
from segfeed.errors import DownloadError, OptionError, StorageError
from segfeed.system import storage
from web_server import GOOD, HTML, NOT_THERE, PAGE, Answer, running_server, wait_until

CONTENT = hashlib.shake_128(b"archive").digest(3 << 20) + b"the end"
OTHER = hashlib.shake_128(b"another").digest(len(CONTENT))
SHA1 = hashlib.sha1(CONTENT).hexdigest()  # noqa: S324 - as archives are published
HASTY = Patience(stall_s=0.4, attempts=3, pause_s=0.01)
HALF = len(CONTENT) // 2


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running_server() as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "room"


def remote_of(*mirrors: str, **fields: object) -> Remote:
    return replace(Remote("a.tar", mirrors, SHA1, len(CONTENT)), **fields)


def fetched(remote: Remote, folder: Path, patience: Patience = HASTY) -> bytes:
    """Download and read; in the end nothing may be left."""
    with open_remote(remote, folder, patience) as path:
        content = path.read_bytes()
    assert list(folder.iterdir()) == []
    return content


def failure(remote: Remote, folder: Path) -> str:
    with pytest.raises(DownloadError) as caught, open_remote(remote, folder, HASTY):
        pytest.fail("it came through")
    assert caught.value.where == "a.tar"
    assert caught.value.found.startswith("no mirror gave the file (")
    assert caught.value.expected == f"SHA-1 {SHA1}"
    assert caught.value.remedy.endswith("or get it by other means and pass the file")
    return caught.value.found


def left(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.glob(".a.tar-*/bytes")]


# ---- servers and neighbours of ill will


@pytest.mark.parametrize("part", ["status", "header", "chunk"])
@pytest.mark.slow
def test_server_that_drips_without_an_end_is_given_up(server, folder, part):
    dripping = server.serve("slow", CONTENT, always=Answer(drip=part))
    began = time.monotonic()
    assert "silence" in failure(remote_of(dripping), folder)
    assert time.monotonic() - began < 15
    good = server.serve("a.tar", CONTENT)
    assert fetched(remote_of(dripping, good), folder) == CONTENT


def test_number_of_thousands_of_digits_leads_to_the_next_mirror(server, folder):
    odd = server.serve("odd", CONTENT, always=Answer(length="9" * 5000))
    assert fetched(remote_of(odd, server.serve("a.tar", CONTENT)), folder) == CONTENT


@pytest.mark.parametrize("kind", ["a link", "a second name", "a folder by link", "a folder for all", "a pipe"])
@pytest.mark.slow
def test_remains_that_others_may_have_planted_are_not_taken_over(server, folder, tmp_path, kind):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    folder.mkdir()
    remote = remote_of(server.serve("a.tar", CONTENT))
    planted = folder / f".{remote.key}.part"
    if kind == "a folder by link":
        (elsewhere := tmp_path / "elsewhere").mkdir()
        os.link(victim, elsewhere / "bytes")
        planted.symlink_to(elsewhere)
    else:
        planted.mkdir()
        if kind == "a link":
            (planted / "bytes").symlink_to(victim)
        elif kind == "a second name":
            os.link(victim, planted / "bytes")
        elif kind == "a pipe":
            os.mkfifo(planted / "bytes")
        else:
            (planted / "bytes").write_bytes(OTHER[:1000])
            planted.chmod(0o777)
    assert fetched(remote, folder) == CONTENT
    assert server.ranges() == [None]
    assert victim.read_bytes() == b"precious"


# ---- one mirror


@pytest.mark.parametrize("size_bytes", [len(CONTENT), None])
@pytest.mark.parametrize(
    "answer", [GOOD, Answer(chunked=True), Answer(length=None), Answer(ranges=False), Answer(tag="")]
)
@pytest.mark.slow
def test_file_is_downloaded_and_gone_in_the_end(server, folder, answer, size_bytes):
    url = server.serve("a.tar", CONTENT, always=answer)
    assert fetched(remote_of(url, size_bytes=size_bytes), folder) == CONTENT
    assert len(server.requests) == 1


def test_block_may_move_the_file(server, folder, tmp_path):
    with open_remote(remote_of(server.serve("a.tar", CONTENT)), folder, HASTY) as path:
        path.rename(tmp_path / "kept.tar")
    assert (tmp_path / "kept.tar").read_bytes() == CONTENT
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("size_bytes", [len(CONTENT), None])
@pytest.mark.slow
def test_cut_off_download_goes_on_where_it_stopped(server, folder, size_bytes):
    url = server.serve("a.tar", CONTENT, Answer(cut_after=HALF), Answer(cut_after=1 << 20), Answer(cut_after=0))
    assert fetched(remote_of(url, size_bytes=size_bytes), folder) == CONTENT
    assert server.ranges() == [None, f"bytes={HALF}-", *[f"bytes={HALF + (1 << 20)}-"] * 2]
    assert server.sent_bytes == len(CONTENT)
    assert {headers["if-range"] for _, headers in server.requests[1:]} == {'"1"'}


def test_compressed_transfer_is_not_asked_for(server, folder):
    fetched(remote_of(server.serve("a.tar", CONTENT)), folder)
    assert server.requests[0][1]["accept-encoding"] == "identity"


def test_server_that_always_cuts_is_asked_until_the_file_is_whole(server, folder):
    url = server.serve("a.tar", CONTENT, always=Answer(cut_after=(1 << 20) + 1))
    assert fetched(remote_of(url), folder, replace(HASTY, attempts=2)) == CONTENT
    assert len(server.requests) == 4


def test_server_that_brings_next_to_nothing_is_given_up(server, folder):
    url = server.serve("a.tar", CONTENT, always=Answer(cut_after=10))
    assert "cut off after 30 of 3,145,735 bytes" in failure(remote_of(url), folder)
    assert left(folder) == [CONTENT[:30]]


@pytest.mark.parametrize("size_bytes", [len(CONTENT), None])
@pytest.mark.slow
def test_server_that_ignores_ranges_sends_again_what_is_there_and_no_byte_is_lost(server, folder, size_bytes):
    cut = Answer(ranges=False, cut_after=HALF)
    url = server.serve("a.tar", CONTENT, cut, replace(cut, cut_after=HALF - 5), always=Answer(ranges=False))
    assert fetched(remote_of(url, size_bytes=size_bytes), folder) == CONTENT
    assert len(server.requests) == 3


def test_server_that_ignores_ranges_and_cuts_early_does_not_shorten_what_is_there(server, folder):
    cuts = [Answer(ranges=False, cut_after=HALF), *[Answer(ranges=False, cut_after=100)] * 3]
    failure(remote_of(server.serve("a.tar", CONTENT, *cuts)), folder)
    assert left(folder) == [CONTENT[:HALF]]


@pytest.mark.parametrize("wrong", ["bytes 5-9/3145735", "bytes 0-3145734/3145735", "lines 1-2/3", "bytes */3145735"])
@pytest.mark.slow
def test_range_that_is_another_than_asked_for_is_not_appended(server, folder, wrong):
    url = server.serve("a.tar", CONTENT, Answer(cut_after=HALF), Answer(content_range=wrong))
    assert fetched(remote_of(url), folder) == CONTENT
    assert server.ranges() == [None, f"bytes={HALF}-", None]


@pytest.mark.parametrize("tags", [('"1"', '"2"', ""), ("", "", "Sat, 21 Nov 2026 10:00:00 GMT")])
def test_two_versions_are_never_mixed(server, folder, tags):
    first, second, changed = tags
    old = Answer(content=OTHER, cut_after=HALF, tag=first, changed="Fri, 20 Nov 2026 10:00:00 GMT" if changed else "")
    url = server.serve("a.tar", CONTENT, old, always=Answer(tag=second, changed=changed))
    assert fetched(remote_of(url), folder) == CONTENT
    assert server.requests[1][1]["if-range"] == first or "Fri, 20 Nov 2026 10:00:00 GMT"
    assert len(server.requests) == 2, "the second answer was of the new version, and whole"


def test_weak_tag_does_not_vouch_for_bytes(server, folder):
    url = server.serve("a.tar", CONTENT, Answer(cut_after=HALF, tag='W/"1"'), always=Answer(tag='W/"1"'))
    assert fetched(remote_of(url), folder) == CONTENT
    assert "if-range" not in server.requests[1][1]


def test_version_that_changed_behind_an_unchanged_tag_is_downloaded_anew(server, folder):
    url = server.serve("a.tar", CONTENT, Answer(content=OTHER, cut_after=HALF))
    assert fetched(remote_of(url), folder) == CONTENT
    assert server.ranges() == [None, f"bytes={HALF}-", None]


@pytest.mark.parametrize("size_bytes", [len(CONTENT), None])
def test_wrong_bytes_are_an_error_with_both_digests_and_leave_nothing(server, folder, size_bytes):
    url = server.serve("a.tar", OTHER)
    message = failure(remote_of(url, size_bytes=size_bytes), folder)
    assert f"{url}: SHA-1 {hashlib.sha1(OTHER).hexdigest()} in 3,145,735 bytes)" in message  # noqa: S324
    assert list(folder.iterdir()) == []
    assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [HTML, replace(HTML, chunked=True), replace(HTML, length=None)])
@pytest.mark.parametrize("size_bytes", [len(CONTENT), None])
def test_web_page_is_told_from_the_file(server, folder, answer, size_bytes):
    message = failure(remote_of(server.serve("a.tar", CONTENT, always=answer), size_bytes=size_bytes), folder)
    assert "a web page that starts with '<!DOCTYPE html><html><ti'" in message
    assert list(folder.iterdir()) == []
    assert len(server.requests) == 1


def test_web_page_in_place_of_the_rest_costs_nothing_of_what_is_there(server, folder):
    url = server.serve("a.tar", CONTENT, Answer(cut_after=HALF), always=replace(HTML, tag=""))
    assert f"a file of {len(PAGE)} bytes" in failure(remote_of(url), folder)
    assert left(folder) == [CONTENT[:HALF]]
    server.always["a.tar"] = GOOD
    assert fetched(remote_of(url), folder) == CONTENT
    assert server.sent_bytes == len(CONTENT) + len(PAGE)


@pytest.mark.parametrize("length", [len(CONTENT) - 1, len(CONTENT) + 1, 5, 1 << 40])
def test_announced_length_that_is_not_the_files_is_refused_before_the_file_is_read(server, folder, length):
    url = server.serve("a.tar", CONTENT, always=Answer(length=length, piece_bytes=100, pause_s=0.01))
    assert f"a file of {length:,} bytes instead of {len(CONTENT):,}" in failure(remote_of(url), folder)
    assert server.sent_bytes < len(CONTENT)


def test_file_that_is_announced_too_short_is_found_out_by_its_digest(server, folder):
    url = server.serve("a.tar", CONTENT, always=Answer(length=len(CONTENT) - 1))
    message = failure(remote_of(url, size_bytes=None), folder)
    assert f"SHA-1 {hashlib.sha1(CONTENT[:-1]).hexdigest()} in 3,145,734 bytes" in message  # noqa: S324


def test_file_that_is_announced_too_long_is_right_all_the_same(server, folder):
    url = server.serve("a.tar", CONTENT, always=Answer(length=len(CONTENT) + 1))
    assert fetched(remote_of(url, size_bytes=None), folder) == CONTENT


def test_endless_file_is_cut(server, folder):
    url = server.serve("a.tar", CONTENT * 3, always=Answer(chunked=True))
    assert "more than the announced 3,145,735 bytes" in failure(remote_of(url), folder)
    assert server.sent_bytes < 3 * len(CONTENT)


@pytest.mark.slow
def test_silent_server_is_given_up(server, folder):
    url = server.serve("a.tar", CONTENT, always=Answer(hold=True))
    assert "silence after 0 bytes" in failure(remote_of(url), folder)
    assert len(server.requests) == HASTY.attempts


@pytest.mark.slow
def test_server_that_falls_silent_is_asked_again(server, folder):
    stalls = Answer(piece_bytes=HALF, pause_s=2)
    assert fetched(remote_of(server.serve("a.tar", CONTENT, stalls)), folder) == CONTENT
    assert server.ranges() == [None, f"bytes={HALF}-"]


@pytest.mark.slow
def test_dripping_server_is_given_up_though_it_is_never_silent(server, folder):
    url = server.serve("a.tar", CONTENT, always=Answer(piece_bytes=1, pause_s=0.02))
    assert "which is too slow" in failure(remote_of(url), folder)


@pytest.mark.slow
def test_slow_server_that_keeps_a_decent_rate_is_waited_for(server, folder):
    url = server.serve("a.tar", CONTENT, always=Answer(piece_bytes=1 << 18, pause_s=0.08))
    assert fetched(remote_of(url), folder) == CONTENT
    assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (410, 1), (500, 3), (503, 3), (429, 3)])
@pytest.mark.slow
def test_refusals_are_named_and_asked_again_only_where_they_may_pass(server, folder, status, requests):
    url = server.serve("a.tar", CONTENT, always=Answer(status=status))
    assert f"{url}: {status} " in failure(remote_of(url), folder)
    assert len(server.requests) == requests


def test_refusal_that_passes_does_no_harm(server, folder):
    assert fetched(remote_of(server.serve("a.tar", CONTENT, Answer(status=503))), folder) == CONTENT


def test_server_that_is_not_there_is_named(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/a.tar"
    assert f"{url}: Connection refused after 0 bytes" in failure(remote_of(url), folder)


# ---- redirects


def test_redirect_is_followed(server, folder):
    url = server.serve("old.tar", b"", always=Answer(redirect=server.serve("a.tar", CONTENT)))
    assert fetched(remote_of(url), folder) == CONTENT


def test_download_goes_on_through_a_redirect(server, folder):
    real = server.serve("a.tar", CONTENT, Answer(cut_after=HALF))
    url = server.serve("old.tar", b"", always=Answer(redirect=real))
    assert fetched(remote_of(url), folder) == CONTENT
    assert server.ranges() == [None, None, *[f"bytes={HALF}-"] * 2]


def test_redirect_in_a_circle_ends(server, folder):
    url = server.serve("a.tar", b"")
    server.always["a.tar"] = Answer(redirect=url)
    assert f"{url}: 302 " in failure(remote_of(url), folder)


@pytest.mark.parametrize("goal", ["ftp://127.0.0.1/a.tar", "file:///etc/passwd"])
def test_redirect_to_anything_but_http_is_refused(server, folder, goal):
    url = server.serve("a.tar", b"", always=Answer(redirect=goal))
    assert f"{url}: " in failure(remote_of(url), folder)


def test_redirect_from_https_to_http_is_refused():
    request = watch.urllib.request.Request("https://127.0.0.1/a.tar")
    closed = []
    response = type("Response", (), {"close": lambda _: closed.append(True)})()
    follow = watch._Redirects().redirect_request
    with pytest.raises(watch.FaultError, match=r"a redirect from https to http://127\.0\.0\.1/b, which is not safe"):
        follow(request, response, 302, "", {}, "http://127.0.0.1/b")
    assert closed
    assert follow(request, response, 302, "", {}, "https://127.0.0.1/b").full_url == "https://127.0.0.1/b"


@pytest.mark.parametrize("url", ["ftp://host/a.tar", "file:///etc/passwd", "a.tar", "http://", "//host/a.tar"])
def test_mirror_that_is_no_web_address_is_refused_before_anything_is_asked(folder, url):
    with pytest.raises(OptionError) as caught, open_remote(remote_of(url), folder):
        pytest.fail("it came through")
    assert caught.value.where == url
    assert caught.value.expected == "an http or https URL"
    assert not folder.exists()


# ---- several mirrors


@pytest.mark.parametrize(
    "bad",
    [
        NOT_THERE,
        HTML,
        Answer(hold=True),
        Answer(content=OTHER),
        Answer(status=500),
        Answer(length=7),
        Answer(cut_after=0),
    ],
)
@pytest.mark.slow
def test_next_mirror_is_tried(server, folder, bad):
    first, second = server.serve("bad/a.tar", CONTENT, always=bad), server.serve("a.tar", CONTENT)
    assert fetched(remote_of(first, second), folder) == CONTENT
    assert server.requests[-1][0] == "a.tar"


def test_next_mirror_goes_on_where_the_last_one_stopped(server, folder):
    first = server.serve("bad/a.tar", CONTENT, Answer(cut_after=HALF), always=NOT_THERE)
    assert fetched(remote_of(first, server.serve("a.tar", CONTENT, always=Answer(tag='"x"'))), folder) == CONTENT
    assert server.ranges()[-1] == f"bytes={HALF}-"
    assert "if-range" not in server.requests[-1][1]
    assert server.sent_bytes == len(CONTENT)


def test_wrong_beginning_from_one_mirror_does_not_spoil_the_next(server, folder):
    first = server.serve("bad/a.tar", OTHER, Answer(cut_after=HALF), always=NOT_THERE)
    assert fetched(remote_of(first, server.serve("a.tar", CONTENT)), folder) == CONTENT
    assert server.ranges()[-2:] == [f"bytes={HALF}-", None]


def test_error_names_what_every_mirror_did(server, folder):
    urls = [
        server.serve(f"{n}/a.tar", CONTENT, always=bad)
        for n, bad in enumerate((NOT_THERE, HTML, Answer(content=OTHER)))
    ]
    message = failure(remote_of(*urls), folder)
    assert f"({urls[0]}: 404 Not Found; {urls[1]}: a file of 86 bytes instead of 3,145,735, a web page" in message
    assert f"; {urls[2]}: SHA-1 " in message


# ---- killed, interrupted, in a crowd

CHILD = """
    import sys
    from pathlib import Path
    from segfeed.datasets.catalogue.download import Remote, open_remote
    url, sha1, size, folder = sys.argv[1:]
    with open_remote(Remote("a.tar", (url,), sha1, int(size)), Path(folder)) as path:
        print(len(path.read_bytes()))
"""


def child(url: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(CHILD), url, SHA1, str(len(CONTENT)), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_killed_download_is_gone_on_with_by_the_next_process(server, folder):
    gate = threading.Event()
    url = server.serve("a.tar", CONTENT, Answer(piece_bytes=HALF, gate=gate))
    process = child(url, folder)
    wait_until(lambda: left(folder) == [CONTENT[:HALF]])
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    gate.set()
    assert fetched(remote_of(url), folder) == CONTENT
    assert server.ranges() == [None, f"bytes={HALF}-"]


def test_interrupted_download_is_gone_on_with_by_the_same_process(server, folder):
    url = server.serve("a.tar", CONTENT)
    with pytest.raises(KeyboardInterrupt), open_remote(remote_of(url), folder, HASTY):
        raise KeyboardInterrupt
    assert left(folder) == [CONTENT]
    assert fetched(remote_of(url), folder) == CONTENT
    assert len(server.requests) == 1, "it was whole already"


@pytest.mark.parametrize("size_bytes", [len(CONTENT), None])
@pytest.mark.parametrize(
    "stored", [CONTENT[:-1], CONTENT, CONTENT + b"more", OTHER, OTHER[:HALF], bytes(HALF), bytes(len(CONTENT)), b""]
)
@pytest.mark.slow
def test_whatever_was_left_the_right_bytes_come_out(server, folder, stored, size_bytes):
    own = folder / f".a.tar-{SHA1[:12]}.part"
    own.mkdir(parents=True)
    (own / "bytes").write_bytes(stored)
    (own / "origin.json").write_bytes(b"{ damaged")
    assert fetched(remote_of(server.serve("a.tar", CONTENT), size_bytes=size_bytes), folder) == CONTENT


def test_longest_of_several_remains_is_taken_over_and_the_others_go(server, folder):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    for token, count in (("aaaaaaaa", 10), ("bbbbbbbb", HALF), ("cccccccc", 20)):
        name = f".a.tar-{SHA1[:12]}.{storage._host()}.{process.pid}.{token}.unfinished"
        (folder / name).mkdir(parents=True)
        (folder / name / "bytes").write_bytes(CONTENT[:count])
    assert fetched(remote_of(server.serve("a.tar", CONTENT)), folder) == CONTENT
    assert server.ranges() == [f"bytes={HALF}-"]


def test_what_was_left_of_another_file_is_not_touched(server, folder):
    other = folder / f".a.tar-{'0' * 12}.part"
    other.mkdir(parents=True)
    (other / "bytes").write_bytes(b"other")
    with open_remote(remote_of(server.serve("a.tar", CONTENT)), folder, HASTY) as path:
        assert path.read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == [other.name]


@pytest.mark.slow
def test_two_at_once_both_end_well(server, folder):
    url = server.serve("a.tar", CONTENT, always=Answer(piece_bytes=1 << 18, pause_s=0.01))
    barrier, found = threading.Barrier(3), []

    def fetch(_: int) -> None:
        barrier.wait()
        with open_remote(remote_of(url), folder, HASTY) as path:
            found.append(path.read_bytes())

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(fetch, range(3)))
    assert found == [CONTENT] * 3
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_second_process_does_not_take_over_what_a_living_one_is_writing(server, folder):
    gate = threading.Event()
    url = server.serve("a.tar", CONTENT, Answer(piece_bytes=HALF, gate=gate))
    process = child(url, folder)
    wait_until(lambda: left(folder) == [CONTENT[:HALF]])
    with open_remote(remote_of(url), folder, HASTY) as path:
        assert path.read_bytes() == CONTENT
    gate.set()
    assert server.ranges() == [None, None]
    out, err = process.communicate(timeout=30)
    assert out == f"{len(CONTENT)}\n", err
    assert list(folder.iterdir()) == []


# ---- the disk


def test_full_disk_is_named_and_what_fits_is_kept(server, folder):
    url = server.serve("a.tar", CONTENT)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, before[1]))
    try:
        with pytest.raises(StorageError, match="the disk is full"), open_remote(remote_of(url), folder, HASTY):
            pytest.fail("it came through")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left(folder) == [CONTENT[:HALF]]
    assert fetched(remote_of(url), folder) == CONTENT


def test_too_little_space_is_told_before_anything_is_asked(server, folder):
    url = server.serve("a.tar", CONTENT)
    with (
        pytest.raises(
            StorageError, match=r" are free.*; expected room for .* GiB; make room, or choose another folder\."
        ),
        open_remote(remote_of(url, size_bytes=1 << 60), folder, HASTY),
    ):
        pytest.fail("it came through")
    assert server.requests == []
    assert list(folder.iterdir()) == []


def test_file_in_the_place_of_the_folder_is_named(server, tmp_path):
    (tmp_path / "room").write_bytes(b"")
    with (
        pytest.raises(StorageError, match="this is a file, not a folder"),
        open_remote(remote_of(server.serve("a.tar", CONTENT)), tmp_path / "room", HASTY),
    ):
        pytest.fail("it came through")


def test_mirrors_are_named_while_they_fail(server, folder, caplog):
    server.serve("b.tar", CONTENT)
    mirrors = [f"{server.address}/{name}" for name in ("none.tar", "b.tar")]
    server.always["none.tar"] = Answer(status=503)
    assert fetched(remote_of(*mirrors), folder) == CONTENT
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith(f"{mirrors[0]}: 503 ")
    assert first.endswith("; asking it again, up to 2 times")
    assert second.startswith(f"{mirrors[0]}: 503 ")
    assert second.endswith(f"; asking {mirrors[1]}")
