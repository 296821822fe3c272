"""PIE-Bench: its layout, its measures, and a run through a batch."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image
from skimage.metrics import structural_similarity

from batch.__main__ import NOT_RUN
from batch.workflow import DEFAULT_MAP, find_places, read_workflow, saving_nodes
from benchmarks.cases import make_case
from benchmarks.pie_bench import demo
from benchmarks.pie_bench.__main__ import chosen, first_of_each_type, main
from benchmarks.pie_bench.data import (
    SIZE,
    Edit,
    decode_runs,
    encode_runs,
    read_data,
    unpack_parquet,
    write_data,
)
from benchmarks.pie_bench.metrics import measures
from benchmarks.pie_bench.report import Sources, judged, read_mask, read_picture, summary, table
from lab.scenes import edit
from tests.batch.fake_comfy import fake_comfy, history
from tools.comfy_server import PACK, ComfyServer

ENTRY: dict[str, Any] = {
    "image_path": "1_change_object_80/1_artificial/1_animal/111000000000.jpg",
    "original_prompt": "a [dog] on a chair",
    "editing_prompt": "a [cat] on a chair",
    "editing_instruction": "Change the dog to a cat",
    "editing_type_id": "1",
    "blended_word": "dog cat",
    "mask": [0, 3, 512, 10],
}
TEXTS = {"source_prompt": ["a cat"], "target_prompt": ["a dog"]}
WORKFLOWS = sorted((PACK / "benchmarks" / "pie_bench").glob("*_api.json"))


def encoded(picture: np.ndarray, kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind)
    return file.getvalue()


def noise(seed: int) -> np.ndarray:
    """A picture, uint8 (512, 512, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def data_set(folder: Path, entries: dict[str, Any]) -> Path:
    """Write a mapping file by hand, and the first entry's picture."""
    path = folder / "annotation_images" / ENTRY["image_path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(noise(0)))
    (folder / "mapping_file.json").write_text(json.dumps(entries))
    return folder


def test_run_lengths_name_their_pixels():
    """Against what they mean: a pixel is in the mask if its number is in one of the runs."""
    rng = np.random.default_rng(0)
    starts, lengths = rng.integers(0, SIZE * SIZE, 40), rng.integers(1, 5000, 40)
    starts[-1], lengths[-1] = SIZE * SIZE - 10, 500  # beyond the last pixel
    numbers = np.arange(SIZE * SIZE)
    expected = np.zeros(SIZE * SIZE, bool)
    for start, length in zip(starts, lengths, strict=True):
        expected |= (numbers >= start) & (numbers < start + length)
    runs = np.stack((starts, lengths), 1).ravel().tolist()
    assert np.array_equal(decode_runs(runs), expected.reshape(SIZE, SIZE))
    assert not decode_runs([]).any()
    assert decode_runs([0, 262144]).all()


@pytest.mark.parametrize("seed", range(3))
def test_run_lengths_and_back(seed: int):
    mask = np.random.default_rng(seed).random((SIZE, SIZE)) > (0, 0.5, 1)[seed]
    runs = encode_runs(mask)
    assert np.array_equal(decode_runs(runs), mask)
    assert all(length > 0 for length in runs[1::2])
    assert all(end < start for end, start in zip(
        np.add(runs[:-2:2], runs[1:-2:2]), runs[2::2], strict=True))  # fmt: skip


def test_the_layout(tmp_path: Path):
    edits, complaints = read_data(data_set(tmp_path, {"111000000000": ENTRY}))
    (one,) = edits
    assert not complaints
    assert (one.source, one.target) == ("a dog on a chair", "a cat on a chair")
    assert (one.id, one.path, one.type) == ("111000000000", ENTRY["image_path"], "1")
    assert np.array_equal(np.argwhere(one.region)[[0, -1]], [[0, 0], [1, 9]])
    assert one.region.sum() == 13


@pytest.mark.parametrize(
    "damage, complaint",
    [
        ({"mask": None}, "mask: it is no list of starts and lengths"),
        ({"mask": [1, 2, 3]}, "mask: it is no list of starts and lengths"),
        ({"mask": [-1, 2]}, "mask: it is no list of starts and lengths"),
        ({"editing_prompt": ""}, "editing_prompt: '' is not a text"),
        ({"editing_type_id": "10"}, "editing_type_id: '10' is none of 0 to 9"),
        ({"image_path": "../x.jpg"}, "image_path: '../x.jpg' leads out of annotation_images"),
        ({"image_path": "1/x.jpg"}, "image_path: there is no picture 1/x.jpg"),
    ],
)
def test_a_damaged_entry_leaves_the_others(tmp_path: Path, damage: Any, complaint: str):
    entries = {"good": ENTRY, "bad": ENTRY | damage, "also good": ENTRY}
    edits, complaints = read_data(data_set(tmp_path, entries))
    assert [one.id for one in edits] == ["good", "also good"]
    assert complaints == [f"bad: {complaint}; download PIE-Bench again."]


def test_a_missing_text(tmp_path: Path):
    bad = {key: value for key, value in ENTRY.items() if key != "mask"}
    with pytest.raises(ValueError, match=r"^DATA: .* the first: bad: mask: it is missing; "):
        read_data(data_set(tmp_path, {"bad": bad}))


@pytest.mark.parametrize("text", [None, "{", "[]", "{}"])
def test_no_data(tmp_path: Path, text: str | None):
    if text is not None:
        (tmp_path / "mapping_file.json").write_text(text)
    with pytest.raises(ValueError, match=r"^DATA: \S+mapping_file\.json [^\n]+; [^\n]+\.$"):
        read_data(tmp_path)


def write_parquet(path: Path, **columns: list[Any]) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path.parent.mkdir(parents=True)
    parquet.write_table(pyarrow.table(columns), path)


def test_parquet(tmp_path: Path):
    """PIE-Bench++ with the columns of its card becomes PIE-Bench, its pictures byte by byte."""
    pictures = [encoded(noise(0)), encoded(noise(1), "PNG")]
    write_parquet(
        tmp_path / "8_change_background_80" / "V1-00000-of-00001.parquet",
        image=[{"bytes": picture, "path": None} for picture in pictures],
        id=["811", "812"],
        source_prompt=["a cat on [grass]", "a dog"],
        target_prompt=["a cat on [sand]", "a dog"],
        edit_action=["{}", "{}"],
        aspect_mapping=["{}", "{}"],
        blended_words=["[]", "[]"],
        mask=["0 3 512 10", ""],
    )
    sources, edits = chosen(tmp_path, tmp_path / "out", None)
    assert [one.path for one in edits] == [
        "8_change_background_80/811.jpg",
        "8_change_background_80/812.png",
    ]
    assert (edits[0].target, edits[0].type) == ("a cat on sand", "8")
    assert [one.region.sum() for one in edits] == [13, 0]
    assert [sources.path(one).read_bytes() for one in edits] == pictures


@pytest.mark.parametrize(
    "columns",
    [
        {"id": ["1"], "prompt": ["a cat"]},
        {"image": [{"bytes": b"no picture"}], "id": ["1"], "mask": ["0 1"]} | TEXTS,
        {"image": [{"bytes": encoded(noise(0))}], "id": ["../../1"], "mask": ["0 1"]} | TEXTS,
        {"image": [{"bytes": encoded(noise(0))}], "id": ["1"], "mask": ["a b"]} | TEXTS,
        None,
    ],
)
def test_damaged_parquet(tmp_path: Path, columns: dict[str, list[Any]] | None):
    path = tmp_path / "0_random_140" / "V1.parquet"
    if columns:
        write_parquet(path, **columns)
    else:
        path.parent.mkdir()
        path.write_bytes(b"cut off")
    with pytest.raises(ValueError, match=r"^DATA: \S+V1\.parquet is damaged [^\n]+ again\.$"):
        unpack_parquet(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_known_error():
    """51 levels in the background, which is 0.2, and any in the region and on the rim."""
    source = np.full((SIZE, SIZE, 3), 100, np.uint8)
    region = np.zeros((SIZE, SIZE), bool)
    region[50:100, 200:300] = True
    edited = source + np.uint8(51)
    edited[region] = edited[0] = 7
    background = 510 * 510 - 50 * 100
    found = measures(source, edited, region, None)
    error = 0.2**2 * background / SIZE**2
    assert found["mse"] == pytest.approx(error, rel=1e-5)
    assert found["psnr"] == pytest.approx(-10 * np.log10(error), rel=1e-5)
    assert found["iou"] is None


def test_ssim_is_that_of_skimage():
    """On pictures that are black where they may change and on the rim."""
    source, edited, region = noise(1), noise(2) // 2 + noise(1) // 2, decode_runs([80000, 90000])
    black = region.copy()
    black[[0, -1]] = black[:, [0, -1]] = True
    expected = structural_similarity(
        np.where(black[..., None], 0, source / 255),
        np.where(black[..., None], 0, edited / 255),
        data_range=1,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert 0.2 < expected < 0.95
    found = measures(source, edited, region, None)["ssim"]
    assert found == pytest.approx(expected, abs=1e-5)


def test_the_overlap_of_masks():
    region, mask = decode_runs([0, 300]), decode_runs([200, 200])
    assert measures(noise(0), noise(0), region, mask)["iou"] == 100 / 400
    assert measures(noise(0), noise(0), ~region, ~region)["iou"] == 1


def test_nothing_to_measure():
    same = measures(noise(0), noise(0), decode_runs([]), None)
    assert (same["psnr"], same["mse"], same["ssim"]) == (None, 0, pytest.approx(1))
    whole = measures(noise(0), noise(1), decode_runs([0, SIZE * SIZE]), None)
    assert whole == dict.fromkeys(("psnr", "mse", "ssim", "iou"))


def test_what_cannot_be_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = str(data_set(tmp_path / "data", {"1": ENTRY}))
    (tmp_path / "file").write_text("in the place of a folder")
    for options, complaint in {
        ("--each", "0"): "error: --each: 0 are no edits; take at least 1 of each type.",
        ("--out", str(tmp_path / "file")): "error: --out: ",
    }.items():
        assert main([data, "--out", str(tmp_path / "out"), *options]) == NOT_RUN
        said = capsys.readouterr().err
        assert said.startswith(complaint) and said.count("\n") == 1


def test_the_first_of_each_type():
    edits = [Edit(id, f"{id}.jpg", "a", "b", id[0], []) for id in ("10", "80", "11", "12", "81")]
    assert [one.id for one in first_of_each_type(edits, 2)] == ["10", "80", "11", "81"]


def test_where_the_script_finds_an_edit(tmp_path: Path):
    """A picture of the name and the size of the source, in the folder of the method."""
    sources = Sources(data_set(tmp_path / "data", {"1": ENTRY}))
    ((one,), _) = read_data(sources.folder)
    source = sources.picture(one)
    found = judged(tmp_path / "output" / "diffedit", sources, one, source, one.region)
    written = tmp_path / "output" / "diffedit" / "annotation_images" / ENTRY["image_path"]
    with Image.open(written) as picture:
        assert (picture.format, picture.size) == ("JPEG", (SIZE, SIZE))
    # The best that JPEG can do; with PIL's usual quality noise has less than 20.
    assert found["psnr"] is not None and found["psnr"] > 50
    assert found["iou"] == 1


def test_other_sizes(tmp_path: Path):
    mask = np.zeros((1024, 1024), bool)
    mask[512:, 256:] = True
    Image.fromarray(mask).save(tmp_path / "mask.png")
    assert np.array_equal(read_mask(tmp_path / "mask.png"), mask[::2, ::2])
    Image.new("RGB", (1024, 1024), (1, 2, 3)).save(tmp_path / "edit.png")
    assert np.array_equal(read_picture(tmp_path / "edit.png"), np.full((SIZE, SIZE, 3), (1, 2, 3)))


def test_means_by_type():
    edits = [Edit(id, f"{id}.jpg", "a", "b", id[0], []) for id in ("10", "11", "80", "81")]
    found = {"10": {"psnr": 20, "mse": 0.01}, "11": {"psnr": 30, "mse": 0.03}, "80": {"psnr": None}}
    report = summary(edits, found)
    assert report["all"] | {"psnr": 25, "edits": 3, "failed": 1} == report["all"]
    assert report["types"]["change object"]["mse"] == 0.02
    background = report["types"]["change background"]
    assert (background["psnr"], background["edits"], background["failed"]) == (None, 1, 1)
    assert table({"ours": report}).splitlines()[0] == (
        "| method | type | edits | failed | PSNR | MSE·10⁴ |"
    )
    assert table({"ours": report}).splitlines()[2] == "| ours | all | 3 | 1 | 25.00 | 200.00 |"


def test_the_demo_scenes_as_a_data_set(tmp_path: Path):
    seeds = [demo.FIRST_SEED, demo.FIRST_SEED + 4]
    demo.export(tmp_path, seeds)
    edits, complaints = read_data(tmp_path)
    assert not complaints and [one.id for one in edits] == [str(seed) for seed in seeds]
    for one, seed in zip(edits, seeds, strict=True):
        case = make_case(edit(seed), SIZE)
        assert (one.source, one.target) == (case.edit.source.caption, case.edit.target.caption)
        assert np.array_equal(one.region, case.region)
        error = Sources(tmp_path).picture(one).astype(float) - case.source.rgb
        assert np.abs(error).mean() < 3
    assert {one.type for one in edits} == {demo.FOLDERS[edit(seed).name][0] for seed in seeds}


def test_a_run(tmp_path: Path):
    """Through a batch, on a server that answers every edit with the same picture; a picture of the
    data set is damaged.
    """
    pytest.importorskip("ray")
    rows = [Edit(id, f"1_change_object_80/{id}.jpg", "a", "b", "1", [0, 99]) for id in "123"]
    pictures = [encoded(noise(0)), b"damaged", encoded(noise(1))]
    write_data(tmp_path / "data", zip(rows, pictures, strict=True))
    image = {"images": [{"filename": "x.png", "subfolder": "", "type": "output"}]}
    answers = {
        "/object_info": {node["class_type"]: {} for node in read_workflow(WORKFLOWS[0]).values()},
        "/history/a-prompt": history(edit=image, mask=image, diffedit={"evaluations": [60]}),
        "/view": encoded(noise(0), "PNG"),
    }
    with fake_comfy(answers) as fake:
        command = [sys.executable, "-m", "benchmarks.pie_bench", str(tmp_path / "data")]
        command += ["--out", str(tmp_path / "out"), "--method", "fake", "--server", fake.url]
        command += ["--workflow", str(WORKFLOWS[0])]
        ran = subprocess.run(command, cwd=PACK, capture_output=True, text=True, env=os.environ)
    assert ran.returncode == 1, ran.stderr
    assert "2.jpg is damaged or no picture" in ran.stderr
    report = json.loads((tmp_path / "out.json").read_text())["fake"]
    assert (report["all"]["edits"], report["all"]["failed"]) == (2, 1)
    assert report["all"]["evaluations"] == 60 and report["all"]["seconds"] > 0
    written = sorted((tmp_path / "out" / "fake" / "annotation_images").rglob("*.jpg"))
    assert [path.name for path in written] == ["1.jpg", "3.jpg"]
    assert "| fake | change object | 2 | 1 | " in ran.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_the_workflows_lack_nothing_but_their_models(comfy: ComfyServer, path: Path):
    workflow = read_workflow(path)
    assert find_places(workflow, DEFAULT_MAP)["target"] == ("diffedit", "target")
    assert saving_nodes(workflow).mask
    answer = requests.post(f"{comfy.url}/prompt", json={"prompt": workflow}, timeout=60).json()
    complaints = {
        (node, error["type"], error["extra_info"]["input_name"])
        for node, found in answer["node_errors"].items()
        for error in found["errors"]
    }
    assert complaints == {("model", "value_not_in_list", "ckpt_name")}
