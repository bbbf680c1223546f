"""Ways into the command line: help with examples that run, the version, near names, completion."""

import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pytest
import typer
from PIL import Image

import segfeed
from installed import SEGFEED
from segfeed.cli import app as cli
from segfeed.cli.examples import EXAMPLES

COMMANDS = [[name] for name in typer.main.get_command(cli.app).commands] + [["cache", "prune"]]


@pytest.mark.parametrize("words", [[], *COMMANDS], ids=" ".join)
@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.slow
def test_help_shows_examples_and_flags_without_a_type(run, words, flag):
    code, out, err = run(*words, flag)
    assert (code, err) == (0, "")
    assert "bool" not in out
    for line in EXAMPLES[words[-1]] if words else ():
        assert line.split()[-1] in out


def test_every_command_has_examples_that_name_it():
    assert {words[-1] for words in COMMANDS} == set(EXAMPLES)
    for name, lines in EXAMPLES.items():
        assert len(lines) > 1
        assert all(line.startswith("segfeed ") and name in line.split() for line in lines)


@pytest.mark.slow
def test_every_example_runs(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGFEED_CACHE", str(tmp_path / "cache"))
    source = segfeed.scan("sample", "val")
    (tmp_path / "predictions").mkdir()
    for key, (height, width) in zip(source.keys, source.sizes.tolist(), strict=True):
        Image.fromarray(np.zeros((height, width), np.uint8)).save(tmp_path / "predictions" / f"{key}.png")
    for name, lines in EXAMPLES.items():
        for line in lines:
            if name == "fetch":  # needs a network
                assert run(*shlex.split(line)[1:], "--help")[0] == 0
            else:
                assert run(*shlex.split(line)[1:], *(["--force"] if name == "demo" else []))[0] == 0, line


def test_the_version_is_printed(run):
    assert run("--version") == (0, f"{segfeed.__version__}\n", "")


@pytest.mark.slow
def test_the_module_is_the_command(tmp_path):
    command = [sys.executable, "-m", "segfeed", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{segfeed.__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["scna", "sample"], "Did you mean 'scan'?"),
        (["cache", "prun"], "Did you mean 'prune'?"),
        (["load", "sample", "--batchsize", "3"], "--batch-size"),
        (["scan", "sampel"], "did you mean sample?"),
        (["scan", "voc2021"], "did you mean voc2012?"),
    ],
)
@pytest.mark.slow
def test_near_names_are_offered(run, words, meant):
    code, _, err = run(*words)
    assert code in (1, 2)
    assert meant in err


@pytest.mark.slow
def test_near_paths_are_offered(run, tmp_path):
    (tmp_path / "VOCdevkit").mkdir()
    (tmp_path / "names.txt").write_text("a\nb\n")
    _, _, err = run("scan", tmp_path / "VOCdevkti" / "VOC2012")
    assert f"did you mean {tmp_path / 'VOCdevkit'}?" in err
    _, _, err = run("scan", tmp_path / "vocDEVKIT")
    assert f"did you mean {tmp_path / 'VOCdevkit'}?" in err
    _, _, err = run("scan", "sample", "--legend", tmp_path / "nmaes.txt")
    assert f"did you mean {tmp_path / 'names.txt'}?" in err
    _, _, err = run("scan", tmp_path / "nothing")
    assert "did you mean" not in err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.slow
def test_shells_complete_commands(shell):
    environment = os.environ | {
        "_SEGFEED_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "segfeed sco",
        "COMP_CWORD": "1",
        "_TYPER_COMPLETE_ARGS": "segfeed sco",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = subprocess.run([SEGFEED], capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert "score" in done.stdout
    assert "scan" not in done.stdout


@pytest.mark.parametrize(
    ("words", "kind", "code"),
    [
        (["scan", "/nowhere"], "SourceMissingError", 1),
        (["scan", "sample", "--what"], "OptionError", 2),
        (["load", "sample", "--crop", "3"], "OptionError", 2),
        (["score", "/nowhere", "sample"], "SourceMissingError", 1),
        (["cache", "prune", "--older-than", "-1"], "OptionError", 2),
        (["fetch", "voc1999"], "OptionError", 2),
        (["verify", "/nowhere"], "SourceMissingError", 1),
    ],
)
@pytest.mark.slow
def test_errors_are_json_if_that_was_asked_for(run, words, kind, code):
    found, out, err = run(*words, "--json")
    assert (found, err) == (code, "")
    assert json.loads(out)["kind"] == kind


@pytest.mark.parametrize("error", [MemoryError(), PermissionError(13, "no")], ids=repr)
def test_the_system_s_errors_are_json_too(run, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("segfeed.cli.caching.describe_packs", fail)
    code, out, err = run("cache", "--json")
    assert (code, err) == (1, "")
    assert json.loads(out)["kind"] == type(error).__name__


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "gbk"])
@pytest.mark.slow
def test_names_that_a_pipe_s_encoding_lacks_are_written_by_number(tmp_path, voc_folder, encoding):
    legend = tmp_path / "legend.txt"
    legend.write_text("背景\n" + "".join(f"ж{number}\n" for number in range(20)), "utf-8")
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [SEGFEED, "scan", str(voc_folder), "--legend", str(legend)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, env=environment)
    assert done.stderr == b""
    shown = done.stdout.decode(encoding)
    assert ("背景" if encoding == "gbk" else "\\u80cc\\u666f") in shown
