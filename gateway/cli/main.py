"""``meshgate``: one command for operators, owners, stewards and analysts."""

from __future__ import annotations

import sys

import typer

from gateway.cli import audit, catalog, govern, identity, keys, policy, query, serve

app = typer.Typer(
    name="meshgate",
    help="A data-access gateway that speaks Trino and enforces Rego at the scan.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(catalog.app, name="catalog")
app.add_typer(policy.app, name="policy")
app.add_typer(audit.app, name="audit")
app.add_typer(keys.app, name="keys")
app.add_typer(identity.token_app, name="token")
app.add_typer(identity.password_app, name="password")
app.command("serve")(serve.serve)
app.command("query")(query.query)
app.command("explain")(query.explain)
app.command("govern")(govern.govern)


def main() -> None:
    """Run the command line; errors meant for people go to standard error, exit code 2."""
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


if __name__ == "__main__":
    main()
