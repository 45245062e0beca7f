// The server: requests, what went wrong, streams of events.

const $ = (id) => document.getElementById(id);
const examples = JSON.parse($("example-data").textContent);

/// What went wrong, and what may be done about it.
class Failure extends Error {
  constructor(title, advice, code) {
    super(title);
    this.advice = advice;
    this.code = code;
  }
}

const advice = {
  invalid_api_key: "Enter an API key of this server under Parameters, and try again.",
  kv_budget_exceeded: "Ask for fewer tokens under Parameters, or give the server a larger --kv-budget.",
  context_length_exceeded: "Begin anew, or shorten the text.",
  sessions_not_enabled: "Start the server with --sessions DIR.",
  session_limit_exceeded: "Delete a conversation that is not needed any more.",
  session_unusable: "It was saved with another model or other options; start the server as it was then, or delete it.",
  session_changed: "It was saved anew elsewhere; open it again to see how it goes on now.",
  shutting_down: "The server is on its way out. Try again when it is back.",
};

let key = sessionStorage.getItem("dms-key") || "";

async function call(path, options = {}) {
  const headers = {};
  if (key) headers.Authorization = "Bearer " + key;
  if (options.body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method: options.method || "GET", headers, signal: options.signal,
      body: options.body && JSON.stringify(options.body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("The server cannot be reached.", "Is dms serve still running? Your text is kept.", "unreachable");
  }
  if (response.ok) return response;
  throw failure(await response.json().catch(() => ({})), response);
}

function failure(object, response) {
  const error = object.error || {};
  const seconds = response && response.headers.get("Retry-After");
  const again = seconds ? "Try again in " + seconds + " s." : "";
  return new Failure(
    error.message || "The server answered with status " + (response ? response.status : "?") + ".",
    advice[error.code] || again, error.code);
}

/// The objects of a stream of server-sent events.
async function* events(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    buffer += decoder.decode(value || new Uint8Array(), { stream: !done });
    let end;
    while ((end = buffer.indexOf("\n\n")) >= 0) {
      const line = buffer.slice(0, end);
      buffer = buffer.slice(end + 2);
      if (line === "data: [DONE]") return;
      if (!line.startsWith("data: ")) continue;
      const object = JSON.parse(line.slice(6));
      if (object.error) throw failure(object);
      yield object;
    }
    if (done) throw new Failure("The connection ended before the answer did.", "Try again.", "cut_off");
  }
}

// Figures.

function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) { count /= 1024; unit += 1; }
  return (unit === 0 || count >= 100 ? Math.round(count) : count.toFixed(1)) + " " + units[unit];
}

const speed = (tokens, seconds) =>
  seconds > 0 && tokens > 0 ? (tokens / seconds >= 100 ? Math.round(tokens / seconds) : (tokens / seconds).toFixed(1)) + " tok/s" : "–";
