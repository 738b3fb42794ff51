"""Audio files of any kind, in and out of the project's own form of sound.

Reads wav (PCM, float, mu-law, A-law), flac, mp3, m4a, aac, ogg, opus, webm and what else ffmpeg's libraries in the `av`
wheel know of sound; writes wav. Keeps nothing, and touches no queue: the command line and the tests call it.

    file ──decoding──> flawed float32 at the file's rate ──samples──> sound ──reading──> blocks at 8 or 16 kHz
"""
