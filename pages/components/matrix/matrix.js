// Draws a matrix as a grid of written, coloured cells. The canvas stays in place while its box scrolls, and shows only
// what is in view. Text only ever enters the page through textContent and fillText.
// Pairs are [down, across] throughout, as a cell is [row, column].

const CELL_HEIGHT = 24;
const WIDEST_CELL = 72;
const TALLEST_GRID = 420; // as in the style sheet
const TALLEST_OVERVIEW = 170;
const SCROLL_BAR = 16;
const FEW_COLUMNS = 16;
const KEYBOARD_PAUSE = 150; // ms; a held arrow key must not start a run at every step
const AXES = [0, 1];

const views = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  if (!views.has(parentElement)) views.set(parentElement, mount(parentElement));
  const view = views.get(parentElement);
  view.send = (cell) => setStateValue("cell", cell);
  receive(view, data);
  return () => {
    clearTimeout(view.timer);
    cancelAnimationFrame(view.frame);
    view.observer.disconnect();
    document.fonts.removeEventListener("loadingdone", view.onFonts);
    views.delete(parentElement);
  };
}

function mount(parentElement) {
  const find = (name) => parentElement.querySelector(name);
  const [root, grid, canvas, overview] = [".matrix", ".grid", ".cells", ".overview"].map(find);
  const view = { find, root, grid, canvas, overview, pen: canvas.getContext("2d") };
  view.grid.onscroll = () => {
    if (view.width) view.place = scrolled(view);
    drawSoon(view);
  };
  view.grid.onkeydown = (event) => onKey(view, event);
  view.canvas.onclick = (event) => choose(view, cellAt(view, event) ?? view.focus, 0);
  view.canvas.onpointermove = (event) => point(view, event.pointerType === "mouse" ? cellAt(view, event) : null);
  view.canvas.onpointerleave = () => point(view, null);
  view.overview.onpointerdown = (event) => onOverview(view, event);
  view.overview.onpointermove = (event) => event.buttons && onOverview(view, event);
  find(".save").onclick = () => savePicture(view);
  view.observer = new ResizeObserver(() => view.width !== view.root.clientWidth && layOut(view));
  view.observer.observe(view.root);
  // The first drawing asks for the theme's fonts, and nothing redraws a canvas by itself once they are there.
  view.onFonts = () => layOut(view);
  document.fonts.addEventListener("loadingdone", view.onFonts);
  return view;
}

// ---- What comes from Python

function receive(view, data) {
  const matrix = unpack(data);
  const theme = themeOf(view);
  const isSame = view.matrix && isSameMatrix(view.matrix, matrix);
  const looksSame = isSame && theme.name === view.theme.name;
  // While a choice made here is on its way, Python may still answer to the one before.
  const isEarlier = isSame && view.awaited && !isEqual(view.awaited, matrix.cell);
  if (!isEarlier) view.awaited = null;
  const focus = isEarlier ? view.focus : matrix.cell;
  const isMoved = !isSame || !isEqual(focus, view.focus);
  if (looksSame && !isMoved) return;
  Object.assign(view, { matrix, theme, focus });
  if (!isSame) {
    clearTimeout(view.timer); // a choice on its way was one in the matrix before
    view.place = null;
  }
  showFocus(view);
  if (!looksSame) {
    view.shades = shadesOf(matrix.signed ? theme.diverging : theme.sequential);
    point(view, null);
    fillLegend(view);
    layOut(view);
  }
  if (isMoved) reveal(view, true);
  drawSoon(view);
}

function unpack(data) {
  const { header, bytes, start } = openBlob(data);
  const { cell, ...rest } = header;
  const count = [rest.rows.length, rest.columns.length];
  return { ...rest, cell, count, name: JSON.stringify(rest), values: new Float32Array(bytes.buffer, start) };
}

function isSameMatrix(one, other) {
  if (one.name !== other.name) return false;
  const [left, right] = [one, other].map(({ values }) => new Uint32Array(values.buffer, values.byteOffset));
  return left.every((bits, place) => bits === right[place]);
}

