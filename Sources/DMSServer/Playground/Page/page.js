// The page: its state and its controls.

function refresh() {
  const isChat = talk.mode === "chat";
  $("stop").hidden = !running;
  $("send").hidden = Boolean(running);
  const canGoOn = !isChat && talk.text !== "";
  $("send").textContent = isChat ? "Send" : canGoOn && $("input").value === "" ? "Continue" : "Generate";
  $("send").disabled = !model || ($("input").value === "" && !canGoOn);
  $("save-button").disabled = Boolean(running);
  $("input").placeholder = isChat ? "Message" : talk.session ? "Text that follows" : "A text to continue";
  $("input-label").textContent = $("input").placeholder;
  $("system-row").hidden = !isChat;
  const session = $("session-note");
  session.hidden = !talk.session;
  if (talk.session) {
    const name = document.createElement("b");
    name.textContent = talk.session.name;
    session.replaceChildren("Every turn is saved as ", name, ".");
  }
}

function size() {
  const input = $("input");
  input.style.height = "auto";
  input.style.height = input.scrollHeight + 2 + "px";
}

function setMode(mode) {
  talk.mode = mode;
  document.querySelector("input[name=mode][value=" + mode + "]").checked = true;
  $("welcome-title").textContent = mode === "chat" ? "Say something" : "Begin a text";
  $("welcome-text").textContent = mode === "chat"
    ? "The model answers, and its memory is drawn beside it: what every head keeps, and what it forgets."
    : (model && !model.dms.chat_template ? "This model has no template for chats; it continues texts. " : "The model continues it. ") +
      "What every head keeps of it, and forgets, is drawn beside it.";
  clear();
}

function showExamples() {
  const texts = examples.map((example) => button(example.title, example.title, () => {
    setMode("completion");
    const overrides = { temperature: 0, max_tokens: example.max_tokens };
    if (example.stop !== null) overrides.stop = example.stop;
    send(example.prompt, overrides, example.answer);
  }));
  $("examples").replaceChildren(...texts);
}

async function start() {
  status("");
  try {
    model = (await (await call("v1/models")).json()).data[0];
  } catch (error) {
    $("model").textContent = "not connected";
    showError(error);
    return;
  }
  $("model").textContent = model.id;
  map.layers = model.dms.layers;
  map.perLayer = model.dms.kv_heads;
  map.heads = model.dms.layers * model.dms.kv_heads;
  map.window = model.dms.window;
  $("map-rows").textContent = map.layers + " layers × " + map.perLayer + " KV heads";
  if (map.window === null) $("ratio-text").textContent = "– this model keeps everything";
  const chats = Boolean(model.dms.chat_template);
  document.querySelector("input[value=chat]").disabled = !chats;
  $("sessions-on").hidden = !model.dms.sessions;
  $("sessions-off").hidden = model.dms.sessions;
  setMode(chats ? "chat" : "completion");
  showExamples();
  listSessions();
  $("input").focus({ preventScroll: true });
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = $("input").value;
  if ($("send").disabled || running) return;
  $("input").value = "";
  size();
  send(input);
});
$("input").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("composer").requestSubmit();
});
$("input").addEventListener("input", () => { size(); refresh(); });
addEventListener("keydown", (event) => { if (event.key === "Escape" && running) running.abort(); });
$("stop").addEventListener("click", () => { if (running) running.abort(); });
$("new").addEventListener("click", () => { clear(); $("input").focus(); });
$("modes").addEventListener("change", (event) => setMode(event.target.value));
$("api-key").value = key;
$("api-key").addEventListener("change", () => {
  key = $("api-key").value.trim();
  sessionStorage.setItem("dms-key", key);
  if (!model) { clear(); start(); }
});
start();
