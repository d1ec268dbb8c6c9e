
// ---- The weights, and the lines drawn of them

const MOST_LINES = 20_000;
const FAINTEST = 0.0005; // a weaker line could not be seen
const LEAST_OUTSIDE = 1 / 256; // likewise where a line leaves the view
const BUCKETS = 16; // lines in a bucket have the same strength, and are stroked together
const RUN = 16; // thin lines in one stroke; wide ones are drawn faster one by one
const LEVELS = 65_536; // bins of the search for the strongest
const LINES_ROOM = [60, 740]; // px across
const UPRIGHT_ROOM = 30; // px; signs this narrow stand upright in a row of any length
const LONGEST_CANVAS = 16_000; // px; browsers refuse larger ones
const MOST_INK = 8e6; // px of lines in the resting picture: more can neither be told apart nor drawn in time
const MOST_WIDE_INK = 6e5; // px of lines wider than a pixel, which take several times as long

function unpack(data) {
  const { header, bytes, start } = openBlob(data);
  const { queries, keys } = header;
  const count = { query: queries.length, key: keys.length };
  const area = queries.length * keys.length;
  const weights = weightsOf(header.levels, bytes, start, header.layers.length * header.heads * area);
  const tokens = JSON.stringify([queries, keys]);
  return { ...header, query: queries, key: keys, count, area, weights, tokens, received: receivedOf(weights, count) };
}

// See pack() in attention_view.py.
function weightsOf(levels, bytes, start, length) {
  if (!levels) return new Float32Array(bytes.buffer, start, length);
  const large = new Uint16Array(bytes.buffer, start + length + (length % 2));
  const weights = new Float32Array(length);
  for (let at = 0, next = 0; at < length; at++) {
    const steps = bytes[start + at];
    weights[at] = (steps === 255 ? large[next++] : steps) / levels;
  }
  return weights;
}

// How much each key gets, on average over the queries: an array for each head of each layer.
function receivedOf(weights, { query, key }) {
  return Array.from({ length: weights.length / (query * key) || 0 }, (_, strand) => {
    const sums = new Float32Array(key);
    for (let at = strand * query * key, row = 0; row < query; row++) {
      for (let column = 0; column < key; column++, at++) sums[column] += weights[at];
    }
    return sums.map((sum) => sum / query);
  });
}

