"""Inversion and decoding: ours in more iterations and other numbers of steps, beside FlowEdit and
diffusers'.

    make bench-inversion

Held-out edits on the same weights in one run, each implementation with its own defaults otherwise.
Prints a table and writes output/bench-inversion.json. What the autoencoder alone does to the
background is printed too: no edit in latents can keep more of it.
"""

from __future__ import annotations

import warnings
from functools import partial

from tools.in_process import load_pack

from . import checker
from .cases import Case
from .pack import Settings
from .quality import (
    Diffusers,
    Ours,
    Result,
    asked_cases,
    background_psnr,
    print_table,
    run_all,
    summary,
)
from .report import save_report

FIRST_SEED = 7_000_000

ROWS = {f"ours-{count}": Settings(invert={"iterations": count}) for count in (1, 2, 3)}
ROWS |= {
    f"plain-{count}": Settings(invert={"iterations": count, "extrapolate": False})
    for count in (1, 2)
}
ROWS |= {f"{count} steps": Settings(invert={"steps": count}) for count in (10, 50)}
FIGURES = ("evaluations", "round_trip_psnr", "background_psnr", "edit_success")


def figures(cases: list[Case], results: list[Result], judge: checker.Checker) -> dict[str, float]:
    measured = summary(cases, results, judge)
    worst = max(result.background_latent_error for result in results)
    return {name: float(measured[name]) for name in FIGURES} | {"background_latent_error": worst}


def main() -> None:
    warnings.filterwarnings("ignore", category=FutureWarning)
    cases = asked_cases(__doc__.split("\n")[0], FIRST_SEED)
    judge = checker.load()
    ours = Ours(load_pack())
    runs = {row: partial(ours.run, settings=settings) for row, settings in ROWS.items()}
    runs["FlowEdit"] = ours.run_flow_edit
    runs["diffusers"] = Diffusers().run
    results = {row: run_all(row, run, cases) for row, run in runs.items()}

    rows = {row: figures(cases, found, judge) for row, found in results.items()}
    autoencoder = background_psnr(cases, [r.autoencoded for r in results["ours-1"]])
    print_table(rows)
    print(f"background after the autoencoder alone: {autoencoder:.1f} dB")
    report = {"edits": len(cases), "autoencoder_background_psnr": autoencoder, "rows": rows}
    save_report("bench-inversion", report)


if __name__ == "__main__":
    main()
