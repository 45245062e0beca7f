// Conversations that the server keeps.

async function listSessions() {
  if (!model || !model.dms.sessions) return;
  try {
    const list = (await (await call("v1/sessions")).json()).data;
    $("sessions").replaceChildren(...list.map(sessionItem));
  } catch (error) {
    showError(error);
  }
}

function button(text, label, action) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  element.setAttribute("aria-label", label);
  element.addEventListener("click", action);
  return element;
}

function sessionItem(session) {
  const item = document.createElement("li");
  const name = document.createElement("div");
  name.className = "name";
  name.textContent = session.id;
  const details = document.createElement("small");
  details.textContent = session.usable
    ? session.tokens + " tokens, " + bytes(session.kv.live_bytes) + " alive of " + bytes(session.kv.dense_bytes)
    : "Not usable here: " + session.reason;
  name.append(details);
  item.append(name);
  if (session.usable) item.append(button("Restore", "Restore " + session.id, () => restore(session.id)));
  else item.append(document.createElement("span"));
  item.append(button("Delete", "Delete " + session.id, () => remove(session.id)));
  if (talk.session && talk.session.name === session.id) item.classList.add("current");
  return item;
}

async function save(name) {
  if (talk.mode === "chat" ? !talk.messages.length : talk.text === "") {
    throw new Failure("There is nothing to save yet.", "Say something first.", "empty");
  }
  const content = talk.mode === "chat" ? { messages: talk.messages } : { prompt: talk.text };
  const begun = era;
  status("Saving");
  const saved = await (await call("v1/sessions", { method: "POST", body: { model: model.id, name, ...content } })).json();
  // Another conversation may be on the page by now, or this one may have gone on.
  if (begun === era) {
    const now = talk.mode === "chat" ? talk.messages : talk.text;
    talk.session = { name, stale: running !== null || now !== (content.messages || content.prompt) };
  }
  status("Saved: " + saved.tokens + " tokens, " + bytes(saved.bytes) + " on disk");
}

async function restore(name) {
  try {
    const session = await (await call("v1/sessions/" + name)).json();
    const isChat = talk.mode === "chat" && session.messages;
    clear();
    if (isChat) {
      talk.messages = session.messages;
      for (const message of session.messages) entry(message.role, message.content);
    } else {
      talk.text = session.text;
      entry("prompt", session.text);
    }
    talk.session = { name, stale: false };
    showMemory({ ...session.kv, tokens: session.cached_tokens });
    status("Restored: " + session.tokens + " tokens, nothing computed");
    refresh();
    listSessions();
    $("input").focus();
  } catch (error) {
    showError(error);
  }
}

async function remove(name) {
  try {
    await call("v1/sessions/" + name, { method: "DELETE" });
    if (talk.session && talk.session.name === name) talk.session = null;
    refresh();
    listSessions();
  } catch (error) {
    showError(error);
  }
}

$("save").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = $("session-name").value.trim();
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    showError(new Failure("A name is 1 to 64 letters, digits, _ and -.", "", "name"));
    return;
  }
  $("save-button").disabled = true;
  try {
    await save(name);
    $("session-name").value = "";
  } catch (error) {
    status("");
    showError(error);
  }
  refresh();
  listSessions();
});
