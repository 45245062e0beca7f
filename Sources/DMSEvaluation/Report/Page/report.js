"use strict";
// The page says everything without this; with it, a token that is pointed at shows which heads store it, in the text and
// on the map. No sign here has a meaning in XML.
(() => {
  const text = document.getElementById("text");
  const info = document.getElementById("info");
  const word = document.getElementById("word");
  const where = document.getElementById("where");
  const heads = document.getElementById("heads");
  const strip = document.getElementById("strip");
  const map = document.getElementById("map");
  const layerCount = Number(text.dataset.layers);
  const headCount = Number(text.dataset.heads);
  const cell = Number(map.dataset.cell);
  const tokens = [...text.querySelectorAll("span")];
  const places = new Map(tokens.map((token, place) => [Number(token.dataset.i), place]));

  // What a browser would show by itself is shown above the text instead.
  const notes = tokens.map((token) => token.title);
  for (const token of tokens) token.removeAttribute("title");

  // Layers across, heads down, as large as there is room for them.
  const side = layerCount > 20 ? 8 : headCount > 8 ? 8 : 14;
  heads.style.gridTemplateColumns = `repeat(${layerCount}, ${side}px)`;
  heads.style.gridAutoRows = `${side}px`;
  heads.title = "layers across, KV heads down";
  const squares = Array.from({ length: headCount }, (_, head) =>
    Array.from({ length: layerCount }, (_, layer) => {
      const square = document.createElement("i");
      square.title = `layer ${layer}, KV head ${head}`;
      heads.append(square);
      return square;
    }));

  const cursor = document.createElementNS(map.namespaceURI, "rect");
  cursor.setAttribute("class", "cursor");
  cursor.setAttribute("y", "20");
  cursor.setAttribute("width", String(cell));
  cursor.setAttribute("height", String(map.viewBox.baseVal.height - 21));
  cursor.setAttribute("visibility", "hidden");
  map.append(cursor);

  const bit = (mask, stream) => (parseInt(mask[Math.floor(stream / 4)], 16) >> stream % 4) % 2;

  let current = -1;
  // What is pointed at does not move: where a choice comes from is what does not scroll.
  function select(place, origin) {
    if (place === current) return;
    tokens[current]?.classList.remove("on");
    current = place;
    const token = tokens[place];
    token.classList.add("on");
    word.textContent = token.textContent;
    where.textContent = notes[place];
    for (const [head, row] of squares.entries()) {
      for (const [layer, square] of row.entries()) {
        const stream = layer * headCount + head;
        const isStored = bit(token.dataset.h, stream) === 1;
        const isLeaving = token.dataset.w ? bit(token.dataset.w, stream) === 1 : false;
        square.className = isLeaving ? "w" : isStored ? "t15" : "t0";
      }
    }
    const index = Number(token.dataset.i);
    const x = index * cell;
    // Longer texts have a map of their beginning only.
    const isOnMap = map.viewBox.baseVal.width > x + cell;
    cursor.setAttribute("visibility", isOnMap ? "visible" : "hidden");
    cursor.setAttribute("x", String(x));
    if (origin !== "map") strip.scrollLeft = x - strip.clientWidth / 2;
    if (origin === "key") token.scrollIntoView({ block: "nearest" });
    if (origin === "map") text.scrollTop = token.offsetTop - text.clientHeight / 2;
  }

  const tokenAt = (event) => tokens.indexOf(event.target.closest("span"));
  for (const kind of ["pointerover", "click"]) {
    text.addEventListener(kind, (event) => {
      const place = tokenAt(event);
      if (place === -1) return;
      select(place, "text");
    });
  }
  text.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    select(Math.max(0, Math.min(tokens.length - 1, current + step)), "key");
  });
  for (const kind of ["pointermove", "click"]) {
    map.addEventListener(kind, (event) => {
      const place = places.get(Math.floor((event.clientX - map.getBoundingClientRect().left) / cell));
      if (place !== undefined) select(place, "map");
    });
  }

  // It stays in sight as long as there are tokens to point at.
  const frame = document.createElement("div");
  const sections = ["words", "tokens"].map((name) => document.getElementById(name));
  sections[0].before(frame);
  frame.append(...sections);
  frame.prepend(info);
  info.hidden = false;
  const first = tokens.findIndex((token) => token.classList.contains("m"));
  select(Math.max(0, first), "text");
})();
