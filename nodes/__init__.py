"""The pack's nodes, a file for each."""

from comfy_api.latest import ComfyExtension, io

from .caption_model_loader import DiffEditCaptionModelLoader
from .concept_prompts import DiffEditConceptPrompts
from .ddim_invert import DDIMInvert
from .demo_model import DiffEditDemoModel
from .demo_picture import DiffEditDemoPicture
from .diffedit import DiffEdit
from .diffedit_mask import DiffEditMask
from .edit_window import DiffEditWindow
from .fill_mask import DiffEditFillMask
from .image_caption import DiffEditImageCaption
from .join_edits import DiffEditJoinEdits
from .keep_the_rest import DiffEditKeepTheRest
from .language_model_loader import DiffEditLanguageModelLoader
from .latent_channels import DiffEditLatentChannels
from .mask_at_thresholds import DiffEditMaskAtThresholds
from .mask_refine import MaskRefine
from .masked_ddim_sample import MaskedDDIMSample
from .masked_flow_edit import DiffEditFlowEdit
from .noise_trajectory import DiffEditNoiseTrajectory
from .paste_edit import DiffEditPaste
from .preview_heat_map import DiffEditPreviewHeatMap
from .prompt_ensemble import DiffEditPromptEnsemble
from .trajectory_levels import DiffEditTrajectoryLevels


class DiffEditExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            DiffEdit,
            DiffEditMask,
            MaskRefine,
            DiffEditPreviewHeatMap,
            DiffEditMaskAtThresholds,
            DiffEditTrajectoryLevels,
            DiffEditLatentChannels,
            DDIMInvert,
            DiffEditNoiseTrajectory,
            MaskedDDIMSample,
            DiffEditFlowEdit,
            DiffEditWindow,
            DiffEditPaste,
            DiffEditKeepTheRest,
            DiffEditFillMask,
            DiffEditJoinEdits,
            DiffEditPromptEnsemble,
            DiffEditConceptPrompts,
            DiffEditLanguageModelLoader,
            DiffEditImageCaption,
            DiffEditCaptionModelLoader,
            DiffEditDemoModel,
            DiffEditDemoPicture,
        ]
