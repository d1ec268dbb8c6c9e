"""What people decide about a file, kept by its hash; `decisions.update(hash, kind, change)` is the way to change it."""

from core.data.decisions.store import OtherReading, Updated, delete, load, save, update

__all__ = ["OtherReading", "Updated", "delete", "load", "save", "update"]
