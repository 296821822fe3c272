"""A line of text on a node, under its widgets."""

from comfy_api.latest import io


def show_text(node: type[io.ComfyNode], text: str) -> None:
    """Show the text on a running node whose schema asks for `unique_id`, where there is an editor
    to show it in.
    """
    if node.hidden:
        from server import PromptServer  # there is none where a node is called from Python

        PromptServer.instance.send_progress_text(text, node.hidden.unique_id)
