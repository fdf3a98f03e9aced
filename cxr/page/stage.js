// --- The stage: what is drawn where, how large, and which part of it -------------------------------------
// Who uses it says what else is drawn: drawBrush and drawBeside.

const MAX_ZOOM = 16;
const BRUSHES = ["erase", "box", "mark"]; // modes in which a pointer paints
const LENS = { radius: 110, zoom: 2.5 }; // CSS pixels, and how much larger than around it
const stage = {
  pointer: null, // in CSS pixels of its pane
  byKeys: false, // it was moved by keys, and has to be drawn
  held: false, // the first end of a ruler or box was set by keys
  ruler: null,
  waiting: false,
};

// As each radiograph begins: whole, upright, nothing measured, all evidence shown, and the pointer moves it.
const resetView = () => {
  state.view = { ...FRESH_VIEW };
  state.mode = "move";
  state.least = props.least;
  Object.assign(state.pressed, { invert: false, lens: false });
  Object.assign(stage, { ruler: null, held: false, byKeys: false });
};

// From the radiograph's pixels to a canvas's.
const fitOf = (canvas) => {
  const { width, height } = answered();
  const [across, down] = state.view.turn % 2 ? [height, width] : [width, height];
  return Math.min(canvas.width / across, canvas.height / down);
};
const matrixOf = (canvas) => {
  const { zoom, x, y, turn, flip } = state.view;
  const { width, height } = answered();
  const scale = fitOf(canvas) * zoom;
  return new DOMMatrix()
    .translate(canvas.width / 2 + x * devicePixelRatio, canvas.height / 2 + y * devicePixelRatio)
    .scale(flip ? -scale : scale, scale)
    .rotate(90 * turn)
    .translate(-width / 2, -height / 2);
};

const draw = () => {
  if (stage.waiting) return;
  stage.waiting = true;
  requestAnimationFrame(() => { stage.waiting = false; drawNow(); });
};
const drawNow = () => {
  const value = answered();
  $(".panes").hidden = !value;
  if (!value || !element.offsetParent) return;
  paintRadiograph();
  paintHeatmap();
  $(".plain").hidden = !state.pressed.side;
  const canvases = [...element.querySelectorAll(".panes canvas:not([hidden])")];
  for (const canvas of canvases) {
    const box = canvas.getBoundingClientRect();
    canvas.width = Math.round(box.width * devicePixelRatio);
    canvas.height = Math.round(box.height * devicePixelRatio);
  }
  keepInSight(); // it may have been turned, or the stage has another size
  for (const canvas of canvases) {
    canvas.setAttribute("aria-label", say("radiograph", { name: shownName() }));
    const matrix = matrixOf(canvas);
    const context = canvas.getContext("2d");
    const plain = canvas.matches(".plain");
    drawRadiograph(context, matrix, { plain });
    if (state.pressed.lens && stage.pointer) drawLens(context, canvas, matrix, { plain });
    else if (stage.pointer && (state.pressed.side || stage.byKeys)) drawPlace(context);
  }
  drawBeside();
  showReadout();
};

const drawRadiograph = (context, matrix, { plain = false, forFile = false } = {}) => {
  const { width, height } = answered();
  const line = 1.5 * devicePixelRatio / Math.hypot(matrix.a, matrix.b); // in the radiograph's pixels
  context.setTransform(matrix);
  context.imageSmoothingQuality = "high";
  context.drawImage(radiograph.canvas, 0, 0);
  if (!plain) drawEvidence(context, { width, height, line, forFile });
  if (!plain && !forFile) drawBrush(context, { width, height, line });
  if (!forFile && stage.ruler) drawRuler(context, line);
};

const drawEvidence = (context, { width, height, line, forFile }) => {
  const { heatmap, contour, lungs, grid } = state.pressed;
  context.save();
  const shown = !blinded() && (!notSupported() || state.forced);
  if ((heatmap || forFile) && shown) {
    context.globalAlpha = state.opacity;
    context.drawImage(heatmapLayer.canvas, 0, 0, width, height);
    context.globalAlpha = 1;
  }
  context.lineWidth = line;
  if (contour && shown) {
    for (const { level, path } of heatmapLayer.contours.filter((line) => line.level >= state.least)) {
      context.strokeStyle = `rgb(${props.colours[Math.round(255 * level)]})`;
      context.stroke(path);
    }
  }
  if (lungs) {
    context.strokeStyle = "#7dd3fc";
    context.setLineDash([4 * line, 3 * line]);
    context.stroke(heatmapLayer.lungs);
    context.setLineDash([]);
  }
  if (grid) drawGrid(context, width, height);
  context.restore();
};

const drawGrid = (context, width, height) => {
  const { map } = answered();
  context.globalAlpha = 0.35;
  context.strokeStyle = "#fff";
  context.beginPath();
  for (let row = 0; row <= map.length; row += 1) {
    context.moveTo(0, (row / map.length) * height);
    context.lineTo(width, (row / map.length) * height);
  }
  for (let column = 0; column <= map[0].length; column += 1) {
    context.moveTo((column / map[0].length) * width, 0);
    context.lineTo((column / map[0].length) * width, height);
  }
  context.stroke();
  context.globalAlpha = 1;
};

