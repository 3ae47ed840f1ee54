"""The terminal's side of the doors: HTTP, with each refusal as the one sentence its problem+json says."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx

from verifier.node import signed_request
from verifier.node.keyfile import KeyFile

TIMEOUT = httpx.Timeout(30.0, connect=3.0)


class ServerError(RuntimeError):
    """The server refused, or was not reached; `status` is None when not reached."""

    def __init__(self, message: str, status: int | None = None, fields: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status, self.fields = status, fields or {}


class Client:
    """Talks to one server; a context manager that gives its connections back."""

    def __init__(self, base: str, transport: httpx.BaseTransport | None = None) -> None:
        self.base = base.rstrip("/")
        self._http = httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str) -> bytes:
        """The body of a GET; raises ServerError."""
        return self._send("GET", path).content

    def entry(self, statement_id: str, key: KeyFile | None = None) -> tuple[bytes, int]:
        """A registered statement's bytes and its leaf index; with `key`, as its member may read it (RFC 9421)."""
        path = f"/entries/{statement_id}"
        headers = signed_request.sign("GET", self.base + path, None, key.seed, key.kid) if key else {}
        answer = self._send("GET", path, headers=headers)
        return answer.content, int(answer.headers["Probatum-Leaf"])

    def deposit(self, digest: str, entry: str, key: KeyFile | None) -> Iterator[bytes]:
        """The bytes of a deposit that the statement `entry` names, as they come; raises ServerError."""
        url = f"{self.base}/deposits/{digest}?entry={entry}"
        headers = signed_request.sign("GET", url, None, key.seed, key.kid) if key else {}
        try:
            with self._http.stream("GET", url, headers=headers) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refusal(answer)
                yield from answer.iter_bytes()
        except httpx.HTTPError as fault:
            raise self._not_reached(fault) from fault

    def post_json(
        self, path: str, fields: dict[str, Any], headers: dict[str, str] | None = None, key: KeyFile | None = None
    ) -> bytes:
        """The body answered to a JSON POST, signed with `key` if there is one (RFC 9421); raises ServerError."""
        body, sent = json.dumps(fields).encode(), {"Content-Type": "application/json"} | (headers or {})
        if key is not None:
            sent |= signed_request.sign("POST", self.base + path, body, key.seed, key.kid)
        return self._send("POST", path, content=body, headers=sent).content

    def evidence(self, asked: dict[str, Any], limit: int) -> bytes:
        """The evidence file answered to a question, at most `limit` bytes; raises ServerError."""
        body, sent = json.dumps(asked).encode(), {"Content-Type": "application/json"}
        try:
            with self._http.stream("POST", self.base + "/api/evidence", content=body, headers=sent) as answer:
                data = b""
                for chunk in answer.iter_bytes():
                    data += chunk
                    if len(data) > limit:
                        raise ServerError(f"expected at most {limit} bytes of evidence, found more", answer.status_code)
                if not answer.is_success:
                    raise ServerError(f"{answer.status_code} {answer.reason_phrase}", answer.status_code)
                return data
        except httpx.HTTPError as fault:
            raise ServerError(f"{self.base}: not reached ({fault.__class__.__name__}); is it running?") from fault

    def register(self, statement: bytes) -> dict[str, Any]:
        """Register a statement; what the door says of its leaf. Raises ServerError (status 409: a dispute)."""
        answer = self._send("POST", "/entries", content=statement, headers={"Content-Type": "application/cose"})
        fields: dict[str, Any] = answer.json()
        return fields

    def put_signed(self, path: str, body: bytes, key: KeyFile) -> None:
        """PUT a small body, signed with `key` (RFC 9421)."""
        headers = signed_request.sign("PUT", self.base + path, body, key.seed, key.kid)
        self._send("PUT", path, content=body, headers=headers)

    def put_deposit(self, file: Path, digest: str, key: KeyFile, progress: Callable[[int], None]) -> None:
        """Upload a file whose SHA-256 its path names, streaming, signed with `key`."""
        path = f"/deposits/{digest}"
        headers = signed_request.sign("PUT", self.base + path, None, key.seed, key.kid)
        headers["Content-Length"] = str(file.stat().st_size)
        self._send("PUT", path, content=_chunks(file, progress), headers=headers)

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, self.base + path, **request)
        except httpx.HTTPError as fault:
            raise self._not_reached(fault) from fault
        if answer.is_success:
            return answer
        raise _refusal(answer)

    def _not_reached(self, fault: httpx.HTTPError) -> ServerError:
        return ServerError(f"{self.base}: not reached ({fault.__class__.__name__}); is it running?")


def _refusal(answer: httpx.Response) -> ServerError:
    fields = _problem(answer)
    return ServerError(f"{answer.status_code} {fields.get('detail', '')}", answer.status_code, fields)


def _problem(answer: httpx.Response) -> dict[str, Any]:
    """The fields of a refusal; what stands between us and the doors may call anything JSON."""
    with suppress(ValueError):
        fields = answer.json() if "json" in answer.headers.get("content-type", "") else None
        if isinstance(fields, dict):
            return fields
    return {"detail": answer.reason_phrase}


def _chunks(file: Path, progress: Callable[[int], None]) -> Iterator[bytes]:
    with file.open("rb") as source:
        while chunk := source.read(1 << 18):
            yield chunk
            progress(len(chunk))
