// --- The pointer by keys, while the stage has the focus ---------------------------------------------------
// The arrows do what dragging does: they move the radiograph, or change its window. With a tool that needs a place
// they move the pointer instead, and the space bar or Enter is its button: one press for a brush, two for the ends
// of a ruler or the corners of a box.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = { move: -40, window: 12, point: 12 }; // CSS pixels; the radiograph goes the other way

const pointsSomewhere = () => state.pressed.lens || !["move", "window"].includes(state.mode);
const pointerNow = () => stage.pointer
  ?? { x: $("canvas.main").clientWidth / 2, y: $("canvas.main").clientHeight / 2 };
const movePointer = (dx, dy) => {
  const { clientWidth, clientHeight } = $("canvas.main");
  const within = (value, most) => Math.min(most, Math.max(0, value));
  const { x, y } = pointerNow();
  stage.pointer = { x: within(x + dx, clientWidth), y: within(y + dy, clientHeight) };
  if (stage.held) goOn(state.mode, placeOnRadiograph(stage.pointer));
};
const pressButton = () => {
  stage.pointer = pointerNow();
  const at = placeOnRadiograph(stage.pointer);
  if (!stage.held) beginAt(state.mode, at);
  stage.held = ["ruler", "box"].includes(state.mode) && !stage.held;
  if (!stage.held) endOf(state.mode);
};

$(".stage").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target !== $(".stage") || !answered()) return;
  const arrow = ARROWS[event.key];
  const pressed = [" ", "Enter"].includes(event.key) && pointsSomewhere();
  if (!arrow && !pressed) return;
  event.preventDefault();
  event.stopPropagation();
  if (pressed && event.repeat) return;
  const doing = pointsSomewhere() ? "point" : state.mode;
  const [dx, dy] = (arrow ?? [0, 0]).map((direction) => direction * STEP[doing]);
  if (pressed) pressButton();
  else if (doing === "point") movePointer(dx, dy);
  else if (doing === "window") changeWindow(dx, dy);
  else move(dx, dy);
  stage.byKeys = doing === "point";
  draw();
});
// What was begun and left is done.
$(".stage").addEventListener("focusout", () => { stage.held = false; });
