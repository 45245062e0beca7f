"""Uses the playground in a real browser as a person would; with a folder it makes pictures of it first.

Usage: test.py CHROMIUM ADDRESS CHAT_ADDRESS WORK_FOLDER [PICTURE_FOLDER]
ADDRESS serves the model that comes along, CHAT_ADDRESS one with a template for chats; both save conversations.
"""
import sys

from browser import Browser

ENTER, ESCAPE = ("Enter", 13, "\r"), ("Escape", 27)
IDLE = "!document.querySelector('#send').hidden"
ANSWER = "[...document.querySelectorAll('.answer')].pop()?.textContent"


def fill(browser, field, text):
    browser.run(f"document.querySelector('{field}').focus(), document.querySelector('{field}').select()")
    browser.type(text)


def click(browser, selector):
    browser.run(f"document.querySelector('{selector}').click()")


def completes(browser, address):
    """A model without a template for chats: the example, its memory, a text of one's own."""
    browser.open(address)
    browser.wait("document.querySelector('#model').textContent === 'recall-8x'")
    assert browser.run("document.querySelector('input[value=chat]').disabled")
    assert browser.run("document.querySelectorAll('#examples button').length") == 3
    click(browser, "#examples button:nth-child(2)")
    browser.wait("document.querySelector('.note')?.textContent === 'That is right.'")
    browser.wait(IDLE)
    assert browser.run("document.querySelector('#tokens').textContent") == "900"
    ratio = float(browser.run("document.querySelector('#ratio').textContent").rstrip("×"))
    assert ratio > 2, ratio
    # 4 layers of 2 heads, a column for every token, and the colours of what is kept and what is gone.
    browser.wait("document.querySelector('#map').width === 900 && document.querySelector('#map').height === 8")
    colours = browser.run(
        "new Set(Array.from(new Uint32Array(document.querySelector('#map').getContext('2d')"
        ".getImageData(0, 0, 900, 8).data.buffer))).size")
    assert colours == 3, colours
    # The password is remembered better than what stands around it.
    said = browser.run(
        "[...document.querySelectorAll('#remembered span')].slice(0, -60).filter((span) => span.textContent ==="
        " JSON.parse(document.querySelector('#example-data').textContent)[1].answer)"
        ".map((span) => Number(span.style.opacity))")
    mean = browser.run(
        "(() => { const all = [...document.querySelectorAll('#remembered span')].slice(0, -60)"
        ".map((span) => Number(span.style.opacity)); return all.reduce((a, b) => a + b) / all.length; })()")
    assert len(said) == 1 and said[0] > mean, (said, mean)
    # The same again: the server computes little, and the page still knows what became of every token.
    click(browser, "#new")
    click(browser, "#examples button:nth-child(2)")
    browser.wait(IDLE + " && document.querySelector('.note')?.textContent === 'That is right.'")
    browser.wait("document.querySelector('#map').width === 900")
    assert browser.run("document.querySelector('#legend-unknown').hidden")


def streams_and_stops(browser):
    """A long answer comes piece by piece, and ends when it is told to."""
    click(browser, "#new")
    browser.run("document.querySelector('#parameters').open = true")
    fill(browser, "#max-tokens", "700")
    browser.run("document.querySelector('#ignore-eos').checked = true")
    browser.slow(6000)
    fill(browser, "#input", "The password is")
    browser.key(*ENTER)
    browser.wait(f"({ANSWER})?.length > 20")
    first = len(browser.run(ANSWER))
    browser.wait(f"({ANSWER}).length > {first + 20}")
    assert browser.run("document.querySelector('#send').hidden && !document.querySelector('#stop').hidden")
    browser.key(*ESCAPE)
    browser.wait(IDLE)
    browser.slow(-1)
    assert browser.run("document.querySelector('.note').textContent") == "Stopped."
    tokens = int(browser.run("document.querySelector('#tokens').textContent"))
    assert tokens < 600, tokens
    # With an empty field the text goes on.
    fill(browser, "#max-tokens", "20")
    assert browser.run("document.querySelector('#send').textContent") == "Continue"
    before = browser.run("document.querySelector('.message .body').textContent.length")
    click(browser, "#send")
    browser.wait(IDLE + f" && document.querySelector('.message .body').textContent.length > {before}")
    browser.run("document.querySelector('#ignore-eos').checked = false")


