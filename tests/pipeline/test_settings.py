"""Options from the environment: what is set, what is refused, and how that is said."""

from pathlib import Path

import pytest

from speakerline.services.asr import build as asr
from speakerline.shared.environment import InvalidSettings
from speakerline.tools.pipeline.settings import Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()


def test_words_of_a_recording_yield_to_nobody_and_those_of_live_calls_to_labels() -> None:
    """Beside a busy program, the words of `process` would never come."""
    assert (Settings().asr_niceness, asr.Settings().asr_niceness) == (0, 10)


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


def test_an_option_may_come_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("energy\n")
    (tmp_path / "pause").write_text("600")
    settings = Settings.from_environment(
        {
            "SPEAKERLINE_VAD_MODEL_FILE": f"{tmp_path}/model",
            "SPEAKERLINE_VAD_MAX_PAUSE_MS_FILE": f"{tmp_path}/pause",
            "SPEAKERLINE_ASR_MODEL_FILE": "",
        }
    )
    assert (settings.vad_model, settings.vad.max_pause_ms) == ("energy", 600)
    assert settings.asr_model == Settings().asr_model


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param({}, "_FILE='/nowhere/url': expected a text file that can be read", id="there is no file"),
        pytest.param({"SPEAKERLINE_VAD_MODEL": "energy"}, "expected one of them", id="it is set twice"),
    ],
)
def test_a_file_that_can_not_be_taken_is_refused_by_name(more: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidSettings, match=said) as raised:
        Settings.from_environment({"SPEAKERLINE_VAD_MODEL_FILE": "/nowhere/url", **more})
    assert str(raised.value).startswith("SPEAKERLINE_VAD_MODEL")
