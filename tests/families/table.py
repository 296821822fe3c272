"""python -m tests.families.table: what each family does, into the table of docs/models.md."""

from __future__ import annotations

import logging
from pathlib import Path
from types import ModuleType

import torch

from tests.families.family import Family
from tests.families.stages import Stages
from tests.families.zoo import FAMILIES, NOT_BUILT, REFUSED
from tools.in_process import load_pack

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
BEGIN, END = "<!-- families:begin -->", "<!-- families:end -->"

HEAD = ["model", "prediction", "latent", "pixels", "round trip", "mask", "background", "note"]
PREDICTIONS = {
    "EPS": "eps",
    "STABLE_CASCADE": "eps, Cascade",
    "V_PREDICTION": "v",
    "V_PREDICTION_EDM": "v, EDM",
    "EDM": "EDM",
    "FLOW": "flow",
    "FLUX": "flow",
    "FLOW_COSMOS": "flow, Cosmos",
}


def main() -> None:
    torch.set_num_threads(1)
    nodes = load_pack()
    logging.disable(logging.WARNING)
    rows = []
    with torch.inference_mode():
        for name, family in FAMILIES.items():
            rows.append(row(nodes, name, family))
            print(*rows[-1], sep=" | ", flush=True)
        for name, family in REFUSED.items():
            rows.append([name, *[""] * 6, f"refused: {sentence(nodes, family)}"])
    rows += [[name, *[""] * 6, f"not built: {reason}."] for name, reason in NOT_BUILT.items()]
    lines = [f"| {' | '.join(cells)} |" for cells in (HEAD, ["---"] * len(HEAD), *rows)]
    write("\n".join(lines))


def row(nodes: ModuleType, name: str, family: Family) -> list[str]:
    """The row of a family that runs, with the error as its note where it does not."""
    stages = Stages(nodes, family)
    cells = [name, "", "", str(family.pixels), "", "", "", family.no_stock]
    try:
        kind = stages.model.model.model_type.name
        cells[1] = PREDICTIONS.get(kind, kind.lower())
        cells[2] = f"{family.latent[1]} × {len(family.latent) - 2}d"
        cells[5] = "ok" if masks_are_right(stages) else "wrong"
        cells[4] = f"{stages.round_trip:.0e}"
        _, background, _, source = stages.halves(stages.decode(stages.left_half))
        cells[6] = "exact" if torch.equal(background, source) else "changed"
    except Exception as error:
        cells[7] = f"{type(error).__name__}: {error}".replace("\n", " ").replace("|", "/")
    return cells


def masks_are_right(stages: Stages) -> bool:
    """Of the picture's size, empty for equal prompts and for no others."""
    mask, _ = stages.masks
    empty, _ = stages.masks_of_equal_prompts
    return mask.shape[1:] == stages.picture_size and bool(mask.any()) and not empty.any()


def sentence(nodes: ModuleType, family: Family) -> str:
    """What the pack says about a family that it refuses, up to the remedy."""
    stages = Stages(nodes, family)
    try:
        stages.invert(latent={"samples": torch.ones(family.latent)})
    except ValueError as error:
        return str(error).removeprefix("model: ").split("; ")[0] + "."
    return "NOT REFUSED"


def write(table: str) -> None:
    """Put the table between the markers of the page, or print it where there are none."""
    page = PAGE.read_text()
    if BEGIN not in page or END not in page:
        print(table)
        return
    before, rest = page.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


if __name__ == "__main__":
    main()
