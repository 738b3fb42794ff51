"""Reads and writes audio files.

Reads wav (PCM, float, mu-law, A-law), flac, mp3, m4a, aac, ogg, opus, webm and other formats that ffmpeg's libraries in
the `av` wheel decode; writes wav.

    file ──decoding──> float32 at the file's rate ──samples──> repaired float32 ──reading──> blocks at 8 or 16 kHz
"""
