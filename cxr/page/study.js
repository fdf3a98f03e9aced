// The reader study: radiographs are read one after the other without what the model says, then with it. The browser
// keeps the study (store.js) until the reader deletes it, so that it goes on after a reload where it was.
//
//   setup → loading → read → aid → loading → … → results; from loading also → problem, for a radiograph without answer
//
// desk.js comes before; study_labels.js, study_marks.js, radiograph.js, heat.js, stage.js, tools.js, study_reading.js,
// study_figures.js, study_results.js and study_begin.js follow in the same scope.
const { cxrStatistics, cxrStore, cxrZip } = window;
const MAX_FILES = 500;
const OFFERED = { without: ["erase", "box", "side", "grid"], keys: { z: "undo" } }; // see tools.js
const store = cxrStore.open("study");
const study = {
  phase: "loading",
  // In the order in which they are read. Each: key (its place in it), name, file (until it is read), label (PNEUMONIA, NORMAL or null),
  // kind (null until it is done: answered, or why it is left out) with reasons, first and second reading, answer
  // and pictures.
  items: [],
  at: -1, // which of them is on the desk
  chosen: [], // before the start: what can be opened, see cxrZip.read
  labels: null, // before the start: see study_labels.js
  problem: "", // what is said at the top
};
const current = () => study.items[study.at];
const blinded = () => study.phase === "read";
const CAN_BE_TRIED_AGAIN = ["busy", "offline", "failed"];

const enter = (phase) => {
  study.phase = phase;
  show();
};

// --- Keeping ------------------------------------------------------------------------------------------------

// What cannot be kept is told, and the study goes on without a net.
const keeping = async (task) => {
  try {
    return await task();
  } catch ({ code }) {
    study.problem = code === "full" ? "full" : "forbidden";
    show();
    return null;
  }
};
const keepItem = (at) => keeping(() => store.put(study.items[at].key, study.items[at]));

// --- From one radiograph to the next -----------------------------------------------------------------------

const resume = async () => {
  const kept = (await keeping(() => store.all())) ?? [];
  study.items = kept.map(([, item]) => item);
  if (study.items.length) await next();
  else enter("setup");
};

let asking = 0; // only what was asked last is shown
const next = async () => {
  const mine = ++asking;
  study.at = study.items.findIndex((item) => !item.kind);
  Object.assign(state, { kind: "empty", value: null, forced: false, mode: "move", view: { ...FRESH_VIEW } });
  Object.assign(state.pressed, { heatmap: false, contour: false, lungs: false, invert: false });
  stage.ruler = null;
  if (study.at < 0) return enter("results");
  state.kind = "reading";
  enter("loading");
  const item = current();
  const found = await ask({ name: item.name, file: item.file });
  if (mine !== asking) return null;
  const kind = found.kind === "answered" && !found.in_range ? "outside" : found.kind;
  if (kind === "answered") {
    await loadRadiograph(found);
    if (mine !== asking) return null;
  }
  Object.assign(state, { kind, value: found });
  if (kind !== "answered") return enter("problem");
  startReading(item.first ?? null);
  return item.first ? reveal() : enter("read");
};

// Done with the radiograph on the desk: its file is needed no longer.
const finish = async (values) => {
  const { file, ...rest } = current();
  study.items[study.at] = { ...rest, ...values };
  await keepItem(study.at);
  await next();
};
const leaveOut = () => finish({ kind: state.kind, reasons: state.value.reasons ?? state.value.warnings ?? [] });

// --- Setting up -----------------------------------------------------------------------------------------------

const openable = (file) => ({ name: file.webkitRelativePath || file.name, open: async () => file });
const choose = async (files) => {
  study.problem = "";
  for (const file of files) {
    if (file.name.startsWith(".")) continue;
    if (/\.(csv|tsv)$/i.test(file.name)) await chooseLabels(file);
    else if (!/\.zip$/i.test(file.name)) study.chosen.push(openable(file));
    else {
      try { study.chosen.push(...(await cxrZip.read(file))); } catch { study.problem = "archive"; }
    }
  }
  if (study.chosen.length > MAX_FILES) {
    study.chosen.length = 0;
    study.problem = "limit";
  }
  show();
};
const chooseLabels = async (file) => {
  study.labels = readLabels(await file.text());
  show();
};

// The order is drawn by lot: names and folders often go by the label.
const shuffled = (values) => {
  const left = [...values];
  return values.map(() => {
    const [drawn] = crypto.getRandomValues(new Uint32Array(1));
    return left.splice(drawn % left.length, 1)[0];
  });
};
const start = async () => {
  const sources = shuffled(study.chosen);
  enter("loading");
  await keeping(() => store.clear());
  study.items = [];
  for (const [key, { name, open }] of sources.entries()) {
    const item = { key, name, label: study.labels ? labelOf(name) : null, kind: null };
    try {
      study.items.push({ ...item, file: await open() });
    } catch { // a damaged entry of a ZIP file
      study.items.push({ ...item, kind: "unreadable", reasons: [] });
    }
    await keepItem(key);
  }
  study.chosen = [];
  await next();
};

// The radiographs that were not read are left out, for good: figures seen in between would change the readings.
const end = async () => {
  for (const [at, { file, ...item }] of study.items.entries()) {
    if (item.kind) continue;
    study.items[at] = { ...item, kind: "unread" };
    await keepItem(at);
  }
  await next();
};

const forget = async () => {
  await keeping(() => store.clear());
  Object.assign(study, { items: [], at: -1, labels: null, problem: "" });
  enter("setup");
};
