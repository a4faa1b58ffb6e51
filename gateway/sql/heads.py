"""Heads of every statement that is no plain query, read by our own grammar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

from gateway.sql.cursor import Cursor
from gateway.sql.lex import END, NUMBER, STRING, Token
from gateway.sql.model import Kind

_WRITES = frozenset(
    """
    ALTER ANALYZE COMMENT CREATE DELETE DROP INSERT MERGE REFRESH TRUNCATE UPDATE
    """.split()  # noqa: SIM905 - a word list reads better as words
)
_RIGHTS = frozenset({"DENY", "GRANT", "REVOKE"})
_LEVELS = ("SERIALIZABLE", "REPEATABLE READ", "READ COMMITTED", "READ UNCOMMITTED")
_TYPES = frozenset({"LOGICAL", "DISTRIBUTED", "VALIDATE", "IO", "ACCESS"})
_FORMATS = frozenset({"TEXT", "JSON", "GRAPHVIZ"})


@dataclass(frozen=True, slots=True)
class Head:
    """What a head says; ``rest`` is the index of the first token it leaves to others."""

    kind: Kind
    words: Mapping[str, str | None] = field(default_factory=dict)
    table: tuple[str, ...] | None = None
    table_at: Token | None = None
    text: str | None = None
    rest: int | None = None


class HeadGrammar(Cursor):
    """Reads one head."""

    def head(self) -> Head:
        """Read the head at the beginning; refuses writes and everything unknown."""
        reader = self._READERS.get(self.key)
        if reader is None:
            self._refuse()
        self.take()
        head = reader(self)
        if head.rest is None:
            self.finish()
        return head

    def fail_at_end(self, expected: str) -> NoReturn:
        """Fail behind the last token."""
        self.take()
        self.fail(expected)

    def _refuse(self) -> NoReturn:
        token = self.token
        if token.key in _WRITES:
            advice = "this gateway answers queries; write through the pipeline that owns the table"
            raise self.unsupported(f"{token.key} …", advice)
        if token.key in _RIGHTS:
            raise self.unsupported(f"{token.key} …", "rights are granted by the domain's policy")
        heads = {*self._READERS, "SELECT", "TABLE", "VALUES", "WITH"}
        self.fail(*(f"'{head}'" for head in sorted(heads)))

    def _use(self) -> Head:
        first = self._name()
        second = self._name() if self.accept(".") else None
        if second is None:
            return Head(Kind.USE, {"catalog": None, "schema": first})
        return Head(Kind.USE, {"catalog": first, "schema": second})

    def _set(self) -> Head:
        if self.accept("SESSION"):
            if self.key == "AUTHORIZATION" and self.peek() != "=":
                raise self.unsupported("SET SESSION AUTHORIZATION", "log in as that user")
            name = self._property()
            self.expect("=")
            return Head(Kind.SET_SESSION, {"name": name, "value": self._constant()})
        if self.accept("TIME", "ZONE"):
            return Head(Kind.SET_TIME_ZONE, {"zone": self._zone()})
        if self.accept("ROLE"):
            return self._role()
        if self.key == "PATH":
            raise self.unsupported("SET PATH", "functions are built in")
        raise self.mismatch("SESSION", "TIME", "ROLE")

    def _reset(self) -> Head:
        self.expect("SESSION")
        if self.key == "AUTHORIZATION" and self.peek() != ".":
            raise self.unsupported("RESET SESSION AUTHORIZATION", "log in again")
        return Head(Kind.RESET_SESSION, {"name": self._property()})

    def _property(self) -> str:
        parts = [self._name()]
        while self.accept("."):
            parts.append(self._name())
        return ".".join(parts)

    def _constant(self) -> str:
        sign = "-" if self.accept("-") else ""
        token = self.take()
        if token.key is STRING and not sign:
            return token.value
        if token.key is NUMBER:
            return sign + token.value
        if token.key in {"TRUE", "FALSE"} and not sign:
            return token.text.lower()
        raise self.unsupported("an expression in SET SESSION", "write a literal", token)

    def _zone(self) -> str | None:
        if self.accept("LOCAL"):
            return None
        if self.key not in {STRING, "INTERVAL", END}:
            raise self.unsupported("an expression as time zone", "write its name as text")
        if not self.accept("INTERVAL"):
            return self._string()
        sign = "-" if self.accept("-") else "+"
        token = self.token
        hours, _, minutes = self._string().partition(":")
        if not self.accept("HOUR"):
            raise self.unsupported("this interval as time zone", "count HOUR TO MINUTE", token)
        if self.accept("TO"):
            self.expect("MINUTE")
        if hours.startswith(("-", "+")):
            sign = "-" if (sign == "-") != hours.startswith("-") else "+"
            hours = hours[1:]
        if not (hours.isdigit() and (minutes or "0").isdigit() and hours.isascii()):
            raise self.error("INVALID_LITERAL", f"'{token.text}' is not an offset", token)
        return f"{sign}{int(hours):02d}:{int(minutes or 0):02d}"

    def _role(self) -> Head:
        mode = self.take().key if self.key in {"ALL", "NONE"} else "ROLE"
        role = self._name() if mode == "ROLE" else None
        catalog = self._name() if self.accept("IN") else None
        return Head(Kind.SET_ROLE, {"mode": mode, "role": role, "catalog": catalog})

    def _prepare(self) -> Head:
        name = self._name()
        self.expect("FROM")
        return Head(Kind.PREPARE, {"name": name}, rest=self._at)

    def _execute(self) -> Head:
        if self.key == "IMMEDIATE" and self.peek() is STRING:
            self.take()
            return self._using(Kind.EXECUTE_IMMEDIATE, {}, self._string())
        return self._using(Kind.EXECUTE, {"name": self._name()}, None)

    def _using(self, kind: Kind, words: Mapping[str, str | None], text: str | None) -> Head:
        given = self.accept("USING")
        return Head(kind, words, text=text, rest=self._at if given else None)

    def _deallocate(self) -> Head:
        self.expect("PREPARE")
        return Head(Kind.DEALLOCATE, {"name": self._name()})

    def _describe(self) -> Head:
        for word, kind in (("INPUT", Kind.DESCRIBE_INPUT), ("OUTPUT", Kind.DESCRIBE_OUTPUT)):
            if self.key == word and self.at_identifier(1):
                self.take()
                return Head(kind, {"name": self._name()})
        return self._columns_of()

    def _columns_of(self) -> Head:
        at, parts = self.token, self._parts(3)
        return Head(Kind.SHOW_COLUMNS, self._like(), table=parts, table_at=at)

    def _show(self) -> Head:
        word = self.take()
        reader = self._SHOWS.get(word.key)
        if reader is None:
            if word.is_word:
                raise self.unsupported(f"SHOW {word.key}", "query information_schema", word)
            self.fail(*(f"'{name}'" for name in self._SHOWS))
        return reader(self)

    def _show_catalogs(self) -> Head:
        return Head(Kind.SHOW_CATALOGS, self._like())

    def _show_schemas(self) -> Head:
        catalog = self._name() if self._from() else None
        return Head(Kind.SHOW_SCHEMAS, {"catalog": catalog, **self._like()})

    def _show_tables(self) -> Head:
        parts = self._parts(2) if self._from() else ()
        catalog, schema = (None, None, *parts)[-2:]
        return Head(Kind.SHOW_TABLES, {"catalog": catalog, "schema": schema, **self._like()})

    def _show_columns(self) -> Head:
        if not self._from():
            self.fail("FROM", "IN")
        return self._columns_of()

    def _show_functions(self) -> Head:
        if self._from():
            raise self.unsupported("SHOW FUNCTIONS FROM", "functions are built in: SHOW FUNCTIONS")
        return Head(Kind.SHOW_FUNCTIONS, self._like())

    def _show_session(self) -> Head:
        return Head(Kind.SHOW_SESSION, self._like())

    def _show_stats(self) -> Head:
        self.expect("FOR")
        if self.key == "(":
            return Head(Kind.SHOW_STATS, rest=self._at)
        at = self.token
        return Head(Kind.SHOW_STATS, table=self._parts(3), table_at=at)

    def _show_create(self) -> Head:
        what = self.take().key
        if what == "SCHEMA":
            catalog, schema = (None, None, *self._parts(2))[-2:]
            words = {"what": what, "catalog": catalog, "schema": schema}
            return Head(Kind.SHOW_CREATE, words)
        if what not in {"TABLE", "VIEW"}:
            raise self.unsupported(f"SHOW CREATE {what}", "ask for a TABLE, VIEW or SCHEMA")
        at = self.token
        return Head(Kind.SHOW_CREATE, {"what": what}, table=self._parts(3), table_at=at)

    def _start(self) -> Head:
        self.expect("TRANSACTION")
        words: dict[str, str | None] = {"isolation": None, "access": None}
        more = self.key in {"ISOLATION", "READ"}
        while more:
            if self.accept("ISOLATION", "LEVEL"):
                words["isolation"] = self._level()
            else:
                self.expect("READ")
                if self.key not in {"ONLY", "WRITE"}:
                    self.fail("ONLY", "WRITE")
                words["access"] = f"READ {self.take().key}"
            more = self.accept(",")
        return Head(Kind.START_TRANSACTION, words)

    def _level(self) -> str:
        for level in _LEVELS:
            if self.accept(*level.split()):
                return level
        raise self.mismatch(*_LEVELS)

    def _commit(self) -> Head:
        self.accept("WORK")
        return Head(Kind.COMMIT)

    def _rollback(self) -> Head:
        self.accept("WORK")
        return Head(Kind.ROLLBACK)

    def _explain(self) -> Head:
        if self.key == "ANALYZE":
            raise self.unsupported("EXPLAIN ANALYZE", "use EXPLAIN or EXPLAIN ACCESS")
        if self.accept("ACCESS"):
            return Head(Kind.EXPLAIN_ACCESS, {"format": None}, rest=self._at)
        words: dict[str, str | None] = {"type": None, "format": None}
        if self.key == "(" and self.peek() in {"TYPE", "FORMAT"}:
            self.take()
            self._option(words)
            while self.accept(","):
                self._option(words)
            self.expect(")")
        if words["type"] == "ACCESS":
            if words["format"] == "GRAPHVIZ":
                raise self.unsupported("FORMAT GRAPHVIZ", "use TEXT or JSON")
            return Head(Kind.EXPLAIN_ACCESS, {"format": words["format"]}, rest=self._at)
        return Head(Kind.EXPLAIN, words, rest=self._at)

    def _option(self, words: dict[str, str | None]) -> None:
        option = self.take().key
        values = {"TYPE": _TYPES, "FORMAT": _FORMATS}.get(option)
        if values is None:
            self.fail("TYPE", "FORMAT")
        if self.key not in values:
            self.fail(*sorted(values))
        words[option.lower()] = self.take().key

    def _call(self) -> Head:
        token = self.token
        parts = self._parts(3)
        if tuple(part.lower() for part in parts) != ("system", "runtime", "kill_query"):
            raise self.unsupported("this procedure", "call system.runtime.kill_query", token)
        self.expect("(")
        names = ["query_id", "message"]
        words: dict[str, str | None] = {"query_id": None, "message": None}
        for position in range(len(names)):
            name = names[position]
            if self.at_identifier() and self.peek() == "=>":
                name = self._name().lower()
                self.take()
            if name not in words or words[name] is not None:
                raise self.error("INVALID_ARGUMENTS", f"Unknown argument name: {name}")
            words[name] = self._string()
            if not self.accept(","):
                break
        self.expect(")")
        if words["query_id"] is None:
            message = "Required procedure argument 'QUERY_ID' is missing"
            raise self.error("INVALID_ARGUMENTS", message, token)
        return Head(Kind.KILL_QUERY, words)

    def _from(self) -> bool:
        return self.accept("FROM") or self.accept("IN")

    def _like(self) -> dict[str, str | None]:
        like = self._string() if self.accept("LIKE") else None
        escape = self._string() if like is not None and self.accept("ESCAPE") else None
        return {"like": like, "escape": escape}

    def _string(self) -> str:
        if self.key is not STRING:
            self.fail("<string>")
        return self.take().value

    def _name(self) -> str:
        if not self.at_identifier():
            self.fail("<identifier>")
        return self.take().value

    def _parts(self, most: int) -> tuple[str, ...]:
        token = self.token
        parts = [self._name()]
        while self.accept("."):
            parts.append(self._name())
        if len(parts) > most:
            raise self.error("SYNTAX_ERROR", f"Too many dots in name: {'.'.join(parts)}", token)
        return tuple(parts)

    _READERS: ClassVar[dict[str, Callable[[Any], Head]]] = {
        "USE": _use,
        "SET": _set,
        "RESET": _reset,
        "PREPARE": _prepare,
        "EXECUTE": _execute,
        "DEALLOCATE": _deallocate,
        "DESCRIBE": _describe,
        "DESC": _describe,
        "SHOW": _show,
        "START": _start,
        "COMMIT": _commit,
        "ROLLBACK": _rollback,
        "EXPLAIN": _explain,
        "CALL": _call,
    }
    _SHOWS: ClassVar[dict[str, Callable[[Any], Head]]] = {
        "CATALOGS": _show_catalogs,
        "SCHEMAS": _show_schemas,
        "TABLES": _show_tables,
        "COLUMNS": _show_columns,
        "FUNCTIONS": _show_functions,
        "SESSION": _show_session,
        "STATS": _show_stats,
        "CREATE": _show_create,
    }
