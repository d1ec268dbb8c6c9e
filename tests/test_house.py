"""The picture of the house in the documentation shows the folders that there are."""

from scripts.draw_house import FLOORS, PICTURE, ROOT, picture


def test_the_picture_is_that_of_the_house() -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(), "draw it again: python -m scripts.draw_house"


def test_every_room_is_drawn_and_every_drawn_room_is_there() -> None:
    drawn = {folder: set(parts) for _, rooms in FLOORS for folder, _, parts in rooms}
    for folder, parts in drawn.items():
        assert all((ROOT / folder / part).is_dir() for part in parts), folder
    rooms = {f"{top}/{path.name}" for top in ("core", "pages") for path in (ROOT / top).iterdir() if path.is_dir()}
    assert {room for room in rooms if not room.endswith("__pycache__")} == set(drawn) - {"core"}
