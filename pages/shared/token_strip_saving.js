
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
  for (const piece of strip.querySelectorAll("button")) {
    const look = getComputedStyle(piece);
    const box = piece.getBoundingClientRect();
    const [x, y] = [box.left - left + MARGIN, box.top - top + strip.scrollTop + TITLE_ROOM + MARGIN];
    pen.fillStyle = look.backgroundColor;
    pen.fillRect(x, y, box.width, box.height);
    pen.fillStyle = look.color;
    pen.font = `${look.fontSize} ${look.fontFamily}`;
    pen.fillText(piece.textContent, x + parseFloat(look.paddingLeft) + 1, y + box.height / 2, box.width);
  }
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${name}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}
