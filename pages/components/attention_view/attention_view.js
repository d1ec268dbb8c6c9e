// Attention as lines between query tokens and key tokens: what people see and do. The numbers and the lines are in
// attention_view_drawing.js, the saved picture in attention_view_saving.js. Text only ever enters the page through
// textContent and fillText.
// "along" runs from token to token, "across" from the queries to the keys; which of them is down depends on the layout.

const TALLEST_STAGE = 640; // as in the style sheet
const SEND_PAUSE = 300; // ms; every choice that is sent runs the page's script
const ANSWER_PAUSE = 12; // ms, a little less than a frame
const SLICE = 400_000; // px of lines drawn between two frames
const TOP = 5;
const MOST_CHIPS = 48;

const views = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  if (!views.has(parentElement)) views.set(parentElement, mount(parentElement));
  const view = views.get(parentElement);
  view.send = (choices) => setStateValue("view", choices);
  receive(view, data);
  return () => {
    clearTimeout(view.timer);
    cancelAnimationFrame(view.frame);
    cancelAnimationFrame(view.drawing);
    view.observer.disconnect();
    document.fonts.removeEventListener("loadingdone", view.onFonts);
    views.delete(parentElement);
  };
}

function mount(parentElement) {
  const find = (name) => parentElement.querySelector(name);
  const view = { find, root: find(".attention"), stage: find(".stage"), map: find(".map"), slider: find("input") };
  view.pens = { resting: find(".resting").getContext("2d"), lit: find(".lit").getContext("2d") };
  view.sides = { query: find(".queries"), key: find(".keys") };
  const onPointer = (event, token) => {
    if (event.pointerType !== "touch") point(view, token);
  };
  Object.assign(view.stage, {
    onpointermove: (event) => onPointer(event, tokenAt(event)),
    onpointerleave: (event) => onPointer(event, null),
    onclick: (event) => onToken(view, event),
    onkeydown: (event) => onKey(view, event),
    onscroll: () => refresh(view, 1),
  });
  view.stage.addEventListener("focusin", (event) => {
    if (event.target.matches(":focus-visible")) point(view, tokenAt(event));
  });
  // Before the heads hear of it. Clears what is pinned or pointed at, and where nothing is, leaves.
  view.root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (clear(view)) event.stopPropagation();
    else leave(event);
  }, true);
  // The words about a token stay while the focus goes on to them.
  for (const part of [view.stage, find(".readout")]) {
    part.addEventListener("focusout", ({ relatedTarget }) => {
      if (!find(".readout").contains(relatedTarget)) point(view, null);
    });
  }
  find(".all").onclick = () => choose(view, { heads: Array.from({ length: view.matrix.heads }, (_, head) => head) });
  find(".none").onclick = () => choose(view, { heads: [] });
  find(".heads").onclick = (event) => onHead(view, event, event.shiftKey);
  find(".heads").ondblclick = (event) => onHead(view, event, true);
  find(".png").onclick = () => savePng(view);
  find(".svg").onclick = () => saveSvg(view);
  view.slider.oninput = () => choose(view, { threshold: Number((view.slider.value ** 3).toPrecision(2)) });
  view.map.onpointerdown = view.map.onpointermove = (event) => event.buttons && onMap(view, event);
  find(".readout").onclick = (event) => onMention(view, event);
  view.observer = new ResizeObserver(() => view.width !== view.root.clientWidth && layOut(view));
  view.observer.observe(view.root);
  view.onFonts = () => layOut(view); // nothing redraws a canvas by itself once the theme's fonts are there
  document.fonts.addEventListener("loadingdone", view.onFonts);
  return view;
}

// ---- What comes from Python, and what goes back

function receive(view, data) {
  const theme = themeOf(view.root);
  const isSame = view.matrix && isEqualBytes(view.blob, data);
  if (isSame && theme.name === view.theme.name) return;
  view.theme = theme;
  if (!isSame) {
    view.blob = data;
    const before = view.matrix;
    view.matrix = unpack(data);
    if (before?.turn !== view.matrix.turn || !areThere(view)) start(view);
    if (before?.tokens !== view.matrix.tokens) {
      fillTokens(view);
      view.pointed = null;
    }
  }
  view.root.style.colorScheme = theme.isDark ? "dark" : "light"; // for the slider and the scroll bars
  view.colors = Array.from({ length: view.matrix.heads }, (_, head) => colorOf(theme, head, view.matrix.signed));
  fillHeads(view);
  layOut(view);
}