const isEqual = (one, other) => one?.[0] === other?.[0] && one?.[1] === other?.[1];

// ---- Colours

function themeOf(view) {
  const style = getComputedStyle(view.root);
  const read = (name) => style.getPropertyValue(`--st-${name}`).trim();
  const theme = {
    accent: read("primary-color"),
    background: read("background-color"),
    head: read("secondary-background-color"),
    text: read("text-color"),
    border: read("border-color"),
    font: read("font"),
    codeFont: read("code-font"),
    diverging: read("chart-diverging-colors"),
    sequential: read("chart-sequential-colors"),
  };
  return { ...theme, onAccent: shadesOf(theme.accent).inks[0], name: JSON.stringify(theme) };
}

// The shades of a palette, and for each the ink that can be read on it.
function shadesOf(palette) {
  const pixels = pixelsOf(palette);
  const channels = Array.from(pixels, (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255]);
  return { pixels, fills: channels.map((rgb) => `rgb(${rgb})`), inks: channels.map(inkOn) };
}

function inkOn(rgb) {
  const [red, green, blue] = rgb.map((channel) => (channel / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.2 ? "#10181d" : "#ffffff";
}

function shadeAt({ signed, limit }, value) {
  const place = signed ? (value / limit + 1) / 2 : value / limit;
  return Math.round(Math.min(1, Math.max(0, place)) * (SHADES - 1));
}

// ---- Numbers and words

// Two or three digits that mean something, seven characters at most. Of shares, the smallest tell nothing.
function short(value, signed) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 1e-3 && !signed) return "<.001";
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : size >= 0.01 ? 3 : 4;
  const text = size >= 1e4 || size < 1e-3 ? value.toExponential(1).replace("+", "") : value.toFixed(digits);
  return text.replace("-", "−").replace("Infinity", "∞");
}

function written({ matrix, isCoarse }, value) {
  return value < matrix.masked ? "−∞" : isCoarse ? coarse(value) : short(value, matrix.signed);
}

// At most two decimals, five characters.
function coarse(value) {
  const size = Math.abs(value);
  const text = value.toFixed(size >= 99.5 ? 0 : size >= 9.95 ? 1 : 2);
  return (Number(text) === 0 ? "0" : text).replace("-", "−");
}

const valueAt = ({ values, count }, [row, column]) => values[row * count[1] + column];

function describe({ matrix }, element, cell) {
  const value = valueAt(matrix, cell);
  const number = document.createElement("span");
  number.className = "value";
  number.textContent = value < matrix.masked ? "−∞ (masked)" : String(Number(value.toPrecision(8)));
  const names = [matrix.rows[cell[0]], matrix.columns[cell[1]]].map((label) => {
    const name = document.createElement("bdi"); // written from right to left, it must not turn the words around it
    name.textContent = label;
    return name;
  });
  element.replaceChildren(`${matrix.axes[0]} `, names[0], ` → ${matrix.axes[1]} `, names[1], ": ", number);
}

function showFocus(view) {
  const line = view.find(".focus");
  describe(view, line, view.focus);
  view.grid.setAttribute("aria-label", `${view.matrix.label}. ${line.textContent}`);
}

function fillLegend({ root, find, matrix: { signed, limit, axes, count } }) {
  root.classList.toggle("signed", signed);
  root.classList.toggle("share", !signed);
  find(".axes").textContent = `↓ ${axes[0]}  → ${axes[1]}  ·  ${count.join(" × ")}`;
  find(".low").textContent = signed ? `≤ ${short(-limit, signed)}` : "0";
  find(".high").textContent = signed ? `≥ ${short(limit, signed)}` : short(limit, signed);
}

// ---- Layout

