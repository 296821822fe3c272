"""The mask view on Mask Refine: what it shows is what the next run gives."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import requests
from playwright.sync_api import Browser, Locator, Page
from scipy import ndimage

from demo.comfy_server import PACK, PACK_FOLDER, ComfyServer, Workflow
from diffedit_core.refine import binary_stage
from diffedit_core.thresholds import AUTOMATIC

EXAMPLE = PACK / "example_workflows" / "DiffEdit.json"

NODE = "app.graph.nodes.find(node => node.type === 'MaskRefine')"
VIEW = f"{NODE}.widgets.find(widget => widget.name === 'mask_view').view"
OUTLINE_FOLLOWED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

BINARY_STAGE = f"""async cases => {{
    const stage = await import("/extensions/{PACK_FOLDER}/binary_stage.js");
    return cases.map(({{ levels, width, height, cuts, settings }}) => {{
        const pixels = Uint8Array.from(levels);
        const cut = stage.findCut(stage.histogram(pixels), settings, cuts);
        return Array.from(stage.binaryStage(pixels, width, height, cut, settings));
    }});
}}"""


def random_levels(rng: np.random.Generator) -> np.ndarray:
    """Noise with blobs of some size, any shape from 1 by 1, often with a black or white ground."""
    soft = rng.random(rng.integers(1, 60, 2))
    soft = ndimage.gaussian_filter(soft, rng.choice([0.0, 1.0, 3.0]))
    soft = (soft - soft.min()) / max(np.ptp(soft), 0.1)
    return np.rint(255 * (rng.uniform(0.8, 1.6) * soft ** rng.uniform(0.5, 3)).clip(0, 1)).astype(
        np.uint8
    )


def random_settings(rng: np.random.Generator) -> dict[str, Any]:
    def sometimes(value: Any) -> Any:
        return value if rng.random() < 0.4 else type(value)(0)

    return {
        "method": str(rng.choice([*AUTOMATIC, "quantile", "value"])),
        "threshold": round(rng.random(), 2),
        "hysteresis": sometimes(round(rng.random(), 2)),
        "open": sometimes(int(rng.integers(1, 4))),
        "close": sometimes(int(rng.integers(1, 5))),
        "fill_holes": bool(rng.random() < 0.5),
        "min_area": sometimes(round(5 * rng.random(), 1)),
        "keep_largest": sometimes(int(rng.integers(1, 4))),
        "grow": sometimes(int(rng.integers(-6, 13))),
    }


def test_the_browser_computes_what_the_server_does(comfy: ComfyServer, browser: Browser):
    rng = np.random.default_rng(0)
    levels = [random_levels(rng) for _ in range(200)]
    settings = [random_settings(rng) for _ in levels]
    cases = [
        {
            "levels": one.ravel().tolist(),
            "width": one.shape[1],
            "height": one.shape[0],
            "cuts": {method: cut(one) for method, cut in AUTOMATIC.items()},
            "settings": chosen,
        }
        for one, chosen in zip(levels, settings, strict=True)
    ]
    page = browser.new_page()
    page.goto(f"{comfy.url}/system_stats")
    answers = page.evaluate(BINARY_STAGE, cases)
    page.close()
    neither_empty_nor_full = 0
    for one, chosen, answer in zip(levels, settings, answers, strict=True):
        mask = binary_stage(one, **chosen)
        assert np.array_equal(np.reshape(answer, one.shape), mask), chosen
        neither_empty_nor_full += 0 < mask.mean() < 1
    assert neither_empty_nor_full > 80


@pytest.mark.parametrize(
    ("vue_nodes", "device_scale"), [(False, 1), (True, 2)], ids=["canvas", "vue-high-dpi"]
)
def test_tuning_the_mask_of_the_example(
    comfy: ComfyServer, open_editor: Callable[..., Page], vue_nodes: bool, device_scale: int
):
    page = open_editor(vue_nodes, device_scale)
    load(page, quick(json.loads(EXAMPLE.read_text())))
    slider = page.get_by_role("slider", name="threshold", exact=True)
    page.get_by_text("Run the workflow once").wait_for()
    assert not slider.is_visible()

    run(comfy, page)
    page.wait_for_function(f"{VIEW}.mask")
    assert np.array_equal(shown_mask(page), server_mask(comfy))
    assert widget(page, "method") == "otsu"
    assert abs(float(slider.input_value()) - found_cut(page)) < 0.01
    assert_sharp(page, device_scale)

    before = shown_mask(page)
    drag(page, slider, to=0.6)
    assert widget(page, "method") == "value"
    assert abs(widget(page, "threshold") - 0.6) < 0.015
    assert shown_mask(page).sum() < before.sum()

    position = page.evaluate(f"[...{NODE}.pos]")
    dragged = widget(page, "threshold")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert widget(page, "threshold") == pytest.approx(dragged + 0.01)
    page.keyboard.press("ArrowLeft")
    assert widget(page, "threshold") == dragged
    assert page.evaluate(f"[...{NODE}.pos]") == position, "the arrow keys moved the node"

    before = shown_mask(page)
    press_increment(page, "grow", vue_nodes)
    assert widget(page, "grow") == 1
    grown = shown_mask(page)
    assert np.array_equal(grown, ndimage.binary_dilation(before)), "a disc of radius 1 is a cross"

    assert executed(run(comfy, page)) == {
        *("MaskRefine", "MaskPreview", "MaskedDDIMSample", "VAEDecode", "SaveImage")
    }
    assert np.array_equal(shown_mask(page), grown)
    assert np.array_equal(server_mask(comfy), grown)

    press_increment(page, "blur", vue_nodes)
    page.get_by_text("blur has changed").wait_for()

    page.evaluate("app.extensionManager.workflow.activeWorkflow.changeTracker.undo()")
    page.wait_for_function(f"{VIEW}.mask")  # an undo makes the nodes anew

    saved = page.evaluate("app.graph.serialize()")
    (node,) = (node for node in saved["nodes"] if node["type"] == "MaskRefine")
    assert node["widgets_values"][2:4] == ["value", dragged]
    load(page, saved)
    assert widget(page, "method") == "value"
    assert widget(page, "threshold") == dragged
    page.get_by_text("Run the workflow once").wait_for()


def test_several_masks_are_turned_over(comfy: ComfyServer, page: Page, workflow: Workflow):
    """Each with the picture's own red and its negative, cut at one threshold."""
    settings = workflow["refine_mask"]["inputs"]
    negative = {"class_type": "ImageInvert", "inputs": {"image": ["source", 0]}}
    both = {"class_type": "ImageBatch", "inputs": {"image1": ["source", 0], "image2": ["back", 0]}}
    red = {"class_type": "ImageToMask", "inputs": {"image": ["both", 0], "channel": "red"}}
    settings |= {"mask": ["red", 0], "image": ["both", 0], "method": "value", "blur": 0, "snap": 0}
    settings |= {"fill_holes": False}
    refine = workflow["refine_mask"]
    api = {
        "source": workflow["source"],
        **{"back": negative, "both": both, "red": red, "refine": refine},
    }
    page.evaluate("workflow => app.loadApiJson(workflow, 'masks')", api)
    run(comfy, page)
    page.get_by_text("1 / 2").wait_for()
    page.wait_for_function(f"{VIEW}.mask")
    first = shown_mask(page)
    page.get_by_role("button", name="Next mask").click()
    page.get_by_text("2 / 2").wait_for()
    second = shown_mask(page)
    # Levels 0 to 255 have no middle: above 0.5 is either the picture or its negative.
    assert np.array_equal(first, ~second)
    page.get_by_role("button", name="Next mask").click()
    page.get_by_text("1 / 2").wait_for()
    assert np.array_equal(shown_mask(page), first)


