"""``meshgate token`` and ``meshgate password``: credentials for the files the gateway reads."""

from __future__ import annotations

import re
import secrets
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, NoReturn

import typer
import yaml

from gateway.identity.directory import reserved
from gateway.identity.passwords import PasswordError, hashed
from gateway.identity.tokens import mint

token_app = typer.Typer(help="API tokens.", no_args_is_help=True)
password_app = typer.Typer(help="Passwords.", no_args_is_help=True)

_CANNOT_RUN = 2
_MAX_DAYS = 3660
_ID_BYTES = 6
_USER = re.compile(r"[^:\s][^:\r\n]*")


@token_app.callback()
@password_app.callback()
def _group() -> None:
    """Keep the one command a sub-command."""


@token_app.command("mint")
def mint_token(
    principal: Annotated[str, typer.Option(help="Whose token it is.")],
    days: Annotated[int, typer.Option(min=1, max=_MAX_DAYS, help="How long it lives.")] = 90,
    purpose: Annotated[
        str | None, typer.Option(help="The only purpose its queries may have.")
    ] = None,
) -> None:
    """Make an API token: its text, shown this once, and the entry for the token file."""
    _check_name(principal)
    token_id = secrets.token_hex(_ID_BYTES)
    text, digest = mint(token_id)
    expires = (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)
    entry = {"id": token_id, "sha256": digest, "principal": principal, "expires": expires}
    if purpose:
        entry["purpose"] = purpose
    typer.echo("# The token. It is shown this once; the gateway keeps its hash alone.")
    typer.echo(text)
    typer.echo("# Add to the list 'tokens' of the file MESHGATE_IDENTITY__TOKEN_FILE names:")
    typer.echo(yaml.safe_dump([entry], sort_keys=False, allow_unicode=True), nl=False)


@password_app.command("hash")
def hash_password(
    user: Annotated[str, typer.Option(help="Whose password it is.")],
    service: Annotated[
        bool, typer.Option("--service", help="It is the gateway's own login on a cluster.")
    ] = False,
) -> None:
    """Read a password, from a prompt or standard input; print its line for the password file."""
    if not (service and user.startswith("meshgate") and _USER.fullmatch(user)):
        _check_name(user)
    try:
        line = hashed(_password())
    except PasswordError as error:
        _stop(str(error))
    typer.echo(f"{user}:{line}")


def _password() -> str:
    """The password; typed twice by a person, one line from a pipe."""
    if sys.stdin.isatty():
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")


def _check_name(name: str) -> None:
    if not _USER.fullmatch(name) or reserved(name):
        _stop(f"'{name}' cannot log in: names hold no colon, no line break, and none is reserved")


def _stop(message: str) -> NoReturn:
    typer.echo(f"meshgate: {message}", err=True)
    raise typer.Exit(_CANNOT_RUN)
