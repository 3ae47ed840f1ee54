"""What a witness refuses, in the members that all of our doors give a refusal (problem+json, RFC 9457)."""

import json

from werkzeug.wrappers import Response


class Problem(Exception):
    """A refusal with its status; `code` is a stable word and ends the problem's type URI. `told` are value, expected
    and found; `again` is when to ask again, in seconds."""

    def __init__(self, code: str, status: int, detail: str, *, again: int | None = None, **told: object) -> None:
        super().__init__(detail)
        self.status, self.again = status, again
        title = code.replace("_", " ").capitalize()
        base = {"type": f"/problems/{code}", "title": title, "status": status, "detail": detail}
        self.fields = base | {name: str(value)[:200] for name, value in told.items() if value not in (None, "")}

    def response(self) -> Response:
        """The HTTP answer."""
        answer = Response(json.dumps(self.fields), self.status, content_type="application/problem+json")
        answer.headers["Cache-Control"] = "no-store"
        if self.again is not None:
            answer.headers["Retry-After"] = str(self.again)
        if self.status == 405:
            answer.headers["Allow"] = str(self.fields["expected"])  # RFC 9110 15.5.6
        return answer
