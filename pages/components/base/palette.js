
// ---- Colours

const SHADES = 256;

// So many steps through a palette of the theme, as pixels. The browser interpolates.
function pixelsOf(palette) {
  const colors = palette.split(",");
  const pen = new OffscreenCanvas(SHADES, 1).getContext("2d");
  const gradient = pen.createLinearGradient(0, 0, SHADES, 0);
  colors.forEach((color, place) => gradient.addColorStop(place / Math.max(colors.length - 1, 1), color.trim()));
  pen.fillStyle = gradient;
  pen.fillRect(0, 0, SHADES, 1);
  return new Uint32Array(pen.getImageData(0, 0, SHADES, 1).data.buffer);
}
