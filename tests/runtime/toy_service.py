"""One toy stage as a service: `python -m tests.runtime.toy_service STAGE`, the rest from the environment."""

import asyncio
import sys

from speakerline.shared.pipeline import PIPELINE
from speakerline.shared.runtime.service import serve
from speakerline.shared.runtime.service_settings import ServiceSettings
from tests.runtime.toy_stages import STAGES

if __name__ == "__main__":
    spec = next(spec for spec in PIPELINE if spec.name == sys.argv[1])
    asyncio.run(serve(spec, STAGES[spec.name], ServiceSettings.from_environment()))
