"""Looks at two reports in a real browser, and makes pictures of them.

Usage: look.py CHROMIUM FOLDER PICTURE_FOLDER
FOLDER has text.html and cost.html, as Scripts/make-report-pictures.sh writes them.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "playground"))

from browser import Browser  # noqa: E402

CHOSEN = "document.querySelector('.text .on')"


def works(browser, address):
    """What is pointed at, tapped or reached with the keys is shown above the text and on the map."""
    browser.open(address)
    assert browser.run(CHOSEN + ".classList.contains('m')")
    assert browser.run("document.querySelectorAll('#heads i').length") == 8
    assert browser.run("[...document.querySelectorAll('#heads .t15, #heads .w, #heads .t0')].length") == 8
    assert browser.run("document.querySelectorAll('.text span[title]').length") == 0
    first = int(browser.run(CHOSEN + ".dataset.i"))
    browser.run("document.querySelector('#text').focus()")
    browser.key("ArrowRight", 39)
    assert int(browser.run(CHOSEN + ".dataset.i")) == first + 1
    assert f"token {first + 1}," in browser.run("document.querySelector('#where').textContent")
    x = float(browser.run("document.querySelector('.cursor').getAttribute('x')"))
    assert x == (first + 1) * 14, x
    browser.run("document.querySelectorAll('.text span')[700].click()")
    assert browser.run(CHOSEN + ".dataset.i") == "700"
    assert browser.run("document.querySelector('#strip').scrollLeft") > 8000
    box = browser.run(
        "(() => { const box = document.querySelector('#map').getBoundingClientRect(); return [box.left, box.top]; })()")
    browser.run(
        "document.querySelector('#map').dispatchEvent(new PointerEvent('pointermove', {bubbles: true, clientX: "
        f"{box[0] + 14 * 20 + 5}, clientY: {box[1] + 40}}}))")
    assert browser.run(CHOSEN + ".dataset.i") == "20"
    # Squares are what the token's own note says in words.
    stored = browser.run("document.querySelectorAll('#heads .t15, #heads .w').length")
    note = browser.run("document.querySelector('#where').textContent")
    assert f"by {stored} of 8" in note or stored == 0 and "no head" in note or stored == 8 and "all 8" in note, note


def fits(browser):
    """The page does not scroll sideways."""
    wide = browser.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{wide} pixels too wide"


def whole(browser, width, scale=1, phone=False):
    """Makes the screen as high as the page, so that nothing of it is held in place."""
    browser.size(width, 900, scale, phone)
    fits(browser)
    browser.size(width, browser.run("document.documentElement.scrollHeight"), scale, phone)


def part(browser, first, last, path):
    """A picture from the start of one section to the end of another, with what is free above."""
    top, bottom, width = browser.run(
        f"[Math.max(0, document.querySelector('{first}').getBoundingClientRect().top - 28), "
        f"document.querySelector('{last}').getBoundingClientRect().bottom + 16, document.documentElement.clientWidth]")
    browser.picture(path, (0, top, width, bottom - top))


def main():
    program, folder, pictures = sys.argv[1:]
    os.makedirs(pictures, exist_ok=True)
    browser = Browser(program, folder)
    try:
        text, cost = (f"file://{folder}/{name}.html" for name in ("text", "cost"))
        browser.size(1040, 900)
        works(browser, text)
        for scheme in ("light", "dark"):
            browser.scheme(scheme)
            browser.open(text)
            whole(browser, 1040)
            part(browser, "header", "#words", f"{pictures}/report-{scheme}.png")
            part(browser, "#tokens", "#tokens", f"{pictures}/report-map-{scheme}.png")
        browser.scheme("light")
        browser.open(cost)
        whole(browser, 1040)
        part(browser, "#layers", "#cost", f"{pictures}/report-cost.png")
        whole(browser, 390, phone=True)
        browser.open(text)
        whole(browser, 390, phone=True)
        browser.size(390, 844, 2, True)
        browser.run("scrollTo({top: document.querySelector('#words h2').offsetTop - 110, behavior: 'instant'})")
        browser.picture(f"{pictures}/report-phone.png")
        assert not browser.problems, browser.problems
    finally:
        browser.close()
    print("the reports work in a browser")


main()
