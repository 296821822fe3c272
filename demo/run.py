"""`make demo`: one real edit in a real ComfyUI, with its pictures in `output/`."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image
from tqdm import tqdm

from tools.comfy_server import (
    PACK,
    ComfyServer,
    OnProgress,
    ServerError,
    Workflow,
    WorkflowError,
)

from .contact_sheet import contact_sheet

SOURCE = PACK / "web" / "pictures" / "source.png"
WORKFLOW = PACK / "demo" / "workflow_api.json"
OUTPUT = PACK / "output"


def main() -> None:
    # A plain SIGTERM would leave the server running; an exception unwinds the `with` block.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    workflow = demo_workflow()
    started = time.monotonic()
    try:
        print("Starting ComfyUI ...", flush=True)
        with ComfyServer() as comfy:
            print(f"ComfyUI is up after {time.monotonic() - started:.1f} s.", flush=True)
            pictures = run_edit(comfy, workflow)
    except (ServerError, WorkflowError) as error:
        sys.exit(f"error: {error}")
    outside = f"pixels changed outside the mask: {changed_outside(pictures)}"
    pictures["contact_sheet"] = contact_sheet(
        [
            ("source", prompt(workflow, "source_prompt"), pictures["source"]),
            ("heat map", "where the two prompts disagree", pictures["heat_map"]),
            ("mask", "what may change", pictures["mask"]),
            ("edit", f"{prompt(workflow, 'target_prompt')}; {outside}", pictures["edit"]),
        ]
    )
    OUTPUT.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        path = OUTPUT / f"{name}.png"
        picture.save(path)
        print(path)
    print(f"Done in {time.monotonic() - started:.1f} s.")


def demo_workflow() -> Workflow:
    """The workflow of the stages, with a look at the mask."""
    look = {"class_type": "MaskPreview", "inputs": {"mask": ["refine_mask", 0]}}
    return json.loads(WORKFLOW.read_text()) | {"mask": look}


def run_edit(comfy: ComfyServer, workflow: Workflow) -> dict[str, Image.Image]:
    """Run the demo workflow on the demo picture; returns the source, heat map, mask and edit.

    Raises what ComfyServer.run raises; a WorkflowError carries the tail of the server's log.
    """
    comfy.upload(SOURCE)
    try:
        with progress_bars(workflow) as show_progress:
            outputs = comfy.run(workflow, show_progress)
    except WorkflowError as error:
        raise WorkflowError(f"{error}\n{comfy.log_tail()}", error.node_type) from error
    (heat_map,) = comfy.images(outputs, "find_mask")
    (mask,) = comfy.images(outputs, "mask")
    (edit,) = comfy.images(outputs, "edit")
    source = Image.open(SOURCE).convert("RGB")
    return {"source": source, "heat_map": heat_map, "mask": mask, "edit": edit}


def changed_outside(pictures: dict[str, Image.Image]) -> int:
    """How many pixels of the edit are not the source's own, where the mask is black."""
    source, edit = (np.asarray(pictures[name].convert("RGB")) for name in ("source", "edit"))
    outside = np.asarray(pictures["mask"].convert("L")) == 0
    return int((source != edit).any(-1)[outside].sum())


@contextmanager
def progress_bars(workflow: Workflow) -> Iterator[OnProgress]:
    """A progress bar for each node that works in steps."""
    bars: dict[str, tqdm] = {}
    node_started = 0.0

    def show_progress(node: str, done: int, total: int) -> None:
        nonlocal node_started
        if done == 0:
            node_started = time.time()
            return
        if node not in bars:
            bars[node] = tqdm(
                total=total,
                desc=f"{workflow[node]['class_type']:<17}",
                unit="step",
                mininterval=0.1 if sys.stderr.isatty() else 60,  # in a log, only start and end
            )
            bars[node].start_t = node_started  # the first step took time too
        bars[node].update(done - bars[node].n)
        if done == total:
            bars[node].close()

    try:
        yield show_progress
    finally:
        for bar in bars.values():
            bar.close()


def prompt(workflow: Workflow, node: str) -> str:
    return workflow[node]["inputs"]["text"]


if __name__ == "__main__":
    main()
