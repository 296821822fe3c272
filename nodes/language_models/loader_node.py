"""What the two loader nodes have in common beside the schema."""

from typing import Any, ClassVar

from comfy_api.latest import io

from ..adapter.printable import printable_errors
from .choice import Kind, chosen_folder
from .lazy import imported


class ModelLoader(io.ComfyNode):
    """A node that loads the model that its widget "model" names, of the kind KIND."""

    KIND: ClassVar[Kind]

    @classmethod
    def validate_inputs(cls, model: str) -> bool:
        return True  # for a model that is not in the list, `execute` says what to do

    @classmethod
    def execute(cls, model: str, **others: Any) -> io.NodeOutput:
        """others: links to inputs that there are not, which ComfyUI passes on."""
        with printable_errors():  # not `checked`: what to do about a choice, this says better
            folder = chosen_folder(cls.KIND, model)
            return io.NodeOutput(imported(cls.KIND.module).load(folder))
