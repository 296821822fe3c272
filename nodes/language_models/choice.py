"""The model widget of the two loaders: what is installed, and what can be downloaded."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import comfy.model_management
import comfy.utils
from comfy_api.latest import io

from ..node_text import show_text
from .download import download, look_up
from .files import WEIGHTS, check_files
from .folders import model_folders, places, read_config

# The first choice while nothing is installed, so that a download is never chosen by default.
NONE = "none installed"


class Download(NamedTuple):
    """repository: its name on the Hugging Face Hub.  about: size and licence, to show."""

    repository: str
    about: str

    @property
    def choice(self) -> str:
        return f"download {self.repository} ({self.about})"


class Kind(NamedTuple):
    """A kind of model.

    name: in words.  model_types: what config.json may say.  needed: see check_files.
    """

    name: str
    model_types: Collection[str]
    needed: Sequence[Sequence[str]]
    downloads: Sequence[Download]

    @property
    def files(self) -> str:
        """The files of a folder of this kind, in words."""
        return ", ".join(
            [
                "config.json",
                f"{WEIGHTS} or its numbered parts",
                *(choices[0] for choices in self.needed),
            ]
        )


def model_input(kind: Kind) -> io.Combo.Input:
    return io.Combo.Input(
        "model",
        options=[
            *(_installed(kind) or [NONE]),
            *(entry.choice for entry in kind.downloads),
        ],
        tooltip=f"A {kind.name} that lies in a folder of its own in models/LLM, or one to download "
        f"into {places()[0]}. Nothing is downloaded unless you choose such an entry and run.",
    )


def chosen_folder(node: type[io.ComfyNode], kind: Kind, choice: str) -> Path:
    """The whole folder that a choice stands for, downloaded first where the choice says so.

    Raises ValueError where there is none, or not a whole one of this kind.
    """
    folder = _downloaded(node, kind, choice) or _chosen(kind, choice)
    config = read_config(folder)
    if config["model_type"] not in kind.model_types:
        raise ValueError(
            f'model: {folder} holds a model of type "{config["model_type"]}", which is no '
            f"{kind.name} that can be used here; choose another."
        )
    if config.get("quantization_config"):
        raise ValueError(
            f"model: {folder} holds a quantised model, which cannot be used here; choose one that "
            "is not quantised."
        )
    check_files(folder, kind.needed)
    return folder


def _installed(kind: Kind) -> list[str]:
    def fits(folder: Path) -> bool:
        try:
            return read_config(folder)["model_type"] in kind.model_types
        except ValueError:
            return False

    return [name for name, folder in model_folders().items() if fits(folder)]


def _chosen(kind: Kind, choice: str) -> Path:
    folders = model_folders()
    if choice not in folders:
        wanted = kind.name if choice == NONE else f'{kind.name} "{choice}"'
        raise ValueError(
            f"model: there is no {wanted} in {' or '.join(map(str, places()))}; choose another or "
            f"a download, or put a folder there with {kind.files}."
        )
    return folders[choice]


def _downloaded(node: type[io.ComfyNode], kind: Kind, choice: str) -> Path | None:
    """The folder of a download, made whole; None where the choice is no download.

    Raises ValueError where the Hub cannot be reached, the disk is full, or a file does not arrive
    as the Hub states it.
    """
    names = {entry.choice: entry.repository for entry in kind.downloads}
    if choice not in names:
        return None
    name = names[choice]
    short_name = name.split("/")[-1]
    installed = model_folders()
    for folder in (installed.get(short_name), installed.get(name)):
        if folder and _is_whole(folder, kind):
            return folder
    folder = places()[0] / short_name
    try:
        repository = look_up(name)
        total = sum(file.size for file in repository.files)
        show_text(node, f"{name}: {total / 1e9:.2f} GB, licence {repository.licence}")
        bar = comfy.utils.ProgressBar(total)

        def on_progress(size: int) -> None:
            comfy.model_management.throw_exception_if_processing_interrupted()
            bar.update_absolute(size)

        download(repository.files, folder, on_progress)
    except OSError as error:
        raise ValueError(
            f"model: {name} could not be downloaded ({_reason(error)}); run "
            f"again to go on, or put {kind.files} into {folder} yourself."
        ) from error
    return folder


def _is_whole(folder: Path, kind: Kind) -> bool:
    try:
        check_files(folder, kind.needed)
    except ValueError:
        return False
    return True


def _reason(error: OSError) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP status {response.status_code}"
    return error.strerror or type(error).__name__