function layOut(view) {
  const { root, grid, canvas, matrix, theme, pen } = view;
  view.width = matrix ? root.clientWidth : 0;
  if (!view.width) return;
  view.fonts = { label: `13px ${theme.font}`, strong: `600 13px ${theme.font}`, number: `12px ${theme.codeFont}` };
  const measure = (font, text) => ((pen.font = font), Math.ceil(pen.measureText(text).width));
  const widest = (labels) => Math.max(...labels.map((text) => measure(view.fonts.strong, text)));

  const left = Math.min(Math.max(widest(matrix.rows) + 20, 40), 150, Math.round(view.width * 0.3));
  const isTall = CELL_HEIGHT * (matrix.count[0] + 1) + 2 > TALLEST_GRID;
  const share = Math.floor((view.width - 2 - left - (isTall ? SCROLL_BAR : 0)) / matrix.count[1]);
  // A matrix of few columns is shown whole if two decimals make that possible: the teaching model's all are.
  const [fine, coarse] = ["−0.0012", "−0.12"].map((text) => measure(view.fonts.number, text) + 8);
  view.isCoarse = share < fine && share >= coarse && matrix.count[1] <= FEW_COLUMNS;
  const narrowest = view.isCoarse ? coarse : fine;
  const isWide = share < narrowest;
  const cellWidth = Math.min(WIDEST_CELL, isWide ? Math.max(narrowest, widest(matrix.columns) + 12) : share);
  view.head = [CELL_HEIGHT, left];
  view.step = [CELL_HEIGHT, cellWidth];
  view.whole = AXES.map((axis) => matrix.count[axis] * view.step[axis]);
  // For tests, which click cells.
  Object.assign(grid.dataset, { left, top: CELL_HEIGHT, cellWidth, cellHeight: CELL_HEIGHT });

  canvas.style.width = canvas.style.height = "0"; // else its old size may itself call for scroll bars
  const space = view.find(".space").style;
  [space.height, space.width] = AXES.map((axis) => `${view.head[axis] + view.whole[axis]}px`);
  const size = [grid.clientHeight, grid.clientWidth];
  view.shown = AXES.map((axis) => size[axis] - view.head[axis]);
  [canvas.height, canvas.width] = size.map((length) => Math.round(length * devicePixelRatio));
  [canvas.style.height, canvas.style.width] = size.map((length) => `${length}px`);
  layOutOverview(view, isTall || isWide);
  // Whatever hides the grid, as Streamlit may for a moment, also scrolls it back.
  if (view.place) grid.scrollTo({ top: view.place[0], left: view.place[1] });
  else reveal(view, true);
  draw(view);
}

// ---- The overview: the whole matrix as a picture, a pixel a cell or, where they do not fit, a pixel for a few.

