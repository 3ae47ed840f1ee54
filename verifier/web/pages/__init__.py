"""The pages people see: requests in, HTML out. No page judges, fetches or words anything: it asks `Checks`, and shows.

Machines' doors stand in `doors`; the pages need no JavaScript, and set no cookie but the language's.
"""

from verifier.web.pages import demo, docs, lan, problems, scan
from verifier.web.pages.blueprint import Checks, pages
from verifier.web.pages.problems import explain, prefers_page

__all__ = ["Checks", "demo", "docs", "explain", "lan", "pages", "prefers_page", "problems", "scan"]
