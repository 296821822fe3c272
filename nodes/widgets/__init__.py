"""Parts of node schemas that several nodes share."""
