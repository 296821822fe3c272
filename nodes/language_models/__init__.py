"""What the nodes of words share: models of the transformers library, found in folders, checked,
downloaded where the user asks for it, run by ComfyUI's memory management.
"""
