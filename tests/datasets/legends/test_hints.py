"""Hints: texts that may say what stored values mean are found by their names and by their lines."""

import os

import pytest

from segfeed.datasets.legends.hints import find_legend_texts


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Klassen.txt", "Boden, Weizen"),
        ("colours.md", ""),
        ("Farben.rtf.txt", "rot"),
        ("标签.txt", ""),
        ("README.md", "We flew over fields.\n\n0 = soil\n10 = wheat\n\nWrite to us."),
        ("notes.txt", "| what | R,G,B |\n|---|---|\n| roof | 200,30,30 |\n| not labelled, ignore | 0,0,0 |"),
        ("info.txt", "soil: 0\nwheat: 10\n"),
        ("about", "#c81e1e roof\n#1e1ec8 water\n"),
    ],
)
def test_notes_about_values_are_found(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert find_legend_texts(tmp_path, [name]) == [name]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "We flew over 12 fields in 2025,\nwith two drones.\n"),
        ("train.txt", "a.jpg\nb.jpg\n"),
        ("log.txt", "7\n8\n9\n"),
        (".labels.txt", "0 soil\n1 wheat\n"),
        ("classes.py", "NAMES = ['soil']"),
        ("large.txt", "0 soil\n" * 20_000),
        ("blanks.txt", " " * 60_000),
    ],
)
def test_other_texts_are_not(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert find_legend_texts(tmp_path, [name]) == []


def test_texts_of_each_photo_pipes_and_texts_in_another_code_are_passed_over(tmp_path):
    for number in range(30):
        (tmp_path / f"label{number}.txt").write_text("0 soil\n1 wheat\n")
    os.mkfifo(tmp_path / "classes.csv")
    (tmp_path / "info.md").write_bytes(b"0 = Geb\xe4ude\n1 = Stra\xdfe\n")
    assert find_legend_texts(tmp_path, sorted(os.listdir(tmp_path))) == []
    (tmp_path / "Klassen.txt").write_bytes(b"0 = Geb\xe4ude\n1 = Stra\xdfe\n")
    assert find_legend_texts(tmp_path, ["Klassen.txt"]) == ["Klassen.txt"]
