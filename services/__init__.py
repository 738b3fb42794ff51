"""The stages of the pipeline, one package each. None imports another; `shared` holds what they have in common."""

import speakerline.shared.one_thread  # noqa: F401  before anybody imports numpy
