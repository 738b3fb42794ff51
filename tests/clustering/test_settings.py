"""The settings of clustering."""

import pytest

from speakerline.services.clustering.settings import ClusterSettings


def test_a_horizon_is_at_least_a_minute() -> None:
    assert ClusterSettings(horizon_ms=60_000).horizon_ms == 60_000
    with pytest.raises(ValueError, match="horizon_ms must be at least 60000, got 59999"):
        ClusterSettings(horizon_ms=59_999)


def test_a_limit_of_speakers_is_a_count_or_none() -> None:
    assert ClusterSettings().max_speakers == 0
    with pytest.raises(ValueError, match="max_speakers must be at least 0, got -1"):
        ClusterSettings(max_speakers=-1)


@pytest.mark.parametrize(("typical", "crowd_logit"), [(1, 3.0), (2, 0.5), (None, 0.5)])
def test_where_one_voice_is_usual_a_second_needs_more_than_the_lack_of_one(
    typical: int | None, crowd_logit: float
) -> None:
    found = ClusterSettings(typical_logit=1.5, crowd_logit=0.5).for_typical(typical)
    assert (found.typical_speakers, found.crowd_logit) == (typical, crowd_logit)
    assert ClusterSettings(typical_logit=2.0, crowd_logit=9.0).for_typical(1).crowd_logit == 9.0
