"""What a process keeps within a bound of bytes, used by many threads at once."""

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.errors import LabError
from core.memory import ByteCache, bytes_of, release_memory

WAIT = 30


def test_the_longest_unused_are_let_go_beyond_the_bound():
    gone: list[str] = []
    kept: ByteCache[str, str] = ByteCache(10, len, gone.append)
    for key in ("a", "b", "c"):
        kept.get(key, lambda key=key: key * 4)
    assert gone == ["aaaa"]
    kept.get("b", lambda: "made again")  # used: now “c” is the longest unused
    kept.get("d", lambda: "dddd")
    assert gone == ["aaaa", "cccc"]
    assert (kept.bytes, len(kept), "b" in kept, "c" in kept) == (8, 2, True, False)


def test_the_one_used_last_stays_whatever_its_size():
    kept: ByteCache[str, str] = ByteCache(10, len)
    kept.get("small", lambda: "s")
    assert kept.get("large", lambda: "l" * 50) == "l" * 50
    assert kept.values() == ("l" * 50,)


def test_what_grew_is_measured_anew():
    gone: list[list[int]] = []
    kept: ByteCache[str, list[int]] = ByteCache(10, len, gone.append)
    first, second = kept.get("first", list), kept.get("second", list)
    first.extend(range(6))
    second.extend(range(6))
    kept.get("second", list)
    assert gone == [first]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)), max_size=60))
def test_the_bound_holds_whatever_is_asked_for(wishes: list[tuple[int, int]]):
    kept: ByteCache[int, tuple[int, int]] = ByteCache(40, lambda value: value[1])
    for key, size in wishes:
        assert kept.get(key, lambda key=key, size=size: (key, size))[0] == key
        assert kept.bytes <= 40
        assert key in kept


def test_I04_a_value_is_made_once_and_nobody_else_waits_for_it():
    kept: ByteCache[str, str] = ByteCache(100, len)
    started, may_end, made = threading.Event(), threading.Event(), []

    def slow() -> str:
        made.append(1)
        started.set()
        assert may_end.wait(WAIT)
        return "slow"

    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(kept.get, "slow", slow) for _ in range(6)]
        assert started.wait(WAIT)
        assert threads.submit(kept.get, "quick", lambda: "quick").result(WAIT) == "quick"  # while the slow one is made
        assert len(kept) == 1
        may_end.set()
        assert {each.result(WAIT) for each in waiting} == {"slow"}
    assert made == [1]


def _two_who_want_the_same(first: Callable[[], str]) -> tuple[BaseException | str, BaseException | str]:
    """What two threads get that want one value: the second, whose own attempt would do, comes while the first works."""
    kept: ByteCache[str, str] = ByteCache(100, len)
    started = threading.Event()
    found: dict[int, BaseException | str] = {}

    def slowly() -> str:
        started.set()
        while not kept._being_made["key"]._condition._waiters:  # until the second waits
            time.sleep(0.01)
        return first()

    def want(number: int, make: Callable[[], str]) -> None:
        try:
            found[number] = kept.get("key", make)
        except BaseException as error:
            found[number] = error

    one = threading.Thread(target=want, args=(1, slowly))
    second = threading.Thread(target=want, args=(2, lambda: "made by the second"))
    one.start()
    assert started.wait(WAIT)
    second.start()
    one.join(WAIT)
    second.join(WAIT)
    return found[1], found[2]


def test_who_waits_gets_the_same_problem():
    def fail() -> str:
        raise LabError("There is no such model.", "Choose another.")

    first, second = _two_who_want_the_same(fail)
    assert isinstance(first, LabError)
    assert second is first


def test_who_waits_for_one_who_was_interrupted_makes_the_value():
    def stop() -> str:
        raise KeyboardInterrupt  # as Streamlit ends the run of a session that was left, by no `Exception`

    first, second = _two_who_want_the_same(stop)
    assert isinstance(first, KeyboardInterrupt)
    assert second == "made by the second"


def test_a_problem_is_not_remembered():
    kept: ByteCache[str, str] = ByteCache(100, len)
    with pytest.raises(ZeroDivisionError):
        kept.get("key", lambda: str(1 / 0))
    assert kept.get("key", lambda: "now") == "now"


def test_what_shall_not_be_kept_is_handed_out_all_the_same():
    kept: ByteCache[str, str] = ByteCache(100, len)
    assert kept.get("key", lambda: "once", keep_if=lambda: False) == "once"
    assert len(kept) == 0


def test_discarding_tells_of_each():
    gone: list[str] = []
    kept: ByteCache[str, str] = ByteCache(100, len, gone.append)
    for key in ("a", "b", "c"):
        kept.get(key, lambda key=key: key)
    kept.discard(lambda key, _: key != "b")
    assert (gone, kept.values()) == (["a", "c"], ("b",))


@dataclass
class _Result:
    numbers: np.ndarray
    names: tuple[str, ...]


def test_results_are_measured_by_what_they_hold():
    numbers = np.zeros(100_000)
    assert bytes_of(numbers) == numbers.nbytes == bytes_of(torch.zeros(200_000))
    texts = [str(number) * 20 for number in range(50_000)]
    real = sys.getsizeof(texts) + sum(map(sys.getsizeof, texts))
    assert bytes_of(texts) == pytest.approx(real, rel=0.01)
    assert bytes_of({"texts": texts}) == pytest.approx(real, rel=0.01)
    assert bytes_of(_Result(numbers, tuple(texts))) == pytest.approx(real + numbers.nbytes, rel=0.01)
    assert bytes_of([]) == sys.getsizeof([])


def test_giving_back_may_be_asked_for_anywhere():
    release_memory()