def quick(graph: dict[str, Any]) -> dict[str, Any]:
    """The example with fewer steps."""
    (invert,) = (node for node in graph["nodes"] if node["type"] == "DDIMInvert")
    invert["widgets_values"][0] = 4
    return graph


def load(page: Page, graph: dict[str, Any]) -> None:
    """Load a workflow and bring Mask Refine into view, unscaled."""
    page.evaluate("graph => app.loadGraphData(graph)", graph)
    page.evaluate(
        f"""() => {{
            const view = app.canvas.ds, [x, y] = {NODE}.pos;
            view.scale = 1;
            view.offset = [500 - x, 120 - y];
            app.canvas.setDirty(true, true);
        }}"""
    )


def run(comfy: ComfyServer, page: Page) -> dict[str, Any]:
    """Press Run and wait for the end; returns the server's record of the run."""
    before = requests.get(f"{comfy.url}/history").json().keys()
    page.evaluate(f"{VIEW}.mask = null")
    page.get_by_test_id("queue-button").click()
    while not (new := requests.get(f"{comfy.url}/history").json().keys() - before):
        page.wait_for_timeout(100)
    (prompt_id,) = new
    page.wait_for_function(f"{VIEW}.mask")
    return requests.get(f"{comfy.url}/history/{prompt_id}").json()[prompt_id]


