"""Where nothing may be written: reading writes nothing, and an error comes only where something must be written."""

import os
import shutil
import subprocess
import sys

import pytest

from faults.forks import Forks, task
from faults.trees import files_of

NOBODY = 65534 if os.geteuid() == 0 else -1
"""Somebody else where these tests run as root, who may write everywhere."""

MOUNTING = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture(name="root")
def _root(tiny_root, room):
    """Return a dataset that anybody can read, in a folder that anybody can enter."""
    return shutil.copytree(tiny_root, room / "VOC2012")


@pytest.fixture(name="locked")
def _locked(room, root):
    """Return a function that makes the folder read-only, and writable again in the end."""
    folders = lambda: [room, *(path for path in room.rglob("*") if path.is_dir())]  # noqa: E731 - asked twice

    def lock():
        for folder in folders():
            folder.chmod(0o555)

    yield lock
    for folder in folders():
        folder.chmod(0o755)


@pytest.fixture(scope="module", name="contained")
def _contained():
    """Return a function that starts forks that see a folder on a file system mounted read-only."""
    started = []

    def start(folder):
        script = f'mount --bind "{folder}" "{folder}" && mount -o remount,bind,ro "{folder}" && exec "$@"'
        command = [*MOUNTING, "sh", "-c", script, "sh"]
        if (
            shutil.which("unshare") is None
            or subprocess.run([*command, "true"], capture_output=True, check=False).returncode
        ):
            pytest.skip("the system refuses to mount a folder read-only")
        started.append(Forks(command))
        return started[-1]

    yield start
    for forks in started:
        forks.close()


