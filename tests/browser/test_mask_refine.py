"""The mask view on Mask Refine: what it shows is what the next run gives."""

import io
import json
import re
import runpy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Locator, Page
from scipy import ndimage

from diffedit_core.refine import Refinement, binary_mask
from diffedit_core.thresholds import AUTOMATIC
from tests.browser.editor import (
    BOTH_RENDERERS,
    NOTICE_CHANGES,
    READY,
    TRACKER,
    load,
    next_frame,
    nodes_of,
    run,
    set_widget,
    workflow_in,
)
from tools.comfy_server import PACK, PACK_FOLDER, ComfyServer, Workflow

EXAMPLE = PACK / "example_workflows" / "DiffEdit.json"

SCRIPTS = f"/extensions/{PACK_FOLDER}"

NODE = "app.graph.nodes.find(node => node.type === 'MaskRefine')"
WIDGET = f"{NODE}.widgets.find(widget => widget.name === name)"
VIEW = f"{NODE}?.widgets.find(widget => widget.name === 'mask_view')?.view"

SET_THEME = "theme => app.extensionManager.setting.set('Comfy.ColorPalette', theme)"

BINARY_MASKS = f"""async cases => {{
    const script = await import("{SCRIPTS}/binary_mask.js");
    return cases.map(({{ gray, width, height, thresholds, settings }}) => {{
        const pixels = Uint8Array.from(gray);
        const threshold = script.findThreshold(script.histogram(pixels), settings, thresholds);
        return Array.from(script.binaryMask(pixels, width, height, threshold, settings));
    }});
}}"""

HEAT_TABLES = f"""async () => {{
    const {{ heatTable }} = await import("{SCRIPTS}/mask_drawing.js");
    return [true, false].map(translucent => Array.from(
        new Uint8Array(heatTable(translucent).buffer)));
}}"""

COLOUR_TOLERANCE = 6
"""Of 255: the browser interpolates between stops, which nobody sees."""


def random_gray(rng: np.random.Generator) -> np.ndarray:
    """Noise with blobs of some size, any shape from 1 by 1, often with much black or white."""
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


def test_the_browser_computes_what_the_server_does(bare_page: Page):
    rng = np.random.default_rng(0)
    grays = [random_gray(rng) for _ in range(200)]
    settings = [random_settings(rng) for _ in grays]
    cases = [
        {
            "gray": one.ravel().tolist(),
            "width": one.shape[1],
            "height": one.shape[0],
            "thresholds": {method: rule(one) for method, rule in AUTOMATIC.items()},
            "settings": chosen,
        }
        for one, chosen in zip(grays, settings, strict=True)
    ]
    answers = bare_page.evaluate(BINARY_MASKS, cases)
    neither_empty_nor_full = 0
    for one, chosen, answer in zip(grays, settings, answers, strict=True):
        mask = binary_mask(one, Refinement(**chosen))
        assert np.array_equal(np.reshape(answer, one.shape), mask), chosen
        neither_empty_nor_full += 0 < mask.mean() < 1
    assert neither_empty_nor_full > 80


def test_the_browser_has_the_servers_colours(bare_page: Page):
    """Of all 256 gray values: the colour, and how much of a picture it covers."""
    # The file by itself: the package around it needs ComfyUI.
    file = PACK / "nodes" / "adapter" / "heat_overlay.py"
    heat_overlay = runpy.run_path(str(file))["heat_overlay"]
    heat_map = torch.arange(256).reshape(1, 1, 256) / 255

    def painted(picture: float | None) -> np.ndarray:
        shape = (1, 1, 256, 3)
        under = None if picture is None else torch.full(shape, picture)
        return heat_overlay(heat_map, under).numpy().reshape(256, 3)

    cover = 1 - (painted(1.0) - painted(0.0)).mean(-1)
    translucent, opaque = np.reshape(bare_page.evaluate(HEAT_TABLES), (2, 256, 4))
    assert np.abs(translucent[:, :3] - 255 * painted(None)).max() <= COLOUR_TOLERANCE
    assert np.abs(translucent[:, 3] - 255 * cover).max() <= 0.5 + 1e-3, "more than the rounding"
    assert np.array_equal(opaque[:, :3], translucent[:, :3])
    assert (opaque[:, 3] == 255).all()


