// --- The heatmap: the evidence at each cell of a coarse map, as colours, contours and numbers -----------

const FINENESS = 12; // pixels a cell; between cells the map is interpolated
const heatmapLayer = { canvas: document.createElement("canvas"), contours: [], lungs: null, painted: "" };

const loadHeatmap = (value) => {
  const scaled = new DOMMatrix([value.width, 0, 0, value.height, 0, 0]);
  const path = (outline) => {
    const found = new Path2D();
    found.addPath(new Path2D(outline), scaled);
    return found;
  };
  heatmapLayer.contours = value.contours.map(({ level, outline }) => ({ level, path: path(outline) }));
  heatmapLayer.lungs = path(value.lungs);
  heatmapLayer.painted = "";
};

// The map at a place, in cells from the upper left corner, as OpenCV's linear interpolation has it.
const interpolate = (map, row, column) => {
  const last = [map.length - 1, map[0].length - 1];
  const [y, x] = [row, column].map((at, axis) => Math.min(last[axis], Math.max(0, at - 0.5)));
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const [bottom, right] = [Math.min(top + 1, last[0]), Math.min(left + 1, last[1])];
  const along = (line) => line[left] + (line[right] - line[left]) * (x - left);
  return along(map[top]) + (along(map[bottom]) - along(map[top])) * (y - top);
};

const paintHeatmap = () => {
  const { map, id } = answered();
  const painted = `${id} ${state.least}`;
  if (heatmapLayer.painted === painted) return;
  heatmapLayer.painted = painted;
  const [height, width] = [map.length * FINENESS, map[0].length * FINENESS];
  [heatmapLayer.canvas.width, heatmapLayer.canvas.height] = [width, height];
  const context = heatmapLayer.canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 4) {
      const value = Math.min(1, interpolate(map, (y + 0.5) / FINENESS, (x + 0.5) / FINENESS));
      const [red, green, blue] = props.colours[Math.round(255 * value)];
      const alpha = value > 0 ? Math.min(1, Math.max(0, (value - state.least) / props.ramp)) : 0;
      image.data.set([red, green, blue, 255 * alpha], at);
    }
  }
  context.putImageData(image, 0, 0);
};

// The cell of a place on the radiograph; null beside it.
const cellAt = (x, y) => {
  const { map, width, height } = answered();
  const [row, column] = [Math.floor((y / height) * map.length), Math.floor((x / width) * map[0].length)];
  return map[row]?.[column] === undefined ? null : { row, column };
};
const evidenceAt = (x, y) => {
  const { map, width, height } = answered();
  if (!cellAt(x, y)) return null;
  return topOfScale() * interpolate(map, (y / height) * map.length, (x / width) * map[0].length);
};

// On narrow screens the scale opens the sliders; see stage.css.
$(".legend .key").addEventListener("click", ({ currentTarget: key }) => {
  key.setAttribute("aria-expanded", String(key.getAttribute("aria-expanded") === "false"));
});
const showLegend = () => {
  const { heatmap, contour } = state.pressed;
  if (!answered()) return;
  // It keeps its room while there is nothing to explain: nothing moves when heat is switched.
  $(".legend").classList.toggle("off", !(heatmap || contour));
  const stops = [0, 32, 64, 96, 128, 160, 192, 224, 255].map((level) => `rgb(${props.colours[level]})`);
  $(".scale").style.backgroundImage = `linear-gradient(90deg, ${stops})`;
  const top = topOfScale();
  $(".ticks").replaceChildren(...[0, 0.25, 0.5, 0.75, 1].map((at) => {
    const tick = document.createElement("span");
    tick.textContent = onScale(at * top);
    return tick;
  }));
  $(".unit").textContent = say(answered().evidence ? "unit_log_odds" : "unit_relative");
  showSliders();
};
// Evidence is in log-odds where the probability follows from it, else on a scale of its own.
const topOfScale = () => (answered().evidence ? answered().reference : 1);
// With as many digits as the scale needs: two that count at its top, one after the point at least.
const onScale = (value) =>
  cxr.decimal(value, Math.min(6, Math.max(1, 1 - Math.floor(Math.log10(topOfScale())))));
// By how much evidence everywhere in the lungs the odds double.
const doubling = () => cxr.decimal(Math.LN2 * points().temperature, 1);

const showSliders = () => {
  const shown = { opacity: cxr.percent(state.opacity, 0), least: onScale(state.least * topOfScale()) };
  for (const [name, text] of Object.entries(shown)) {
    const slider = $(`.legend .${name}`);
    slider.value = state[name];
    slider.setAttribute("aria-valuetext", text);
    slider.previousElementSibling.lastElementChild.textContent = text;
  }
};

element.addEventListener("input", (event) => {
  if (event.target.matches(".opacity")) {
    state.opacity = Number(event.target.value);
    cxr.remember("opacity", state.opacity);
  } else if (event.target.matches(".least")) state.least = Number(event.target.value);
  else return;
  showSliders();
  draw();
});
