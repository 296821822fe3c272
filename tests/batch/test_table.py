"""The table of a batch: what is read of it, and what is said about a wrong one."""

import json
from pathlib import Path

import pytest

from batch.table import Row, read_table

COLUMNS = ("image", "source", "target", "seed", "steps")
LINE = "cat.png,a cat,a dog"


def table(folder: Path, text: str, name: str = "edits.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_table(path, COLUMNS)


def test_csv_and_jsonl_are_the_same(tmp_path: Path):
    cells = {"image": "cat.png", "source": 'a "fat", cat', "target": "a dog\non a mat", "seed": "3"}
    quoted = '"cat.png","a ""fat"", cat","a dog\non a mat",3'
    (of_csv,) = table(tmp_path, f"image,source,target,seed\n{quoted}\n").rows
    (of_jsonl,) = table(tmp_path, json.dumps(cells) + "\n", "edits.jsonl").rows
    assert of_csv.cells == of_jsonl.cells == cells
    assert of_csv.output == of_jsonl.output


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_spreadsheets_write(tmp_path: Path, separator: str):
    """A mark at the beginning, another separator, empty lines at the end."""
    lines = ["image,source,target,output", "cat.png,a cat,a dog,pets/dog.png", ",,,", ""]
    text = "\ufeff" + "\r\n".join(lines).replace(",", separator)
    cells = {"image": "cat.png", "source": "a cat", "target": "a dog"}
    assert table(tmp_path, text).rows == [Row(2, "pets/dog", cells)]


def test_a_name_depends_on_the_row_alone(tmp_path: Path):
    rows = table(tmp_path, f"image,source,target\n{LINE}\n{LINE} again\n").rows
    turned = table(tmp_path, f"image,source,target\n{LINE} again\n{LINE}\n").rows
    assert {row.output for row in rows} == {row.output for row in turned}
    assert len({row.output for row in rows}) == 2
    assert all(row.output.startswith("cat-") for row in rows)


def test_bad_lines_are_no_end(tmp_path: Path):
    lines = [LINE, "cat.png,,a dog", "cat.png,a cat,a dog,asleep", "cat.png,a cat,a fox"]
    found = table(tmp_path, "\n".join(["image,source,target", *lines]))
    assert [row.line for row in found.rows] == [2, 5]
    assert {bad.line: bad.error for bad in found.bad} == {
        3: "source: it is empty; fill it in.",
        4: "line: it has 4 cells for 3 columns; put a text with commas in quotes.",
    }


def test_bad_lines_of_jsonl(tmp_path: Path):
    good = {"image": "cat.png", "source": "a cat", "target": "a dog"}
    lines = [good, "a text", good | {"source": 3}, good | {"seed": [1]}, good | {"target": None}]
    text = "\n".join(map(json.dumps, lines)) + '\n{"image": "cat'
    found = table(tmp_path, text, "edits.jsonl")
    assert len(found.rows) == 1
    assert [bad.error.split(":")[0] for bad in found.bad] == [
        "line",
        "source",
        "seed",
        "target",
        "line",
    ]


@pytest.mark.parametrize("output", ["../cat", "/etc/cat", "a/../../cat", ".hidden", "cat?", "/"])
def test_names_stay_in_the_folder(tmp_path: Path, output: str):
    found = table(tmp_path, f"image,source,target,output\n{LINE},{output}\n")
    assert not found.rows
    assert found.bad[0].error.startswith("output: ")


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("", "it has no edits; add a line for each."),
        ("image,source,target\n", "it has no edits; add a line for each."),
        (f"picture,source,target\n{LINE}", "it has no column image; name its columns"),
        (f"image,before,after\n{LINE}", "it has no column source and no column target; name"),
        (f"image,source,image\n{LINE}", "two columns have one name; rename one of them."),
        (
            f"image,source,target,output\n{LINE},Cat\n{LINE},dog\n{LINE},cat.png\n",
            "lines 2 and 4 would both be written as cat; give one of them another output.",
        ),
        (f"image,source,target\n{LINE}\n{LINE}\n", "lines 2 and 3 would both be written as cat-"),
    ],
)
def test_what_is_said_about_a_table(tmp_path: Path, text: str, complaint: str):
    with pytest.raises(ValueError) as caught:
        table(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'edits.csv'}: {complaint}")


def test_no_table(tmp_path: Path):
    with pytest.raises(ValueError, match="cannot be read .*; name a CSV or JSONL file"):
        read_table(tmp_path / "nothing.csv", COLUMNS)
    (tmp_path / "edits.csv").write_bytes("image,source,target\nKäse.png,a,b".encode("latin-1"))
    with pytest.raises(ValueError, match="it is not UTF-8; save it as CSV UTF-8"):
        read_table(tmp_path / "edits.csv", COLUMNS)