@pytest.mark.parametrize(
    ("vue_nodes", "device_scale"), [(False, 1), (True, 2)], ids=["canvas", "vue-high-dpi"]
)
def test_tuning_the_mask_of_the_example(
    comfy: ComfyServer, open_editor: Callable[..., Page], vue_nodes: bool, device_scale: int
):
    page = open_editor(vue_nodes, device_scale)
    open_in_view(page, json.loads(EXAMPLE.read_text()))
    set_widget(page, "DDIMInvert", "steps", 4)
    slider = page.get_by_role("slider", name="threshold", exact=True)
    page.get_by_text("Run the workflow once").wait_for()
    assert not slider.is_visible()

    record = run_and_follow(comfy, page)
    assert np.array_equal(shown_mask(page), server_mask(comfy, record))
    assert widget(page, "method") == "otsu"
    assert abs(float(slider.input_value()) - found_threshold(page)) < 0.01
    assert_sharp(page, device_scale)

    before = shown_mask(page)
    drag(page, slider, to=0.6)
    wait_for_widget(page, "method", "value")
    wait_for_widget(page, "threshold", 0.6, within=0.015)
    assert shown_mask(page).sum() < before.sum()

    position = page.evaluate(f"[...{NODE}.pos]")
    dragged = widget(page, "threshold")
    slider.focus()
    page.keyboard.press("ArrowRight")
    wait_for_widget(page, "threshold", dragged + 0.01)
    page.keyboard.press("ArrowLeft")
    wait_for_widget(page, "threshold", dragged)
    assert page.evaluate(f"[...{NODE}.pos]") == position, "the arrow keys moved the node"

    before = shown_mask(page)
    press_increment(page, "grow", vue_nodes)
    wait_for_widget(page, "grow", 1)
    grown = shown_mask(page)
    assert np.array_equal(grown, ndimage.binary_dilation(before)), "a disc of radius 1 is a cross"

    record = run_and_follow(comfy, page)
    assert executed(record) == {
        *(
            "MaskRefine",
            "MaskPreview",
            "MaskedDDIMSample",
            "VAEDecode",
            "DiffEditPaste",
            "SaveImage",
        )
    }
    assert np.array_equal(shown_mask(page), grown)
    assert np.array_equal(server_mask(comfy, record), grown)

    blur = widget(page, "blur")
    press_increment(page, "blur", vue_nodes)
    page.get_by_text("blur has changed").wait_for()
    page.evaluate(NOTICE_CHANGES)
    restore(page, "undo")
    assert widget(page, "blur") == blur
    page.wait_for_function(f"{VIEW}?.mask")
    assert np.array_equal(shown_mask(page), grown)

    open_in_view(page, page.evaluate("app.graph.serialize()"))
    assert widget(page, "method") == "value"
    assert widget(page, "threshold") == dragged
    page.wait_for_function(f"{VIEW}.mask")
    assert np.array_equal(shown_mask(page), grown)


@BOTH_RENDERERS
def test_the_view_works_after_undo_and_redo(
    comfy: ComfyServer, open_editor: Callable[..., Page], workflow: Workflow, vue_nodes: bool
):
    page = open_editor(vue_nodes)
    open_red_mask(page, workflow)
    run_and_follow(comfy, page)
    slider = page.get_by_role("slider", name="threshold", exact=True)
    drag(page, slider, to=0.3)
    wait_for_widget(page, "threshold", 0.3, within=0.015)
    lower = widget(page, "threshold")
    drag(page, slider, to=0.6)
    wait_for_widget(page, "threshold", 0.6, within=0.015)
    higher = widget(page, "threshold")

    for step, threshold in [("undo", lower), ("undo", 0.5), ("redo", lower), ("redo", higher)]:
        restore(page, step)
        wait_for_widget(page, "threshold", threshold)
        page.wait_for_function(f"document.contains({VIEW}.element) && {VIEW}.mask")
        assert page.locator(".diffedit-mask-view").count() == 1

    drag(page, slider, to=0.45)
    wait_for_widget(page, "threshold", 0.45, within=0.015)
    record = run_and_follow(comfy, page)
    (refine,) = nodes_of(record["prompt"][2], "MaskRefine")
    assert record["prompt"][2][refine]["inputs"]["threshold"] == widget(page, "threshold")


