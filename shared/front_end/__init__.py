"""The front end: what is done to the sound of a call before it is listened to, where the call asks for it.

    frames ──────────────> level ──> detector of the vad           (streaming, causal)
    sound by time ──> dereverberate ──> denoise ──> level ──> embedding, separation, asr

A call asks with `CallStarted.front_end`; a call that does not is untouched and pays nothing. `find_music` is the vad's
(services/vad/music.py). Sources, which were separated from cleaned sound, are read as they are.
"""
