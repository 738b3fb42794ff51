"""Options from the environment: what is set, what is refused, and how that is said."""

import pytest

from speakerline.shared.environment import InvalidSettings
from speakerline.tools.pipeline.settings import Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()


def test_an_option_of_a_group_carries_the_name_of_the_group() -> None:
    settings = Settings.from_environment({"SPEAKERLINE_VAD_MAX_PAUSE_MS": "600", "SPEAKERLINE_VAD_MODEL": "energy"})
    assert settings.vad.max_pause_ms == 600
    assert settings.vad_model == "energy"
    assert settings.clustering == Settings().clustering


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        pytest.param("SPEAKERLINE_VAD_MODEL", "loud", "'silero' or 'energy'", id="a model that there is not"),
        pytest.param("SPEAKERLINE_EMBEDDING_STEP_MS", "10", "250", id="a step that is too short"),
        pytest.param("SPEAKERLINE_VAD_ENTER", "high", "number", id="a word for a number"),
        pytest.param("SPEAKERLINE_VAD_ENTER", "7", "enter 7.0: expected more than 0", id="a share above one"),
    ],
)
def test_a_wrong_value_is_refused_by_name(variable: str, value: str, said: str) -> None:
    with pytest.raises(InvalidSettings, match=said) as raised:
        Settings.from_environment({variable: value})
    assert str(raised.value).startswith(variable.rpartition("_")[0])
