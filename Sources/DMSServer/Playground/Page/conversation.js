// The conversation: what is asked, what is answered, and what memory it took.

const timing = { start: 0, first: 0, last: 0, reused: 0, prompt: 0, tokens: 0 };

function showMemory(kv) {
  $("memory-empty").hidden = true;
  $("memory").hidden = false;
  const ratio = kv.live_bytes > 0 ? kv.dense_bytes / kv.live_bytes : 1;
  $("ratio").textContent = ratio.toFixed(1) + "×";
  $("dense").textContent = bytes(kv.dense_bytes);
  $("live").textContent = bytes(kv.live_bytes);
  $("dense-bar").style.width = "100%";
  $("live-bar").style.width = 100 * kv.live_bytes / Math.max(1, kv.dense_bytes) + "%";
  $("tokens").textContent = kv.tokens.toLocaleString();
  $("alive").textContent = Math.round(kv.live_token_heads / map.heads).toLocaleString() + " alive";
}

function takeMemory(kv) {
  const now = performance.now() / 1000;
  if (!timing.prompt) timing.reused = kv.tokens - kv.texts.length;
  timing.prompt = kv.prompt_tokens;
  timing.tokens = kv.tokens;
  if (kv.tokens >= kv.prompt_tokens && !timing.first) timing.first = now;
  timing.last = now;
  const reading = timing.first || now;
  $("prefill-speed").textContent = speed(Math.min(kv.tokens, kv.prompt_tokens) - timing.reused, reading - timing.start);
  $("decode-speed").textContent = speed(kv.tokens - kv.prompt_tokens, timing.last - timing.first);
  status(kv.tokens < kv.prompt_tokens ? "Reading " + kv.tokens + " of " + kv.prompt_tokens + " tokens" : "Writing");
  showMemory(kv);
  map.take(kv);
}

/// A conversation is messages or a text. With a session the server has it up to where `session.stale` says otherwise.
const talk = { mode: "chat", messages: [], text: "", session: null };
let model = null;
let running = null;
/// Counts conversations, so that an answer that comes too late is none of the next.
let era = 0;

const status = (text) => { $("status").textContent = text; };
const follow = () => { const log = $("log"); log.scrollTop = log.scrollHeight; };

function entry(role, text) {
  $("welcome").hidden = true;
  const element = document.createElement("div");
  element.className = "message " + role;
  if (role !== "prompt") {
    const who = document.createElement("span");
    who.className = "who";
    who.textContent = { user: "You", assistant: model ? model.id : "Model", system: "System" }[role] || role;
    element.append(who);
  }
  const body = document.createElement("span");
  body.className = "body";
  body.textContent = text;
  element.append(body);
  if (text.length > 900 && role !== "assistant") element.classList.add("long");
  $("log").append(element);
  if (element.classList.contains("long")) body.scrollTop = body.scrollHeight;
  follow();
  return body;
}

function note(body, text) {
  const element = document.createElement("span");
  element.className = "note";
  element.textContent = text;
  body.closest(".message").append(element);
  follow();
}

function showError(error) {
  const element = document.createElement("div");
  element.className = "error";
  element.setAttribute("role", "alert");
  const title = document.createElement("strong");
  title.textContent = error.message;
  element.append(title);
  if (error.advice) {
    const text = document.createElement("p");
    text.textContent = error.advice;
    element.append(text);
  }
  $("log").append(element);
  follow();
  if (error.code === "invalid_api_key") {
    $("parameters").open = true;
    $("api-key").focus();
  }
}

function clear() {
  era += 1;
  if (running) running.abort();
  running = null;
  talk.messages = [];
  talk.text = "";
  talk.session = null;
  for (const element of [...$("log").children]) if (element !== $("welcome")) element.remove();
  $("welcome").hidden = false;
  map.begin();
  $("memory").hidden = true;
  $("memory-empty").hidden = false;
  status("");
  refresh();
}

/// The parameters that were set, in the API's names.
function parameters() {
  const found = {};
  const numbers = { temperature: "temperature", "max-tokens": "max_tokens", "top-p": "top_p", "top-k": "top_k", seed: "seed" };
  for (const [id, name] of Object.entries(numbers)) if ($(id).value !== "") found[name] = Number($(id).value);
  if ($("stop-text").value !== "") found.stop = $("stop-text").value;
  if ($("ignore-eos").checked) found.ignore_eos = true;
  return found;
}

