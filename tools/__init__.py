"""What is no service: the command line and what it needs, the laboratory, the bench, training."""

import speakerline.shared.one_thread  # noqa: F401  before anybody imports numpy
