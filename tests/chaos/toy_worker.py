"""A worker process of toys whose models are in processes of their own: `python -m tests.chaos.toy_worker ...`."""

from speakerline.shared.pipeline import ASR, SEPARATION
from tests.chaos.fated_models import fated_stages, isolated
from tests.runtime.toy_worker import main

if __name__ == "__main__":
    stages = fated_stages(isolated(SEPARATION.name), isolated(ASR.name))
    main(lambda name, metrics: stages[name])
