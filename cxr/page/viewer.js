// The viewer: one state at a time, and what leads from one to the next. viewer.py has the order of the scripts, which are
// in one scope.
//
//   empty → reading → answered | refused | unreadable | too_large | missing | busy | offline | failed
Object.assign(state, {
  prevalence: cxr.recall("prevalence") ?? 20, // per cent
  own: null, // the reader's own reading of the radiograph, once there is one
});
const ownThresholdNow = () => cxr.ownThreshold(answered().model);
const thresholdNow = () => ownThresholdNow() ?? points().threshold;
const OFFERED = { without: ["mark"], keys: { x: "erase_hottest", z: "undo" }, banner: () => answered().in_range && withoutErased() }; // see toolbar.js

// --- From one state to the next -------------------------------------------------------------------------

const become = (kind, values = {}) => {
  Object.assign(state, { kind, value: null, ...values });
  document.body.toggleAttribute("data-shown", kind !== "empty");
  show();
};

let chosen = 0; // only the file chosen last may become an answer
const open = async (source) => {
  const mine = ++chosen;
  if (state.picture?.startsWith("blob:")) URL.revokeObjectURL(state.picture);
  const picture = source.file?.type.startsWith("image/") ? URL.createObjectURL(source.file) : null;
  // Nothing of the radiograph before stays: neither its verdict nor its heatmap.
  Object.assign(state, { source, picture, asked: null, own: null, forced: false });
  resetView();
  $(".not-kept").textContent = "";
  $(".identifiers").checked = false; // asked for anew of each patient
  $(".outside").open = false;
  beginReading();
  Object.assign(state.pressed, { heatmap: false, contour: false, side: false });
  if (source.file) cxrCases.show(null);
  cxrList.follow(source.file ?? null);
  become("reading");
  const { asked = null, levels = null, ...next } = await ask(source, () => mine === chosen);
  if (mine !== chosen) return;
  if (levels) {
    loadRadiograph(next, levels);
    forgetErased(next);
  }
  if (picture && next.picture) URL.revokeObjectURL(picture); // the server's takes its place
  // Whoever has read it first has seen its answer: the first reading counts.
  const own = noteOf(next.id)?.own ?? null;
  countInList(own);
  become(next.kind, { value: next, asked, own, picture: next.picture ?? picture });
  if (!waiting()) showSourceCase();
  showNote();
};
// Tells of the case that is open, if it is one: only after the reader's own reading, if the reader wants to read first.
const showSourceCase = () => {
  if (state.source.case && !CAN_BE_TRIED_AGAIN.includes(state.kind)) cxrCases.show(state.source.case);
};

document.addEventListener("cxr:open", ({ detail }) => {
  const within = document.activeElement?.closest("#many"); // a line of the list, which goes out of sight
  cxr.setView("one");
  open({ name: detail.name, file: detail });
  if (within) $(".stage").focus({ preventScroll: true });
});
document.addEventListener("cxr:choose", () => $(".file").click());
element.addEventListener("change", (event) => {
  if (!event.target.matches(".file")) return;
  const [file] = event.target.files;
  if (file) open({ name: file.name, file });
  event.target.value = ""; // so that the same file can be chosen again
});
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.matches(".invitation, .problem .choose")) $(".file").click();
  if (button?.matches(".again")) {
    open(state.source);
    $(".stage").focus();
  }
});

// --- What is shown ----------------------------------------------------------------------------------------

// What the browser cannot draw leaves the stage empty.
$(".picture").addEventListener("error", () => { $(".picture").hidden = true; });

const PROBLEMS = ["refused", "unreadable", "too_large", "missing", "busy", "offline", "failed"];

const showState = () => {
  const { kind, value, source } = state;
  $(".viewer").dataset.state = kind;
  const picture = kind !== "answered" && kind !== "empty" ? state.picture : null;
  $(".picture").hidden = !picture;
  if (picture) $(".picture").src = picture;
  $(".reading").textContent = kind === "reading" ? say("reading_file", { name: source.name }) : "";
  const problem = PROBLEMS.includes(kind);
  $(".problem").hidden = !problem;
  $(".answer").hidden = kind !== "answered" || waiting();
  if (!problem) return;
  $(".problem .name").textContent = source.name;
  $(".problem .label").textContent = say(`state_${kind}`);
  $(".problem .why").textContent = cxr.sentences(value?.reasons ?? [], say);
  // Refused before the gate saw it.
  $(".problem .todo").textContent = say(kind === "refused" && !value.checked ? "todo_unread" : `todo_${kind}`);
  $(".again").hidden = !CAN_BE_TRIED_AGAIN.includes(kind);
};

const show = () => {
  cxr.translate(element, say);
  showState();
  showTools();
  showAnswer();
  showCase();
  showSession();
  showFlag();
  draw();
};
