// Draws small pictures of attention, one a head, as buttons. Text only ever enters the page through textContent.

export default function ({ data, parentElement, setTriggerValue }) {
  const grid = parentElement.querySelector(".heads");
  const focused = [...grid.querySelectorAll("button")].indexOf(grid.getRootNode().activeElement);
  const { header, bytes, start } = openBlob(data);
  const pixels = bytes.subarray(start);
  const [layers, heads] = header.count;
  const shades = pixelsOf(getComputedStyle(grid).getPropertyValue("--st-chart-sequential-colors"));
  grid.setAttribute("aria-label", header.label);
  grid.style.gridTemplateColumns = `auto repeat(${heads}, minmax(1.6rem, 1fr))`;
  const cells = [corner()];
  for (let head = 0; head < heads; head++) cells.push(name(head + 1));
  for (let layer = 0; layer < layers; layer++) {
    cells.push(name(layer + 1));
    for (let head = 0; head < heads; head++) {
      const button = document.createElement("button");
      button.type = "button";
      button.title = `layer ${layer + 1}, head ${head + 1}`; // in words from 1, in code from 0
      button.setAttribute("aria-label", button.title);
      const isChosen = header.chosen.some((chosen) => chosen[0] === layer && chosen[1] === head);
      button.setAttribute("aria-pressed", isChosen);
      button.append(picture(pixels, layer * heads + head, header.size, shades));
      button.onclick = () => setTriggerValue("opened", [layer, head]);
      cells.push(button);
    }
  }
  grid.replaceChildren(...cells);
  grid.querySelectorAll("button")[focused]?.focus();
}

function corner() {
  const element = name("");
  element.title = "layers down, heads across";
  return element;
}

function name(text) {
  const element = document.createElement("span");
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
