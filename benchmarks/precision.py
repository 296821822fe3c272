"""The same edits in half precision, on other threads, in a batch and in another process.

    make bench-precision
    make test-cuda          the same on a CUDA device; where there is none it says so and ends

Held-out edits through the stages, every widget at its default.  Each row is a process of its own,
since ComfyUI takes its precisions from its command line, and is compared with one in float32.
Prints a table, writes output/precision.json, and fails where a tolerance does not hold.

mask_iou, least_iou: of the masks with the reference's, their mean and the least.  inside, largest:
the mean and the largest difference of the pictures where both masks edit them, in levels of 255.
outside: the largest difference from the source outside the mask.  true_iou: of the masks with the
regions that must change.  right: how many edits show the wanted thing.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import cv2
import numpy as np
import torch

from diffedit_core.noise import noise_like
from lab.scenes import edit
from tools.in_process import load_pack

from . import checker
from .cases import Case, make_case
from .metrics import iou
from .pack import Pack, as_bytes
from .quality import shows_edit
from .report import save_report

FIRST_SEED = 11_000_000
DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Tolerance:
    """How far a row may be from the reference.

    least_iou: see above, at least.  largest: at most.  wrong: how many edits more may be wrong.
    """

    least_iou: float
    largest: float = 255.0
    wrong: int = 0


SAME = Tolerance(least_iou=0.999, largest=1.0)
# A mask is nearly the same, while an edit in it is another of those that fit: decoding under
# guidance enlarges what little the latent differs.
HALF = Tolerance(least_iou=0.95, wrong=1)


@dataclass(frozen=True)
class Row:
    """How the edits are made.

    unet, vae, text_encoder: "fp32", "fp16" or "bf16"; None for what ComfyUI chooses.  computes:
    whether the UNet also computes in its precision, where ComfyUI on a CPU would only store its
    weights so.  batch: how many pictures at once.  moved: by how much noise the encoded picture is
    changed, a control without any rounding.  cpu: not on the CUDA device that is there.
    """

    tolerance: Tolerance
    unet: str | None = "fp32"
    vae: str | None = "fp32"
    text_encoder: str | None = "fp32"
    computes: bool = True
    threads: int = 1
    batch: int = 1
    moved: float = 0.0
    cpu: bool = False

    @property
    def arguments(self) -> list[str]:
        """Of ComfyUI's command line."""
        precisions = {"unet": self.unet, "vae": self.vae, "text-enc": self.text_encoder}
        chosen = [f"--{precision}-{part}" for part, precision in precisions.items() if precision]
        return chosen + ["--cpu"] * self.cpu


REFERENCE = "float32"
ROWS = {
    "another process": Row(SAME),
    "2 threads": Row(SAME, threads=2),
    "batches of 3": Row(SAME, batch=3),
    "UNet bf16, stored": Row(HALF, unet="bf16", computes=False),
    "UNet bf16": Row(HALF, unet="bf16"),
    "UNet fp16, stored": Row(HALF, unet="fp16", computes=False),
    "UNet fp16": Row(HALF, unet="fp16"),
    "VAE bf16": Row(HALF, vae="bf16"),
    "VAE fp16": Row(HALF, vae="fp16"),
    "noise like VAE bf16": Row(HALF, moved=0.016),
    "text encoder bf16": Row(HALF, text_encoder="bf16"),
    "text encoder fp16": Row(HALF, text_encoder="fp16"),
    "all bf16": Row(HALF, unet="bf16", vae="bf16", text_encoder="bf16"),
    "all fp16": Row(HALF, unet="fp16", vae="fp16", text_encoder="fp16"),
    "ComfyUI's choice": Row(HALF, unet=None, vae=None, text_encoder=None),
}
ON_CUDA = {"on the CPU": Row(SAME, cpu=True)}

COLUMNS = ("mask_iou", "least_iou", "inside", "largest", "outside", "true_iou", "right")

Made = tuple[np.ndarray, np.ndarray]
"""Edited pictures, float (N, H, W, 3) in 0..1, and their masks, float (N, H, W)."""


def cases_of(count: int) -> list[Case]:
    return [make_case(edit(FIRST_SEED + number)) for number in range(count)]


def in_another_process(row: Row, count: int) -> Made:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(make, row, count).result()


