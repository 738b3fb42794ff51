"""A worker process like the toys', with the product's own stages inside: `python -m tests.chaos.real_worker ...`."""

from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.pipeline.stages import build_stage
from tests.runtime.toy_worker import main

if __name__ == "__main__":
    settings = Settings()
    main(lambda name, metrics: build_stage(name, settings, metrics.for_stage(name)))
