// The radiograph on the desk: what the viewer and the reader study share, each with a scope of its own. Gradio puts
// `element`, `props`, `upload` and `server` into it. Each of the two defines, for these scripts: show, shownName, blinded,
// OFFERED (tools), undo, beginStroke, brushAt, endStroke, drawBrush and drawBeside.
const { cxr, cxrCases, cxrFiles, cxrList, cxrRules } = window;
const $ = (selector) => element.querySelector(selector);
const { say } = cxr;

const FRESH_VIEW = { zoom: 1, x: 0, y: 0, turn: 0, flip: false };
const state = {
  kind: "empty",
  source: null, // what was chosen: its name, and a file or the name of a case
  asked: null, // how the server knows it: a path of an upload, or the name of a case
  picture: null, // an address of the image itself, for the states without an answer
  value: null, // an answer, or why there is none; see cxr/page/answer_values.py
  opacity: cxr.recall("opacity") ?? 0.6,
  least: props.least, // evidence from which a place is coloured, on the heatmap's scale
  pressed: { heatmap: false, contour: false, lungs: false, grid: false, side: false, invert: false, lens: false },
  mode: "move", // what a pointer does on the stage: move, window, ruler, erase, box or mark
  view: { ...FRESH_VIEW },
  window: [0, 1], // the levels shown black and white
  forced: false, // whether the reader asked for a heatmap that does not support the answer
};
const CAN_BE_TRIED_AGAIN = ["missing", "busy", "offline", "failed"]; // kinds of states
const answered = () => (state.kind === "answered" ? state.value : null);
const points = () => answered().operating_points;

// How the server knows a source: a file is uploaded, and deleted there some minutes later.
const handOver = async ({ name, file, case: ofCase }) => {
  if (!file) return { case: ofCase };
  const { path } = await upload(file);
  if (!path) throw new Error("not uploaded");
  return { name, path };
};

// Asks the server for an answer: the kind of state that it leads to, with its values (see cxr/page/answer_values.py),
// unpacked levels, and `asked`, by which the server knows the radiograph. Once the answer is not wanted any more, the
// server is asked no further.
const ask = async (source, isWanted) => {
  const { file } = source;
  if (file?.size > props.max_bytes) return { kind: "too_large" };
  try {
    const answer = await cxrFiles.patiently(async () => {
      const asked = isWanted() ? await handOver(source) : null;
      return isWanted() ? { asked, ...(await cxrFiles.reply(server.answer_one(asked))) } : { kind: "unwanted" };
    }, ({ kind }) => kind === "busy");
    return answer.kind === "answered" ? await withLevels(answer) : answer;
  } catch (error) {
    if (file && !(await cxrFiles.isThere(file))) return { kind: "missing" };
    return { kind: cxrFiles.isBusy(error) ? "busy" : "offline" };
  }
};

// Where the browser has no memory for it, or cannot inflate, there is nothing to show.
const withLevels = async (answer) => {
  try {
    return { ...answer, levels: await unpackLevels(answer) };
  } catch {
    return { kind: "failed" };
  }
};
const showWarnings = (warnings) => {
  $(".warnings").hidden = !warnings.length;
  $(".warnings").replaceChildren(...warnings.map((warning) =>
    Object.assign(document.createElement("li"), { textContent: cxr.sentences([warning], say) })));
};

// --- How sure the reader is of a reading --------------------------------------------------------------------

const confidenceNow = () => Number($(".confidence").value) / 100;
// Until the reader sets the slider, where it stands is no answer; whoever is unsure needs none.
const showConfidence = ({ unsure, isSet }) => {
  const slider = $(".confidence");
  slider.disabled = unsure;
  const said = isSet ? cxr.percent(confidenceNow(), 0) : say("confidence_unset");
  $(".how-sure").textContent = unsure ? "–" : said;
  slider.setAttribute("aria-valuetext", said);
};
// It is set when it is moved, and by a click or the space bar where it stands, which count as a change, too.
const onConfidence = (whenSet) => {
  const slider = $(".confidence");
  const leave = () => { whenSet(); slider.dispatchEvent(new Event("change", { bubbles: true })); };
  slider.addEventListener("input", whenSet);
  slider.addEventListener("pointerup", leave);
  slider.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    leave();
  });
};
