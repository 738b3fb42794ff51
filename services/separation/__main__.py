"""`python -m services.separation`: the stage as a service."""

from services.launch import launch

launch("separation")
