"""Our words in the form that Genesys takes from a transcription connector.

https://developer.genesys.cloud/devapps/audiohook/transcription-connector: times are ISO 8601 durations since the start
of the stream.
"""

from typing import Any

from speakerline.shared.contract.v1 import Transcript, Word


def transcript_entity(transcript: Transcript) -> dict[str, Any]:
    """One entity; a later revision has the same id and replaces it. Words that a better copy replaced are left out."""
    words = [word for word in transcript.words if not word.superseded]
    confidence = sum(word.confidence for word in words) / len(words) if words else 0.0
    interpretation = {
        "type": "display",
        "transcript": " ".join(word.text.strip() for word in words),
        "tokens": [_token(word) for word in words],
    }
    return {
        "type": "transcript",
        "data": {
            "id": transcript.transcript_id,
            "channelId": transcript.channel,
            "isFinal": transcript.final,
            "offset": _duration(transcript.start_ms),
            "duration": _duration(transcript.end_ms - transcript.start_ms),
            "alternatives": [{"confidence": round(confidence, 4), "interpretations": [interpretation]}],
        },
    }


def _token(word: Word) -> dict[str, Any]:
    return {
        "type": "word",
        "value": word.text.strip(),
        "confidence": round(word.confidence, 4),
        "offset": _duration(word.start_ms),
        "duration": _duration(word.end_ms - word.start_ms),
    }


def _duration(ms: int) -> str:
    return f"PT{ms / 1000:.3f}".rstrip("0").rstrip(".") + "S"