def make(row: Row, count: int) -> Made:
    """The row's edits, in a process that has not loaded ComfyUI yet."""
    torch.set_num_threads(row.threads)
    cv2.setNumThreads(row.threads)
    if row.unet:
        torch.backends.cudnn.allow_tf32 = False  # float32 is not to mean its 10 bits
    with torch.inference_mode():
        pack = Pack(load_pack(row.arguments))
        if row.computes and row.unet in DTYPES:
            pack.model.set_model_compute_dtype(DTYPES[row.unet])
        cases = cases_of(count)
        made = [
            edited(pack, cases[start : start + row.batch], start, row.moved)
            for start in range(0, count, row.batch)
        ]
    pictures, masks = (np.concatenate(ones) for ones in zip(*made, strict=True))
    return pictures, masks


def edited(pack: Pack, cases: list[Case], first: int, moved: float) -> Made:
    """The edits of one batch; first: the number of its first picture, which its noise is from."""
    image = pack.pictures(cases)
    numbers = list(range(first, first + len(cases)))
    samples = pack.vae.encode(image)
    samples = samples + moved * noise_like(samples, seed=1, indices=numbers)
    latent = {"samples": samples, "batch_index": numbers}
    source, target = pack.prompts(cases)
    mask, _ = pack.found(image, latent, (source, target))
    decoded = pack.vae.decode(pack.edited_latent(latent, mask, target)["samples"])
    pasted, mask = pack.call("DiffEditPaste", original=image, edited=decoded, mask=mask)
    return pasted.numpy(), mask.numpy()


def measure(
    cases: list[Case], made: Made, reference: Made, judge: checker.Checker
) -> dict[str, float]:
    pictures, masks = made[0], made[1] > 0.5
    expected, expected_masks = reference[0], reference[1] > 0.5
    sources = np.stack([case.source.rgb for case in cases]) / np.float32(255)
    apart = 255 * np.abs(pictures - expected).max(-1)[masks & expected_masks]
    kept = 255 * np.abs(pictures - sources).max(-1)[made[1] == 0]
    ious = [iou(*pair) for pair in zip(masks, expected_masks, strict=True)]
    true = [iou(mask, case.region) for mask, case in zip(masks, cases, strict=True)]
    shown = as_bytes(torch.from_numpy(pictures))
    right = [shows_edit(judge, *pair) for pair in zip(shown, cases, strict=True)]
    values = np.mean(ious), min(ious), apart.mean(), apart.max(), kept.max(), np.mean(true)
    return dict(zip(COLUMNS, map(float, (*values, sum(right))), strict=True))


def too_far(row: Row, found: dict[str, float], reference: dict[str, float]) -> list[str]:
    """The columns in which a row is further from the reference than its tolerance allows."""
    tolerance = row.tolerance
    within = {
        "least_iou": found["least_iou"] >= tolerance.least_iou,
        "largest": found["largest"] <= tolerance.largest,
        "outside": found["outside"] == 0,
        "right": found["right"] >= reference["right"] - tolerance.wrong,
    }
    return [name for name, holds in within.items() if not holds]


def show(name: str, values: dict[str, float]) -> None:
    print(f"{name:20}" + "".join(f"{value:11.4g}" for value in values.values()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edits", type=int, default=9)
    parser.add_argument("--cuda", action="store_true", help="only where there is a CUDA device")
    args = parser.parse_args()
    cuda = torch.cuda.is_available()
    if args.cuda and not cuda:
        print("Skipped: PyTorch finds no CUDA device on this machine.")
        return
    # Threads that spin while they wait take many times as long on a machine that others use too.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    cases, judge = cases_of(args.edits), checker.load()
    device = torch.cuda.get_device_name() if cuda else "the CPU"
    print(f"{args.edits} edits on {device}, PyTorch {torch.__version__}")
    print(f"{'':20}" + "".join(f"{name:>11}" for name in COLUMNS), flush=True)
    reference = in_another_process(Row(SAME), args.edits)
    rows = {REFERENCE: measure(cases, reference, reference, judge)}
    show(REFERENCE, rows[REFERENCE])
    failures: list[str] = []
    for name, row in (ROWS | (ON_CUDA if cuda else {})).items():
        try:
            made = in_another_process(row, args.edits)
        except Exception as error:  # this device cannot compute in the precision, or not in range
            failures.append(f"{name}: {error}")
            continue
        rows[name] = measure(cases, made, reference, judge)
        show(name, rows[name])
        columns = too_far(row, rows[name], rows[REFERENCE])
        failures += [f"{name}: {column} is beyond the tolerance" for column in columns]
    save_report("precision", {"device": device, "edits": args.edits, "rows": rows})
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