@BOTH_RENDERERS
def test_a_new_node_has_room_for_the_view(open_editor: Callable[..., Page], vue_nodes: bool):
    page = open_editor(vue_nodes)
    add_mask_refine(page)
    view = page.evaluate(f"{VIEW}.element.getBoundingClientRect()")
    if vue_nodes:
        node = page.evaluate(f"{VIEW}.element.closest('[data-node-id]').getBoundingClientRect()")
        above = page.get_by_label("feather", exact=True).evaluate(
            "widget => widget.getBoundingClientRect().bottom"
        )
    else:
        node = page.evaluate(
            f"""() => {{
                const [x, y] = {NODE}.pos, [width, height] = {NODE}.size;
                const [left, top] = app.canvasPosToClientPos([x, y]);
                return {{ left, top, right: left + width, bottom: top + height }};
            }}"""
        )
        above = node["top"] + page.evaluate(
            f"""() => {{
                const feather = {NODE}.widgets.find(widget => widget.name === "feather");
                return feather.y + (feather.computedHeight ?? feather.height);
            }}"""
        )
    assert node["left"] < view["left"] < view["right"] < node["right"]
    assert above <= view["top"] < view["bottom"] < node["bottom"]
    assert page.evaluate(f"{VIEW}.element.scrollHeight <= {VIEW}.element.clientHeight")


@BOTH_RENDERERS
def test_wheel_and_middle_button_move_the_graph(open_editor: Callable[..., Page], vue_nodes: bool):
    page = open_editor(vue_nodes)
    add_mask_refine(page)
    over_the_view(page)
    page.mouse.wheel(0, -120)
    page.wait_for_function("app.canvas.ds.scale > 1.05")
    scale, left, top = page.evaluate("[app.canvas.ds.scale, ...app.canvas.ds.offset]")
    x, y = over_the_view(page)
    page.mouse.down(button="middle")
    page.mouse.move(x - 60, y - 40, steps=4)
    page.mouse.up(button="middle")
    page.mouse.move(x, y)
    next_frame(page)
    moved = page.evaluate("[...app.canvas.ds.offset]")
    assert moved == pytest.approx([left - 60 / scale, top - 40 / scale], abs=0.1)


@BOTH_RENDERERS
def test_the_view_follows_zoom_and_theme(
    comfy: ComfyServer, open_editor: Callable[..., Page], workflow: Workflow, vue_nodes: bool
):
    """At once: the pointer is elsewhere all the time."""
    page = open_editor(vue_nodes)
    open_red_mask(page, workflow)
    run_and_follow(comfy, page)
    next_frame(page)
    assert_sharp(page, 1)

    page.mouse.move(1500, 900)
    page.mouse.wheel(0, -120)
    page.wait_for_function("app.canvas.ds.scale > 1.05")
    next_frame(page)
    assert_sharp(page, page.evaluate("app.canvas.ds.scale"))

    def in_the_text_colour() -> tuple[tuple[int, ...], int]:
        """The text's colour, and how many pixels of the histogram have it."""
        next_frame(page)
        text = page.evaluate(f"getComputedStyle({VIEW}.element).color")
        colour = tuple(map(int, re.findall(r"\d+", text)[:3]))
        shot = Image.open(io.BytesIO(page.locator(".diffedit-mask-view svg").screenshot()))
        return colour, (np.asarray(shot.convert("RGB")) == colour).all(-1).sum()

    dark, line = in_the_text_colour()
    assert line > 40
    page.evaluate(SET_THEME, "light")
    try:
        light, line = in_the_text_colour()
        assert light != dark
        assert line > 40
    finally:
        page.evaluate(SET_THEME, "dark")


