"""Who holds a device and who waits for it, in order, for the pages. Reads tickets; takes and gives no place."""

from dataclasses import dataclass

from core.runs.device_lock import living_tickets
from core.runs.status import read_json


@dataclass(frozen=True, slots=True)
class Ticket:
    """One run at a device: its id, how many slots it holds or wants, and since when it has been in line (Unix time)."""

    run: str
    count: int
    since: float


@dataclass(frozen=True, slots=True)
class DeviceQueue:
    """The runs at a device, both lists in the order in which they came. The first that waits is the next to start."""

    device: str
    holding: tuple[Ticket, ...]
    waiting: tuple[Ticket, ...]

    def place(self, run_id: str) -> int | None:
        """1 for the run that starts next; None for one that does not wait here."""
        return next((place for place, ticket in enumerate(self.waiting, 1) if ticket.run == run_id), None)


def queue_of(device: str) -> DeviceQueue:
    """The queue of a device as it is now, e.g. of "cpu" or "cuda". Runs of processes that have ended are not in it."""
    waiting = _tickets(device, "waiting")  # read first: whoever moves on meanwhile is in both, and not in neither
    holding = _tickets(device, "holding")
    return DeviceQueue(device, holding, tuple(ticket for ticket in waiting if ticket not in holding))


def _tickets(device: str, state: str) -> tuple[Ticket, ...]:
    tickets = []
    for path in living_tickets(device, state):
        content = read_json(path)
        if isinstance(count := content.get("count"), int):  # else its owner left while we looked
            since = int(path.name.partition("-")[0]) / 1e9
            tickets.append(Ticket(str(content.get("run")), count, since))
    return tuple(tickets)
