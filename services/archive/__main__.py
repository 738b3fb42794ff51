"""`python -m speakerline.services.archive`: the archive as a service."""

from speakerline.services.archive.serving import serve
from speakerline.services.archive.settings import ArchiveServiceSettings
from speakerline.shared.runtime.launch import run_service

run_service("archive", serve(ArchiveServiceSettings.from_environment))
