"""A line of text on a node, under its widgets: what there is to say of its run."""


def text_ui(text: str) -> dict[str, list[str]]:
    """The part of a node's ui dict that the editor shows as text (web/node_text.js).  ComfyUI sends
    it to the one who asked for the run alone, and again where the node is cached.
    """
    return {"diffedit_text": [text]}
