"""The grid of windows that the stages share: turns, overlaps and lifted voices fall due on it."""

from pydantic import Field

from speakerline.shared.environment import EnvironmentSettings


class GridSettings(EnvironmentSettings):
    """The option of every stage that must know the grid."""

    embedding_step_ms: int = Field(1000, ge=250, le=5000)
    """How often a window of speech is listened to; half as often costs half as much."""
