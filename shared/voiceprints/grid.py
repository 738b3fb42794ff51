"""The grid of analysis windows that the stages share: turns, overlaps and separated voices are due on it."""

from pydantic import Field

from speakerline.shared.environment import EnvironmentSettings


class GridSettings(EnvironmentSettings):
    """The option of every stage that uses the grid."""

    embedding_step_ms: int = Field(1000, ge=250, le=5000)
    """The interval of windows in milliseconds; twice the interval costs half as much."""
