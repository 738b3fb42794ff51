"""A call whose timeline the test writes into Redis."""

from speakerline.tools.bench.told_call import EPOCH
from speakerline.tools.bench.told_call import ToldCall as ShownCall

__all__ = ["EPOCH", "ShownCall"]
