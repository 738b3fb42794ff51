"""`python -m services.asr`: the stage as a service."""

from services.launch import launch

launch("asr")
