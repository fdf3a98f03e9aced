// --- What if: the probability with and without what the reader rubs out; computed here from the evidence map ------

const BRUSH = 1.3; // radius, in cells
let erased = null; // 1 for each cell that is rubbed out, else 0
let before = []; // what was rubbed out before each stroke

const forgetErased = (value) => {
  erased = new Uint8Array(value.map.length * value.map[0].length);
  before = [];
};
const anyErased = () => erased?.some(Boolean);

let corner = null; // where a box began; null while a stroke is drawn
const beginStroke = (x, y) => {
  before.push(erased.slice());
  corner = state.mode === "box" ? { x, y } : null;
};
const eraseAround = (row, column, radius) => {
  const { map } = answered();
  map.forEach((line, r) => line.forEach((_, c) => {
    if (Math.hypot(r - row, c - column) <= radius) erased[r * line.length + c] = 1;
  }));
};
// The cells whose middle lies between the corner where the stroke began and this one.
const eraseBox = (x, y) => {
  const { map, width, height } = answered();
  const between = (value, one, other) => value >= Math.min(one, other) && value <= Math.max(one, other);
  erased = before.at(-1).slice();
  map.forEach((line, r) => line.forEach((_, c) => {
    const [across, down] = [((c + 0.5) / line.length) * width, ((r + 0.5) / map.length) * height];
    if (between(across, corner.x, x) && between(down, corner.y, y)) erased[r * line.length + c] = 1;
  }));
};
const brushAt = (x, y) => {
  const { map, width, height } = answered();
  if (corner) eraseBox(x, y);
  else if (!cellAt(x, y)) return;
  else eraseAround((y / height) * map.length - 0.5, (x / width) * map[0].length - 0.5, BRUSH);
  showWhatIf();
  draw();
};

const drawBrush = (context, { width, height }) => {
  if (!anyErased()) return;
  const columns = answered().map[0].length;
  const [across, down] = [width / columns, height / answered().map.length];
  context.fillStyle = "rgb(15 23 42 / 65%)";
  erased.forEach((gone, i) => {
    if (!gone) return;
    context.fillRect((i % columns) * across, Math.floor(i / columns) * down, across, down);
  });
};

// A stroke that rubbed nothing out is not kept for undo.
const endStroke = () => {
  if (before.at(-1)?.every((value, i) => value === erased[i])) before.pop();
};

// The cell with the strongest evidence that still counts; null where none is left.
const hottest = () => {
  const { evidence, weights } = answered().evidence;
  let [best, at] = [0, null];
  evidence.forEach((value, i) => {
    const counts = erased[i] ? 0 : value * weights[i];
    if (counts > best) [best, at] = [counts, i];
  });
  return at;
};
const eraseHottest = () => {
  if (!answered().evidence) return;
  const at = hottest();
  if (at === null) return;
  beginStroke();
  const columns = answered().map[0].length;
  eraseAround(Math.floor(at / columns), at % columns, 2);
  showWhatIf();
  draw();
};
const undo = (all = false) => {
  if (!before.length) return;
  erased = all ? before[0] : before.at(-1);
  before = all ? [] : before.slice(0, -1);
  showWhatIf();
  draw();
};

const probabilityWithout = () => {
  const { evidence, weights, sharpness } = answered().evidence;
  return cxrRules.calibrated(cxrRules.pooledWithout(evidence, weights, erased, sharpness), points());
};

// In words, what the probability would be; also on the radiograph, since on a phone and on a full screen the panel is
// out of sight.
const withoutErased = () => {
  if (!anyErased()) return null;
  if (fractionLeft() < 0.5) return say("too_little_left");
  const [before, probability] = [answered().probability, probabilityWithout()].map(cxr.probability);
  return say("without", { before, probability });
};
// Of the lungs. A place that is rubbed out counts as the least suspicious: with most of them gone, nothing could be left.
const fractionLeft = () => {
  const { weights } = answered().evidence;
  const sum = (counts) => weights.reduce((all, weight, i) => (counts(i) ? all + weight : all), 0);
  return sum((i) => !erased[i]) / sum(() => true);
};

const showWhatIf = () => {
  const value = answered();
  if (!value) return;
  $(".what-if").hidden = !value.evidence;
  if (!value.evidence) return;
  const some = anyErased();
  cxr.write($(".without"), withoutErased() ?? say(hottest() === null ? "no_spot" : "what_if"));
  $(".without").classList.toggle("some", some);
  showBanner();
  $("[data-what=hottest]").disabled = hottest() === null;
  $("[data-what=hottest]").textContent = say(some ? "erase_next" : "erase_hottest");
  for (const name of ["undo", "all"]) $(`[data-what=${name}]`).hidden = !some;
};

element.addEventListener("click", (event) => {
  const what = pointers.size ? null : event.target.closest("[data-what]")?.dataset.what;
  if (what === "hottest") eraseHottest();
  if (what === "undo") undo();
  if (what === "all") undo(true);
  // The button that was pressed may have gone.
  if (what && !anyErased()) $("[data-what=hottest]").focus();
});