@BOTH_RENDERERS
def test_undo_from_the_keyboard(
    comfy: ComfyServer, open_editor: Callable[..., Page], workflow: Workflow, vue_nodes: bool
):
    page = open_editor(vue_nodes)
    open_red_mask(page, workflow)
    run_and_follow(comfy, page)
    slider = page.get_by_role("slider", name="threshold", exact=True)
    slider.focus()
    page.keyboard.press("ArrowRight")
    wait_for_widget(page, "threshold", 0.51)
    page.keyboard.press("ArrowRight")
    wait_for_widget(page, "threshold", 0.52)
    for threshold in [0.51, 0.5]:
        slider.focus()
        page.keyboard.press("Control+z")
        wait_for_widget(page, "threshold", threshold)
    slider.focus()
    page.keyboard.press("Control+y")
    wait_for_widget(page, "threshold", 0.51)


def test_a_large_mask_is_coarse_only_while_it_is_dragged(
    comfy: ComfyServer, page: Page, workflow: Workflow
):
    large = {"image": ["source", 0], "upscale_method": "bilinear", "crop": "disabled"}
    large |= {"width": 1100, "height": 1000}
    workflow["refine_mask"]["inputs"] |= {"close": 9, "grow": -30, "keep_largest": 2}
    open_red_mask(page, workflow, "large", large={"class_type": "ImageScale", "inputs": large})
    run_and_follow(comfy, page)
    page.wait_for_function(f"{VIEW}.mask")
    slider = page.get_by_role("slider", name="threshold", exact=True)
    drag(page, slider, to=0.7, release=False)
    wait_for_widget(page, "threshold", 0.7, within=0.015)
    next_frame(page)
    assert page.evaluate(f"{VIEW}.mask") is None
    coarse = covered(page)
    page.mouse.up()
    page.wait_for_function(f"{VIEW}.mask")

    run_mask = page.evaluate(f"{VIEW}.runMask")
    (gray,) = comfy.images({"refine": {"images": [run_mask["gray"]]}}, "refine")
    settings = run_mask["settings"] | {"threshold": widget(page, "threshold")}
    mask = binary_mask(np.asarray(gray.convert("L")), Refinement(**settings))
    assert 0.1 < mask.mean() < 0.9
    shown = np.reshape(page.evaluate(f"Array.from({VIEW}.mask)"), mask.shape)
    assert np.array_equal(shown, mask)
    next_frame(page)
    assert covered(page) == pytest.approx(100 * mask.mean(), abs=0.06)
    assert coarse == pytest.approx(100 * mask.mean(), abs=1), "pixels count less in a smaller mask"


def test_a_reload_keeps_the_last_run_of_this_workflow(
    comfy: ComfyServer, page: Page, workflow: Workflow
):
    open_red_mask(page, workflow)
    run_and_follow(comfy, page)
    set_widget(page, "MaskRefine", "threshold", 0.7)
    tuned = shown_mask(page)
    page.evaluate(NOTICE_CHANGES)
    page.wait_for_function("JSON.stringify(localStorage).includes('ImageToMask')")
    with page.expect_response("**/history?*"):
        page.reload()
    page.wait_for_function(READY)
    page.wait_for_function(f"{VIEW}?.mask")
    set_widget(page, "MaskRefine", "threshold", 0.7)
    assert np.array_equal(shown_mask(page), tuned)

    graph = page.evaluate("app.graph.serialize()")
    load(page, graph)
    page.wait_for_function(f"{VIEW}.mask")
    # The same nodes under the same ids, but another mask.
    (to_mask,) = (node for node in graph["nodes"] if node["type"] == "ImageToMask")
    to_mask["widgets_values"] = ["green"]
    with page.expect_response("**/history?*") as history:
        load(page, graph)
    history.value.finished()
    workflow_in(page)  # which the view has asked for before
    next_frame(page)
    assert page.evaluate(f"app.nodeOutputs[{NODE}.id]") is None
    page.get_by_text("Run the workflow once").wait_for()


