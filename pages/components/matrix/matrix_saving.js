
// ---- The whole matrix as a picture, at print size

const SAVED_SCALE = 3;
const SAVED_SIDE = 6_000; // pixels a side, before scaling
const SAVED_PIXELS = 60e6;
const TITLE_ROOM = 32;

function savePicture(view) {
  const { matrix, theme, head, step } = view;
  // Small matrices as they stand, large ones in smaller cells, without written values.
  const size = AXES.map((axis) => Math.max(1, Math.min(step[axis], Math.floor(SAVED_SIDE / matrix.count[axis]))));
  const whole = AXES.map((axis) => head[axis] + size[axis] * matrix.count[axis]);
  const width = Math.max(whole[1], 320) + 16;
  const height = whole[0] + TITLE_ROOM + 16;
  const scale = Math.max(1, Math.min(SAVED_SCALE, Math.sqrt(SAVED_PIXELS / (width * height))));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.fillStyle = theme.background;
  pen.fillRect(0, 0, width, height);
  pen.textBaseline = "middle";
  pen.fillStyle = theme.text;
  pen.font = view.fonts.strong;
  pen.fillText(`${matrix.label}, ${matrix.count.join(" × ")}`, 8, TITLE_ROOM / 2);
  pen.translate(8, TITLE_ROOM);
  saveCells(view, pen, size);
  saveLabels(view, pen, size);
  canvas.toBlob((blob) => download(blob, `${matrix.file}.png`));
}

function saveCells(view, pen, [height, width]) {
  const { matrix, shades, theme, head, step, fonts } = view;
  const isWritten = width === step[1] && height === step[0];
  pen.font = fonts.number;
  pen.textAlign = "center";
  for (let row = 0; row < matrix.count[0]; row++) {
    for (let column = 0; column < matrix.count[1]; column++) {
      const value = valueAt(matrix, [row, column]);
      const shade = shadeAt(matrix, value);
      const isColored = value >= matrix.masked;
      const [x, y] = [head[1] + column * width, head[0] + row * height];
      pen.fillStyle = isColored ? shades.fills[shade] : theme.border;
      pen.fillRect(x, y, Math.max(width - (isWritten ? 1 : 0), 1), Math.max(height - (isWritten ? 1 : 0), 1));
      if (!isWritten) continue;
      pen.fillStyle = isColored ? shades.inks[shade] : theme.text;
      pen.fillText(written(view, value), x + width / 2, y + height / 2);
    }
  }
}

function saveLabels({ matrix, theme, head, fonts }, pen, [height, width]) {
  pen.fillStyle = theme.text;
  pen.font = fonts.label;
  pen.textAlign = "right";
  for (let row = 0; height >= 12 && row < matrix.count[0]; row++) {
    pen.fillText(matrix.rows[row], head[1] - 6, head[0] + (row + 0.5) * height, head[1] - 8);
  }
  pen.textAlign = "center";
  for (let column = 0; width >= 24 && column < matrix.count[1]; column++) {
    pen.fillText(matrix.columns[column], head[1] + (column + 0.5) * width, head[0] / 2, width - 4);
  }
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