@pytest.mark.slow
def test_packs_that_came_with_an_image_are_pruned(forks, root, room):
    """Overlayfs, which containers stand on, renames no folder of a layer below."""
    forks.succeed(task("pack", root, room / "image" / "cache"))
    for folder in ("changes", "work", "seen"):
        (room / folder).mkdir()
    layers = f"lowerdir={room}/image,upperdir={room}/changes,workdir={room}/work"
    if os.geteuid():
        layers += ",userxattr"  # as containers without root mount it: the kernel lets users write no other attributes
    prefix = [*MOUNTING, "sh", "-c", f'mount -t overlay overlay -o "{layers}" "{room}/seen" && exec "$@"', "sh"]
    if shutil.which("unshare") is None:
        pytest.skip("the system has no unshare")
    code = "import sys; from segfeed.packs.cache import *; print(len(prune_packs(0, cache_dir=sys.argv[1])), "
    code += "describe_packs(sys.argv[1]))"
    command = [*prefix, sys.executable, "-c", code, str(room / "seen" / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for left in (room / "work").iterdir():
        left.chmod(0o755)  # overlayfs made it, and nobody may enter it
    if "mount: " in done.stderr or "unshare: " in done.stderr:
        pytest.skip("the system refuses to lay folders over each other")
    assert done.stdout == "1 []\n", done.stderr


def test_reading_without_a_pack_makes_no_call_that_writes(forks, root, room):
    outcome = forks.succeed(task("load_unpacked", root, room / "cache", folder=room))
    assert outcome.answer["kinds"] == []
    assert not (room / "cache").exists()


def test_reading_a_pack_only_notes_when_it_was_used(forks, root, room):
    forks.succeed(task("pack", root, room / "cache"))
    assert forks.succeed(task("load", root, room / "cache", folder=room)).answer["kinds"] == ["utime"]


def test_a_dataset_of_somebody_else_is_read_without_a_pack(forks, root, room, locked):
    expected = forks.succeed(task("load_unpacked", root, room / "cache")).answer["digest"]
    before = files_of(room)
    locked()
    assert forks.succeed(task("load_unpacked", root, room / "cache", uid=NOBODY)).answer["digest"] == expected
    assert files_of(room) == before


@pytest.mark.parametrize("stamped", [True, False])
def test_a_pack_of_somebody_else_is_read(forks, root, room, locked, stamped):
    expected = forks.succeed(task("load", root, room / "cache")).answer["digest"]
    if not stamped:
        shutil.rmtree(room / "cache" / "stamps")
    before = files_of(room)
    locked()
    assert forks.succeed(task("load", root, room / "cache", uid=NOBODY)).answer["digest"] == expected
    assert files_of(room) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make files of another user")
def test_a_pack_of_somebody_else_is_told_and_one_of_root_or_ones_own_is_not(forks, root, room, locked):
    forks.succeed(task("pack", root, room / "cache"))
    locked()
    packs = [path for path in (room / "cache" / "packs").iterdir() if path.name[0] != "."]
    for owner, reader, is_told in ((0, NOBODY, False), (NOBODY, NOBODY, False), (1234, NOBODY, True), (1234, 0, True)):
        for folder in packs:
            for path in (folder, *folder.iterdir()):
                os.chown(path, owner, owner)
        told = [
            note
            for note in forks.succeed(task("notes", root, room / "cache", uid=reader)).answer["notes"]
            if "belongs to another user (number 1234)" in note
        ]
        assert len(told) == (len(packs) if is_told else 0)


@pytest.mark.parametrize(
    ("job", "remedy"),
    [("load", "or pass pack=False to decode on the fly"), ("draw", "or pass the path of a dataset of your own")],
)
def test_what_must_be_written_and_cannot_is_one_sentence(forks, root, room, locked, job, remedy):
    locked()
    arguments = (root, room / "cache") if job == "load" else (room / "cache",)
    outcome = forks.run(job, *arguments, uid=NOBODY)
    assert outcome.error == "StorageError", outcome
    assert outcome.message.startswith(str(room / "cache"))
    assert "the folder cannot be written (Permission denied); choose another cache_dir, " + remedy in outcome.message


def test_a_pack_of_somebody_else_cannot_be_pruned(forks, root, room, locked):
    forks.succeed(task("pack", root, room / "cache"))
    before = files_of(room)
    locked()
    outcome = forks.run("prune", room / "cache", uid=NOBODY)
    assert outcome.error == "StorageError", outcome
    assert "this cannot be removed (Permission denied); remove it as the user who made it." in outcome.message
    assert files_of(room) == before


@pytest.fixture(name="shared")
def _shared(forks, root, room):
    """Return a cache in which all may write, and the folder of the pack that one user made there for himself alone."""
    forks.succeed(task("pack", root, room / "cache"))
    (closed,) = (room / "cache" / "packs").iterdir()
    closed.chmod(0o700 if os.geteuid() == 0 else 0)
    for folder in ("packs", "stamps", "."):
        (room / "cache" / folder).chmod(0o777)
    yield room / "cache", closed
    closed.chmod(0o755)


def test_a_pack_that_may_not_be_read_is_not_taken_for_a_damaged_one(forks, shared, root):
    cache, closed = shared
    outcome = forks.run("load", root, cache, uid=NOBODY)
    assert outcome.error == "StorageError", outcome
    assert outcome.message == (
        f"{closed}: a pack of the same pictures, which may not be read; choose another cache_dir, or let its owner "
        "open it to you (chmod -R a+rX)."
    )
    closed.chmod(0o755)
    assert len(files_of(closed)) > 2


def test_a_pack_that_may_not_be_read_stops_nobody(forks, shared, root):
    cache, _ = shared
    made = forks.succeed(task("pack", root, cache, "val", uid=NOBODY)).answer["folder"]
    assert forks.succeed(task("list_cache", cache, uid=NOBODY)).answer == {"packs": [made]}
    assert forks.succeed(task("limited", root, cache, uid=NOBODY)).answer["folder"] == made
    assert forks.succeed(task("prune", cache, uid=NOBODY)).answer == {"removed": 1}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make files of another user")
@pytest.mark.parametrize("job", ["prune", "prune_all"])
def test_what_may_not_be_removed_keeps_nothing_else_from_being_pruned(forks, root, room, job):
    forks.succeed(task("pack", root, room / "cache"))
    for folder in ("packs", "stamps", "."):
        (room / "cache" / folder).chmod(0o1777)  # as /tmp: nobody may remove what is another user's
    (theirs,) = (room / "cache" / "packs").iterdir()
    os.utime(theirs / "manifest.json", (1, 1))  # it comes first
    forks.succeed(task("pack", root, room / "cache", "val", uid=NOBODY))
    outcome = forks.run(job, room / "cache", uid=NOBODY)
    assert outcome.error == "StorageError", outcome
    assert outcome.message.startswith(f"{theirs}: this cannot be removed (Operation not permitted)")
    assert list((room / "cache" / "packs").iterdir()) == [theirs]


def test_a_file_system_mounted_read_only_is_read_with_and_without_a_pack(forks, contained, root, room):
    plain = forks.succeed(task("load_unpacked", root, room / "cache")).answer["digest"]
    expected = forks.succeed(task("load", root, room / "cache")).answer["digest"]
    sealed = contained(room)
    assert sealed.succeed(task("load", root, room / "cache")).answer["digest"] == expected == plain
    assert sealed.succeed(task("load_unpacked", root, room / "elsewhere")).answer["digest"] == plain
    outcome = sealed.run("load", root, room / "elsewhere")
    assert outcome.error == "StorageError", outcome
    assert "(Read-only file system)" in outcome.message
    assert "or pass pack=False" in outcome.message
    outcome = sealed.run("prune", room / "cache")
    assert "this cannot be removed (Read-only file system)" in outcome.message
