// --- Pointers: one does what the chosen tool says; two fingers zoom about their middle, and move ----------
// Who uses it says what a brush does: beginStroke, brushAt, endStroke, and undo for the last stroke.

const pointers = new Map(); // those that are down, each by its id as it was last
let pinched = false; // from the second finger on, until the last one is lifted
let takeBack = () => {}; // what the first finger began before the second showed that they pinch
let doing = "move"; // what the first one does until it is lifted, whatever keys and tools are pressed meanwhile
let pane = null; // where it does so
let whose = null; // the answer that it was begun on: on another one, it moves the radiograph

const paneOf = ({ clientX }) => {
  if (pane) return pane;
  const panes = [...element.querySelectorAll(".panes canvas:not([hidden])")];
  return panes.find((one) => {
    const box = one.getBoundingClientRect();
    return clientX >= box.left && clientX <= box.right;
  }) ?? $("canvas.main");
};
const placeIn = (at) => {
  const box = paneOf(at).getBoundingClientRect();
  return { x: at.clientX - box.left, y: at.clientY - box.top };
};
const placeOnRadiograph = ({ x, y }) => matrixOf($("canvas.main")).inverse()
  .transformPoint(new DOMPoint(x * devicePixelRatio, y * devicePixelRatio));
const fromMiddle = (at) => {
  const { x, y } = placeIn(at);
  const { clientWidth, clientHeight } = $("canvas.main");
  return { x: x - clientWidth / 2, y: y - clientHeight / 2 };
};
const onStage = (event) => answered() && event.target.closest(".stage")
  && !event.target.closest("button, dialog");
const doingOf = (event) => (event.shiftKey || event.buttons === 2 ? "window" : state.mode);
const isBrush = (mode) => BRUSHES.includes(mode);

// At a place of the radiograph; keyboard_pointer.js does the same by keys.
const beginAt = (mode, at) => {
  if (mode === "ruler") stage.ruler = [at, at];
  if (isBrush(mode)) { beginStroke(at.x, at.y); brushAt(at.x, at.y); }
};
const goOn = (mode, at) => {
  if (mode !== "ruler") brushAt(at.x, at.y);
  else if (stage.ruler) stage.ruler[1] = at; // it may have been put away meanwhile
  draw();
};
const endOf = (mode) => { if (isBrush(mode)) endStroke(); };

const begin = (event) => {
  const { ruler } = stage;
  const { window: levels } = state;
  [pane, doing, whose] = [paneOf(event), doingOf(event), answered()];
  takeBack = isBrush(doing) ? undo : () => { stage.ruler = ruler; state.window = levels; };
  beginAt(doing, placeOnRadiograph(placeIn(event)));
};
const drag = (event, last) => {
  if (answered() !== whose) doing = "move";
  const [dx, dy] = [event.clientX - last.clientX, event.clientY - last.clientY];
  if (doing === "window") changeWindow(dx, dy);
  else if (doing === "move") move(dx, dy);
  else goOn(doing, placeOnRadiograph(placeIn(event)));
};

const twoFingers = () => {
  const [one, other] = pointers.values();
  return {
    apart: Math.max(1, Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY)),
    clientX: (one.clientX + other.clientX) / 2,
    clientY: (one.clientY + other.clientY) / 2,
  };
};
const pinch = (before, now) => {
  zoom(now.apart / before.apart, fromMiddle(before));
  move(now.clientX - before.clientX, now.clientY - before.clientY);
};

element.addEventListener("pointerdown", (event) => {
  if (!onStage(event)) return;
  $(".stage").setPointerCapture(event.pointerId);
  $(".stage").focus({ preventScroll: true });
  stage.held = false;
  pointers.set(event.pointerId, event);
  if (pointers.size === 1) begin(event);
  else if (!pinched) {
    pinched = true;
    takeBack();
    doing = "move"; // also the finger that is left after a pinch
    showTools();
    draw();
  }
});
element.addEventListener("pointermove", (event) => {
  if (!answered()) return;
  const last = pointers.get(event.pointerId);
  stage.pointer = onStage(event) && pointers.size < 2 ? placeIn(event) : null;
  Object.assign(stage, { byKeys: false, held: false });
  if (!last) return draw();
  if (pointers.size === 1) drag(event, last);
  const before = pointers.size > 1 && twoFingers();
  pointers.set(event.pointerId, event);
  if (before) pinch(before, twoFingers());
});
for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
  element.addEventListener(end, (event) => {
    if (pointers.delete(event.pointerId) && answered() === whose) endOf(doing);
    if (!pointers.size) [pinched, pane, doing] = [false, null, "move"];
  });
}
element.addEventListener("pointerleave", () => { stage.pointer = null; draw(); });
element.addEventListener("wheel", (event) => {
  if (!onStage(event)) return;
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), fromMiddle(event));
}, { passive: false });
element.addEventListener("contextmenu", (event) => { if (onStage(event)) event.preventDefault(); });
// Two quick dabs with a brush are not a double click.
element.addEventListener("dblclick", (event) => { if (onStage(event) && !isBrush(state.mode)) fill(fromMiddle(event)); });
