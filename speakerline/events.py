"""The messages of the contract (`proto/speakerline/v1`): a call's announcement, and every event of its timeline."""

from speakerline.shared.contract.v1 import *  # noqa: F403
