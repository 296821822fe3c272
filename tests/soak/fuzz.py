"""Prompts with one thing wrong or several: each ends well, or with one sentence of ours."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import requests

from tests.soak.outcomes import CRASH, HANG, KINDS, RAW, REFUSED, STOCK, Outcome
from tests.soak.progress import bar
from tests.soak.prompts import Fuzzed, Info, fuzzed
from tests.soak.queued import run_all
from tests.soak.server import soak_server
from tools.comfy_server import ComfyServer

CHUNK = 200

LOG_OF_WINDOWS = ("env", "PYTHONIOENCODING=cp1252")
"""Starts a server with a log that takes few characters."""


def fuzz(folder: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """Run the prompts of the seeds, on as many servers as it takes; returns the report."""
    save_language_models(folder / "base" / "models" / "LLM")
    prompts: list[Fuzzed] = []
    outcomes: list[Outcome] = []
    with bar(total=len(seeds), desc="fuzz") as done:
        while len(outcomes) < len(seeds):
            with soak_server(folder, through=LOG_OF_WINDOWS) as comfy:
                info = node_info(comfy)
                prompts = prompts or [fuzzed(seed, info) for seed in seeds]
                while len(outcomes) < len(seeds):
                    found = run_all(comfy, prompts[len(outcomes) :][:CHUNK])
                    outcomes += found
                    done.update(len(found))
                    if found[-1].kind in (CRASH, HANG):
                        comfy.process.kill()
                        break
    return report(prompts, outcomes)


def save_language_models(folder: Path) -> None:
    """Small ones, under the names of the real ones and under names that few logs can print."""
    from transformers.utils import logging  # takes its time to import

    from tests.language_models import save_blip, save_t5

    logging.disable_progress_bar()
    model = save_t5(folder / "flan-t5-base")
    for name in ("言語模型".encode(), b"mod\xe8le"):
        shutil.copytree(model, folder / os.fsdecode(name))
    save_blip(folder / "blip-image-captioning-large")


def node_info(comfy: ComfyServer) -> Info:
    return requests.get(f"{comfy.url}/object_info").json()


def report(prompts: Sequence[Fuzzed], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Counts, and each text once with the first prompt that led to it."""
    pairs = list(zip(prompts, outcomes, strict=True))
    kinds = Counter(outcome.kind for outcome in outcomes)
    return {
        "runs": len(pairs),
        "executed": len(pairs) - kinds[REFUSED],
        **{kind: kinds[kind] for kind in KINDS},
        "wrong": sum(bool(outcome.problems) for outcome in outcomes),
        **{f"{kind} texts": listed(pairs, kind) for kind in (RAW, CRASH, HANG, STOCK)},
        "wrong texts": [
            {**asdict(prompt), "text": "; ".join(outcome.problems)}
            for prompt, outcome in pairs
            if outcome.problems
        ],
    }


def listed(pairs: Sequence[tuple[Fuzzed, Outcome]], kind: str) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for prompt, outcome in pairs:
        if outcome.kind != kind:
            continue
        key = (outcome.node_type, re.sub(r"[\d.]+|'[^']*'", "#", outcome.text)[:80])
        one = found.setdefault(key, {"text": outcome.text, **asdict(prompt), "seeds": []})
        one["seeds"].append(prompt.seed)
        one["node_type"] = outcome.node_type
        # The prompt with the least wrong says the most.
        if len(prompt.factors) < len(one["factors"]):
            one |= {"text": outcome.text, **asdict(prompt), "node_type": outcome.node_type}
    return list(found.values())


def replay(seed: int) -> None:
    """Run the prompt of one seed again, and print all about it."""
    with tempfile.TemporaryDirectory(prefix="soak-") as name, ExitStack() as stack:
        folder = Path(name)
        save_language_models(folder / "base" / "models" / "LLM")
        comfy = stack.enter_context(soak_server(folder, through=LOG_OF_WINDOWS))
        prompt = fuzzed(seed, node_info(comfy))
        (outcome,) = run_all(comfy, [prompt])
        print(json.dumps(prompt.workflow, indent=1))
        print(prompt.node_type, *prompt.factors, sep="\n  ")
        print(f"{outcome.kind}: {outcome.node_type}: {outcome.text} {outcome.problems or ''}")
        if outcome.kind == RAW:
            print(comfy.log_tail())
