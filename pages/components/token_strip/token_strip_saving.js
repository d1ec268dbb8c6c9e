
// ---- The strip as it stands, as a picture at three times its size

const SAVED_SCALE = 3;
const MARGIN = 12;
const TITLE_ROOM = 28;

function savePicture(strip, name) {
  const { left, top, width } = strip.getBoundingClientRect();
  const canvas = document.createElement("canvas");
  canvas.width = SAVED_SCALE * (width + 2 * MARGIN);
  canvas.height = SAVED_SCALE * (strip.scrollHeight + TITLE_ROOM + 2 * MARGIN);
  const pen = canvas.getContext("2d");
  const theme = getComputedStyle(strip);
  pen.scale(SAVED_SCALE, SAVED_SCALE);
  pen.fillStyle = theme.getPropertyValue("--st-background-color");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = theme.color;
  pen.textBaseline = "middle";
  pen.font = `600 14px ${theme.getPropertyValue("--st-font")}`;
  pen.fillText(strip.getAttribute("aria-label"), MARGIN, MARGIN + TITLE_ROOM / 2, width);
  const place = (box) => [box.left - left + MARGIN, box.top - top + strip.scrollTop + TITLE_ROOM + MARGIN];
  for (const part of strip.children) {
    const look = getComputedStyle(part);
    pen.globalAlpha = Number(look.opacity);
    if (part.matches("button")) {
      const box = part.getBoundingClientRect();
      const [x, y] = place(box);
      pen.fillStyle = look.backgroundColor;
      pen.fillRect(x, y, box.width, box.height);
      pen.strokeStyle = look.borderTopColor;
      pen.strokeRect(x + 0.5, y + 0.5, box.width - 1, box.height - 1);
    }
    pen.fillStyle = look.color;
    pen.font = `${look.fontSize} ${look.fontFamily}`;
    for (const word of part.textContent.matchAll(/\S+/g)) {  // a text between two buttons may go over several lines
      const range = document.createRange();
      range.setStart(part.firstChild, word.index);
      range.setEnd(part.firstChild, word.index + word[0].length);
      const box = range.getBoundingClientRect();
      const [x, y] = place(box);
      pen.fillText(word[0], x, y + box.height / 2, box.width);
    }
  }
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${name}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}
