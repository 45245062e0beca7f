// What became of every token in every head, and its pictures.

const UNKNOWN = 0, KEPT = 1, EVICTED = 2;

const map = {
  heads: 1, layers: 1, perLayer: 1, window: null,
  count: 0, cells: new Uint8Array(0), texts: [], earlier: [],
  shown: 0, spans: [], cursor: null, timer: 0, colours: null,

  begin() {
    if (this.count > 0) this.earlier = [{ texts: this.texts, cells: this.cells.slice(0, this.count * this.heads) }, ...this.earlier].slice(0, 8);
    this.count = 0;
    this.texts = [];
    this.cells = new Uint8Array(0);
    this.spans = [];
    this.shown = 0;
    this.cursor = null;
    $("remembered").textContent = "";
  },

  grow(count) {
    if (count * this.heads > this.cells.length) {
      const grown = new Uint8Array(Math.max(count, 2 * this.count, 64) * this.heads);
      grown.set(this.cells);
      this.cells = grown;
    }
    this.count = Math.max(this.count, count);
  },

  take(kv) {
    const bits = Uint8Array.from(atob(kv.evictions), (character) => character.charCodeAt(0));
    const stride = (this.heads + 7) >> 3;
    if (kv.earlier_texts) this.remember(kv.first - kv.earlier_texts.length, kv.earlier_texts);
    this.grow(kv.first + kv.texts.length);
    kv.texts.forEach((text, index) => {
      const token = kv.first + index;
      this.texts[token] = text;
      for (let head = 0; head < this.heads; head += 1) {
        const gone = bits.length > 0 && (bits[index * stride + (head >> 3)] >> (head & 7)) & 1;
        this.cells[token * this.heads + head] = gone ? EVICTED : KEPT;
      }
    });
    this.shown = Math.min(this.shown, kv.first);
    this.draw();
  },

  /// Tokens that the server had computed before: seen here, if this page was told of them then.
  remember(first, texts) {
    this.grow(first + texts.length);
    texts.forEach((text, index) => { this.texts[first + index] = text; });
    const known = this.earlier.find((entry) =>
      entry.texts.length >= this.texts.length && this.texts.every((text, index) => entry.texts[index] === text));
    if (known) this.cells.set(known.cells.subarray(0, this.texts.length * this.heads));
  },

  inWindow(token) { return this.window === null || token >= this.count - 1 - this.window; },

  state(token, head) {
    const cell = this.cells[token * this.heads + head];
    if (cell === EVICTED) return this.inWindow(token) ? "leaving" : "gone";
    return cell === KEPT ? "kept" : "unknown";
  },

  draw() {
    // Pictures of long texts take a while, so they come at most a few times a second.
    if (!this.timer) this.timer = setTimeout(() => { this.timer = 0; this.paint(); this.paintText(); }, this.count * this.heads > 200000 ? 300 : 33);
  },

  readColours() {
    const style = getComputedStyle(document.documentElement);
    this.colours = {};
    for (const name of ["kept", "leaving", "gone", "unknown"]) {
      const hex = style.getPropertyValue("--" + name).trim();
      this.colours[name] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    }
  },

  paint() {
    if (this.count === 0) return;
    if (!this.colours) this.readColours();
    const canvas = $("map"), scroll = $("map-scroll");
    const limit = 16000, first = Math.max(0, this.count - limit), columns = this.count - first;
    const width = Math.max(1, Math.min(12, Math.floor(scroll.clientWidth / columns)));
    const height = Math.max(1, Math.min(14, Math.floor(132 / this.heads)));
    const follows = scroll.scrollLeft + scroll.clientWidth >= scroll.scrollWidth - 8;
    canvas.width = columns;
    canvas.height = this.heads;
    canvas.style.width = (columns * width < scroll.clientWidth && columns * 1.5 > scroll.clientWidth ? scroll.clientWidth : columns * width) + "px";
    canvas.style.height = this.heads * height + "px";
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns, this.heads);
    for (let column = 0; column < columns; column += 1) {
      for (let head = 0; head < this.heads; head += 1) {
        const colour = this.colours[this.state(first + column, head)];
        const at = 4 * (head * columns + column);
        image.data[at] = colour[0];
        image.data[at + 1] = colour[1];
        image.data[at + 2] = colour[2];
        image.data[at + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
    this.firstColumn = first;
    if (follows) scroll.scrollLeft = scroll.scrollWidth;
    canvas.setAttribute("aria-label", this.heads + " heads by " + this.count + " tokens; " + $("ratio").textContent + " " + $("ratio-text").textContent);
    $("legend-unknown").hidden = !this.cells.subarray(0, this.count * this.heads).includes(UNKNOWN);
  },

  /// Every token as strongly as heads remember it.
  paintText() {
    const box = $("remembered");
    const follows = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
    const limit = 6000, first = Math.max(0, this.count - limit);
    const begin = Math.max(first, this.shown - (this.window === null ? 0 : this.window) - 2);
    for (let token = begin; token < this.count; token += 1) {
      let alive = 0, unknown = 0;
      for (let head = 0; head < this.heads; head += 1) {
        const state = this.state(token, head);
        if (state === "kept" || state === "leaving") alive += 1;
        if (state === "unknown") unknown += 1;
      }
      let span = this.spans[token];
      if (!span) {
        span = document.createElement("span");
        span.textContent = this.texts[token];
        this.spans[token] = span;
        box.append(span);
      }
      const share = unknown ? 0 : alive / this.heads;
      span.style.background = "color-mix(in srgb, var(" + (this.inWindow(token) && this.window !== null ? "--leaving" : "--kept") + ") " + Math.round(share * 45) + "%, transparent)";
      span.style.opacity = unknown ? 0.6 : 0.4 + 0.6 * share;
    }
    this.shown = this.count;
    if (follows) box.scrollTop = box.scrollHeight;
  },

  tell(token, head) {
    if (token < 0 || token >= this.count || head < 0 || head >= this.heads) return;
    this.cursor = { token, head };
    const words = {
      kept: this.inWindow(token) ? "kept" : "kept, and still there", leaving: "in the window, gone after it",
      gone: "gone", unknown: "computed before this page looked",
    };
    $("map-cell").textContent = "Token " + token + " “" + this.texts[token] + "”, layer " + Math.floor(head / this.perLayer) +
      ", head " + head % this.perLayer + ": " + words[this.state(token, head)] + ".";
  },
};

$("map").addEventListener("pointermove", (event) => {
  const canvas = $("map"), box = canvas.getBoundingClientRect();
  map.tell((map.firstColumn || 0) + Math.floor((event.clientX - box.left) / box.width * canvas.width),
    Math.floor((event.clientY - box.top) / box.height * canvas.height));
});
$("map").addEventListener("keydown", (event) => {
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!steps || map.count === 0) return;
  event.preventDefault();
  const at = map.cursor || { token: map.count - 1, head: 0 };
  map.tell(at.token + (map.cursor ? steps[0] : 0), at.head + (map.cursor ? steps[1] : 0));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { map.colours = null; map.draw(); });
addEventListener("resize", () => map.draw());
