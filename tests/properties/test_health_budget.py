"""The health budget against an oracle that recounts everything at every step, in the most obvious way."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import example, given
from hypothesis import strategies as st

from simulator.rollout.health import HealthBudget


@dataclass
class Naive:
    """The hosts one by one, and CodeDeploy's rules read off them ("Instance health" in the user guide)."""

    hosts: list[bool]
    """Whether each was healthy before, in the order in which they are to be taken."""
    minimum: int

    def __post_init__(self) -> None:
        self.state = ["waiting"] * len(self.hosts)

    def count(self, state: str, healthy: bool | None = None) -> int:
        return sum(s == state and healthy in (None, h) for s, h in zip(self.state, self.hosts, strict=True))

    def healthy(self) -> int:
        return self.count("waiting", True) + self.count("succeeded")

    def take(self) -> int | None:
        needed = max(self.minimum, 1)
        can_succeed = self.count("succeeded") + self.count("taken") + self.count("waiting")
        if can_succeed < needed:
            return None
        if self.count("taken") + 1 > len(self.hosts) - self.minimum:
            return None
        for index, state in enumerate(self.state):
            if state == "waiting" and not self.hosts[index]:
                return index
        if self.count("taken", False):
            return None
        for index, state in enumerate(self.state):
            if state == "waiting" and self.healthy() - 1 >= self.minimum:
                return index
        return None


@st.composite
def games(draw: st.DrawFn) -> tuple[list[bool], int, list[tuple[int, bool]]]:
    """A fleet, a minimum, and for each end of a host: which of those under way, and whether it succeeded."""
    hosts = draw(st.lists(st.booleans(), min_size=1, max_size=12))
    minimum = draw(st.integers(0, len(hosts) + 1))
    ends = draw(st.lists(st.tuples(st.integers(0, 11), st.booleans()), min_size=len(hosts), max_size=len(hosts)))
    return hosts, minimum, ends


@example(([True] * 10, 8, [(0, False)] * 10))
@example(([True] * 9, 0, [(0, False)] * 9))
@example(([False, False, True], 2, [(0, False)] * 3))
@given(games())
def test_it_decides_as_the_oracle_does(game: tuple[list[bool], int, list[tuple[int, bool]]]) -> None:
    hosts, minimum, ends = game
    order = [f"h{i}" for i, ok in enumerate(hosts) if not ok], [f"h{i}" for i, ok in enumerate(hosts) if ok]
    budget, naive = HealthBudget(*order, minimum), Naive(hosts, minimum)
    under_way: list[int] = []
    started_below = naive.healthy() < minimum
    for which, succeeded in [*ends, (0, True)]:
        while (taken := budget.take()) is not None:
            assert naive.take() is not None, f"{taken} was taken, and the oracle takes none"
            assert taken[0] == f"h{naive.take()}"
            index = int(taken[0][1:])
            naive.state[index] = "taken"
            under_way.append(index)
            if hosts[index]:
                assert naive.healthy() >= minimum, "a healthy host was taken out below the minimum"
        assert naive.take() is None, f"the oracle takes h{naive.take()}"
        assert budget.healthy == naive.healthy()
        assert budget.in_flight == naive.count("taken")
        assert budget.waiting == naive.count("waiting") == len(budget.rest())
        assert budget.ended == (not under_way)
        if not started_below:
            assert naive.healthy() >= minimum or naive.count("taken", True) == 0
        if not under_way:
            break
        index = under_way.pop(which % len(under_way))
        naive.state[index] = "succeeded" if succeeded else "failed"
        budget.give_back(succeeded=succeeded)
    assert budget.ended
    assert budget.success == (naive.count("waiting") == 0 and naive.count("succeeded") >= max(minimum, 1))


@given(games())
def test_nothing_left_waiting_is_ever_in_vain(game: tuple[list[bool], int, list[tuple[int, bool]]]) -> None:
    """If every host succeeds, so does the stage: the rules never stop a fleet in which nothing goes wrong."""
    hosts, minimum, _ = game
    budget = HealthBudget(
        [str(i) for i, h in enumerate(hosts) if not h], [str(i) for i, h in enumerate(hosts) if h], minimum
    )
    if minimum >= len(hosts):  # nothing is deployed at all (`Deploy.unfit`)
        return
    while budget.take() or not budget.ended:
        if budget.in_flight:
            budget.give_back(succeeded=True)
    assert budget.success
    assert budget.succeeded == len(hosts)
