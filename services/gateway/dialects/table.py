"""Every dialect by the name of its address, `/<name>`."""

from collections.abc import Callable, Mapping
from functools import partial

from speakerline.services.gateway.dialects.audiohook import AudioHook
from speakerline.services.gateway.dialects.base import Dialect
from speakerline.services.gateway.dialects.l16 import HELLOS, L16
from speakerline.services.gateway.dialects.twilio_family import FAMILY, TwilioFamily

DIALECTS: Mapping[str, Callable[[Mapping[str, str]], Dialect]] = {
    **{name: partial(TwilioFamily, names) for name, names in FAMILY.items()},
    **{name: partial(L16, name) for name in HELLOS},
    "audiohook": AudioHook,
}
"""What is spoken over WebSockets: a new connection's dialect, from the parameters of its address."""
