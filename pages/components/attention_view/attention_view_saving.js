
// ---- The picture as it is, saved as PNG and as SVG

const TITLE_ROOM = 64;
const SAVED_SCALE = 3;
const SAVED_PIXELS = 60e6;
// Chinese, Japanese and Korean.
const UPRIGHT = /[\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff\uff00-\uff60\u{20000}-\u{3ffff}]/u;
// Control characters and halves of a pair may stand in no XML file.
const NOT_IN_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/gu;

function paintPicture(onScreen, pen) {
  const { geo, theme, resting, focus, matrix } = onScreen;
  const most = Math.max(matrix.count.query, matrix.count.key);
  const view = { ...onScreen, inView: [0, most] }; // a saved picture shows the whole text
  pen.fillStyle = theme.background;
  pen.fillRect(0, 0, ...savedSize(geo));
  paintTitle(view, pen);
  pen.save();
  pen.translate(16, TITLE_ROOM);
  strokeAll(view, pen, resting, focus ? resting.fade * 0.05 : resting.fade);
  paintFocus(view, pen);
  paintCells(view, pen, 0, most);
  for (const side of ["query", "key"]) matrix[side].forEach((_, place) => paintToken(view, pen, side, place));
  pen.restore();
}

const savedSize = ({ size }) => [Math.max(size[0], 320) + 32, size[1] + TITLE_ROOM + 16];

function paintTitle({ matrix, theme, geo, heads, colors, threshold }, pen) {
  const room = savedSize(geo)[0] - 32;
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  pen.fillStyle = theme.text;
  pen.font = `600 15px ${theme.font}`;
  pen.fillText(cut(pen, matrix.label, room), 16, 20);
  pen.font = `12px ${theme.font}`;
  let x = 16;
  const write = (text) => {
    pen.fillStyle = theme.text;
    pen.fillText(text, x, 44);
    x += pen.measureText(text).width * 1.1 + 8; // another program may lack the font
  };
  write(matrix.names ? "Attention:" : heads.length ? "Heads" : "No head");
  for (const head of heads) {
    if (x > room - 150) break;
    const name = nameOf(matrix, head);
    const width = Math.max(18, pen.measureText(name).width * 1.1 + 8);
    pen.fillStyle = colors[head].fill;
    pen.fillRect(x, 36, width, 16);
    pen.fillStyle = colors[head].ink;
    pen.textAlign = "center";
    pen.fillText(name, x + width / 2, 44.5);
    pen.textAlign = "left";
    x += width + 3;
  }
  x += 8;
  write(`lines from ${threshold} up`);
}

function paintToken(view, pen, side, place) {
  const { matrix, geo, theme, pinned, focus, shares } = view;
  const [label, kind, segment] = matrix[side][place];
  const isPinned = side === "query" && pinned.includes(place);
  const along = (place + 0.5) * geo.step;
  pen.font = `${isPinned ? "600 " : ""}${geo.font}`;
  pen.fillStyle = isPinned ? theme.accent : theme.text;
  pen.globalAlpha = kind === "special" && !isPinned ? 0.75 : 1;
  const room = geo.label[side] - 10;
  const isCentered = !geo.isVertical && !geo.isTurned;
  const across = side === "query" ? geo.label.query - 7 : geo.keysAt + 7;
  pen.textAlign = isCentered ? "center" : side === "query" ? "right" : "left";
  const text = cut(pen, label, isCentered ? geo.step - 2 : room);
  put(pen, geo, text, along, isCentered ? across + (side === "query" ? -6 : 6) : across, geo.isTurned);
  pen.globalAlpha = 1;
  if (segment === 0 || segment === 1) {
    pen.fillStyle = theme.sides[segment];
    const edge = side === "query" ? geo.label.query - 3 : geo.keysAt;
    if (geo.isVertical) pen.fillRect(edge, along - geo.step / 2 + 2, 2.5, geo.step - 4);
    else pen.fillRect(along - geo.step / 2 + 2, edge, geo.step - 4, 2.5);
  }
  if (!focus || shares.side !== side) return;
  pen.font = `${geo.digits}px ${theme.codeFont}`;
  pen.fillStyle = theme.text;
  const at = side === "key" ? geo.keysAt + geo.label.key + 4 : geo.from + geo.cells + 4;
  const isUpright = !geo.isVertical && !geo.areNumbersTurned;
  pen.textAlign = isUpright ? "center" : "left";
  put(pen, geo, written(matrix, shares.means[place]), along, isUpright ? at + 8 : at, geo.areNumbersTurned);
}

