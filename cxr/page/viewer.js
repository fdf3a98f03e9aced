// The viewer: one state at a time, and what leads from one to the next. radiograph.js, heat.js, stage.js, tools.js,
// whatif.js, answer.js and reading.js follow in the same scope; Gradio puts `element`, `props`, `upload` and
// `server` into it.
//
//   empty → reading → answered | refused | unreadable | too_large | busy | offline | failed
const { cxr, cxrCases, cxrFiles, cxrRules } = window;
const $ = (selector) => element.querySelector(selector);
const say = cxr.speaker(props.texts);

const FRESH_VIEW = { zoom: 1, x: 0, y: 0, turn: 0, flip: false };
const state = {
  kind: "empty",
  source: null, // what was chosen: its name, and a file or the name of a case
  asked: null, // how the server knows it: a path of an upload, or the name of a case
  picture: null, // an address of the image itself, for the states without an answer
  value: null, // an answer, or why there is none; see cxr/page/values.py
  opacity: cxr.recall("opacity") ?? 0.6,
  least: props.least, // evidence from which a place is coloured, on the heatmap's scale
  prevalence: cxr.recall("prevalence") ?? 20, // per cent
  pressed: { heatmap: false, contour: false, lungs: false, grid: false, side: false, invert: false, lens: false },
  mode: "move", // what a pointer does on the stage: move, window, ruler or erase
  view: { ...FRESH_VIEW },
  window: [0, 1], // the levels shown black and white
  own: null, // the reader's own reading of it, once there is one
  forced: false, // whether the reader asked for a heatmap that does not support the answer
};
const answered = () => (state.kind === "answered" ? state.value : null);
const points = () => answered().operating_points;
const ownThreshold = () => cxr.ownThreshold(answered().model);
const threshold = () => ownThreshold() ?? points().threshold;

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
  Object.assign(state, { source, picture, asked: null, own: null, forced: false, view: { ...FRESH_VIEW } });
  Object.assign(state.pressed, { heatmap: false, contour: false, invert: false });
  if (source.file) cxrCases.show(null);
  become("reading");
  const next = await ask(source);
  if (mine !== chosen) return;
  if (next.kind === "answered") await loadRadiograph(next);
  if (mine !== chosen) return;
  become(next.kind, { value: next, picture: next.picture ?? picture });
  if (source.case && !CAN_BE_TRIED_AGAIN.includes(next.kind)) cxrCases.show(source.case);
  showNote();
};

const ask = async (source) => {
  const { name, file } = source;
  if (file?.size > props.max_bytes) return { kind: "too_large" };
  try {
    const asked = file ? { name, path: (await upload(file)).path } : { case: source.case };
    if (file && !asked.path) throw new Error("not uploaded");
    state.asked = asked;
    return await server.answer_one(asked);
  } catch {
    return { kind: "offline" };
  }
};

document.addEventListener("cxr:open", ({ detail }) => {
  cxr.setView("one");
  open({ name: detail.name, file: detail });
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
  if (button?.matches(".again")) open(state.source);
});

// --- What is shown ----------------------------------------------------------------------------------------

const PROBLEMS = ["refused", "unreadable", "too_large", "busy", "offline", "failed"];
const CAN_BE_TRIED_AGAIN = ["busy", "offline", "failed"];

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
  $(".problem .todo").textContent = say(`todo_${kind}`);
  $(".again").hidden = !CAN_BE_TRIED_AGAIN.includes(kind);
};

const show = () => {
  cxr.translate(element, say);
  showState();
  showTools();
  showAnswer();
  showSession();
  draw();
};
