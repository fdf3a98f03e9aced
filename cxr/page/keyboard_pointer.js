// --- The pointer by keys, while the stage has the focus ---------------------------------------------------
// The arrows do what dragging does: they move the radiograph, or change its window. With a tool that needs a place
// they move the pointer instead, and the space bar or Enter is its button: one press for a brush, two for the ends
// of a ruler or the corners of a box.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = { move: -40, window: 12, point: 12 }; // CSS pixels; the radiograph goes the other way

const pointsSomewhere = () => state.mode !== "window" && (state.pressed.lens || state.mode !== "move");
// Where the pointer is after so many CSS pixels, within its pane; at first in the middle.
const pointerAfter = (dx, dy) => {
  const { clientWidth: width, clientHeight: height } = $("canvas.main");
  const { x, y } = stage.pointer ?? { x: width / 2, y: height / 2 };
  const within = (value, most) => Math.min(most, Math.max(0, value));
  return { x: within(x + dx, width), y: within(y + dy, height) };
};
const movePointer = (dx, dy) => {
  stage.pointer = pointerAfter(dx, dy);
  if (stage.held) goOn(state.mode, placeOnRadiograph(stage.pointer));
};
const pressButton = () => {
  stage.pointer = pointerAfter(0, 0);
  const at = placeOnRadiograph(stage.pointer);
  if (!stage.held) beginAt(state.mode, at);
  stage.held = ["ruler", "box"].includes(state.mode) && !stage.held;
  if (!stage.held) endOf(state.mode);
};

$(".stage").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target !== $(".stage") || !answered()) return;
  const arrow = ARROWS[event.key];
  const pressed = [" ", "Enter"].includes(event.key) && pointsSomewhere() && !event.shiftKey;
  if (!arrow && !pressed) return;
  event.preventDefault();
  event.stopPropagation();
  if (pressed && event.repeat) return;
  const doing = event.shiftKey ? "window" : pointsSomewhere() ? "point" : state.mode;
  const [dx, dy] = (arrow ?? [0, 0]).map((direction) => direction * STEP[doing]);
  if (pressed) pressButton();
  else if (doing === "point") movePointer(dx, dy);
  else if (doing === "window") changeWindow(dx, dy);
  else move(dx, dy);
  stage.byKeys = doing === "point";
  draw();
});
// Leaving the stage ends a line or box that was begun by keys.
$(".stage").addEventListener("focusout", () => {
  Object.assign(stage, { held: false, byKeys: false });
  draw();
});