@BOTH_RENDERERS
def test_a_run_without_a_preview(
    comfy: ComfyServer, open_editor: Callable[..., Page], workflow: Workflow, vue_nodes: bool
):
    """The temporary folder cannot be written: the mask is made, the node says what is missing."""
    page = open_editor(vue_nodes)
    open_red_mask(page, workflow)
    run_and_follow(comfy, page)
    temp, aside = comfy.base / "temp", comfy.base / "temp_aside"
    temp.rename(aside)
    try:
        temp.write_text("in the place of the folder")
        set_widget(page, "MaskRefine", "blur", 2.0)
        record = run(comfy, page)
    finally:
        temp.unlink()
        aside.rename(temp)
    (refine,) = nodes_of(record["prompt"][2], "MaskRefine")
    assert record["outputs"][refine]["diffedit_masks"] == []
    page.get_by_text("There is no preview of this run").wait_for()
    page.get_by_text("no preview: ComfyUI's temporary folder cannot be written").wait_for()
    assert page.evaluate(f"{VIEW}.runMask") is None
    set_widget(page, "MaskRefine", "blur", 3.0)
    run_and_follow(comfy, page)
    assert shown_mask(page).any()


def test_several_masks_are_turned_over(comfy: ComfyServer, page: Page, workflow: Workflow):
    """The picture's own red and its negative, at one threshold."""
    negative = {"class_type": "ImageInvert", "inputs": {"image": ["source", 0]}}
    both = {"class_type": "ImageBatch", "inputs": {"image1": ["source", 0], "image2": ["back", 0]}}
    open_red_mask(page, workflow, picture="both", back=negative, both=both)
    run_and_follow(comfy, page)
    page.get_by_text("1 / 2").wait_for()
    first = shown_mask(page)
    page.get_by_role("button", name="Next mask").click()
    page.get_by_text("2 / 2").wait_for()
    second = shown_mask(page)
    # The values 0 to 255 have no middle: above 0.5 is either the picture or its negative.
    assert np.array_equal(first, ~second)
    page.get_by_role("button", name="Next mask").click()
    page.get_by_text("1 / 2").wait_for()
    assert np.array_equal(shown_mask(page), first)


def open_in_view(page: Page, graph: dict[str, Any]) -> None:
    load(page, graph)
    bring_into_view(page)


def open_red_mask(
    page: Page, workflow: Workflow, picture: str = "source", **nodes: dict[str, Any]
) -> None:
    """Open Mask Refine on the red channel of the demo's picture, or of what more nodes make of it:
    no model runs.
    """
    red = {"class_type": "ImageToMask", "inputs": {"image": [picture, 0], "channel": "red"}}
    refine = workflow["refine_mask"]
    refine["inputs"] |= {"mask": ["red", 0], "image": [picture, 0], "method": "value"}
    refine["inputs"] |= {"threshold": 0.5, "blur": 0, "snap": 0, "fill_holes": False}
    api = {"source": workflow["source"], **nodes, "red": red, "refine": refine}
    page.evaluate("workflow => app.loadApiJson(workflow, 'masks')", api)
    page.wait_for_function("app.extensionManager.workflow.activeWorkflow.filename === 'masks'")
    bring_into_view(page)


def bring_into_view(page: Page) -> None:
    """Show Mask Refine, unscaled."""
    page.evaluate(
        f"""() => {{
            const view = app.canvas.ds, [x, y] = {NODE}.pos;
            view.scale = 1;
            view.offset = [500 - x, 120 - y];
            app.canvas.setDirty(true, true);
        }}"""
    )
    next_frame(page)


def run_and_follow(comfy: ComfyServer, page: Page) -> dict[str, Any]:
    """Run and wait until the view has what the run made; returns the server's record of it."""
    record = run(comfy, page)
    (refine,) = nodes_of(record["prompt"][2], "MaskRefine")
    files = [mask["gray"]["filename"] for mask in record["outputs"][refine]["diffedit_masks"]]
    page.wait_for_function(f"files => files.includes({VIEW}.runMask?.gray.filename)", arg=files)
    return record


def executed(record: dict[str, Any]) -> set[str]:
    """The types of the nodes that were not taken from the cache."""
    workflow = record["prompt"][2]
    (cached,) = (
        details["nodes"]
        for message, details in record["status"]["messages"]
        if message == "execution_cached"
    )
    return {workflow[node]["class_type"] for node in workflow.keys() - set(cached)}


def server_mask(comfy: ComfyServer, record: dict[str, Any]) -> np.ndarray:
    """What MaskPreview showed of Mask Refine's output in a run, as bool."""
    (preview,) = nodes_of(record["prompt"][2], "MaskPreview")
    picture = np.asarray(comfy.images(record["outputs"], preview)[0].convert("L"))
    assert set(np.unique(picture)) <= {0, 255}
    return picture > 0