// Text at a place along and across. Turned, it runs downwards; signs of Chinese, Japanese and Korean stay upright.
function put(pen, { isVertical }, text, along, across, isTurned) {
  if (isVertical) return pen.fillText(text, across, along);
  if (!isTurned) return pen.fillText(text, along, across);
  pen.save();
  pen.translate(along, across);
  pen.rotate(Math.PI / 2);
  if (!UPRIGHT.test(text)) pen.fillText(text, 0, 0);
  else {
    const signs = [...text];
    const widths = signs.map((sign) => pen.measureText(sign).width);
    let at = pen.textAlign === "right" ? -widths.reduce((sum, width) => sum + width, 0) : 0;
    pen.textAlign = "center";
    for (const [place, sign] of signs.entries()) {
      pen.save();
      pen.translate(at + widths[place] / 2, 0);
      if (widths[place] > pen.measureText("0").width * 1.3) pen.rotate(-Math.PI / 2);
      pen.fillText(sign, 0, 0);
      pen.restore();
      at += widths[place];
    }
  }
  pen.restore();
}

// The label as far as it fits; by code points, so that no sign is torn apart.
function cut(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  const signs = [...text].slice(0, 200);
  while (signs.length > 1 && pen.measureText(`${signs.join("")}…`).width > room) signs.pop();
  return `${signs.join("")}…`;
}

function savePng(view) {
  const [width, height] = savedSize(view.geo);
  const most = Math.min(LONGEST_CANVAS / Math.max(width, height), Math.sqrt(SAVED_PIXELS / (width * height)));
  const scale = Math.min(SAVED_SCALE, most);
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  paintPicture(view, pen);
  canvas.toBlob((blob) => hand(blob, `${view.matrix.file}.png`), "image/png");
}

function saveSvg(view) {
  const description = view.pens.resting.canvas.getAttribute("aria-label");
  const pen = new SvgPen(...savedSize(view.geo), view.matrix.label, description);
  paintPicture(view, pen);
  hand(new Blob([pen.text()], { type: "image/svg+xml" }), `${view.matrix.file}.svg`);
}

function hand(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// What a canvas's pen draws, as SVG: only the calls that are made above. Text is put in as text.
class SvgPen {
  constructor(width, height, title, description) {
    this.ruler = new OffscreenCanvas(1, 1).getContext("2d");
    this.saved = [];
    Object.assign(this, { globalAlpha: 1, lineWidth: 1, textAlign: "left", font: "12px sans-serif", moves: "" });
    this.root = this.element("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
    for (const [tag, words] of [["title", title], ["desc", description]]) {
      this.root.append(this.element(tag, {}, words));
    }
  }

  element(tag, attributes, words) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (words) element.textContent = words.replace(NOT_IN_XML, "\ufffd");
    return element;
  }

  add(tag, attributes, words) {
    const moves = this.moves ? { transform: this.moves } : {};
    this.root.append(this.element(tag, { ...attributes, ...moves }, words));
  }

  save() { this.saved.push([this.moves, this.textAlign]); }
  restore() { [this.moves, this.textAlign] = this.saved.pop(); }
  translate(x, y) { this.moves += `translate(${short(x)} ${short(y)})`; }
  rotate(angle) { this.moves += `rotate(${short((angle * 180) / Math.PI)})`; }

  beginPath() { this.path = []; }
  moveTo(x, y) { this.path.push(`M${short(x)} ${short(y)}`); }
  bezierCurveTo(...places) { this.path.push(`C${places.map(short).join(" ")}`); }

  stroke() {
    const look = { stroke: this.strokeStyle, "stroke-width": short(this.lineWidth), fill: "none" };
    this.add("path", { d: this.path.join(""), ...look, "stroke-opacity": short(this.globalAlpha) });
  }

  fillRect(x, y, width, height) {
    if (this.globalAlpha < 0.005) return;
    const look = { fill: this.fillStyle, "fill-opacity": short(this.globalAlpha) };
    this.add("rect", { x: short(x), y: short(y), width: short(width), height: short(height), ...look });
  }

  fillText(text, x, y) {
    const anchor = { left: "start", center: "middle", right: "end" }[this.textAlign];
    const look = { fill: this.fillStyle, "fill-opacity": short(this.globalAlpha), "dominant-baseline": "central" };
    const style = `font: ${this.font}; white-space: pre`;
    this.add("text", { x: short(x), y: short(y), "text-anchor": anchor, ...look, style }, text);
  }

  measureText(text) {
    this.ruler.font = this.font;
    return this.ruler.measureText(text);
  }

  text() { return new XMLSerializer().serializeToString(this.root); }
}

const short = (number) => Math.round(number * 100) / 100;
