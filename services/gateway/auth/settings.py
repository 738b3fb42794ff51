"""How the gateway knows who asks."""

from dataclasses import asdict, dataclass
from typing import Any

SECRETS = ("jwt_key", "secret", "oidc_client_secret")


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """`SPEAKERLINE_AUTH_KEYS=/etc/speakerline/keys` sets `keys`. Without keys, JWT and OIDC everything is open."""

    open: bool = False
    """Whether a gateway may be open that listens beyond loopback."""
    keys: str = ""
    """A file of API keys of services, made by `speakerline key`."""
    jwt_key: str = ""
    """A key of at least 32 bytes that JWTs are signed with (HS256)."""
    jwks_url: str = ""
    """Where the public keys are that JWTs are signed with (RS256, ES256 and their relatives, EdDSA)."""
    jwt_issuer: str = ""
    """What `iss` of a JWT must be; empty = anything."""
    jwt_audience: str = ""
    """What `aud` of a JWT must have; empty = there must be none."""
    tenant_claim: str = "tenant"
    """The claim that names the tenant; a token without it is refused. Empty = every token is of the default tenant."""
    roles_claim: str = "roles"
    """The claim that lists the roles, as a list or as words; a token without it may do nothing."""
    secret: str = ""
    """Signs tickets and cookies. Gateways behind one address need the same; empty = a random one for each process."""
    oidc_issuer: str = ""
    """The identity provider that people log in with; it needs the two below and `public_url`."""
    oidc_client_id: str = ""
    """What the identity provider calls this gateway."""
    oidc_client_secret: str = ""
    """The password of the gateway at the identity provider."""
    public_url: str = ""
    """The address of the gateway as browsers see it, such as `https://calls.example.com`. Without authentication, the
    gateway answers to this name, to those of `origins`, to localhost and to addresses."""
    origins: str = ""
    """Other sites whose pages may use the gateway, such as `https://desk.example.com`, parted by commas."""

    @property
    def required(self) -> bool:
        """Whether anything is configured that tells who asks."""
        return bool(self.keys or self.jwt_key or self.jwks_url or self.oidc_issuer)

    def printable(self) -> dict[str, Any]:
        """All options, without secrets."""
        return {name: "***" if value and name in SECRETS else value for name, value in asdict(self).items()}
