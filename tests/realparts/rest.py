"""An Iceberg REST catalog: Iceberg's own servlet, in a small Java host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts import jdk, rest_jar, trino_home
from tests.realparts.addresses import answers
from tests.realparts.ports import free_port
from tests.realparts.postgres import PASSWORD, USER
from tests.realparts.process import Part, running

_HOST = Path(__file__).parent / "java" / "RestHost.java"
_START_SECONDS = 60


@contextmanager
def rest(root: Path, postgres: str, warehouse: Path) -> Iterator[Part]:
    """Serve a catalog that keeps its tables in the database ``rest`` of a cluster.

    Iceberg, Jetty and the PostgreSQL driver are those of the unpacked Trino server.
    """
    home, java, jar = trino_home(), jdk(), rest_jar()
    if home is None or java is None or jar is None:
        raise FileNotFoundError("no Iceberg REST host: run `make fetch`; it needs a JDK too")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    libraries = f"{jar}:{home}/plugin/iceberg/*:{home}/lib/*"
    options = ("-Xmx256M", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
    words = (
        str(port),
        f"jdbc:{_without_user(postgres)}/rest",
        USER,
        PASSWORD,
        f"file://{warehouse}",
    )
    command = [java, *options, "-cp", libraries, _HOST, *words]
    with running("rest", command, log=root / "rest.log", url=url) as part:
        part.wait(lambda: answers(f"{url}/v1/config"), _START_SECONDS)
        yield part


def _without_user(url: str) -> str:
    """Java's driver takes the user apart from the address."""
    return url.replace(f"//{USER}@", "//", 1)