// In a new turn what Python asks for counts; else what was chosen here, of which Python may not have heard yet.
function start(view) {
  clearTimeout(view.timer);
  [view.heads, view.pinned, view.threshold] = view.matrix.start;
  view.slider.value = Math.cbrt(view.threshold);
}

const areThere = ({ heads, pinned, matrix }) =>
  heads.every((head) => head < matrix.heads) && pinned.every((place) => place < matrix.count.query);

function choose(view, choices) {
  Object.assign(view, choices);
  tellSoon(view);
  const isPinning = "pinned" in choices;
  refresh(view, isPinning ? 2 : 3);
}

function tellSoon(view) {
  clearTimeout(view.timer);
  view.timer = setTimeout(() => {
    const { matrix, heads, pinned, threshold } = view;
    view.send({ turn: matrix.turn, chosen: [heads, pinned, threshold] });
  }, SEND_PAUSE);
}

// ---- What people do

const tokenAt = (event) => {
  const data = event.target.closest?.(".token")?.dataset;
  return data ? { side: data.side, place: Number(data.index) } : null;
};

function point(view, token) {
  if (token?.side === view.pointed?.side && token?.place === view.pointed?.place) return;
  view.pointed = token;
  const isWaiting = view.frame;
  refresh(view, 2);
  // In time for the next frame; browsers report the pointer once a frame, but nothing obliges them to.
  if (!isWaiting && performance.now() - view.updated > ANSWER_PAUSE) update(view);
}

function onToken(view, event) {
  const token = tokenAt(event);
  if (token?.side === "query") togglePin(view, token.place);
  if (event.pointerType === "touch") point(view, token?.side === "key" ? token : null);
}

function togglePin(view, place) {
  const others = view.pinned.filter((pinned) => pinned !== place);
  choose(view, { pinned: others.length < view.pinned.length ? others : [...others, place] });
}

// Whether there was anything to clear.
function clear(view) {
  const { pinned, pointed } = view;
  if (pinned.length) choose(view, { pinned: [] });
  point(view, null);
  return pinned.length > 0 || Boolean(pointed);
}

function onHead(view, event, isAlone) {
  const button = event.target.closest("button");
  if (!button) return;
  const head = Number(button.dataset.head);
  const others = view.heads.filter((other) => other !== head);
  const toggled = others.length < view.heads.length ? others : [...others, head].sort((one, two) => one - two);
  choose(view, { heads: isAlone ? [head] : toggled });
}

