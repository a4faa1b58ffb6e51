"""A store that speaks just enough of S3: objects in memory, whole or by parts, one key pair."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import IO
from urllib.parse import parse_qs, unquote, urlsplit

ACCESS_KEY = "AKMESHGATE"
_XML = '<?xml version="1.0" encoding="UTF-8"?>'


@dataclass
class Store:
    """``asked`` counts requests with the right key; a wrong one is refused."""

    objects: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, bytes] = field(default_factory=dict)
    asked: int = 0
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    store: Store
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _place(self) -> tuple[str, dict[str, list[str]]] | None:
        if f"Credential={ACCESS_KEY}/" not in self.headers.get("Authorization", ""):
            self._send(403, f"{_XML}<Error><Code>AccessDenied</Code></Error>".encode())
            return None
        self.store.asked += 1
        split = urlsplit(self.path)
        return unquote(split.path), parse_qs(split.query, keep_blank_values=True)

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if (place := self._place()) is None:
            return
        if "list-type" in place[1]:
            self._send(
                200, f"{_XML}<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>".encode()
            )
            return
        found = self.store.objects.get(place[0])
        if found is None:
            self._send(404, f"{_XML}<Error><Code>NoSuchKey</Code></Error>".encode())
            return
        given = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if given is None:
            self._send(200, found, ETag='"x"')
            return
        first, last = int(given[1]), int(given[2] or len(found) - 1)
        body = found[first : last + 1]
        told = f"bytes {first}-{first + len(body) - 1}/{len(found)}"
        self._send(206, body, ETag='"x"', Content_Range=told)

    def do_PUT(self) -> None:
        body = self._body()
        if (place := self._place()) is None:
            return
        key, words = place
        if "partNumber" in words:
            self.store.parts[f"{key}#{int(words['partNumber'][0]):05}"] = body
        else:
            self.store.objects[key] = body
        self._send(200, ETag='"x"')

    def do_POST(self) -> None:
        self._body()
        if (place := self._place()) is None:
            return
        key, words = place
        if "uploads" in words:
            start = f"<UploadId>u</UploadId><Bucket>b</Bucket><Key>{key}</Key>"
            root = "InitiateMultipartUploadResult"
        else:
            mine = sorted(part for part in self.store.parts if part.startswith(f"{key}#"))
            self.store.objects[key] = b"".join(self.store.parts.pop(part) for part in mine)
            start, root = '<ETag>"x"</ETag>', "CompleteMultipartUploadResult"
        self._send(200, f"{_XML}<{root}>{start}</{root}>".encode())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            read = _unchunked(self.rfile)
            self.rfile.readline()
        else:
            read = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        signed = "aws-chunked" in self.headers.get("Content-Encoding", "")
        return _unchunked(BytesIO(read)) if signed else read


def _unchunked(source: IO[bytes]) -> bytes:
    """Read chunks, each after its size in hexadecimal; S3 adds a signature behind that."""
    body = b""
    while size := int(source.readline().partition(b";")[0].strip() or b"0", 16):
        body += source.read(size)
        source.readline()
    return body


@contextmanager
def s3_store() -> Iterator[Store]:
    """Serve a store on loopback."""
    store = Store()
    handler = type("Handler", (_Handler,), {"store": store})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    store.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
