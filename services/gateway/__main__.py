"""`python -m speakerline.services.gateway`: the gateway as a service."""

from speakerline.services.gateway.serving import serve
from speakerline.services.gateway.settings import GatewaySettings
from speakerline.shared.runtime.launch import run_service

run_service("gateway", serve(GatewaySettings.from_environment))