function isEqualBytes(one, other) {
  if (one === other) return true;
  if (one?.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

// ---- Choosing lines. A strand is one head of one layer; a line is the place of its weight.

function strandsOf({ matrix, heads }) {
  return matrix.layers.flatMap((layer, place) =>
    heads.map((head) => {
      const number = place * matrix.heads + head;
      return { layer, head, number, start: number * matrix.area };
    }),
  );
}

// Lines of several heads between the same tokens lie side by side.
function fanOf({ matrix, strands, geo }) {
  const apart = Math.min(3.2, (geo.step * 0.72) / Math.max(strands.length, 1));
  const fan = new Float32Array(matrix.layers.length * matrix.heads);
  for (const [slot, { number }] of strands.entries()) fan[number] = (slot - (strands.length - 1) / 2) * apart;
  return fan;
}

// The strongest lines of all tokens, as many as can be drawn.
function strongest(view) {
  const { matrix, strands, threshold, geo } = view;
  const { weights, area, count } = matrix;
  const least = Math.max(threshold, FAINTEST);
  const histogram = new Uint32Array(LEVELS + 1);
  const ink = new Float64Array(LEVELS + 1);
  let total = 0;
  for (const { start } of strands) {
    for (let query = 0, at = start; query < count.query; query++) {
      for (let key = 0; key < count.key; key++, at++) {
        if (weights[at] < least) continue;
        const level = (weights[at] * LEVELS) | 0;
        histogram[level]++;
        ink[level] += lengthOf(geo, query, key);
        total++;
      }
    }
  }
  let cut = LEVELS;
  let most = 0;
  for (let inkLeft = MOST_INK; cut >= 0 && most < MOST_LINES && inkLeft > 0; cut--) {
    most += histogram[cut];
    inkLeft -= ink[cut];
  }
  const found = new Uint32Array(Math.min(most, MOST_LINES));
  let next = 0;
  for (const { start } of strands) {
    for (let at = start; at < start + area && next < found.length; at++) {
      if (weights[at] >= least && ((weights[at] * LEVELS) | 0) > cut) found[next++] = at;
    }
  }
  return { ...picked(view, found), total, fade: Math.min(1, (400 / found.length) ** 0.25) };
}

const lengthOf = (geo, query, key) => geo.lines + Math.abs(query - key) * geo.step;

// Lines in the order of drawing, and how wide the widest may be.
function picked({ matrix, geo }, lines) {
  let wideInk = 0;
  for (const line of lines) {
    const place = line % matrix.area;
    const query = Math.floor(place / matrix.count.key);
    const isWide = styleOf(bucketOf(matrix.weights[line], matrix.limit)).width > 1;
    if (isWide) wideInk += Math.min(lengthOf(geo, query, place - query * matrix.count.key), 2000);
  }
  const widest = wideInk > MOST_WIDE_INK ? 1 / devicePixelRatio : Infinity;
  return { order: ordered(matrix, lines), fade: 1, widest };
}

// The lines from the weakest bucket to the strongest, so that the strongest come to lie on top.
function ordered({ weights, area, limit }, lines) {
  const strands = Math.max(1, weights.length / area || 1);
  const group = (line) => bucketOf(weights[line], limit) * strands + Math.floor(line / area);
  const starts = new Uint32Array(BUCKETS * strands + 1);
  for (const line of lines) starts[group(line) + 1]++;
  for (let at = 1; at < starts.length; at++) starts[at] += starts[at - 1];
  const order = new Uint32Array(lines.length);
  for (const line of lines) order[starts[group(line)]++] = line;
  return order;
}

function strongestLines({ weights, area, count, heads, layers }, order, most) {
  const best = [];
  const last = Math.max(0, order.length - 2000); // the strongest buckets come last
  for (let at = order.length - 1; at >= last; at--) {
    if (best.length === most && weights[order[at]] <= weights[best[most - 1]]) continue;
    best.push(order[at]);
    best.sort((one, two) => weights[two] - weights[one]);
    best.length = Math.min(best.length, most);
  }
  return best.map((line) => {
    const strand = Math.floor(line / area);
    const place = line - strand * area;
    const query = Math.floor(place / count.key);
    const at = { query, key: place - query * count.key };
    return { ...at, head: strand % heads, layer: layers[Math.floor(strand / heads)], weight: weights[line] };
  });
}

// Which tokens' lines stand out (`queries`, or `key` alone), and whose numbers are shown (`shown`), on which side.
function focusOf({ pointed, pinned }) {
  const place = pointed?.place;
  if (pointed?.side === "key" && !pinned.length) return { side: "query", queries: null, key: place, shown: [place] };
  if (pointed?.side === "query") {
    return { side: "key", queries: [...new Set([...pinned, place])], key: null, shown: [place] };
  }
  if (!pinned.length) return null;
  return { side: "key", queries: pinned, key: place ?? null, shown: pinned };
}

// What each token on one side gives or gets, by strand, and the mean over the strands; of differences, more minus less.
function sharesOf({ matrix: { weights, count, received, signed }, strands }, focus) {
  const side = focus?.side ?? "key";
  const means = new Float32Array(count[side]);
  const perStrand = strands.map(({ start, number }) => {
    if (!focus) return received[number];
    const values = new Float32Array(count[side]);
    if (side === "query") return values.map((_, query) => weights[start + query * count.key + focus.key]);
    for (const query of focus.shown) addRow(values, weights, start + query * count.key, 1 / focus.shown.length);
    return values;
  });
  for (const [slot, { head }] of strands.entries()) {
    addRow(means, perStrand[slot], 0, signed ? signOf(head) : 1 / strands.length);
  }
  return { side, perStrand, means };
}

// Of differences, “head” 0 is what became more, and 1 what became less.
const signOf = (head) => (head ? -1 : 1);

function addRow(sums, values, start, factor) {
  for (let at = 0; at < sums.length; at++) sums[at] += values[start + at] * factor;
}

// Lines that leave the view are drawn unless they are weak: most of a long text is out of view.
function linesOf(view, queries, key) {
  const { matrix, strands, threshold, inView } = view;
  const { weights, count } = matrix;
  const least = Math.max(threshold, FAINTEST);
  const leastOutside = Math.max(threshold, LEAST_OUTSIDE);
  const lines = [];
  const rows = queries ?? Array.from({ length: count.query }, (_, query) => query);
  const [first, last] = key === null ? [0, count.key] : [key, key + 1];
  for (const { start } of strands) {
    for (const query of rows) {
      const row = start + query * count.key;
      for (let at = first; at < last; at++) {
        const end = queries ? at : query;
        const isInside = end >= inView[0] && end < inView[1];
        if (weights[row + at] >= (isInside ? least : leastOutside)) lines.push(row + at);
      }
    }
  }
  return picked(view, lines);
}

const topOf = (values, most) =>
  Array.from(values.keys())
    .sort((one, two) => Math.abs(values[two]) - Math.abs(values[one]))
    .slice(0, most)
    .filter((place) => values[place] !== 0);

// As many digits as are sure.
function written({ levels, signed }, value) {
  const weight = Math.abs(value);
  const digits = levels ? Math.floor(Math.log10(levels)) : weight < 0.01 && !signed ? 5 : 4;
  const least = 10 ** -digits;
  if (weight > 0 && weight < least / 2) return signed ? `±${(0).toFixed(digits)}` : `<${least.toFixed(digits).slice(1)}`;
  return `${!signed || !value ? "" : value < 0 ? "−" : "+"}${weight.toFixed(digits)}`;
}

// ---- Colours and strengths

function themeOf(root) {
  const style = getComputedStyle(root);
  const read = (name) => style.getPropertyValue(`--st-${name}`).trim();
  const theme = {
    accent: read("primary-color"),
    background: read("background-color"),
    text: read("text-color"),
    border: read("border-color"),
    font: read("font"),
    codeFont: read("code-font"),
    sides: [read("blue-color"), read("orange-color")],
    palette: [...new Set(colorsOf(read("chart-categorical-colors")))],
    diverging: colorsOf(read("chart-diverging-colors")),
  };
  return { ...theme, isDark: !isBright(channelsOf(theme.background)), name: JSON.stringify(theme) };
}

const colorsOf = (palette) => palette.split(",").map((color) => color.trim());

// More and less are next to the ends of the diverging colours. The palette has eight colours; from the ninth head on they come again, closer to the colour of the text.
function colorOf({ palette, text, diverging }, head, signed) {
  if (signed) palette = [diverging.at(-2), diverging[1]];
  const rgb = channelsOf(palette[head % palette.length]);
  const towards = channelsOf(text);
  const share = Math.floor(head / palette.length) % 2 ? 0.45 : 0;
  const mixed = rgb.map((channel, at) => Math.round(channel * (1 - share) + towards[at] * share));
  return { fill: `rgb(${mixed.join(", ")})`, ink: isBright(mixed) ? "#10181d" : "#ffffff" };
}

function isBright(rgb) {
  const [red, green, blue] = rgb.map((channel) => (channel / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.2;
}

function channelsOf(color) {
  const pen = new OffscreenCanvas(1, 1).getContext("2d");
  pen.fillStyle = color;
  pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
}

// `limit` is the weight that is drawn strongest: 1, or the largest of differences, which may all be small.
const bucketOf = (weight, limit) => Math.min(BUCKETS - 1, Math.floor(Math.sqrt(weight / limit) * BUCKETS));

function styleOf(bucket) {
  const strength = (bucket + 0.5) / BUCKETS;
  return { alpha: 0.06 + 0.9 * strength, width: 0.6 + 3 * strength ** 2 };
}

// ---- Painting. A pen is a canvas's context, or an SvgPen, which takes the same calls.

function strokeLines({ matrix, geo, fan, colors }, pen, { order, fade, widest }, first, last) {
  const { weights, area, count, heads, limit } = matrix;
  const { from, to, step, isVertical } = geo;
  const middle = (from + to) / 2;
  let group = -1;
  let room = 0;
  for (let at = first; at < last; at++) {
    const line = order[at];
    const strand = Math.floor(line / area);
    const place = line - strand * area;
    const query = Math.floor(place / count.key);
    const bucket = bucketOf(weights[line], limit);
    if (bucket * 4096 + strand !== group || !room) {
      if (at > first) pen.stroke();
      group = bucket * 4096 + strand;
      const { alpha, width } = styleOf(bucket);
      pen.beginPath();
      pen.strokeStyle = colors[strand % heads].fill;
      pen.globalAlpha = alpha * fade;
      pen.lineWidth = Math.min(width, widest);
      room = pen.lineWidth > 1 ? 1 : RUN;
    }
    room--;
    const start = (query + 0.5) * step + fan[strand];
    const end = (place - query * count.key + 0.5) * step + fan[strand];
    if (isVertical) {
      pen.moveTo(from, start);
      pen.bezierCurveTo(middle, start, middle, end, to, end);
    } else {
      pen.moveTo(start, from);
      pen.bezierCurveTo(start, middle, end, middle, end, to);
    }
  }
  if (last > first) pen.stroke();
  pen.globalAlpha = 1;
}

function paintFocus(view, pen) {
  const { focus, pinned } = view;
  if (!focus) return;
  const { queries, key } = focus;
  const isPointing = pinned.length && key !== null; // at a key, with pins: their lines to it stand out
  if (isPointing) strokeAll(view, pen, linesOf(view, queries, null), 0.25);
  strokeAll(view, pen, linesOf(view, queries, key), 1);
}

const strokeAll = (view, pen, lines, fade) => strokeLines(view, pen, { ...lines, fade }, 0, lines.order.length);

// Beside each token a cell for each strand, the stronger the more attention.
function paintCells({ shares, strands, geo, colors, matrix }, pen, first, last) {
  const { side, perStrand, means } = shares;
  const width = Math.min(24, geo.cells / Math.max(strands.length, 1));
  const [gap, height] = [width > 4 ? 1 : 0, geo.step - (geo.step > 16 ? 5 : 3)];
  for (const [slot, { head }] of strands.entries()) {
    pen.fillStyle = colors[head].fill;
    const across = geo.cellsAt[side] + slot * width;
    for (let place = first; place < Math.min(last, means.length); place++) {
      pen.globalAlpha = Math.sqrt(Math.min(1, perStrand[slot][place] / matrix.limit));
      const along = place * geo.step + (geo.step - height) / 2;
      if (geo.isVertical) pen.fillRect(across, along, width - gap, height);
      else pen.fillRect(along, across, height, width - gap);
    }
  }
  pen.globalAlpha = 1;
}

// ---- Where everything lies

function geometryOf({ matrix, theme, pens: { lit: pen } }, width) {
  const isVertical = matrix.layout === "vertical";
  const most = Math.max(matrix.count.query, matrix.count.key, 1);
  const letters = most <= 48 ? 13 : most <= 160 || !isVertical ? 12 : 11;
  pen.font = `600 ${letters}px ${theme.codeFont}`;
  const widest = (side) => Math.ceil(Math.max(...matrix[side].map(([label]) => pen.measureText(label).width), 12));
  const wide = { query: widest("query"), key: widest("key") };
  const active = Math.max(matrix.heads * matrix.layers.length, 1);
  const isNarrow = width < 520;
  const cells = Math.max(12, Math.min(active * 7, isNarrow ? 30 : 84));
  const digits = Math.min(letters, isNarrow ? 11 : 12);
  const common = { isVertical, isNarrow, letters, digits, cells, font: `${letters}px ${theme.codeFont}`, margin: 8 };
  return (isVertical ? listGeometry : rowGeometry)({ ...common, most, wide, width });
}

function listGeometry({ most, wide, width, ...common }) {
  const step = most <= 48 ? 24 : most <= 160 ? 18 : 15;
  const length = most * step;
  const isLong = length > TALLEST_STAGE;
  const room = width - (isLong ? 34 : 2); // beside a scroll bar and the map
  const longest = Math.min(190, Math.round(room * (common.isNarrow ? 0.2 : 0.24)));
  const label = { query: Math.min(wide.query + 14, longest), key: Math.min(wide.key + 14, longest) };
  const number = common.isNarrow ? 52 : 58;
  const taken = label.query + label.key + number + common.cells + 2 * common.margin + 6;
  const lines = Math.max(LINES_ROOM[0], Math.min(LINES_ROOM[1], room - taken));
  return arranged({ ...common, step, length, isLong, label, number, lines, isTurned: false, areNumbersTurned: false });
}

function rowGeometry({ most, wide, width, ...common }) {
  const widest = Math.max(wide.query, wide.key) + 10;
  const isTurned = widest * most > width && widest > UPRIGHT_ROOM + 10;
  const narrowest = isTurned ? 20 : widest;
  const step = Math.floor(Math.max(narrowest, Math.min(width / most, isTurned ? 40 : 96)));
  const band = (size) => (isTurned ? Math.min(size + 12, 120) : 26);
  const label = { query: band(wide.query), key: band(wide.key) };
  const areNumbersTurned = step < 50;
  const number = areNumbersTurned ? 54 : 20;
  const isLong = step * most > width;
  const length = step * most;
  return arranged({ ...common, step, length, isLong, label, number, lines: 280, isTurned, areNumbersTurned });
}

function arranged(geo) {
  const from = geo.label.query + geo.margin / 2;
  const to = from + geo.lines;
  const keysAt = to + geo.margin / 2 + geo.cells + 4;
  const across = keysAt + geo.label.key + geo.number;
  const cellsAt = { query: from, key: to + geo.margin / 2 };
  return { ...geo, from, to, keysAt, cellsAt, size: geo.isVertical ? [across, geo.length] : [geo.length, across] };
}
