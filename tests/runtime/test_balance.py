"""How many calls a worker hands over, as arithmetic: half of what is too much, and nothing to and fro."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakerline.shared.runtime.balance import ALL, STEP, Load, fair_share, to_hand_over, to_take


def even(*held: int) -> list[Load]:
    return [Load(calls, 50) for calls in held]


@pytest.mark.parametrize(
    ("workers", "handed_over"),
    [
        pytest.param(even(9), 0, id="nobody else is there"),
        pytest.param(even(5, 5), 0, id="shares are even"),
        pytest.param(even(3, 2), 0, id="a call too many for one is too few for the other"),
        pytest.param(even(4, 2), 1, id="one call makes it even"),
        pytest.param(even(10, 0), 3, id="half of the surplus"),
        pytest.param(even(1000, 0), STEP, id="a step has a limit"),
        pytest.param(even(21, 19, 20), 0, id="a tenth too much stays"),
        pytest.param(even(0, 10), 0, id="who has too little gives nothing"),
        pytest.param([Load(6, 50), Load(3, 25)], 0, id="who keeps up with half as many holds half as many"),
        pytest.param([Load(6, 25), Load(3, 50)], 2, id="the slower one gives to the faster one"),
        pytest.param([Load(200, 50), Load(100, 50)], 25, id="too many for both are still shared"),
        pytest.param([Load(10, 50, 2.0), Load(10, 50)], 2, id="who is behind gives an eighth"),
        pytest.param([Load(10, 50, 2.0), Load(10, 50, 2.0)], 0, id="but not to one that is behind, too"),
        pytest.param([Load(10, 50, 2.0), Load(50, 50)], 0, id="nor to one that has all it keeps up with"),
        pytest.param([Load(20, 50), Load(0, 50, 2.0)], 0, id="a worker that is behind gets nothing"),
        pytest.param([Load(1, 50, 9.0), Load(0, 50)], 0, id="a single call stays, however late it is"),
    ],
)
def test_a_worker_hands_over(workers: list[Load], handed_over: int) -> None:
    me, *peers = workers
    assert to_hand_over(me, peers) == handed_over


@pytest.mark.parametrize(
    ("workers", "offered", "taken"),
    [
        pytest.param(even(9), 4, ALL, id="nobody else is there"),
        pytest.param(even(4, 6), 0, 1, id="what makes up a share, whatever peers still have"),
        pytest.param(even(0, 3, 3, 0), 6, 3, id="half of what is offered, where another has as little"),
        pytest.param(even(5, 5), 0, 0, id="shares are even"),
        pytest.param(even(5, 5), 1, 1, id="somebody has to take the odd one"),
        pytest.param([Load(0, 7), Load(3, 21)], 1, 1, id="and no more than that, whatever floats say"),
        pytest.param([Load(0, 50, 2.0), Load(9, 50)], 3, 0, id="this one is behind"),
        pytest.param([Load(5, 50), Load(5, 50, 2.0)], 1, 45, id="a peer that is behind is relieved beyond the share"),
        pytest.param([Load(50, 50), Load(5, 50, 2.0)], 1, 0, id="but not beyond what can be kept up with"),
    ],
)
def test_of_what_is_offered_a_worker_takes(workers: list[Load], offered: int, taken: int) -> None:
    me, *peers = workers
    assert to_take(me, peers, offered) == taken


held = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 200)), min_size=2, max_size=6)


@given(held)
def test_the_shares_of_all_are_the_calls_of_all(pairs: list[tuple[int, int]]) -> None:
    workers = [Load(*pair) for pair in pairs]
    shares = sum(fair_share(one, workers[:at] + workers[at + 1 :]) for at, one in enumerate(workers))
    assert shares == pytest.approx(sum(one.held for one in workers))


@given(held)
def test_calls_come_to_rest_where_every_worker_has_about_its_share(pairs: list[tuple[int, int]]) -> None:
    """All give at once, round by round, to who is furthest below its share, as the script of offers lets them."""
    workers = [Load(*pair) for pair in pairs]
    for _ in range(100):
        given_now = [to_hand_over(one, workers[:at] + workers[at + 1 :]) for at, one in enumerate(workers)]
        if not any(given_now):
            break
        total, weights = sum(one.held for one in workers), sum(one.comfortable for one in workers)
        lack = [total * one.comfortable / weights - one.held for one in workers]
        after = [one.held - less for one, less in zip(workers, given_now, strict=True)]
        for _ in range(sum(given_now)):
            taker = max(range(len(workers)), key=lambda at: lack[at])
            assert not given_now[taker], "a call does not come back to who gave calls away"
            after[taker] += 1
            lack[taker] -= 1
        workers = [Load(calls, one.comfortable) for calls, one in zip(after, workers, strict=True)]
    else:
        pytest.fail(f"calls still move: {workers}")
    for at, one in enumerate(workers):
        fair = fair_share(one, workers[:at] + workers[at + 1 :])
        assert one.held - fair <= max(1.0, 0.1 * fair) + 1


@pytest.mark.parametrize(
    ("workers", "offered", "handed_over"),
    [
        pytest.param(even(9, 0), 3, 2, id="what is under way counts among the calls of all"),
        pytest.param(even(7, 0), 5, 1, id="until the rest is a share"),
        pytest.param(even(6, 0), 6, 0, id="then nothing more is given"),
        pytest.param([Load(10, 50, 2.0), Load(48, 50)], 2, 0, id="room that offers will fill is no room"),
    ],
)
def test_offers_that_nobody_has_taken_yet_are_counted(workers: list[Load], offered: int, handed_over: int) -> None:
    me, *peers = workers
    assert to_hand_over(me, peers, offered) == handed_over
