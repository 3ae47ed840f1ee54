"""As whom may this request ask? Anybody may ask as a patient; a professional viewer is a member's, proven by the
signature of its request and entitled by its roles (verdict/viewers.json). Never silently judged as somebody else.
"""

from flask import request

from verifier.verdict.viewers import PATIENT, VIEWERS, entitled, usual
from verifier.web.desk import Asker
from verifier.web.doors.signed import caller, claims_signature
from verifier.web.problem import Problem


def asker(viewer: str | None, reads: int = 1, bought: str | None = None) -> Asker:
    """Who asks, as the `viewer` they name; a signed request that names none is its signer's usual one.

    Raises Problem `viewer` (no such viewer: 400; not signed, or not the signer's: 403), or Refused for a signature that
    does not hold.
    """
    if viewer is not None and viewer not in VIEWERS:
        raise _refusal(400, "There is no such viewer.", viewer, ", ".join(VIEWERS), viewer)
    if viewer == PATIENT or (viewer is None and not claims_signature()):
        return Asker(reads=reads, bought=bought)
    if not claims_signature():
        expected = "a request signed by an enrolled key (RFC 9421)"
        raise _refusal(403, "Only members ask as professionals.", viewer, expected, "no signature")
    who = caller(request.get_data())
    mine, named = entitled(who.roles), viewer or usual(who.roles)
    if named not in mine:
        expected = " or ".join(mine or (PATIENT,))
        detail = f"{'This viewer is not yours' if viewer else 'You may be several viewers'}: name {expected}."
        found = f"{viewer or 'none named'}, by {who.member} ({', '.join(sorted(who.roles))})"
        raise _refusal(403, detail, viewer, expected, found)
    return Asker(named or PATIENT, who.member, reads, bought)


def _refusal(status: int, detail: str, viewer: str | None, expected: str, found: str) -> Problem:
    return Problem("viewer", status, detail, value=viewer, expected=expected, found=found)