const lengthOf = ([from, to]) => {
  const { spacing, spacing_at_detector: atDetector, shrunk } = answered();
  const [rows, columns] = spacing ?? [shrunk, shrunk];
  const length = Math.hypot((to.x - from.x) * columns, (to.y - from.y) * rows);
  return say(!spacing ? "length_pixels" : atDetector ? "length_mm_at_detector" : "length_mm",
    { length: cxr.decimal(length, 1) });
};
const drawRuler = (context, line) => {
  const [from, to] = stage.ruler;
  $(".stage").dataset.length = lengthOf(stage.ruler);
  context.strokeStyle = "#fde047";
  context.lineWidth = line;
  context.beginPath();
  context.moveTo(from.x, from.y);
  context.lineTo(to.x, to.y);
  context.stroke();
  const at = context.getTransform().transformPoint(to);
  context.save();
  context.resetTransform();
  context.font = `${14 * devicePixelRatio}px system-ui, sans-serif`;
  context.lineWidth = 4 * devicePixelRatio;
  context.strokeStyle = "#000";
  context.fillStyle = "#fde047";
  // Beside its end, where that can be seen.
  const length = lengthOf(stage.ruler), gap = 8 * devicePixelRatio, { width, height } = context.canvas;
  const across = context.measureText(length).width;
  const x = Math.max(gap, at.x + gap + across > width ? at.x - gap - across : at.x + gap);
  const y = Math.min(height - gap, Math.max(20 * devicePixelRatio, at.y - gap));
  context.strokeText(length, x, y);
  context.fillText(length, x, y);
  context.restore();
};

// The pointer's place, in each pane: side by side, what lies below the heat is the same place in the other one.
const drawPlace = (context) => {
  const [x, y, arm] = [stage.pointer.x, stage.pointer.y, 9].map((length) => length * devicePixelRatio);
  context.save();
  context.resetTransform();
  const cross = new Path2D(`M${x - arm} ${y}H${x + arm}M${x} ${y - arm}V${y + arm}`);
  for (const [colour, width] of [["#000", 4], ["#fde047", 1.5]]) {
    context.strokeStyle = colour;
    context.lineWidth = width * devicePixelRatio;
    context.stroke(cross);
  }
  context.restore();
};

const drawLens = (context, canvas, matrix, options) => {
  const { x, y } = stage.pointer;
  const [left, top] = [x * devicePixelRatio, y * devicePixelRatio];
  const circle = new Path2D();
  circle.arc(left, top, LENS.radius * devicePixelRatio, 0, 2 * Math.PI);
  context.save();
  context.resetTransform();
  context.clip(circle);
  const larger = new DOMMatrix().translate(left, top).scale(LENS.zoom).translate(-left, -top);
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  drawRadiograph(context, larger.multiply(matrix), options);
  context.resetTransform();
  context.lineWidth = 3 * devicePixelRatio;
  context.strokeStyle = "#94a3b8";
  context.stroke(circle);
  context.restore();
};

const showReadout = () => {
  const { width, level } = windowValues();
  const parts = [
    say("readout_zoom", { zoom: cxr.percent(zoomFactor(), 0) }),
    say("readout_window", { width, level }),
  ];
  const at = stage.pointer && placeOnRadiograph(stage.pointer);
  const value = at && valueAt(at.x, at.y);
  if (value !== null && value !== undefined) {
    parts.push(say("readout_value", { value }));
    if (state.pressed.heatmap || state.pressed.contour) {
      parts.push(say("readout_evidence", { evidence: onScale(evidenceAt(at.x, at.y)) }));
    }
  }
  if (stage.ruler) parts.push(lengthOf(stage.ruler));
  $(".readout").textContent = parts.join(" · ");
};

// A window of another size, or a phone turned round: what was drawn would be stretched.
new ResizeObserver(draw).observe($(".stage"));

// --- Zoom and moving --------------------------------------------------------------------------------------

// How many of the screen's pixels one of the radiograph's takes.
const zoomFactor = () => state.view.zoom * fitOf($("canvas.main"));
const zoom = (factor, at = { x: 0, y: 0 }) => {
  const { view } = state;
  const next = Math.min(MAX_ZOOM, Math.max(1, view.zoom * factor));
  // The point under the pointer, given from the middle of its pane, stays where it is.
  view.x = at.x - ((at.x - view.x) * next) / view.zoom;
  view.y = at.y - ((at.y - view.y) * next) / view.zoom;
  view.zoom = next;
  keepInSight();
  draw();
};
const move = (dx, dy) => {
  state.view.x += dx;
  state.view.y += dy;
  keepInSight();
  draw();
};
const keepInSight = () => {
  const { view } = state;
  const canvas = $("canvas.main");
  const { width, height } = answered();
  const scale = (fitOf(canvas) * view.zoom) / devicePixelRatio;
  const [across, down] = view.turn % 2 ? [height, width] : [width, height];
  const room = (side, shown) => Math.max(0, (side * scale - shown) / 2);
  const [x, y] = [room(across, canvas.clientWidth), room(down, canvas.clientHeight)];
  view.x = Math.min(x, Math.max(-x, view.x));
  view.y = Math.min(y, Math.max(-y, view.y));
};
