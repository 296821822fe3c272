"""How fast: whole edits beside other ways to make them, and each stage over the bare network.

    make bench

1. Whole edits of the demo's scenes, by turns: ours at the defaults, with the fast setting and on
   the model distilled to few steps, diffusers' pipeline, the blog's notebook, and stock nodes that
   are given the true mask. seconds are medians; "diffusers takes" is the median of its time over
   that of the same edit.
2. Stages on networks of real size with random weights: their time over the floor, which is the time
   of as many calls of the bare network at that batch. Their peak of memory over KSampler's.
3. How an edit's time grows with the picture's area, the batch, the steps and the draws.
4. What a second run costs where one setting has changed.

Prints tables and writes output/bench.json.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from statistics import median
from types import ModuleType
from typing import Any

import torch
from tqdm import tqdm

from lab.distill import LORA
from lab.render import SIZE
from lab.scenes import edit
from tools.executor import running_executor
from tools.in_process import defaults, load_pack

from .cases import Case, make_case
from .one_node import OneNode
from .pack import FAST, FEW_STEP, Settings, as_image
from .peer import DiffusersPipeline
from .random_models import CONFIGS, random_conditioning, random_model
from .report import save_report

FIRST_SEED = 8_000_000
STEPS, STRENGTH, CFG = 20, 0.8, 7.5  # of the stock nodes, as of ours

Row = dict[str, float]


class Peers(DiffusersPipeline):
    def diffusers(self, case: Case) -> None:
        self.decoded(self.edit(case, seed=0)[2])

    def notebook(self, case: Case) -> None:
        self.decoded(self.notebook_edit(case))


class Ours(OneNode):
    def default(self, case: Case) -> None:
        self.edited(case, self.pictures([case]))

    def fast(self, case: Case) -> None:
        self.edited(case, self.pictures([case]), **FAST.invert)

    def few_step(self, case: Case) -> None:
        image = self.pictures([case])
        edited, mask = self.edited_by_stages([case], image, FEW_STEP)
        self.call("DiffEditPaste", original=image, edited=edited, mask=mask)

    def stock_nodes(self, case: Case) -> None:
        """An unsampler, which is Euler up the flipped schedule, and Euler down again inside a given
        mask, with the noise mask of stock inpainting.
        """
        import comfy.sample
        import comfy.samplers

        latent = self.vae.encode(self.pictures([case]))
        mask = torch.from_numpy(case.region).float()[None]
        _, target = self.prompts([case])
        empty = self.conditioning([""])
        sampling = self.model.get_model_object("model_sampling")
        schedule = comfy.samplers.calculate_sigmas(sampling, "ddim_uniform", STEPS)
        falling = schedule[-round(STRENGTH * STEPS) - 1 :]
        rising = falling.flip(0)
        rising[0] = 1e-4  # as the unsampler nodes start, since Euler divides by it
        euler = comfy.samplers.sampler_object("euler")
        nothing = torch.zeros_like(latent)
        conds = (empty, empty)
        noisy = comfy.sample.sample_custom(
            self.model, nothing, 1.0, euler, rising, *conds, latent, disable_pbar=True
        )
        conds = (target, empty)
        edited = comfy.sample.sample_custom(
            self.model,
            nothing,
            CFG,
            euler,
            falling,
            *conds,
            noisy,
            noise_mask=mask,
            disable_pbar=True,
        )
        self.decoded({"samples": edited})


def whole_edits(
    ours: Ours, distilled: Ours, peers: Peers, cases: list[Case]
) -> tuple[dict[str, Row], Row]:
    """The rows of all ways, and for each how many times longer diffusers takes.

    distilled: ours on the model with the LoRA of few steps.
    """
    ways = [(peers, peers.diffusers), (peers, peers.notebook)]
    ways += [(ours, ours.default), (ours, ours.fast), (distilled, distilled.few_step)]
    ways += [(ours, ours.stock_nodes)]
    for _, way in ways:  # what is loaded and compiled once
        way(cases[0])
    seconds: dict[str, list[float]] = {way.__name__: [] for _, way in ways}
    evaluations: dict[str, float] = {}
    for case in tqdm(cases, desc="whole edits"):
        for owner, way in ways:
            owner.evaluations = 0
            seconds[way.__name__].append(timed(partial(way, case)))
            evaluations[way.__name__] = owner.evaluations
    theirs = seconds["diffusers"]
    ratios = {
        name: median(a / b for a, b in zip(theirs, mine, strict=True))
        for name, mine in seconds.items()
    }
    rows = {
        name: {
            "seconds": median(mine),
            "evaluations": evaluations[name],
            "diffusers takes": ratios[name],
        }
        for name, mine in seconds.items()
    }
    return rows, ratios


def timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


class RealSize:
    """The stages on a network of real size, and that network by itself."""

    def __init__(self, nodes: ModuleType, name: str, cells: int, dtype: torch.dtype) -> None:
        self.nodes = nodes
        self.model = random_model(name, dtype)
        self.source, self.target = (random_conditioning(name, seed) for seed in (1, 2))
        self.latent = {"samples": torch.randn(1, 4, cells, cells)}
        self.inverted: dict[str, Any] = {}

    def call(self, name: str, **inputs: Any) -> Any:
        node = getattr(self.nodes, name)
        given = {"model": self.model, "latent": self.latent}
        return node.execute(**{**defaults(node), **given, **inputs}).result[0]

    def ksampler(self, steps: int) -> None:
        import comfy.sample

        samples = self.latent["samples"]
        comfy.sample.sample(
            self.model,
            torch.randn_like(samples),
            steps=steps,
            cfg=CFG,
            sampler_name="euler",
            scheduler="ddim_uniform",
            positive=self.target,
            negative=self.source,
            latent_image=samples,
            disable_pbar=True,
        )

    def invert(self, steps: int) -> None:
        self.inverted = self.call("DDIMInvert", conditioning=self.source, steps=steps, strength=1.0)

    def sample(self) -> None:
        mask = torch.ones(1, *self.latent["samples"].shape[-2:])
        inputs = {"positive": self.target, "negative": self.source, "mask": mask}
        self.call("MaskedDDIMSample", **{**inputs, "latent": self.inverted})

    def mask(self, draws: int) -> None:
        self.call("DiffEditMask", source=self.source, target=self.target, draws=draws)

    def calls_during(self, work: Callable[[], Any]) -> tuple[float, list[tuple[Any, ...]]]:
        """The seconds of some work, and the arguments of the network's calls in it."""
        calls: list[tuple[Any, ...]] = []
        network = self.model.model.diffusion_model
        hook = network.register_forward_pre_hook(
            lambda _, args, kwargs: calls.append((args, kwargs)), with_kwargs=True
        )
        seconds = timed(work)
        hook.remove()
        return seconds, calls

    def bare(self, call: tuple[Any, ...], repeats: int) -> float:
        """The seconds of one call of the network, without anything of ComfyUI's around it."""
        args, kwargs = call
        network = self.model.model.diffusion_model
        return median(timed(lambda: network(*args, **kwargs)) for _ in range(repeats))


