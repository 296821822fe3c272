"""What the nodes of words share: models of the transformers library, found in folders, checked, run
by ComfyUI's memory management.

ComfyUI imports this pack at start-up, when the lists of models are made; transformers is imported
only when such a node runs (`lazy`), so that whatever is wrong with it concerns these nodes alone.
"""