const systemMessages = () => $("system").value.trim() === "" ? [] : [{ role: "system", content: $("system").value.trim() }];

/// What to ask the server for, and what the conversation is before the answer.
function request(input) {
  const session = talk.session;
  const goesOn = session && !session.stale;
  const common = { model: model.id, stream: true, dms: { kv: true } };
  if (session) common.session = goesOn ? { continue: session.name, save: session.name } : { save: session.name };
  if (talk.mode === "chat") {
    const before = talk.messages.length ? talk.messages : systemMessages();
    const messages = [...before, { role: "user", content: input }];
    return { path: "v1/chat/completions", messages, body: { ...common, messages: goesOn ? messages.slice(-1) : messages } };
  }
  const text = session || input === "" ? talk.text + input : input;
  return { path: "v1/completions", text, body: { ...common, prompt: goesOn ? input : text } };
}

async function send(input, overrides = {}, expected = null) {
  if (running) return;
  const { path, messages, text, body } = request(input);
  const isContinuation = talk.mode === "completion" && input === "";
  if (talk.mode === "completion" && !isContinuation && !talk.session) {
    for (const element of [...$("log").children]) if (element !== $("welcome")) element.remove();
  }
  if (input !== "") entry(talk.mode === "chat" ? "user" : "prompt", input);
  let target = talk.mode === "chat" ? entry("assistant", "") : null;
  if (!target) {
    const last = [...$("log").querySelectorAll(".message")].pop();
    for (const old of last.querySelectorAll(".note")) old.remove();
    target = document.createElement("span");
    target.className = "answer";
    last.querySelector(".body").append(target);
  }
  target.classList.add("working");
  const controller = running = new AbortController();
  const begun = era;
  Object.assign(timing, { start: performance.now() / 1000, first: 0, last: 0, reused: 0, prompt: 0, tokens: 0 });
  map.begin();
  status("Waiting");
  refresh();
  let answer = "", reason = null;
  try {
    const response = await call(path, {
      method: "POST", signal: controller.signal, body: { ...parameters(), ...overrides, ...body },
    });
    for await (const object of events(response)) {
      if (begun !== era) return;
      if (object.dms && object.dms.kv) takeMemory(object.dms.kv);
      const choice = object.choices[0];
      if (!choice) continue;
      const piece = talk.mode === "chat" ? choice.delta.content || "" : choice.text;
      if (piece) {
        answer += piece;
        target.append(piece);
        const scroller = target.closest(".long .body");
        if (scroller) scroller.scrollTop = scroller.scrollHeight;
        follow();
      }
      reason = choice.finish_reason || reason;
    }
    if (talk.session && body.session) talk.session.stale = false;
    if (reason === "length") note(target, "Ended by the limit of tokens.");
    if (expected !== null) note(target, answer === expected ? "That is right." : "That is wrong: it had to be “" + expected.trim() + "”.");
  } catch (error) {
    if (begun !== era) return;
    if (talk.session) talk.session.stale = true;
    if (error.name === "AbortError") note(target, "Stopped.");
    else showError(error instanceof Failure ? error : new Failure("The page failed: " + error.message, "", "page"));
    if (answer === "" && talk.mode === "chat") {
      // Nothing was said: the text goes back to where it came from.
      if (error.name !== "AbortError") {
        const said = target.closest(".message");
        said.previousElementSibling.remove();
        said.remove();
        if ($("input").value === "") $("input").value = input;
      }
      finish(null, null);
      return;
    }
  } finally {
    target.classList.remove("working");
    if (running === controller) running = null;
  }
  finish(messages && [...messages, { role: "assistant", content: answer }], text === undefined ? null : text + answer);
}

function finish(messages, text) {
  running = null;
  if (messages) talk.messages = messages;
  if (text !== null) talk.text = text;
  status(timing.tokens ? (timing.tokens - timing.prompt + 1) + " tokens, " + $("decode-speed").textContent : "");
  refresh();
  size();
  if (talk.session) listSessions();
}