function onKey(view, event) {
  const token = tokenAt(event);
  if (!token || event.altKey || event.metaKey || event.ctrlKey) return;
  const [upDown, leftRight] = [["ArrowUp", "ArrowDown"], ["ArrowLeft", "ArrowRight"]];
  const [[back, on], [toQuery, toKey]] = view.geo.isVertical ? [upDown, leftRight] : [leftRight, upDown];
  const moves = { [back]: -1, [on]: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
  if (event.key in moves) goTo(view, token.side, token.place + moves[event.key]);
  else if (event.key === toQuery || event.key === toKey) goTo(view, event.key === toKey ? "key" : "query", token.place);
  else if ((event.key === "Enter" || event.key === " ") && token.side === "query") togglePin(view, token.place);
  else return;
  event.preventDefault();
  event.stopPropagation(); // the page has short cuts of its own
}

function goTo(view, side, wish) {
  const place = Math.min(Math.max(wish, 0), view.matrix.count[side] - 1);
  const element = view.sides[side].children[place];
  for (const other of view.sides[side].querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
  element.tabIndex = 0;
  element.focus({ preventScroll: true });
  element.scrollIntoView({ block: "nearest", inline: "nearest" });
  point(view, { side, place });
}

// A token named in the words below comes into view.
function onMention(view, event) {
  const data = event.target.closest("button")?.dataset;
  if (!data) return;
  view.stage.scrollTo(scrollTo(view, (Number(data.place) + 0.5) * view.geo.step));
}

function onMap(view, event) {
  const frame = view.map.getBoundingClientRect();
  const { isVertical, length } = view.geo;
  const share = isVertical ? (event.clientY - frame.top) / frame.height : (event.clientX - frame.left) / frame.width;
  view.stage.scrollTo(scrollTo(view, share * length));
  event.preventDefault(); // no text gets selected
}

const scrollTo = ({ stage, geo }, middle) =>
  geo.isVertical ? { top: middle - stage.clientHeight / 2 } : { left: middle - stage.clientWidth / 2 };

// ---- What stands on the page

const make = (tag, className, text) => {
  const element = document.createElement(tag);
  element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

function fillTokens({ matrix, sides }) {
  for (const side of ["query", "key"]) {
    const tokens = matrix[side].map(([label, kind, segment], index) => {
      const token = make("div", `token${kind === "special" ? " special" : ""} segment-${segment}`);
      Object.assign(token.dataset, { side, index });
      token.setAttribute("role", "option");
      if (side === "query") token.setAttribute("aria-selected", "false");
      token.title = `${label}, position ${index}`;
      token.tabIndex = index ? -1 : 0;
      token.append(make("bdi", "text", label), make("span", "number", ""));
      return token;
    });
    sides[side].setAttribute("aria-label", side === "query" ? "Queries: Enter pins one" : "Keys");
    sides[side].replaceChildren(...tokens);
  }
}

// Layers and heads count from 1 in words, from 0 in code (core/models/layer_names.py).
const nameOf = ({ names }, head) => names?.[head] ?? String(head + 1);
const placeOf = (layer, head) => `layer ${layer + 1}, head ${head + 1}`;
const headOf = (matrix, head) => (matrix.names ? nameOf(matrix, head) : `head ${nameOf(matrix, head)}`);

function fillHeads({ find, matrix, colors }) {
  const buttons = colors.map((color, head) => {
    const button = make("button", matrix.names ? "head named" : "head", nameOf(matrix, head));
    button.type = "button";
    button.dataset.head = head;
    button.title = `${headOf(matrix, head)}. Double-click: only this one`;
    button.style.setProperty("--color", color.fill);
    button.style.setProperty("--ink", color.ink);
    return button;
  });
  refill(find(".heads"), ...buttons);
  find(".attention").setAttribute("aria-label", matrix.label);
}

function fillScale({ find, resting, matrix: { limit } }) {
  const samples = (limit === 1 ? [0.01, 0.1, 0.5, 1] : [0.1, 0.5, 1]).map((share) => {
    const sample = make("span", "sample", Number((share * limit).toPrecision(2)));
    const { alpha, width } = styleOf(bucketOf(share, 1));
    const line = make("i", "");
    line.style.cssText = `height: ${Math.min(width, Math.max(1, resting.widest))}px; opacity: ${alpha}`;
    sample.prepend(line);
    return sample;
  });
  find(".scale").replaceChildren(...samples);
}

// ---- Layout

function layOut(view) {
  const { root, stage, matrix, find, map } = view;
  view.width = matrix ? root.clientWidth : 0;
  if (!view.width) return;
  const geo = (view.geo = geometryOf(view, view.width));
  const [width, height] = geo.size;
  root.classList.toggle("vertical", geo.isVertical);
  root.classList.toggle("horizontal", !geo.isVertical);
  root.classList.toggle("turned", geo.isTurned);
  root.classList.toggle("turned-numbers", geo.areNumbersTurned);
  const { step, label, number, cells, letters, digits } = geo;
  const sizes = { step, query: label.query, key: label.key, number, cells, letters, digits };
  for (const [name, size] of Object.entries(sizes)) stage.style.setProperty(`--${name}`, `${size}px`);
  find(".space").style.cssText = `width: ${width}px; height: ${height}px`;
  view.sides.key.style[geo.isVertical ? "left" : "top"] = `${geo.keysAt}px`;
  view.sides.key.style[geo.isVertical ? "top" : "left"] = "0";
  map.hidden = !geo.isLong;
  const ratio = Math.min(devicePixelRatio, LONGEST_CANVAS / geo.length);
  sizeCanvas(view.pens.resting, width, height, ratio);
  view.pane = [stage.clientWidth, stage.clientHeight];
  sizeCanvas(view.pens.lit, ...view.pane, devicePixelRatio);
  refresh(view, 3);
}

function sizeCanvas(pen, width, height, ratio) {
  Object.assign(pen.canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  pen.canvas.style.cssText = `width: ${width}px; height: ${height}px`;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
}

// ---- Showing

// How much is stale: 1 the part in view, 2 also what is pointed at or pinned, 3 also the lines of all tokens.
function refresh(view, depth) {
  view.stale = Math.max(view.stale ?? 0, depth);
  view.frame ||= requestAnimationFrame(() => update(view));
}

function update(view) {
  const { stale } = view;
  cancelAnimationFrame(view.frame);
  view.frame = view.stale = 0;
  if (!view.width) return;
  if (stale > 2) showResting(view);
  if (stale > 1) takeFocus(view);
  showLit(view);
  if (stale > 1) showReadout(view);
  showMap(view, stale > 1);
  view.updated = performance.now();
}

function showResting(view) {
  view.strands = strandsOf(view);
  view.fan = fanOf(view);
  view.resting = strongest(view);
  for (const button of view.find(".heads").children) {
    button.setAttribute("aria-pressed", view.heads.includes(Number(button.dataset.head)));
  }
  fillScale(view);
  showCount(view);
  drawInSlices(view, 0);
}

// The resting picture may hold 20,000 lines; in slices, pointing and scrolling are answered meanwhile.
function drawInSlices(view, from) {
  const { pens, resting, geo, matrix } = view;
  const { order } = resting;
  cancelAnimationFrame(view.drawing);
  if (!from) pens.resting.clearRect(0, 0, ...geo.size);
  let end = from;
  for (let ink = 0; end < order.length && ink < SLICE; end++) {
    const place = order[end] % matrix.area;
    const query = Math.floor(place / matrix.count.key);
    ink += lengthOf(geo, query, place - query * matrix.count.key);
  }
  strokeLines(view, pens.resting, resting, from, end);
  view.root.dataset.drawn = end === order.length;
  if (end < order.length) view.drawing = requestAnimationFrame(() => drawInSlices(view, end));
}

function takeFocus(view) {
  view.focus = focusOf(view);
  view.shares = sharesOf(view, view.focus);
  view.root.classList.toggle("focused", Boolean(view.focus));
}

function showLit(view) {
  const { pens, stage, pane, geo } = view;
  const [left, top] = [stage.scrollLeft, stage.scrollTop];
  const first = Math.floor((geo.isVertical ? top : left) / geo.step);
  view.inView = [first, first + Math.ceil(pane[geo.isVertical ? 1 : 0] / geo.step) + 1];
  const pen = pens.lit;
  pen.clearRect(0, 0, ...pane);
  pen.save();
  pen.translate(-left, -top);
  paintFocus(view, pen);
  paintCells(view, pen, ...view.inView);
  pen.restore();
  showTokens(view, ...view.inView);
}

function showTokens(view, first, last) {
  const { shares, focus, pinned, pointed, sides } = view;
  for (const side of ["query", "key"]) {
    const means = focus && shares.side === side ? shares.means : null;
    for (const element of sides[side].querySelectorAll(".pointed, .pinned")) {
      element.classList.remove("pointed", "pinned");
      if (side === "query") element.setAttribute("aria-selected", "false");
    }
    for (let place = first; place < last; place++) {
      const number = sides[side].children[place]?.lastChild;
      const text = means && place < means.length ? written(view.matrix, means[place]) : "";
      if (number && number.textContent !== text) number.textContent = text;
    }
  }
  for (const place of pinned) {
    sides.query.children[place].classList.add("pinned");
    sides.query.children[place].setAttribute("aria-selected", "true");
  }
  if (pointed) sides[pointed.side].children[pointed.place].classList.add("pointed");
}

function showCount({ find, resting, matrix, threshold, root, pens, heads }) {
  const shown = resting.order.length.toLocaleString("en");
  const isCut = resting.total > resting.order.length;
  find("output").textContent = threshold;
  find("input").setAttribute("aria-valuetext", threshold);
  const all = resting.total.toLocaleString("en");
  find(".count").textContent = isCut ? `strongest ${shown} of ${all} lines` : `${shown} lines`;
  root.dataset.lines = resting.order.length;
  const strongestOnes = strongestLines(matrix, resting.order, TOP).map(
    ({ query, key, head, layer, weight }) => {
      const tokens = `“${matrix.query[query][0]}” to “${matrix.key[key][0]}”`;
      if (matrix.signed) return `${tokens} ${written(matrix, signOf(head) * weight)}`;
      return `${tokens} ${written(matrix, weight)} (${placeOf(layer, head)})`;
    },
  );
  const words = strongestOnes.length ? ` Strongest: ${strongestOnes.join("; ")}.` : "";
  const drawn = heads.map((head) => nameOf(matrix, head)).join(", ") || "none";
  const alt = `${matrix.label}. ${matrix.names ? "Drawn" : "Heads"}: ${drawn}; ${shown} lines.${words}`;
  pens.resting.canvas.setAttribute("aria-label", alt);
}

// ---- In words: what is pointed at or pinned

function showReadout(view) {
  const { find, focus, matrix, shares, strands, pinned } = view;
  const line = find(".readout");
  if (!strands.length || !focus) return refill(line, make("p", "hint", hintOf(view)));
  if (focus.side === "key" && focus.key !== null) {
    const rows = focus.shown.slice(0, 4).map((query) => strandNumbers(view, query, focus.key));
    return refill(line, ...rows);
  }
  const [side, other] = [focus.side, focus.side === "key" ? "query" : "key"];
  const row = make("p", "");
  const names = focus.shown.slice(0, 6).map((place) => mention(matrix, other, place));
  row.append(...names, focus.shown.length > 6 ? "… " : "", side === "key" ? " → " : " ← ");
  for (const place of topOf(shares.means, TOP)) {
    row.append(mention(matrix, side, place), value(matrix, shares.means[place]));
  }
  const heads = matrix.signed ? 1 : strands.length;
  const counts = [[heads, "heads"], [focus.shown.length, "tokens"]].filter(([count]) => count > 1);
  if (counts.length) row.append(make("span", "hint", `mean of ${counts.map((pair) => pair.join(" ")).join(" and ")}`));
  if (pinned.length) row.append(make("span", "hint", "Esc clears the pins"));
  refill(line, row);
}

function hintOf({ matrix: { levels, signed }, strands }) {
  if (!strands.length) return `${signed ? "All lines" : "All heads"} are switched off: choose above.`;
  const hint = "Point at a token on either side; click one of the queries to pin it.";
  const precision = levels ? ` Numbers are good to ±${(0.5 / levels).toFixed(6)}.` : "";
  const cells = signed ? "how much more or less each key gets" : "what each key gets";
  return `${hint} The cells show ${cells} on average.${precision}`;
}

function mention(matrix, side, place) {
  const name = make("button", `name ${side}`);
  name.type = "button";
  name.dataset.place = place;
  name.append(make("bdi", "", matrix[side][place][0]), make("sub", "", place));
  return name;
}

const value = (matrix, weight) => make("span", "value", written(matrix, weight));

function strandNumbers(view, query, key) {
  const { matrix, strands, colors } = view;
  const weights = strands.map(({ start }) => matrix.weights[start + query * matrix.count.key + key]);
  const row = make("p", "");
  row.append(mention(matrix, "query", query), " → ", mention(matrix, "key", key));
  if (matrix.signed) {
    const change = strands.reduce((sum, { head }, slot) => sum + signOf(head) * weights[slot], 0);
    row.append(value(matrix, change));
    return row;
  }
  if (strands.length > 1) {
    const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
    row.append(value(matrix, mean), make("span", "hint", `mean of ${strands.length} heads`));
  }
  for (const [slot, { head, layer }] of strands.slice(0, MOST_CHIPS).entries()) {
    const chip = make("span", "chip");
    const sign = make("b", "", matrix.layers.length > 1 ? `${layer + 1}·${head + 1}` : nameOf(matrix, head));
    sign.style.cssText = `background: ${colors[head].fill}; color: ${colors[head].ink}`;
    Object.assign(chip.dataset, { head, layer });
    chip.append(sign, value(matrix, weights[slot]));
    row.append(chip);
  }
  if (strands.length > MOST_CHIPS) row.append("…");
  return row;
}

// ---- Where in a long text the keys lie: the whole of it as a strip beside the part in view

function showMap({ map, geo, stage, shares, theme, pane, matrix }, isStale) {
  if (map.hidden) return;
  const [size, at] = geo.isVertical ? [pane[1], stage.scrollTop] : [pane[0], stage.scrollLeft];
  const [start, extent] = [`${(at / geo.length) * 100}%`, `${(size / geo.length) * 100}%`];
  const upright = { top: start, height: extent, left: 0, width: "100%" };
  const flat = { left: start, width: extent, top: 0, height: "100%" };
  Object.assign(map.querySelector(".window").style, geo.isVertical ? upright : flat);
  if (!isStale) return;
  const pen = map.querySelector("canvas").getContext("2d");
  const room = geo.isVertical ? [12, size] : [size, 12];
  if (pen.canvas.style.width !== `${room[0]}px` || pen.canvas.style.height !== `${room[1]}px`) {
    sizeCanvas(pen, ...room, devicePixelRatio);
  }
  pen.clearRect(0, 0, ...room);
  pen.fillStyle = theme.accent;
  const tick = Math.max(1.5, (geo.step * size) / geo.length);
  shares.means.forEach((mean, place) => {
    const from = (place * geo.step * size) / geo.length;
    pen.globalAlpha = Math.sqrt(Math.min(1, Math.abs(mean) / matrix.limit));
    if (geo.isVertical) pen.fillRect(0, from, 12, tick);
    else pen.fillRect(from, 0, tick, 12);
  });
  pen.globalAlpha = 1;
}
