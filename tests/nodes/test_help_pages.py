"""What the help pages say of other nodes, and what the editor can show of it."""

import asyncio
import re

import pytest

from tools.comfy_server import PACK

PAGES = sorted((PACK / "web" / "docs").glob("*.md"))
LINK = re.compile(r"(!?)\[[^\]]+\]\(([^)]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_see_also_names_nodes_of_the_pack(nodes, page):
    title, _, text = page.read_text().partition("\n")
    others = asyncio.run(nodes.DiffEditExtension().get_node_list())
    names = {node.define_schema().display_name for node in others} - {title.removeprefix("# ")}
    named = re.findall(r"\*([^*]+)\*", text.partition("## See also")[2])
    assert named
    assert set(named) <= names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_editor_finds_what_it_links_to(page):
    """The editor looks for pictures beside the page, and opens links as they are."""
    for is_picture, address in LINK.findall(page.read_text()):
        if is_picture:
            assert (page.parent / address).is_file()
        else:
            assert address.startswith("https://")


def test_every_picture_is_on_its_page():
    for picture in (PACK / "web" / "docs").glob("*.jpg"):
        assert f"]({picture.name})" in picture.with_suffix(".md").read_text()
