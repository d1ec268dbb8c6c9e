"""docs/faults.md names every fault that a test cites, and the tests there are."""

from scripts.fault_catalogue import FAULTS, PAGE, PARTS, ROOT, cited, page


def test_every_fault_has_a_text_and_a_test() -> None:
    assert cited(ROOT).keys() == FAULTS.keys()
    assert {number[0] for number in FAULTS} == PARTS.keys()


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(cited(ROOT)), "run `make docs`"
