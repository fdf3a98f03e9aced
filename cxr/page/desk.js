// The radiograph on the desk: what the viewer and the reader study share, each with a scope of its own. Gradio puts
// `element`, `props`, `upload` and `server` into it.
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
const answered = () => (state.kind === "answered" ? state.value : null);
const points = () => answered().operating_points;

// How the server knows a source: a file is uploaded, and deleted there some minutes later.
const handOver = async ({ name, file, case: ofCase }) => {
  if (!file) return { case: ofCase };
  const { path } = await upload(file);
  if (!path) throw new Error("not uploaded");
  return { name, path };
};

// Asks the server for an answer: the kind of state that it leads to, with its values (see cxr/page/answer_values.py), and
// `asked`, by which the server knows the radiograph.
const ask = async (source) => {
  const { file } = source;
  if (file?.size > props.max_bytes) return { kind: "too_large" };
  try {
    return await cxrFiles.patiently(async () => {
      const asked = await handOver(source);
      return { asked, ...(await cxrFiles.reply(server.answer_one(asked))) };
    }, (answer) => answer.kind === "busy");
  } catch (error) {
    if (file && !(await cxrFiles.isThere(file))) return { kind: "missing" };
    return { kind: cxrFiles.isBusy(error) ? "busy" : "offline" };
  }
};
