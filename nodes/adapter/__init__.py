"""All that knows ComfyUI, so that a node is a schema, checks and one call into the core."""
