"""The pack's nodes, a file for each."""

from comfy_api.latest import ComfyExtension, io

from .caption_model_loader import CaptionModelLoader
from .concept_prompts import ConceptPrompts
from .ddim_invert import DDIMInvert
from .demo_model import DiffEditDemoModel
from .diffedit import DiffEdit
from .diffedit_mask import DiffEditMask
from .fill_mask import FillMask
from .image_caption import ImageCaption
from .join_edits import JoinEdits
from .language_model_loader import LanguageModelLoader
from .mask_refine import MaskRefine
from .masked_ddim_sample import MaskedDDIMSample
from .noise_trajectory import NoiseTrajectory
from .prompt_ensemble import PromptEnsemble


class DiffEditExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            DiffEdit,
            DiffEditMask,
            MaskRefine,
            DDIMInvert,
            NoiseTrajectory,
            MaskedDDIMSample,
            FillMask,
            JoinEdits,
            PromptEnsemble,
            ConceptPrompts,
            LanguageModelLoader,
            ImageCaption,
            CaptionModelLoader,
            DiffEditDemoModel,
        ]
