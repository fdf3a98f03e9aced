"""Who takes a turn to be answered, in which order, and who is told to come later."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cxr.page import waiting_turns
from cxr.page.clients import asking
from cxr.page.waiting_turns import Busy, Turns


def test_who_finds_many_waiting_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_turns, "_MAX_WAITING", 1)
    taken, leave = threading.Event(), threading.Event()
    few = Turns(1)

    def hold() -> None:
        with few.take():
            taken.set()
            leave.wait(10)

    threads = [threading.Thread(target=hold) for _ in range(2)]  # one holds it, one waits
    for thread in threads:
        thread.start()
    assert taken.wait(10)
    while few._taken.total() < 2:
        time.sleep(0.01)
    with pytest.raises(Busy), few.take():
        pass
    leave.set()
    for thread in threads:
        thread.join()
    with few.take():
        pass


def test_one_address_leaves_places_to_others() -> None:
    turns, leave = Turns(at_once=2), threading.Event()
    held = threading.Barrier(3)

    def hold(client: str) -> None:
        asking.set(client)
        with turns.take():
            held.wait(10)
            leave.wait(10)

    def busy(client: str) -> bool:
        asking.set(client)
        try:
            with turns.take():
                return False
        except Busy:
            return True

    threads = [threading.Thread(target=hold, args=["a"]) for _ in range(2)]
    waiting = [threading.Thread(target=busy, args=["a"]) for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        for thread in threads:
            thread.start()
        held.wait(10)
        for thread in waiting:
            thread.start()
        while turns._taken["a"] < 4:
            time.sleep(0.01)
        assert pool.submit(busy, "a").result(10)  # four are its share
        other = pool.submit(busy, "b")
        while not turns._taken["b"]:
            time.sleep(0.01)
        leave.set()
        assert not other.result(10)
        for thread in threads + waiting:
            thread.join(10)
        assert not pool.submit(busy, "a").result(10)
    assert not turns._taken


def test_turns_come_in_the_order_in_which_they_are_asked_for() -> None:
    """Also where somebody asks for the next one at once, as a request with many files does."""
    few = Turns(1)
    order: list[str] = []

    def many() -> None:
        for _ in range(3):
            with few.await_one():
                order.append("many")
                while order == ["many"] and not few._waiting:
                    time.sleep(0.001)

    def one() -> None:
        with few.take():
            order.append("one")

    first = threading.Thread(target=many)
    first.start()
    while not order:
        time.sleep(0.001)
    second = threading.Thread(target=one)
    second.start()
    first.join()
    second.join()
    assert order[:3] == ["many", "one", "many"]


def test_a_turn_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_turns, "_MAX_WAIT", 0.05)
    few = Turns(1)
    with few.await_one():
        for _ in range(10):  # each gives its place back, too
            with pytest.raises(Busy), few.take():
                pass
    with few.take(), pytest.raises(Busy), few.take():
        pass
    with few.take():
        pass
