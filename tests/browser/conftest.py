"""The editor of the test server in a Chromium."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.editor import PATIENCE_MS, READY
from tools.comfy_server import ComfyServer

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.fail("The browser tests need Chromium; install it (Debian: apt install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox"], timeout=PATIENCE_MS
        )
        yield browser
        browser.close()


@pytest.fixture
def open_editor(comfy: ComfyServer, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Call it for an editor with its first workflow open, without the tour for new users.

    vue_nodes: whether nodes are drawn by Vue ("Nodes 2.0") instead of on the canvas.  device_scale:
    pixels of the screen to a CSS pixel.  A test that ends with errors on the page fails.
    """
    pages: list[Page] = []
    errors: list[str] = []

    # An editor shows what the server remembers of its workflow's last run.
    requests.post(f"{comfy.url}/history", json={"clear": True}).raise_for_status()

    def open_editor(vue_nodes: bool = False, device_scale: float = 1) -> Page:
        settings = {
            "Comfy.TutorialCompleted": True,
            "Comfy.VueNodes.Enabled": vue_nodes,
            # A node from the search box would hang on the pointer until the next click.
            "Comfy.NodeSearchBoxImpl.FollowCursor": False,
        }
        requests.post(f"{comfy.url}/settings", json=settings).raise_for_status()
        # A node whose followers are all cached is not visited, and then shows no preview.
        requests.post(f"{comfy.url}/free", json={"free_memory": True}).raise_for_status()
        viewport: Any = {"width": 1920, "height": 1080}
        page = browser.new_page(viewport=viewport, device_scale_factor=device_scale)
        pages.append(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_default_timeout(PATIENCE_MS)
        page.goto(comfy.url)
        page.wait_for_function(READY)
        return page

    yield open_editor
    for page in pages:
        page.close()
    assert errors == []


@pytest.fixture
def page(open_editor: Callable[..., Page]) -> Page:
    return open_editor()


@pytest.fixture
def bare_page(comfy: ComfyServer, browser: Browser) -> Iterator[Page]:
    """A page of the server's, without the editor: it can import the pack's scripts."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{comfy.url}/system_stats")
    yield page
    page.close()
