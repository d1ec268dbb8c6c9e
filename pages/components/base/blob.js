
// ---- What comes from Python, see blob.py

function openBlob(data) {
  const bytes = data.slice(); // within the message the numbers may start where no float may
  const start = 4 + new DataView(bytes.buffer).getUint32(0, true);
  return { header: JSON.parse(new TextDecoder().decode(bytes.subarray(4, start))), bytes, start };
}
