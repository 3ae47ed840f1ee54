"""The words: complete in both languages, short enough for a frightened reader; no template words anything itself."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
from werkzeug.datastructures import LanguageAccept

from verifier.verdict.reasons import LANGUAGES, OUTCOMES, QUESTIONS, REASONS, STEPS, Reason, sort
from verifier.verdict.viewers import AUDIENCES
from verifier.web import words

WEB = Path(str(files("verifier.web")))
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
reason_in_language = pytest.mark.parametrize(
    ("code", "language"), [(code, language) for code in REASONS for language in LANGUAGES]
)


@reason_in_language
def test_a_reason_is_a_short_headline_and_one_sentence(code: str, language: str) -> None:
    headline, sentence = REASONS[code].words[language]
    assert 1 <= len(headline.split()) <= 5, headline
    assert len(headline) <= 28, headline
    assert not headline.endswith("."), headline
    assert 5 < len(sentence) <= 80, sentence
    assert sentence.endswith("."), sentence
    assert len(words.sentences(sentence)) == 1, sentence


@reason_in_language
def test_a_reason_says_it_in_its_own_language(code: str, language: str) -> None:
    other = "en" if language == "fr" else "fr"
    assert REASONS[code].words[language] != REASONS[code].words[other]


def test_each_code_stands_once() -> None:
    table = json.loads(files("verifier.verdict").joinpath("reasons.json").read_text("utf-8"))
    codes = [row["code"] for row in table["reasons"]]
    assert len(codes) == len(set(codes)) == len(REASONS)


@pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.code)
def test_a_reason_points_at_a_question_and_a_step_that_exist(reason: Reason) -> None:
    assert reason.question in QUESTIONS
    assert reason.outcome in OUTCOMES
    assert set(STEPS[reason.step]) == set(AUDIENCES)
    assert all(set(steps) == set(LANGUAGES) for steps in STEPS[reason.step].values())


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_no_two_reasons_of_an_outcome_tie(outcome: str) -> None:
    ranks = [reason.rank for reason in REASONS.values() if reason.outcome == outcome]
    assert len(ranks) == len(set(ranks))
    assert outcome in REASONS


@pytest.mark.parametrize(
    "gravest_first",
    [
        ("forged", "recall_patient", "stolen", "destroyed", "cold", "withdrawn", "expired", "do_not_use"),
        ("broken_evidence", "checkpoint_refused", "other_identity", "missing_issue", "stale", "unreached",
         "not_registered", "incomplete", "foreign_link", "not_a_pack", "no_serial", "unverified"),
        ("dispensed", "genuine", "not_recorded"),
    ],
    ids=lambda codes: codes[0],
)  # fmt: skip
def test_the_headline_goes_to_the_gravest(gravest_first: tuple[str, ...]) -> None:
    assert sort(reversed(gravest_first)) == gravest_first


def test_could_not_check_always_leads_on_and_never_accuses() -> None:
    for reason in (reason for reason in REASONS.values() if reason.outcome == "unverified"):
        assert reason.step == "D", reason.code
        if reason.code != "unverified":  # it says "that doesn't mean fake"
            assert not re.search(r"\b(faux|fake|contrefaçon|counterfeit)\b", str(reason.words)), reason.code


def test_a_stop_always_says_keep_your_treatment_and_whom_to_call() -> None:
    assert {reason.step for reason in REASONS.values() if reason.outcome == "do_not_use"} == {"C"}
    french, english = STEPS["C"]["patients"]["fr"], STEPS["C"]["patients"]["en"]
    assert "N'arrêtez pas votre traitement" in french
    assert "112" in french
    assert "Don't stop your treatment" in english
    assert "112" in english


@pytest.mark.parametrize("key", words.WORDS)
def test_page_words_exist_in_both_languages_with_the_same_blanks(key: str) -> None:
    row = words.WORDS[key]
    assert set(row) == set(words.LANGUAGES)
    assert all(text.strip() for text in row.values())
    blanks = [sorted(re.findall(r"\{(\w+)\}", text)) for text in row.values()]
    assert blanks[0] == blanks[1], key


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_asks_only_for_words_that_exist(template: Path) -> None:
    source = template.read_text("utf-8")
    for key, more in re.findall(r"""\b(?:t|either)\(\s*["']([\w.]+)["'](\s*~)?""", source):
        known = any(word.startswith(key) for word in words.WORDS) if more else key in words.WORDS
        assert known, f"{template.name}: {key}"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_words_nothing_itself(template: Path) -> None:
    unworded = r"<pre.*?</pre>|\{% block body_class %\}.*?\{% endblock %\}"  # commands and class names
    source = re.sub(unworded, "", template.read_text("utf-8"), flags=re.DOTALL)
    plain = re.sub(r"<[^>]*>", " ", JINJA.sub("", source), flags=re.DOTALL)
    assert set(re.findall(r"[^\W\d_]{2,}", plain)) <= {"Probatum"}


def test_no_words_are_left_that_nothing_says() -> None:
    sources = "".join(path.read_text("utf-8") for path in [*TEMPLATES, *WEB.glob("pages/*.py"), WEB / "words.py"])
    for key in words.WORDS:
        parts = key.split(".")
        prefixes = {".".join(parts[:end]) + "." for end in range(1, len(parts))} | {key.rpartition("_")[0] + "_"}
        said = f'"{key}"' in sources or f"'{key}'" in sources
        assert said or any(f'"{prefix}' in sources for prefix in prefixes), key


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "chosen"),
    [
        ("en", "fr", [("fr", 1)], "en"),
        (None, "en", [("fr", 1)], "en"),
        ("de", "xx", [("fr-CA", 1)], "fr"),
        (None, None, [("en-GB", 1), ("fr", 0.5)], "en"),
        (None, None, [("de", 1)], "en"),
        (None, None, [], "fr"),
        ("<script>", "../", [("en", 0.1)], "en"),
    ],
)
def test_the_language_is_asked_then_remembered_then_accepted(
    asked: str | None, remembered: str | None, accepted: list[tuple[str, float]], chosen: str
) -> None:
    assert words.choose(asked, remembered, LanguageAccept(accepted)) == chosen


def test_a_missing_key_is_loud() -> None:
    with pytest.raises(KeyError, match=r"no\.such"):
        words.text("no.such", "fr")
