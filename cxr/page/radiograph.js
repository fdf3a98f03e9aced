// --- The radiograph: its grey levels, and a window that maps them to what the screen can show -----------------
// Levels have 8 or 16 bits; they are mapped once for each window, onto a canvas of the radiograph's own size.

const radiograph = { levels: null, canvas: document.createElement("canvas"), painted: "" };

// An answer's levels. Meanwhile another radiograph may have been chosen: nothing that is shown is changed.
const unpackLevels = async ({ levels: coded, bits }) => {
  const packed = Uint8Array.from(atob(coded), (char) => char.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  for (let i = 1; i < bytes.length; i += 1) bytes[i] += bytes[i - 1]; // they came as differences, modulo 256
  if (bits !== 16) return bytes;
  const count = bytes.length / 2; // all high bytes come first, then all low bytes
  const levels = new Uint16Array(count);
  for (let i = 0; i < count; i += 1) levels[i] = (bytes[i] << 8) | bytes[count + i];
  return levels;
};
const loadRadiograph = (value, levels) => {
  radiograph.levels = levels;
  [radiograph.canvas.width, radiograph.canvas.height] = [value.width, value.height];
  radiograph.painted = "";
  state.window = [...Object.values(value.windows)[0]];
  loadHeatmap(value);
};

// Grey from 0 to 255 of a level between the two ends of a window, each a fraction of all levels.
const greyOf = (share, [black, white]) =>
  Math.round(255 * Math.min(1, Math.max(0, (share - black) / Math.max(white - black, 1e-4))));

const paintRadiograph = () => {
  const { bits } = answered();
  const { invert } = state.pressed;
  const painted = `${state.window} ${invert}`;
  if (radiograph.painted === painted) return;
  radiograph.painted = painted;
  const top = 2 ** bits - 1;
  const colours = new Uint32Array(top + 1);
  for (let level = 0; level <= top; level += 1) {
    const grey = greyOf(level / top, state.window);
    const shown = invert ? 255 - grey : grey;
    colours[level] = 0xff000000 | (shown << 16) | (shown << 8) | shown;
  }
  const context = radiograph.canvas.getContext("2d");
  const image = context.createImageData(radiograph.canvas.width, radiograph.canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i += 1) pixels[i] = colours[radiograph.levels[i]];
  context.putImageData(image, 0, 0);
};

// The file's own value at a place of the radiograph, or of a fraction of its levels.
const valueOf = (share) => {
  const [black, white] = answered().values;
  return Math.round(black + share * (white - black));
};
const valueAt = (x, y) => {
  const { width, height, bits } = answered();
  if (!(x >= 0 && y >= 0 && x < width && y < height)) return null;
  return valueOf(radiograph.levels[Math.floor(y) * width + Math.floor(x)] / (2 ** bits - 1));
};

// Width and level of the window in the file's own values, as radiographers give them.
const windowValues = () => {
  const [low, high] = state.window.map(valueOf);
  return { width: Math.abs(high - low), level: Math.round((low + high) / 2) };
};
const nextWindow = () => {
  const windows = Object.values(answered().windows);
  const now = windows.findIndex((one) => String(one) === String(state.window));
  state.window = [...windows[(now + 1) % windows.length]];
  show();
};
const changeWindow = (dx, dy) => {
  const [low, high] = state.window;
  // Markers may stretch the levels so far that the file's own window is narrow.
  const [[black, white]] = Object.values(answered().windows);
  const least = Math.min(0.01, (white - black) / 2);
  const width = Math.min(2, Math.max(least, (high - low) * Math.exp(dx / 250)));
  const centre = Math.min(1, Math.max(0, (low + high) / 2 + dy / 600));
  state.window = [centre - width / 2, centre + width / 2];
  showTools();
  draw();
};
