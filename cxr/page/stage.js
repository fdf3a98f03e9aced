// --- The stage: tools, keys, zoom, moving, contrast and brightness; in the scope of viewer.js ------------

const zoom = (factor, at) => {
  const { view } = state;
  const box = $(".pane.main").getBoundingClientRect();
  const [x, y] = at ?? [box.width / 2, box.height / 2];
  const scale = Math.min(12, Math.max(1, view.scale * factor));
  // The point under the pointer stays where it is.
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  keepInSight();
};
const move = (dx, dy) => { state.view.x += dx; state.view.y += dy; keepInSight(); };
const keepInSight = () => {
  const { view } = state;
  const box = $(".pane.main").getBoundingClientRect();
  view.x = Math.min(0, Math.max(box.width * (1 - view.scale), view.x));
  view.y = Math.min(0, Math.max(box.height * (1 - view.scale), view.y));
  showTools();
};
const setLevels = (dx, dy) => {
  const clamp = (value) => Math.min(4, Math.max(0.25, value));
  state.view.contrast = clamp(state.view.contrast * Math.exp(dx / 250));
  state.view.brightness = clamp(state.view.brightness * Math.exp(-dy / 250));
  showTools();
};

const use = (tool) => {
  const { pressed } = state;
  if (!radiograph()) return;
  // The heatmap would give the answer away before the reader's own reading.
  if (waiting() && (tool === "heatmap" || tool === "contour")) return;
  if (tool in pressed) pressed[tool] = !pressed[tool];
  // Heatmap and contours hide each other, so that one is shown at a time.
  if (tool === "heatmap" && pressed.heatmap) pressed.contour = false;
  if (tool === "contour" && pressed.contour) pressed.heatmap = false;
  if (tool === "closer") zoom(1.3);
  if (tool === "further") zoom(1 / 1.3);
  if (tool === "whole") state.view = { ...FRESH_VIEW };
  showTools();
};

element.addEventListener("input", (event) => {
  if (!event.target.matches(".opacity")) return;
  state.opacity = Number(event.target.value);
  showTools();
});
element.addEventListener("click", (event) => {
  const tool = event.target.closest("button")?.dataset.tool;
  if (tool) use(tool);
});

const KEYS = {
  h: "heatmap", c: "contour", s: "side", i: "invert", b: "levels", 0: "whole",
  "+": "closer", "=": "closer", "-": "further",
};
const ARROWS = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
const typing = (target) => target.closest?.("input:not([type=range]), textarea, select");
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (!element.isConnected || !element.offsetParent || !radiograph()) return;
  const tool = KEYS[event.key.toLowerCase()];
  if (tool) use(tool);
  else if (ARROWS[event.key] && event.target.closest?.(".stage")) move(...ARROWS[event.key]);
  else return;
  event.preventDefault();
});

const onStage = (event) => radiograph() && event.target.closest(".stage");
const place = (event) => {
  const box = event.target.closest(".pane")?.getBoundingClientRect();
  return box ? [event.clientX - box.left, event.clientY - box.top] : undefined;
};
element.addEventListener("wheel", (event) => {
  if (!onStage(event)) return;
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), place(event));
}, { passive: false });

// One pointer moves the radiograph or changes its levels; two fingers zoom.
const pointers = new Map();
element.addEventListener("pointerdown", (event) => {
  if (!onStage(event) || event.target.closest("button")) return;
  $(".stage").setPointerCapture(event.pointerId);
  $(".stage").focus({ preventScroll: true });
  pointers.set(event.pointerId, event);
});
element.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
  if (pointers.size === 2) {
    const [other] = [...pointers.values()].filter((p) => p.pointerId !== event.pointerId);
    const apart = (p) => Math.hypot(p.clientX - other.clientX, p.clientY - other.clientY);
    zoom(apart(event) / Math.max(1, apart(before)));
  } else if (state.pressed.levels || event.shiftKey || event.buttons === 2) setLevels(dx, dy);
  else move(dx, dy);
  pointers.set(event.pointerId, event);
});
for (const end of ["pointerup", "pointercancel"]) {
  element.addEventListener(end, (event) => pointers.delete(event.pointerId));
}
element.addEventListener("contextmenu", (event) => { if (onStage(event)) event.preventDefault(); });
element.addEventListener("dblclick", (event) => { if (onStage(event)) use("whole"); });

