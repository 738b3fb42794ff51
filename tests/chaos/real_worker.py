"""A worker process like the toys', with the product's own stages inside: `python -m tests.chaos.real_worker ...`."""

from tests.chaos.real_stages import build
from tests.runtime.toy_worker import main

if __name__ == "__main__":
    main(build)
