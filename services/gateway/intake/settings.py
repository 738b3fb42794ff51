"""The options of calls that come in: `SPEAKERLINE_INTAKE_HELLO_S=5` sets `hello_s`; times are seconds."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """Limits of producers' sockets, and what producers sign with."""

    hello_s: Annotated[float, Field(ge=0.1, le=600)] = 10.0
    """How long a producer may take to say what it sends."""
    idle_s: Annotated[float, Field(ge=0.1, le=86_400)] = 600.0
    """How long a producer may say nothing. One that is gone is found sooner, by its connection."""
    fill_s: Annotated[float, Field(ge=0.1, le=86_400)] = 20.0
    """After how long without sound 20 ms of silence are sent for a producer without a clock, so that the stages do not
    close the call (`idle_close_s`): some send nothing while a channel is on hold."""
    sockets_per_tenant: Annotated[int, Field(ge=1)] = 2000
    """The most open sockets of producers of one tenant, those included that have not opened a call."""
    calls_per_tenant: Annotated[int, Field(ge=1)] = 1000
    """The most calls that one tenant sends at once."""
    end_s: Annotated[float, Field(ge=0, le=600)] = 30.0
    """How long the end of a call waits for Redis to take the rest of it."""
    dtmf: bool = True
    """Whether keys that are pressed go to the timeline: they may be the number of a card."""
    audiosocket_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Where Asterisk's AudioSocket is taken, on `gateway_host`; 0 = nowhere."""
    audiosocket_networks: str = "127.0.0.0/8,::1/128"
    """From where, as networks in CIDR notation: the protocol has no authentication."""
    audiosocket_announced: bool = False
    """Whether only connections are taken whose UUID was announced by `POST /audiosocket`."""
    public_url: str = ""
    """The address of the gateway as producers see it, such as wss://calls.example.com: Twilio signs it."""
    twilio_tokens: str = ""
    """Auth tokens of Twilio accounts, with the tenant whose calls they send: `token,acme=token`; empty = /twilio asks
    for what every route asks."""
    audiohook_keys: str = ""
    """API keys of Genesys organizations with their client secrets in base64: `key:secret,acme=key:secret`; empty = as
    above for /audiohook."""

    def printable(self) -> dict[str, Any]:
        """All options, without secrets."""
        secrets = {name: "***" for name in ("twilio_tokens", "audiohook_keys") if getattr(self, name)}
        return {**asdict(self), **secrets}
