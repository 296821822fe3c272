"""What goes on while a model writes: the node's progress bar, the editor's cancel button, and an
end where it does not compute numbers.
"""

from typing import Any

import comfy.model_management
import comfy.utils
import torch
from torch import Tensor
from transformers import LogitsProcessor, StoppingCriteria


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


class OnlyNumbers(LogitsProcessor):
    """Raises ValueError, as part of a sentence, where a token's score is no number: to choose among
    such ends in an error of the graphics card, which nothing but a restart mends.
    """

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if not (scores < torch.inf).all():
            raise ValueError("what it computes is no number")
        return scores