def executed(record: dict[str, Any]) -> set[str]:
    """The types of the nodes that were not taken from the cache."""
    workflow = record["prompt"][2]
    (cached,) = (
        details["nodes"]
        for message, details in record["status"]["messages"]
        if message == "execution_cached"
    )
    return {workflow[node]["class_type"] for node in workflow.keys() - set(cached)}


def server_mask(comfy: ComfyServer) -> np.ndarray:
    """What MaskPreview showed of Mask Refine's output in the last run, as bool."""
    record = list(requests.get(f"{comfy.url}/history").json().values())[-1]
    (preview,) = (
        node for node, one in record["prompt"][2].items() if one["class_type"] == "MaskPreview"
    )
    picture = np.asarray(comfy.images(record["outputs"], preview)[0].convert("L"))
    assert set(np.unique(picture)) <= {0, 255}
    return picture > 0


def shown_mask(page: Page) -> np.ndarray:
    """The mask whose outline the view has drawn, as bool."""
    page.evaluate(OUTLINE_FOLLOWED)
    side = 192  # the example's picture
    return np.array(page.evaluate(f"Array.from({VIEW}.mask)"), bool).reshape(side, side)


def widget(page: Page, name: str) -> Any:
    return page.evaluate(f"{NODE}.widgets.find(widget => widget.name === '{name}').value")


def found_cut(page: Page) -> float:
    """The cut as the view's text tells it."""
    return float(page.locator(".diffedit-mask-view .summary").inner_text().split("cut ")[1][:4])


def assert_sharp(page: Page, device_scale: int) -> None:
    """A canvas pixel is a pixel of the screen, on the side that the picture fills."""
    ratios = page.evaluate(
        f"[{VIEW}.heat, {VIEW}.outline].map(canvas => Math.max("
        "canvas.width / canvas.clientWidth, canvas.height / canvas.clientHeight))"
    )
    assert ratios == pytest.approx([device_scale, device_scale], rel=0.01)


def drag(page: Page, slider: Locator, to: float) -> None:
    """Drag the threshold with the mouse from where it is to a place (0..1) on the histogram."""
    box, thumb = slider.bounding_box(), 12

    def x(value: float) -> float:
        return box["x"] + thumb / 2 + value * (box["width"] - thumb)

    y = box["y"] + box["height"] / 2
    page.mouse.move(x(float(slider.input_value())), y)
    page.mouse.down()
    page.mouse.move(x(to), y, steps=5)
    page.mouse.up()


def press_increment(page: Page, name: str, vue_nodes: bool) -> None:
    """Press the button of the node's own widget that adds a step."""
    if vue_nodes:
        node = page.locator(f"[data-node-id='{page.evaluate(f'{NODE}.id')}']")
        node.get_by_label(name, exact=True).get_by_test_id("increment").click()
        return
    place = page.evaluate(
        f"""() => {{
            const node = {NODE}, {{ scale, offset }} = app.canvas.ds;
            const widget = node.widgets.find(widget => widget.name === "{name}");
            const canvas = app.canvas.canvas.getBoundingClientRect();
            const x = node.pos[0] + node.size[0] - 25, y = node.pos[1] + widget.last_y + 10;
            return [canvas.x + (x + offset[0]) * scale, canvas.y + (y + offset[1]) * scale];
        }}"""
    )
    page.mouse.click(*place)
