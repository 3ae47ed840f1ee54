"""`/demo`: the demo world's images side by side, to be scanned from another screen or checked by a touch."""

from pathlib import Path
from typing import Any

from flask import Response, abort, render_template, send_from_directory

from verifier.verdict.reasons import words as worded
from verifier.verdict.viewers import PATIENT
from verifier.web.pages.blueprint import checks, pages
from verifier.web.pages.scan import verdict_page
from verifier.web.words import language


@pages.get("/demo")
def demo() -> str:
    """Each image with what it should say, in the catalogue's own words: to a patient, and to whom else."""
    return render_template("demo.html", rows=[_shown(row) for row in checks().demo()])


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    reason = worded(row["reasons"][0], language()) if row.get("reasons") else None
    also = [
        {"who": one.get("viewer") or ("reads" if "reads" in one else "bought"), "reason": said}
        for one in row.get("also", ())
        for said in [worded(one["reasons"][0], language(), one.get("viewer", PATIENT))]
    ]
    return {"file": row["file"], "outcome": row.get("outcome") if reason else None, "reason": reason, "also": also}


@pages.get("/demo/<file>")
def image(file: str) -> Response:
    """One demo image."""
    return send_from_directory(checks().demo_folder, _listed(file).name)


@pages.post("/demo/<file>")
def check(file: str) -> str:
    """The verdict on one demo image, read from its pixels like any photo."""
    return verdict_page(checks().check_photo(_listed(file).read_bytes(), language()))


def _listed(file: str) -> Path:
    """The path of a demo image; only what the listing names exists, whatever an address says."""
    if file not in {row["file"] for row in checks().demo()}:
        abort(404)
    return checks().demo_folder / file
