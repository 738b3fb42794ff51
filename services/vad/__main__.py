"""`python -m services.vad`: the stage as a service."""

from services.launch import launch

launch("vad")
