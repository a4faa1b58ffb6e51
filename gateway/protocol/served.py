"""The last page served of each statement, kept for a client that asks for it again."""

from __future__ import annotations

from collections import OrderedDict

from gateway.protocol.messages import Page

_LIMIT_BYTES = 256 << 20
_PAGE_BYTES = 2048  # of a page without rows: its columns, addresses and statistics


class GoneError(Exception):
    """An older page, forgotten since: HTTP 410."""


class NotHereError(Exception):
    """No such page: HTTP 404."""


class ServedPages:
    """Last pages by statement; of all together the newest, within a bound of bytes.

    A thousand clients that read slowly would else hold a thousand pages of a mebibyte and more.
    """

    def __init__(self, limit: int = _LIMIT_BYTES) -> None:
        self._limit = limit
        self._pages: OrderedDict[str, tuple[Page, int]] = OrderedDict()
        self._held = 0

    @property
    def held_bytes(self) -> int:
        """Bytes of what is kept."""
        return self._held

    def keep(self, query_id: str, page: Page) -> None:
        """Keep a page in the place of its statement's page before it."""
        self.drop(query_id)
        size = len(page.data or b"") + _PAGE_BYTES
        self._pages[query_id] = page, size
        self._held += size
        while self._held > self._limit and len(self._pages) > 1:
            self.drop(next(iter(self._pages)))

    def again(self, query_id: str) -> Page:
        """The page that was served last.

        Raises:
            GoneError: it was let go; the statement's next page can still be asked for.

        """
        if query_id not in self._pages:
            raise GoneError
        return self._pages[query_id][0]

    def drop(self, query_id: str) -> None:
        """Forget a statement's page."""
        _, size = self._pages.pop(query_id, (None, 0))
        self._held -= size