def shown_mask(page: Page) -> np.ndarray:
    """The mask whose outline the view has drawn, as bool."""
    next_frame(page)  # in which the view follows the widgets and the run
    side = 192  # the example's picture
    return np.array(page.evaluate(f"Array.from({VIEW}.mask)"), bool).reshape(side, side)


def widget(page: Page, name: str) -> Any:
    return page.evaluate(f"name => {WIDGET}.value", name)


def wait_for_widget(page: Page, name: str, value: Any, within: float = 1e-9) -> None:
    """Wait until a widget has a value, or a number near to it."""
    has_value = f"""([name, value, within]) => {{
        const found = {WIDGET}.value;
        return found === value || Math.abs(found - value) < within;
    }}"""
    page.wait_for_function(has_value, arg=[name, value, within])


def found_threshold(page: Page) -> float:
    """The threshold as the view's text tells it."""
    summary = page.locator(".diffedit-mask-view .summary").inner_text()
    return float(re.search(r"threshold (\d\.\d\d)", summary)[1])


def add_mask_refine(page: Page) -> None:
    """Put a new node onto the canvas and wait until its view is there."""
    page.evaluate("() => { app.graph.add(LiteGraph.createNode('MaskRefine')); }")
    page.wait_for_function(f"document.contains({VIEW}?.element) && {VIEW}.element.offsetHeight")
    bring_into_view(page)


def covered(page: Page) -> float:
    """How many percent are foreground, as the view's text tells it."""
    summary = page.locator(".diffedit-mask-view .summary").inner_text()
    return float(re.search(r"covers (\d+\.\d)", summary)[1])


def over_the_view(page: Page) -> tuple[float, float]:
    """Move the mouse over the view's picture; returns where it is."""
    box = page.locator(".diffedit-mask-view .picture").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    return x, y


def restore(page: Page, step: str) -> None:
    """Undo or redo a change, which makes the nodes anew."""
    page.evaluate(
        f"""async step => {{
            window.nodeBefore = {NODE};
            await {TRACKER}[step]();
        }}""",
        step,
    )
    page.wait_for_function(f"{NODE} && {NODE} !== window.nodeBefore")


def assert_sharp(page: Page, scale: float) -> None:
    """A canvas pixel is a pixel of the screen, on the side that the picture fills.

    scale: pixels of the screen to one of the element's.
    """
    ratios = page.evaluate(
        f"[{VIEW}.heat, {VIEW}.outline].map(canvas => Math.max("
        "canvas.width / canvas.clientWidth, canvas.height / canvas.clientHeight))"
    )
    assert ratios == pytest.approx([scale, scale], rel=0.01)


def drag(page: Page, slider: Locator, to: float, release: bool = True) -> None:
    """Drag the threshold with the mouse from where it is to a place (0..1) on the histogram."""
    box = page.locator(".diffedit-mask-view svg").bounding_box()

    def x(value: float) -> float:
        return box["x"] + value * box["width"]

    y = box["y"] + box["height"] / 2
    page.mouse.move(x(float(slider.input_value())), y)
    page.mouse.down()
    page.mouse.move(x(to), y, steps=5)
    if release:
        page.mouse.up()


def press_increment(page: Page, name: str, vue_nodes: bool) -> None:
    """Press the button of the node's own widget that adds a step."""
    if vue_nodes:
        node = page.locator(f"[data-node-id='{page.evaluate(f'{NODE}.id')}']")
        node.get_by_label(name, exact=True).get_by_test_id("increment").click()
        return
    # The arrow on the widget's right, where the widget's own class draws it.
    arrow = page.evaluate(
        f"""name => {{
            const node = {NODE}, widget = {WIDGET};
            const {{ margin, arrowMargin, arrowWidth }} = widget.constructor;
            const x = node.size[0] - margin - arrowMargin - arrowWidth / 2;
            const y = widget.y + widget.height / 2;
            return app.canvasPosToClientPos([node.pos[0] + x, node.pos[1] + y]);
        }}""",
        name,
    )
    page.mouse.click(*arrow)
