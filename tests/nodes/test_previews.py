"""Pictures on nodes: only in an editor, only the latest, and never at the cost of the run."""

import errno
from pathlib import Path

import pytest
import torch
from PIL import Image

from tools.in_process import defaults

MASKS = torch.rand(3, 24, 32)


@pytest.fixture(params=["MaskRefine", "DiffEditMask", "DiffEditPreviewHeatMap"])
def run(request, nodes, demo, prompts, latent, temp_folder):
    """Runs one of the nodes that show pictures."""
    node = getattr(nodes, request.param)
    given = {
        "MaskRefine": {"mask": MASKS, "image": torch.rand(1, 24, 32, 3)},
        "DiffEditMask": {
            **{"model": demo.model, "source": prompts.source, "target": prompts.target},
            **{"latent": latent, "draws": 2},
        },
        "DiffEditPreviewHeatMap": {"heat_map": MASKS},
    }
    inputs = defaults(node) | given[request.param]
    return lambda as_run=lambda node: node: as_run(node).execute(**inputs)


def full(monkeypatch) -> None:
    def save(self, path, **options):
        Path(path).write_bytes(b"the first bytes")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Image.Image, "save", save)


def test_a_program_is_spared_them(run, temp_folder):
    output = run()
    explicit = "images" in (output.ui or {})  # asked for by a node that does nothing else
    assert bool(temp_folder.exists()) == explicit


@pytest.mark.parametrize("trouble", ["full", "a file", "missing"])
def test_a_run_outlives_them(run, in_editor, temp_folder, monkeypatch, trouble):
    """The result is the same, and the node says so."""
    before = run(in_editor)
    for one in temp_folder.iterdir():
        one.unlink()
    temp_folder.rmdir()
    if trouble == "a file":
        temp_folder.write_text("")
    if trouble == "full":
        full(monkeypatch)
    output = run(in_editor)
    for one, other in zip(output.result, before.result, strict=True):
        if isinstance(one, torch.Tensor):
            assert torch.equal(one, other)
    said = output.ui.get("diffedit_text", [""])[0]
    if trouble == "missing":
        assert "no preview" not in said and any(temp_folder.iterdir())
    else:
        reason = "No space left on device" if trouble == "full" else "File exists"
        assert said.endswith(f"no preview: ComfyUI's temporary folder cannot be written ({reason})")
        assert not output.ui.get("images") and not output.ui.get("diffedit_masks")
    if trouble == "full":
        assert not any(temp_folder.iterdir())


def test_only_the_latest_stay(run, in_editor, temp_folder):
    for number in range(20):
        temp_folder.mkdir(exist_ok=True)
        for one in range(20):
            (temp_folder / f"diffedit_{number}_{one}.png").write_bytes(b"")
    (temp_folder / "another.png").write_bytes(b"")
    output = run(in_editor)
    shown = output.ui.get("images") or [one["gray"] for one in output.ui["diffedit_masks"]]
    assert all((temp_folder / one["filename"]).exists() for one in shown)
    assert (temp_folder / "another.png").exists()
    assert len(list(temp_folder.glob("diffedit_*.png"))) == 200
