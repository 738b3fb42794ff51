"""Whether the memory of a call is believed: every move of the state machine, as a statement."""

import pytest

from speakerline.shared.runtime.trust import CAREFUL_ENTRIES, MAX_RETRY_S, TABLE, CallTrust, Report, Trust

ERRORS = (Report.STEP_FAILED, Report.NOT_NOW, Report.OUTAGE, Report.STALE)


def trust_after(*reports: Report) -> CallTrust:
    trust = CallTrust()
    for report in reports:
        if report is Report.RELOADED:
            trust = trust.reloaded()
        else:
            trust.report(report, 0.0)
    return trust


def state_after(*reports: Report) -> Trust:
    return trust_after(*reports).state


@pytest.mark.parametrize(
    ("reports", "state"),
    [
        pytest.param([], Trust.TRUSTED, id="a call that was taken is trusted"),
        pytest.param([Report.ACCEPTED], Trust.TRUSTED, id="an accepted commit keeps it trusted"),
        pytest.param([Report.WARNED], Trust.CAREFUL, id="tries counted in Redis make it careful from the start"),
        pytest.param([Report.STALE], Trust.DOUBTFUL, id="a stale commit says nothing against an entry"),
        pytest.param([Report.OUTAGE], Trust.DOUBTFUL, id="an outage says nothing against an entry"),
        pytest.param([Report.NOT_NOW], Trust.DOUBTFUL, id="a dependency that is down says nothing against an entry"),
        pytest.param([Report.STEP_FAILED], Trust.SUSPECT, id="a failed step makes the next entries suspect"),
        pytest.param([Report.OUTAGE, Report.RELOADED], Trust.TRUSTED, id="a reload after an outage is trusted"),
        pytest.param([Report.STEP_FAILED, Report.RELOADED], Trust.CAREFUL, id="a reload after a failure is careful"),
        pytest.param([Report.OUTAGE, Report.RELOADED, Report.WARNED], Trust.CAREFUL, id="a reload can bring a warning"),
    ],
)
def test_what_was_reported_decides_the_trust(reports: list[Report], state: Trust) -> None:
    assert state_after(*reports) is state


@pytest.mark.parametrize("error", ERRORS)
def test_a_careful_call_stays_careful_through_every_error_and_reload(error: Report) -> None:
    assert state_after(Report.WARNED, error) is Trust.SUSPECT
    assert state_after(Report.WARNED, error, Report.RELOADED) is Trust.CAREFUL


def test_a_call_is_trusted_again_after_so_many_careful_commits() -> None:
    careful = [Report.STEP_FAILED, Report.RELOADED]
    assert state_after(*careful, *[Report.ACCEPTED] * (CAREFUL_ENTRIES - 1)) is Trust.CAREFUL
    assert state_after(*careful, *[Report.ACCEPTED] * CAREFUL_ENTRIES) is Trust.TRUSTED


def test_careful_commits_count_on_over_an_outage_and_anew_after_a_failure() -> None:
    before = [Report.WARNED, *[Report.ACCEPTED] * 60]
    assert state_after(*before, Report.OUTAGE, Report.RELOADED, *[Report.ACCEPTED] * 4) is Trust.TRUSTED
    assert state_after(*before, Report.STEP_FAILED, Report.RELOADED, *[Report.ACCEPTED] * 4) is Trust.CAREFUL


@pytest.mark.parametrize("state", [state for state in Trust if state is not Trust.GONE])
def test_a_call_can_be_let_go_in_every_state_and_never_comes_back(state: Trust) -> None:
    assert TABLE[state][Report.LET_GO] is Trust.GONE
    trust = CallTrust()
    trust.state = state
    trust.let_go("fenced")
    trust.let_go("finished")
    for report in Report:
        trust.report(report, 0.0)
    assert (trust.state, trust.gone, trust.usable, trust.to_reload) == (Trust.GONE, "fenced", False, False)


def test_only_a_reload_ends_doubt() -> None:
    for state in (Trust.DOUBTFUL, Trust.SUSPECT):
        leaving = {report for report, after in TABLE[state].items() if after is not state}
        assert leaving == {Report.RELOADED, Report.LET_GO}


@pytest.mark.parametrize("error", ERRORS)
def test_what_a_reload_replaces_stays_in_doubt(error: Report) -> None:
    """The worker may fail before it puts the new object in place: then the old one must not be driven again."""
    before = trust_after(error)
    assert before.reloaded().usable and not before.usable


def test_a_call_in_doubt_is_neither_read_nor_driven() -> None:
    usable = {state for state in Trust if _in(state).usable}
    to_reload = {state for state in Trust if _in(state).to_reload}
    assert usable == {Trust.TRUSTED, Trust.CAREFUL}
    assert to_reload == {Trust.DOUBTFUL, Trust.SUSPECT}


def _in(state: Trust) -> CallTrust:
    trust = CallTrust()
    trust.state = state
    return trust


@pytest.mark.parametrize("error", [Report.STEP_FAILED, Report.NOT_NOW])
def test_the_pause_doubles_with_every_failure_up_to_a_limit(error: Report) -> None:
    trust, pauses = CallTrust(), []
    for _ in range(12):
        trust.report(error, 100.0)
        pauses.append(trust.retry_at - 100.0)
    assert pauses[:3] == pytest.approx([0.02, 0.04, 0.08])
    assert pauses[-1] == MAX_RETRY_S
    trust.report(Report.ACCEPTED, 100.0)
    trust.report(Report.STALE, 100.0)
    assert trust.retry_at == pytest.approx(100.01), "an accepted commit forgets the failures"


@pytest.mark.parametrize("reason", [Report.NOT_NOW, Report.OUTAGE, Report.STALE])
def test_a_careful_try_that_failed_for_want_of_something_else_is_counted_off_once(reason: Report) -> None:
    trust = trust_after(Report.WARNED, reason, Report.RELOADED)
    assert [trust.take_forgiven(), trust.take_forgiven()] == [1, 0]


@pytest.mark.parametrize("reports", [[Report.OUTAGE], [Report.WARNED, Report.STEP_FAILED]], ids=str)
def test_nothing_is_counted_off_where_no_try_was_counted_or_the_stage_failed(reports: list[Report]) -> None:
    assert trust_after(*reports).take_forgiven() == 0
