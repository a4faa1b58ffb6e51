"""Settings that would be unsafe together, and the gateway's refusal to start with them."""

from __future__ import annotations

from urllib.parse import urlsplit

from gateway.identity.authenticate import is_loopback
from gateway.server.logins import has_login
from gateway.settings import Settings


class StartError(ValueError):
    """The gateway refuses to start; the text says which setting to mend."""


def check_exposure(settings: Settings) -> None:
    """Refuse what is safe on this machine alone, once others can reach it."""
    server, identity = settings.server, settings.identity
    if (server.tls_certificate is None) != (server.tls_key is None):
        raise StartError("set both MESHGATE_SERVER__TLS_CERTIFICATE and MESHGATE_SERVER__TLS_KEY")
    if settings.policy.engine == "opa" and not settings.policy.opa_url:
        raise StartError("MESHGATE_POLICY__ENGINE=opa needs MESHGATE_POLICY__OPA_URL")
    _check_cluster(settings)
    _check_internal(settings)
    if is_loopback(server.host):
        return
    where = f"beyond this machine (MESHGATE_SERVER__HOST={server.host})"
    if identity.trust_user_header:
        raise StartError(f"MESHGATE_IDENTITY__TRUST_USER_HEADER cannot be used {where}")
    if not has_login(identity):
        raise StartError(
            f"{where}: set MESHGATE_IDENTITY__PASSWORD_FILE, MESHGATE_IDENTITY__TOKEN_FILE or "
            "MESHGATE_IDENTITY__JWKS_URL"
        )
    if server.tls_certificate is None and not server.trusted_proxies:
        raise StartError(
            f"{where}: set MESHGATE_SERVER__TLS_CERTIFICATE, or MESHGATE_SERVER__TRUSTED_PROXIES "
            "where a proxy ends TLS"
        )
    if not server.public_url and not server.allowed_hosts:
        raise StartError(f"{where}: set MESHGATE_SERVER__PUBLIC_URL to the address clients use")
    if settings.policy.engine is None:
        raise StartError(f"{where}: set MESHGATE_POLICY__ENGINE to rego or opa")


def trusts_user_header(settings: Settings) -> bool:
    """Whether ``X-Trino-User`` is believed: on loopback, asked for or where nothing else is."""
    identity = settings.identity
    if not is_loopback(settings.server.host):
        return False
    if identity.trust_user_header is not None:
        return identity.trust_user_header
    return not has_login(identity)


def _check_cluster(settings: Settings) -> None:
    """A cluster needs an address, and a password wherever it could be asked for one."""
    trino = settings.trino
    if settings.engine.kind != "trino":
        return
    if not trino.url:
        raise StartError("MESHGATE_ENGINE__KIND=trino needs MESHGATE_TRINO__URL")
    if trino.second_lock == "required":
        if trino.password_file is None:
            raise StartError(
                "the second lock needs a login of the gateway's own on the cluster: set "
                "MESHGATE_TRINO__PASSWORD_FILE (or, on a test cluster alone, "
                "MESHGATE_TRINO__SECOND_LOCK=off)"
            )
        if settings.server.internal_port is None:
            raise StartError(
                "the second lock is asked on the internal listener: set "
                "MESHGATE_SERVER__INTERNAL_PORT to the port of the cluster's opa.policy.* addresses"
            )
    elif not is_loopback(urlsplit(trino.url).hostname or ""):
        raise StartError(
            "MESHGATE_TRINO__SECOND_LOCK=off is for a Trino on this machine alone: on another, "
            "who logs in there directly would see everything"
        )


def _check_internal(settings: Settings) -> None:
    """The internal listener trusts who reaches it: beyond this machine, certificates say who."""
    server = settings.server
    parts = (server.internal_tls_certificate, server.internal_tls_key)
    if (parts[0] is None) != (parts[1] is None):
        raise StartError(
            "set both MESHGATE_SERVER__INTERNAL_TLS_CERTIFICATE and "
            "MESHGATE_SERVER__INTERNAL_TLS_KEY"
        )
    if server.internal_client_ca is not None and parts[0] is None:
        raise StartError(
            "MESHGATE_SERVER__INTERNAL_CLIENT_CA needs MESHGATE_SERVER__INTERNAL_TLS_CERTIFICATE"
        )
    if server.internal_port is None or is_loopback(server.internal_host):
        return
    if settings.engine.kind == "trino" and server.internal_client_ca is None:
        raise StartError(
            f"the internal listener answers the second lock beyond this machine "
            f"(MESHGATE_SERVER__INTERNAL_HOST={server.internal_host}): set "
            "MESHGATE_SERVER__INTERNAL_TLS_CERTIFICATE, MESHGATE_SERVER__INTERNAL_TLS_KEY and "
            "MESHGATE_SERVER__INTERNAL_CLIENT_CA"
        )
