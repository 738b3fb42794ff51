"""Voice activity detection: where on each channel of a call somebody speaks, and what is wrong with the line.

Reads   `call:{ID}:audio:<channel>`: the frames of all channels, as they came.
Writes  `call:{ID}:speech`: Speech (opened, grew, closed), Gap, Silence, Clipping, Music where the call asks for it, and
        AudioEnded as the last event.
Keeps   per channel, the position that was analysed, the detector's state, less than one chunk of samples, and the open
        segment; over all channels, the events that wait for a slower channel.

On a call with several channels, speech of those that only copy another is left out (copies.py), and told as
ChannelContent.

    Frame ─> sequencer ─> chunks of 32 ms ─> (level) ─> detector ─> (hold) ─> segmenter ─┐
              │          └───────────────────────> quality ─────────────────────────┼─> merged by position ─> speech
              └─ gaps ──────────────────────────────────────────────────────────────┘
"""
