"""The errors whose message is for users: it says what was wrong and what would have been right.

    SpeakerlineError
     ├── InvalidSettings  shared.environment            an option has a value that it can't have
     ├── ModelMissing     shared.models.files           the weights of a model are not on this machine
     ├── ModelFailed      shared.runtime.isolation      a model did not load, or gave no answer
     ├── InvalidCallId    shared.keys                   an id that no call can have
     ├── InvalidTenant    shared.tenants                a name that no tenant can have
     ├── InvalidEvent     shared.codec                  an event that can't be read or makes no sense
     ├── InvalidAudio     shared.audio.pcm              bytes that are not audio of the declared encoding
     ├── InvalidArchive   shared.archive.database       a database that the archive can't be kept in
     ├── SoundAway        shared.archive.sound          where recorded sound lies can't be reached now
     ├── InvalidQuery     shared.archive.words          a full-text query that asks for nothing, or for too much
     ├── InvalidCorrection  shared.timeline.corrections  a correction that makes no sense for its call
     ├── CorrectionRefused  shared.client.corrections  one that comes too late, or is one too many
     ├── UnreadableTimeline  shared.timeline.parts      a stored timeline that is damaged, or of another version
     ├── TimelineHole     shared.timeline.place         an event of a timeline is missing, or not what it was
     ├── ProducerError    shared.client.outgoing        a call can't go on
     │    └── CallTaken   shared.client.outgoing        its id is another's
     ├── InvalidName      shared.client.voiceprints     a name that can't be shown on a timeline
     ├── InvalidVoices    shared.client.voiceprints     a file that holds no enrolled voices
     ├── NotOneVoice      shared.voiceprints.enrollment recordings that are not of one person alone
     ├── InvalidKeys      services.gateway.auth.keys    a file that holds no API keys
     ├── Refused          services.gateway.auth.principal  a request that the gateway turns away
     ├── Violation        services.gateway.dialects.closing  what a producer may not say on its socket
     ├── MediaError       tools.media.media_error       a file that holds no sound that can be read
     ├── InvalidFile      tools.score.files             a file that can't be scored
     └── Failure          tools.failure                 a command can't do what was asked

Errors without this base are faults of the program, and those that modules use among themselves.
"""


class SpeakerlineError(Exception):
    """Base of every error that a program or a person who uses Speakerline may want to handle."""
