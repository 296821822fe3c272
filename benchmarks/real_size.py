"""Time and memory of a whole edit on a network of Stable Diffusion 1.5's size.

    make bench-size

The network is ComfyUI's own with SD 1.5's configuration and random weights: it draws nothing, but
costs what the real one costs.  A KSampler of as many steps runs first, for comparison.  Prints a
table and writes output/bench-size.json.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

from tools.in_process import load_pack

from .pack import defaults
from .report import save_report

UNET = {
    "image_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 320,
    "channel_mult": [1, 2, 4, 4],
    "num_res_blocks": [2, 2, 2, 2],
    "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
    "transformer_depth_middle": 1,
    "use_spatial_transformer": True,
    "use_linear_in_transformer": False,
    "context_dim": 768,
    "legacy": False,
    "adm_in_channels": None,
}


def random_sd15(dtype: torch.dtype) -> Any:
    """A MODEL of SD 1.5's shape; its last layer is 0, so that it predicts no noise at all."""
    import comfy.model_management
    import comfy.model_patcher
    import comfy.supported_models

    config = comfy.supported_models.SD15(UNET)
    config.set_inference_dtype(dtype, None)
    device = comfy.model_management.get_torch_device()
    offload_device = comfy.model_management.unet_offload_device()
    model = config.get_model({}, device=offload_device)
    for weights in model.diffusion_model.parameters():
        torch.nn.init.normal_(weights, std=0.02)
    for weights in model.diffusion_model.out[2].parameters():
        torch.nn.init.zeros_(weights)
    return comfy.model_patcher.CoreModelPatcher(model, device, offload_device)


class Meter:
    """Runs stages one after the other and notes for each its time and the peak of memory so far."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, float]] = {}

    def run(self, name: str, stage: Callable[[], Any]) -> Any:
        on_gpu = torch.cuda.is_available()
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        started = time.perf_counter()
        result = stage()
        if on_gpu:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        peak = torch.cuda.max_memory_allocated() if on_gpu else _peak_of_process()
        self.rows[name] = {"seconds": seconds, "peak_mib": peak / 2**20}
        print(f"{name:20}{seconds:10.1f} s {peak / 2**20:12.0f} MiB", flush=True)
        return result


def _peak_of_process() -> int:
    """Bytes of main memory that this process has used at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def measure(nodes: ModuleType, model: Any, cells: int, steps: int, draws: int) -> Meter:
    import comfy.sample

    meter = Meter()
    latent = {"samples": torch.randn(1, 4, cells, cells)}
    source, target = ([[torch.randn(1, 77, 768), {}]] for _ in range(2))

    def call(name: str, **inputs: Any) -> tuple[Any, ...]:
        node = getattr(nodes, name)
        return node.execute(**{**defaults(node), "model": model, "latent": latent, **inputs}).result

    def ksampler() -> torch.Tensor:
        samples = latent["samples"]
        return comfy.sample.sample(
            model,
            torch.randn_like(samples),
            steps=steps,
            cfg=7.5,
            sampler_name="euler",
            scheduler="ddim_uniform",
            positive=target,
            negative=source,
            latent_image=samples,
        )

    meter.run("KSampler", ksampler)
    (inverted,) = meter.run("DDIMInvert", lambda: call("DDIMInvert", steps=steps, strength=1.0))
    meter.run(
        "MaskedDDIMSample",
        lambda: call(
            "MaskedDDIMSample",
            positive=target,
            negative=source,
            latent=inverted,
            mask=torch.ones(1, cells, cells),
        ),
    )
    # The last, since it fills the memory that is free, and a process only knows its highest peak.
    meter.run(
        "DiffEditMask", lambda: call("DiffEditMask", source=source, target=target, draws=draws)
    )
    return meter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", type=int, default=64, help="of a side; 64 are 512 pixels")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--dtype", default="float32", help="float32, bfloat16 or float16")
    args = parser.parse_args()

    nodes = load_pack()
    with torch.inference_mode():
        model = random_sd15(getattr(torch, args.dtype))
        meter = measure(nodes, model, args.cells, args.steps, args.draws)
    report = {**vars(args), "threads": torch.get_num_threads(), "rows": meter.rows}
    save_report("size", report)


if __name__ == "__main__":
    main()