def overheads(size: RealSize, steps: int, draws: int) -> tuple[dict[str, Row], float]:
    """For KSampler and each stage its time over the floor; and how much more memory the stages that
    sample take at their peak than KSampler.
    """
    size.ksampler(steps)  # loads the model
    works = {
        "KSampler": lambda: size.ksampler(steps),
        "DDIMInvert": lambda: size.invert(steps),
        "MaskedDDIMSample": size.sample,
        # The last, since it fills the memory that is free, and a process knows its highest peak.
        "DiffEditMask": lambda: size.mask(draws),
    }
    rows: dict[str, Row] = {}
    for name, work in works.items():
        seconds, calls = size.calls_during(work)
        floor = len(calls) * size.bare(calls[-1], repeats=3)
        rows[name] = {
            "seconds": seconds,
            "calls": len(calls),
            "over the floor": seconds / floor,
            "peak_mib": peak_bytes() / 2**20,
        }
    ratio = rows["MaskedDDIMSample"]["peak_mib"] / rows["KSampler"]["peak_mib"]
    return rows, ratio


def peak_bytes() -> int:
    """The memory that this process has used at most: the accelerator's where there is one."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def growth(ours: Ours, case: Case) -> dict[str, Row]:
    """The seconds of the stages at multiples of the usual area, batch, steps and draws."""

    def edit_once(side: int = SIZE, batch: int = 1, steps: int = STEPS, draws: int = 4) -> float:
        picture = torch.nn.functional.interpolate(
            as_image([case.source.rgb] * batch).movedim(-1, 1), (side, side), mode="bilinear"
        ).movedim(1, -1)
        settings = Settings(mask={"draws": draws}, invert={"steps": steps})
        return timed(lambda: ours.edited_by_stages([case] * batch, picture, settings))

    edit_once()
    grown: dict[str, Callable[[int], float]] = {
        "area": lambda times: edit_once(side=round(SIZE * times**0.5)),
        "batch": lambda times: edit_once(batch=times),
        "steps": lambda times: edit_once(steps=10 * times),
        "draws": lambda times: edit_once(draws=4 * times),
    }
    return {name: {f"{n}x": measured(n) for n in (1, 2, 4)} for name, measured in grown.items()}


def second_runs(ours: Ours, case: Case) -> dict[str, Row]:
    """What DiffEdit costs again where one setting has changed."""
    target = case.edit.source.caption.replace("a ", "a large ", 1)
    changes = {"target": {"target": target}, "grow": {"grow": 4}, "seed": {"seed": 1}}
    rows: dict[str, Row] = {}
    for name, settings in changes.items():
        ours.edited(case, ours.pictures([case]))
        ours.evaluations = 0
        seconds = timed(partial(ours.edited_again, case, **settings))
        rows[name] = {"seconds": seconds, "evaluations": ours.evaluations}
    return rows


def show(title: str, rows: dict[str, Row]) -> None:
    names = list(next(iter(rows.values())))
    print(f"\n{title}\n{'':20}" + "".join(f"{name:>17}" for name in names))
    for row, values in rows.items():
        print(f"{row:20}" + "".join(f"{value:17.3f}" for value in values.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edits", type=int, default=10)
    parser.add_argument("--cells", type=int, default=32, help="of a side of the large networks")
    parser.add_argument("--steps", type=int, default=4, help="on the large networks")
    parser.add_argument("--dtype", default="float32", help="of the large networks")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", category=FutureWarning)
    nodes = load_pack()
    report: dict[str, Any] = {**vars(args), "threads": torch.get_num_threads(), "overhead": {}}
    cases = [make_case(edit(FIRST_SEED + number)) for number in range(args.edits)]
    with torch.inference_mode(), running_executor(nodes) as executor:
        # First, since a process only knows its highest peak of memory.
        for name in CONFIGS:
            size = RealSize(nodes, name, args.cells, getattr(torch, args.dtype))
            rows, memory = overheads(size, args.steps, draws=2)
            show(f"{name}, random weights", rows)
            stages = [row for stage, row in rows.items() if stage != "KSampler"]
            total = sum(row["seconds"] for row in stages)
            floor = sum(row["seconds"] / row["over the floor"] for row in stages)
            report["overhead"][name.lower()] = total / floor
            report.setdefault("memory_ratio", memory)
            report[name.lower()] = rows
            del size
        ours, peers = Ours(nodes, executor), Peers()
        distilled = Ours(nodes, executor, LORA)
        rows, ratios = whole_edits(ours, distilled, peers, cases)
        show("whole edits", rows)
        report |= {"whole_edits": rows, "ratio_to_diffusers": ratios}
        report["growth"] = growth(ours, cases[0])
        show("seconds at multiples", report["growth"])
        report["second_run"] = second_runs(ours, cases[0])
        show("second run", report["second_run"])
    save_report("bench", report)


if __name__ == "__main__":
    main()
