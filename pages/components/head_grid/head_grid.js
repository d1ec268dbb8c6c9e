// Draws small pictures of attention, one a head, as buttons. Text only ever enters the page through textContent.

export default function ({ data, parentElement, setTriggerValue }) {
  const grid = parentElement.querySelector(".heads");
  const { header, bytes, start } = openBlob(data);
  const pixels = bytes.subarray(start);
  const [layers, heads] = header.count;
  const shades = pixelsOf(getComputedStyle(grid).getPropertyValue("--st-chart-sequential-colors"));
  grid.setAttribute("aria-label", header.label);
  grid.style.gridTemplateColumns = `auto repeat(${heads}, minmax(1.6rem, 1fr))`;
  const rows = [row(corner())];
  for (let head = 0; head < heads; head++) rows[0].append(name(head + 1, "columnheader"));
  for (let layer = 0; layer < layers; layer++) {
    const cells = row(name(layer + 1, "rowheader"));
    rows.push(cells);
    for (let head = 0; head < heads; head++) {
      const button = document.createElement("button");
      button.type = "button";
      button.title = `layer ${layer + 1}, head ${head + 1}`; // in words from 1, in code from 0
      button.setAttribute("aria-label", button.title);
      const isChosen = header.chosen.some((chosen) => chosen[0] === layer && chosen[1] === head);
      button.setAttribute("aria-pressed", isChosen);
      button.append(picture(pixels, layer * heads + head, header.size, shades));
      button.onclick = () => setTriggerValue("opened", [layer, head]);
      const cell = document.createElement("span");
      cell.setAttribute("role", "gridcell");
      cell.append(button);
      cells.append(cell);
    }
  }
  refill(grid, ...rows);
}

function row(first) {
  const element = document.createElement("div");
  element.setAttribute("role", "row");
  element.append(first);
  return element;
}

function corner() {
  const element = name("", "columnheader");
  element.title = "layers down, heads across";
  return element;
}

function name(text, role) {
  const element = document.createElement("span");
  element.setAttribute("role", role);
  element.textContent = text;
  return element;
}

function picture(pixels, number, [rows, columns], shades) {
  const canvas = document.createElement("canvas");
  [canvas.height, canvas.width] = [rows, columns];
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(columns, rows);
  const colors = new Uint32Array(image.data.buffer);
  const start = number * rows * columns;
  for (let place = 0; place < colors.length; place++) colors[place] = shades[pixels[start + place]];
  pen.putImageData(image, 0, 0);
  return canvas;
}
