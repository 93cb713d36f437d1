"""The cases in a real browser: what it filters and counts is what Python does."""

import shutil
from pathlib import Path

import pytest
from reporting.report.made import entity_cases, label_cases, label_texts, section

from mlalign.reporting.report.page import page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
CASES = label_cases(40)


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    path: Path = tmp_path_factory.mktemp("page") / "report.html"
    sections = [section(CASES, label_texts(40)), section(*entity_cases())]
    path.write_text(page(sections, encoders=[], unfinished=[], with_texts=True), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def view(browser, address):
    """Opens the page; whatever the console says fails the test."""
    said: list[str] = []
    contexts = []

    def opened(state: str = "", **settings):
        context = browser.new_context(**settings)
        contexts.append(context)
        one = context.new_page()
        one.on("console", lambda message: said.append(message.text))
        one.on("pageerror", lambda error: said.append(str(error)))
        one.on("request", lambda request: said.extend([request.url] * (request.url[:4] == "http")))
        one.goto(address + state)
        one.wait_for_selector("#list > li")
        return one

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def choose(view, **settings: str) -> int:
    """Set controls; returns how many cases are said to fit."""
    for name, value in settings.items():
        view.select_option(f"[name={name}]", value)
    words = view.inner_text("#count").replace(",", "").split()
    return 0 if words[0] == "No" else int(words[words.index("of") + 1])


def test_counts_of_disagreement_are_those_of_python(view):
    one = view()
    a, b = (CASES.answers[row]["2"] for row in ("none", "row2"))
    triples = list(zip(CASES.gold, a, b, strict=True))
    expected = {
        "": len(triples),
        "a_right": sum(x == gold != y for gold, x, y in triples),
        "b_right": sum(y == gold != x for gold, x, y in triples),
        "disagree": sum(x != y for _, x, y in triples),
        "both_wrong": sum(x != gold != y for gold, x, y in triples),
    }
    for key, count in expected.items():
        assert choose(one, seed="2", a="none", b="row2", show=key) == count
        assert f"({count})" in one.inner_text(f"[name=show] option[value='{key}']")


def test_filters_go_together(view):
    one = view()
    answers, start = CASES.answers["row1"]["1"], list(CASES.languages).index("ur") * 40
    expected = [n for n in range(start, start + 40) if CASES.gold[n] == 1 and answers[n] == 2]
    assert choose(one, language="ur", a="row1", gold="1", predicted="2") == len(expected)
    assert one.locator("#list > li").count() == len(expected)
    one.fill("[name=search]", "no such words")
    assert choose(one) == 0
    one.click("button[type=reset]")
    assert choose(one) == len(CASES.gold)


def test_a_nasty_text_is_only_text_and_is_found(view):
    one = view()
    one.fill("[name=search]", "</SCRIPT><!--")
    assert choose(one) == 1
    assert "<script>alert(1)</script> & \" '" in one.inner_text("#list .text")


@pytest.mark.parametrize(("language", "way"), [("ar", "rtl"), ("ur", "rtl"), ("hi", "ltr")])
def test_text_has_its_language_and_direction(view, language, way):
    one = view()
    choose(one, language=language)
    found = one.eval_on_selector_all("#list .text", "all => all.map(p => [p.lang, p.dir])")
    assert found == [[language, way]] * 25


def test_pages_hold_a_few_cases_each(view):
    one = view()
    assert one.locator("#list > li").count() == 25
    assert one.locator("[data-go='-1']").first.is_disabled()
    one.locator("[data-go='1']").first.click()
    assert one.inner_text("#count").startswith("26 to 50 of 280")


def test_the_address_keeps_the_filters(view):
    one = view()
    choose(one, language="he", b="row2", show="disagree")
    state = one.evaluate("location.hash")
    again = view(state)
    assert again.inner_text("#count") == one.inner_text("#count")
    assert again.input_value("[name=language]") == "he"


def test_entities_are_marked_in_their_sentence(view):
    one = view("#cases?task=panx&language=ur")
    gold = one.locator("#list > li").first.locator(".right mark")
    assert gold.count() == 1
    assert one.locator("#list [dir=rtl] mark").count() > 0
    assert choose(one, gold="=PER", a="row1") == 1
    assert choose(one, gold="none") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_does_not_scroll_sideways(view, scheme):
    one = view(viewport={"width": 375, "height": 800}, color_scheme=scheme)
    for task in ("mldoc", "panx"):
        choose(one, task=task)
        assert one.evaluate("document.documentElement.scrollWidth") <= 375


def test_every_control_has_a_name_and_is_reached_by_keys(view):
    one = view()
    controls = one.locator("#filters select, #filters input")
    for place in range(controls.count()):
        assert controls.nth(place).evaluate("one => one.labels.length") == 1
    one.focus("[name=task]")
    for name in ("language", "seed", "a", "b", "gold", "predicted", "show", "search"):
        one.keyboard.press("Tab")
        assert one.evaluate("document.activeElement.name") == name