def shows_errors(browser):
    """What the server refuses is said in its words, with what may be done, and the page goes on."""
    click(browser, "#new")
    fill(browser, "#max-tokens", "99999999")
    fill(browser, "#input", "The lamp")
    browser.key(*ENTER)
    error = browser.wait("document.querySelector('[role=alert]')?.textContent")
    assert "max_tokens" in error, error
    fill(browser, "#max-tokens", "8")
    fill(browser, "#input", "The lamp")
    browser.key(*ENTER)
    browser.wait(IDLE + f" && ({ANSWER})?.length > 3 && !document.querySelector('[role=alert]')")


def keeps_conversations(browser, address):
    """Saved, left, restored, continued, deleted."""
    browser.open(address)
    browser.wait("document.querySelector('#model').textContent === 'recall-chat'")
    assert browser.run("document.querySelector('input[value=chat]').checked")
    browser.run("for (const card of document.querySelectorAll('details')) card.open = true")
    fill(browser, "#session-name", "talk")
    click(browser, "#save-button")
    browser.wait("document.querySelector('[role=alert]')?.textContent.includes('nothing to save')")
    click(browser, "#new")
    fill(browser, "#max-tokens", "24")
    fill(browser, "#input", "The password is pillow.")
    browser.key(*ENTER)
    browser.wait("document.querySelectorAll('.message.assistant').length === 1 && " + IDLE)
    fill(browser, "#session-name", "talk")
    click(browser, "#save-button")
    browser.wait("document.querySelector('#sessions .current .name')?.firstChild.textContent === 'talk'")
    fill(browser, "#input", "What is the password?")
    browser.key(*ENTER)
    browser.wait("document.querySelectorAll('.message.assistant').length === 2 && " + IDLE)
    said = browser.run("[...document.querySelectorAll('.message .body')].map((body) => body.textContent)")
    browser.open(address)
    browser.run("for (const card of document.querySelectorAll('details')) card.open = true")
    browser.wait("document.querySelector('#sessions button') !== null")
    click(browser, "#sessions button")
    browser.wait("document.querySelectorAll('.message').length === 4")
    found = browser.run("[...document.querySelectorAll('.message .body')].map((body) => body.textContent)")
    assert found == said, (found, said)
    fill(browser, "#max-tokens", "8")
    fill(browser, "#input", "Again.")
    browser.key(*ENTER)
    browser.wait("document.querySelectorAll('.message.assistant').length === 3 && " + IDLE)
    click(browser, "#sessions li button:last-child")
    browser.wait("document.querySelectorAll('#sessions li').length === 0")
    # On a phone nothing is wider than the screen.
    browser.size(390, 844, 2, True)
    browser.open(address)
    browser.wait("document.querySelector('#model').textContent === 'recall-chat'")
    browser.run("for (const card of document.querySelectorAll('details')) card.open = true")
    wide = browser.run(
        "[...document.querySelectorAll('body *')].filter((element) => element.getBoundingClientRect().right > 391)"
        ".map((element) => element.outerHTML.slice(0, 80))")
    assert browser.run("document.documentElement.scrollWidth") <= 390, wide
    browser.size(1280, 860)


def makes_pictures(browser, address, folder):
    for name, scheme, width, height, scale, phone in [
        ("light", "light", 1280, 860, 1, False), ("dark", "dark", 1280, 860, 1, False),
        ("phone", "light", 390, 844, 2, True),
    ]:
        browser.size(width, height, scale, phone)
        browser.scheme(scheme)
        browser.open(address)
        browser.wait("document.querySelectorAll('#examples button').length === 3")
        click(browser, "#examples button:nth-child(2)")
        browser.wait("document.querySelector('.note')?.textContent === 'That is right.'")
        browser.wait("document.querySelector('#map').width === 900")
        browser.run("new Promise((done) => setTimeout(done, 600))")
        if phone:
            browser.run("document.querySelector('aside').scrollIntoView()")
        browser.picture(f"{folder}/playground-{name}.png")


def main():
    program, address, chat_address, work = sys.argv[1:5]
    browser = Browser(program, work)
    try:
        if len(sys.argv) > 5:
            makes_pictures(browser, address, sys.argv[5])
            browser.size(1280, 860)
        completes(browser, address)
        streams_and_stops(browser)
        shows_errors(browser)
        keeps_conversations(browser, chat_address)
        assert not browser.problems, browser.problems
    finally:
        browser.close()
    print("the playground sends, streams, stops, restores and shows errors")


main()
