"""What is wrong with a connection to a Redis by TLS (`rediss://`), in words that name the remedy."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
"""Options of the URL that name files."""
_REASON = re.compile(r"certificate verify failed: (.*?)\.? \(_ssl", re.DOTALL)
_ALERTS = ("ALERT_CERTIFICATE_REQUIRED", "ALERT_UNKNOWN_CA", "ALERT_BAD_CERTIFICATE", "ALERT_HANDSHAKE_FAILURE")
"""What a server answers that wants a certificate (RFC 8446, section 6.2), or another one."""


def missing_file(url: str) -> str:
    """What is wrong with the files that the URL names; empty if nothing is."""
    options = parse_qs(urlsplit(url).query)
    for name in _FILES:
        for file in options.get(name, []):
            if not Path(file).is_file():
                return f"{name} of the Redis names {file}: no such file"
    return ""


def trouble(why: str, shown: str, silent: bool) -> str:
    """What the error `why` of a connection to the address `shown` means; empty where it has nothing to do with TLS.

    silent: nothing was answered in time, as by a server that waits for something else than a handshake."""
    if verify := _REASON.search(why):
        return f"the certificate of {shown} is not trusted ({verify[1]}): ?ssl_ca_certs=FILE names the authority"
    if any(alert in why for alert in _ALERTS):
        options = "?ssl_certfile=FILE&ssl_keyfile=FILE"
        return f"the Redis at {shown} wants a certificate of its clients, from an authority that it knows: {options}"
    if "KEY_VALUES_MISMATCH" in why:
        return f"the key for {shown} does not belong to the certificate: ssl_certfile and ssl_keyfile go together"
    if silent or "SSL" in why:
        return f"what answers at {shown} speaks no TLS (redis:// does without): {why}"
    return ""
