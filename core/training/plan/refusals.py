"""What is refused because of the model or the machine, in words: asked before a start, and again when it is opened."""

from core.errors import LabError
from core.training.plan.settings import Setting


def beyond(item: Setting, value: float, high: float, *, of_model: bool = True) -> LabError:
    """The refusal of a value that is more than a model, or this machine, allows."""
    whose, other = ("model", ", or another model") if of_model else ("machine", "")
    return LabError(
        f"{item.metadata['title']} is {value:,g}, but this {whose} allows {high:,g} at most.",
        f"Choose {high:,g} or less{other}.",
    )


def shared_layers() -> LabError:
    """The refusal of frozen layers in a model that goes through the same layer again and again (ALBERT)."""
    return LabError("This model's layers share their weights, so no layer can be frozen alone.", "Freeze no layers.")


def all_frozen() -> LabError:
    """The refusal of LoRA in a model of which no layer is trained."""
    return LabError("All layers are frozen, so LoRA has none to train.", "Freeze fewer layers, or set the rank to 0.")
