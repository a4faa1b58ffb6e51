"""The ways to log in that the settings ask for."""

from __future__ import annotations

from gateway.identity.jwks import KeyAddress, KeyFile, KeySource
from gateway.identity.webtokens import JwtLogin
from gateway.settings import IdentitySettings


def has_login(identity: IdentitySettings) -> bool:
    """Whether anybody can prove who they are: by password, API token or JWT."""
    files = (identity.password_file, identity.token_file, identity.jwks_file)
    return bool(identity.jwks_url) or any(file is not None for file in files)


def jwt_login(identity: IdentitySettings) -> JwtLogin | None:
    """Login by JWT, or None where no setting asks for it.

    Raises:
        ValueError: the settings are not complete, or the key file or address cannot be used.
        OSError: the key file cannot be read.

    """
    asked = (identity.jwt_issuer, identity.jwt_audience, identity.jwks_url, identity.jwks_file)
    if not any(asked):
        return None
    if not identity.jwt_issuer or not identity.jwt_audience:
        raise ValueError(
            "login by JWT needs MESHGATE_IDENTITY__JWT_ISSUER and MESHGATE_IDENTITY__JWT_AUDIENCE"
        )
    return JwtLogin(
        _keys(identity),
        identity.jwt_issuer,
        identity.jwt_audience,
        identity.jwt_principal_claim,
        identity.jwt_groups_claim,
    )


def _keys(identity: IdentitySettings) -> KeySource:
    if bool(identity.jwks_url) == (identity.jwks_file is not None):
        raise ValueError(
            "login by JWT needs one of MESHGATE_IDENTITY__JWKS_URL and MESHGATE_IDENTITY__JWKS_FILE"
        )
    try:
        if identity.jwks_file is not None:
            return KeyFile(identity.jwks_file)
        return KeyAddress(identity.jwks_url)
    except ValueError as error:
        name = "JWKS_FILE" if identity.jwks_file else "JWKS_URL"
        raise ValueError(f"MESHGATE_IDENTITY__{name}: {error}") from None
