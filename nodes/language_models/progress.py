"""A node's progress bar and the editor's cancel button while a model writes."""

from typing import Any

import comfy.model_management
import comfy.utils
import torch
from torch import Tensor
from transformers import StoppingCriteria


class TokenProgress(StoppingCriteria):
    """transformers calls it after each token; it moves the bar on and stops nothing by itself.

    total: how many tokens there are to come at most.
    """

    def __init__(self, total: int):
        self.bar = comfy.utils.ProgressBar(total)

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        comfy.model_management.throw_exception_if_processing_interrupted()
        self.bar.update(1)
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
