"""Three clicks to the first edit: category, template, Run, with nothing to upload."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.browser.editor import BOTH_RENDERERS, run
from tools.comfy_server import PACK_FOLDER, ComfyServer

CARD = "template-workflow-DiffEdit one node"

PICTURE_SHOWN = """name => [...document.querySelectorAll("img.diffedit-picture")].some(
    picture => picture.src.endsWith(`/pictures/${name}`) && picture.naturalWidth > 0)"""


@BOTH_RENDERERS
def test_three_clicks(comfy: ComfyServer, open_editor: Callable[..., Page], vue_nodes: bool):
    page = open_editor(vue_nodes)
    page.set_viewport_size({"width": 1600, "height": 900})
    page.get_by_role("button", name="Templates").first.click()
    page.get_by_text(PACK_FOLDER, exact=True).first.click()
    page.get_by_test_id(CARD).click()
    page.wait_for_function(PICTURE_SHOWN, arg="source.png")
    # Below this the canvas draws no text.
    assert page.evaluate("app.canvas.ds.scale") >= 0.6
    record = run(comfy, page)
    assert any("DiffEdit one node" in str(output) for output in record["outputs"].values())
