"""The messages of the contract (`proto/speakerline/v1`): what a call announces, and every event of its timeline."""

from speakerline.shared.contract.v1 import *  # noqa: F403
