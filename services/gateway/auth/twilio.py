"""Whether Twilio opened a socket: it signs the address with the auth token of the account.

https://www.twilio.com/docs/usage/security#validating-requests: base64(HMAC-SHA1(auth token, address)). The address is
the one in the TwiML, so behind a proxy it is configuration; another scheme or a trailing slash makes another signature.
"""

import base64
import hmac
from collections.abc import Mapping


def signature(token: str, address: str) -> str:
    """What the header X-Twilio-Signature holds for an address."""
    return base64.b64encode(hmac.new(token.encode(), address.encode(), "sha1").digest()).decode()


def tenant_that_signed(tokens: Mapping[str, str], address: str, given: str) -> str | None:
    """The tenant, by `tokens` of token to tenant, whose account signed the address; None where none did."""
    found = None
    for token, tenant in tokens.items():
        if hmac.compare_digest(signature(token, address).encode(), given.encode()):
            found = tenant
    return found