function layOutOverview({ overview, matrix, width, theme, shades }, isNeeded) {
  overview.hidden = !isNeeded;
  if (!isNeeded) return;
  const { count } = matrix;
  const cellHeight = Math.min(10, TALLEST_OVERVIEW / count[0]);
  const size = [cellHeight * count[0], Math.min(width, Math.max(count[1] * Math.max(1, 2 * cellHeight), 120))];
  [overview.style.height, overview.style.width] = size.map((length) => `${Math.round(length)}px`);
  const pixels = AXES.map((axis) => Math.min(count[axis], Math.floor(size[axis] * devicePixelRatio)));
  const blank = shadesOf(theme.border).pixels[0];
  const picture = new ImageData(pixels[1], pixels[0]);
  const paint = new Uint32Array(picture.data.buffer);
  thinned(matrix, pixels).forEach((value, pixel) => {
    paint[pixel] = Number.isNaN(value) ? blank : shades.pixels[shadeAt(matrix, value)];
  });
  const canvas = overview.querySelector("canvas");
  [canvas.height, canvas.width] = pixels;
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

// Of cells that share a pixel the strongest stays, so that no outlier gets lost; NaN where all are masked.
function thinned({ values, count, masked }, [down, across]) {
  const strongest = new Float32Array(down * across).fill(NaN);
  for (let row = 0, at = 0; row < count[0]; row++) {
    const start = Math.floor((row * down) / count[0]) * across;
    for (let column = 0; column < count[1]; column++, at++) {
      const pixel = start + Math.floor((column * across) / count[1]);
      // Not "greater": nothing is greater than NaN.
      if (values[at] >= masked && !(Math.abs(values[at]) <= Math.abs(strongest[pixel]))) strongest[pixel] = values[at];
    }
  }
  return strongest;
}

function showWindow({ overview, find, grid, whole, shown }) {
  if (overview.hidden) return;
  const shares = [grid.scrollTop / whole[0], grid.scrollLeft / whole[1], shown[0] / whole[0], shown[1] / whole[1]];
  const style = find(".window").style;
  [style.top, style.left, style.height, style.width] = shares.map((share) => `${Math.min(share, 1) * 100}%`);
}

function onOverview({ overview, grid, whole, shown }, event) {
  const frame = overview.getBoundingClientRect();
  const place = [(event.clientY - frame.top) / frame.height, (event.clientX - frame.left) / frame.width];
  const [top, left] = AXES.map((axis) => place[axis] * whole[axis] - shown[axis] / 2);
  grid.scrollTo({ top, left });
  event.preventDefault(); // no text gets selected
}

// ---- Drawing

const scrolled = ({ grid }) => [grid.scrollTop, grid.scrollLeft];

// Where a cell begins on the canvas, [y, x].
const corner = (view, cell) => AXES.map((a) => view.head[a] + cell[a] * view.step[a] - scrolled(view)[a]);

function drawSoon(view) {
  view.frame ||= requestAnimationFrame(() => draw(view));
}

function draw(view) {
  cancelAnimationFrame(view.frame);
  view.frame = 0;
  if (!view.width) return;
  const { pen, theme, step, shown, matrix } = view;
  pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  fill(view, theme.background, 0, 0, view.canvas.width, view.canvas.height);
  pen.textBaseline = "middle";
  pen.textAlign = "center";
  pen.font = view.fonts.number;
  const [rows, columns] = AXES.map((axis) => {
    const [start, end] = [scrolled(view)[axis], scrolled(view)[axis] + shown[axis]];
    const first = Math.floor(start / step[axis]);
    const last = Math.min(matrix.count[axis], Math.ceil(end / step[axis]));
    return Array.from({ length: last - first }, (_, place) => first + place);
  });
  for (const row of rows) for (const column of columns) drawCell(view, [row, column]);
  if (view.pointed) outline(view, view.pointed, theme.text, 1);
  outline(view, view.focus, theme.accent, 5);
  outline(view, view.focus, theme.onAccent, 1.5); // stands out where the cell is as dark as the accent
  drawHeads(view, rows, columns);
  showWindow(view);
}

function fill({ pen }, color, x, y, width, height) {
  pen.fillStyle = color;
  pen.fillRect(x, y, width, height);
}

function drawCell(view, cell) {
  const { pen, theme, matrix, shades } = view;
  const [height, width] = view.step;
  const [y, x] = corner(view, cell);
  const value = valueAt(matrix, cell);
  const shade = shadeAt(matrix, value);
  const isColored = value >= matrix.masked; // neither masked nor NaN
  fill(view, isColored ? shades.fills[shade] : theme.border, x, y, width - 1, height - 1);
  pen.fillStyle = isColored ? shades.inks[shade] : theme.text;
  pen.fillText(written(view, value), x + width / 2, y + height / 2);
}

function outline(view, cell, color, thickness) {
  const [y, x] = corner(view, cell);
  view.pen.strokeStyle = color;
  view.pen.lineWidth = thickness;
  view.pen.strokeRect(x + 0.5, y + 0.5, view.step[1] - 2, view.step[0] - 2);
}

// Row and column labels, and the corner, over whatever slid below them.
function drawHeads(view, rows, columns) {
  const { theme, matrix, step } = view;
  const [top, left] = view.head;
  const [down, across] = AXES.map((axis) => top * (1 - axis) + left * axis + view.shown[axis]);
  fill(view, theme.head, 0, 0, across, top);
  for (const column of columns) {
    const x = corner(view, [0, column])[1];
    drawHead(view, 1, column, matrix.columns[column], x, 0, step[1], x + step[1] / 2, step[1] - 6);
  }
  fill(view, theme.head, 0, top, left, down);
  view.pen.textAlign = "right";
  for (const row of rows) {
    const y = corner(view, [row, 0])[0];
    drawHead(view, 0, row, matrix.rows[row], 0, y, left, left - 7, left - 18);
    const mark = row === view.focus[0] ? theme.onAccent : theme.accent;
    if (row === matrix.marked) fill(view, mark, 3, y + 4, 4, step[0] - 9);
  }
  fill(view, theme.head, 0, 0, left, top);
  fill(view, theme.border, left - 1, 0, 1, down);
  fill(view, theme.border, 0, top - 1, across, 1);
}

function drawHead(view, axis, place, text, x, y, width, anchor, room) {
  const { pen, theme, fonts } = view;
  const isFocused = view.focus[axis] === place;
  const isPointed = view.pointed?.[axis] === place;
  if (isFocused || isPointed) fill(view, isFocused ? theme.accent : theme.border, x, y, width - 1, CELL_HEIGHT - 1);
  pen.font = isFocused ? fonts.strong : fonts.label;
  pen.fillStyle = isFocused ? theme.onAccent : theme.text;
  pen.fillText(cut(pen, text, room), anchor, y + CELL_HEIGHT / 2);
}

// The label as far as it fits; by code points, so that no sign is torn apart.
function cut(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  const signs = [...text].slice(0, 40);
  while (signs.length > 1 && pen.measureText(`${signs.join("")}…`).width > room) signs.pop();
  return `${signs.join("")}…`;
}

// ---- What people do

function cellAt(view, event) {
  const frame = view.canvas.getBoundingClientRect();
  const place = [event.clientY - frame.top - view.head[0], event.clientX - frame.left - view.head[1]];
  const cell = AXES.map((axis) => Math.floor((place[axis] + scrolled(view)[axis]) / view.step[axis]));
  return AXES.every((axis) => place[axis] >= 0 && cell[axis] < view.matrix.count[axis]) ? cell : null;
}

function point(view, cell) {
  if (isEqual(cell, view.pointed)) return;
  view.pointed = cell;
  if (cell) describe(view, view.find(".pointed"), cell);
  else view.find(".pointed").replaceChildren();
  drawSoon(view);
}

// The outline moves at once; Python hears of it after the pause.
function choose(view, cell, pause) {
  if (isEqual(cell, view.focus) && !view.awaited) return;
  view.focus = view.awaited = cell;
  clearTimeout(view.timer);
  view.timer = setTimeout(() => view.send(cell), pause);
  showFocus(view);
  reveal(view, false);
  drawSoon(view);
}

function onKey(view, event) {
  const page = Math.max(1, Math.floor(view.shown[0] / view.step[0]) - 1);
  const toEdge = event.ctrlKey ? Infinity : 0;
  if (event.key === "Escape") return leave(event);
  const moves = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
    PageUp: [-page, 0],
    PageDown: [page, 0],
    Home: [-toEdge, -Infinity],
    End: [toEdge, Infinity],
    Enter: [0, 0],
    " ": [0, 0],
  };
  const move = moves[event.key];
  if (!move || event.altKey || event.metaKey) return;
  event.preventDefault();
  const cell = AXES.map((a) => Math.min(Math.max(view.focus[a] + move[a], 0), view.matrix.count[a] - 1));
  choose(view, cell, isEqual(move, [0, 0]) ? 0 : KEYBOARD_PAUSE);
}

// Scrolls to the cell in focus unless it is in view: to the middle, or as little as possible.
function reveal(view, toMiddle) {
  if (!view.width) return;
  const { focus, step, shown } = view;
  const targets = AXES.map((axis) => {
    const [least, most] = [(focus[axis] + 1) * step[axis] - shown[axis], focus[axis] * step[axis]];
    const now = scrolled(view)[axis];
    return now >= least && now <= most ? now : toMiddle ? (least + most) / 2 : now < least ? least : most;
  });
  if (!isEqual(targets, scrolled(view))) view.grid.scrollTo({ top: targets[0], left: targets[1] });
}
