// The reader study: radiographs are read one after the other without what the model says, then with it. The browser
// keeps the study (store.js) until the reader deletes it, so that it goes on after a reload where it was.
//
//   setup → loading → read → aid → loading → … → results; from loading also → problem, for a radiograph without answer;
//   from each → elsewhere, while another tab has the study
//
// study.py has the order of the scripts, which are in one scope.
const { cxrStatistics, cxrStore, cxrTabs } = window;
const MAX_FILES = 500;
const OFFERED = { without: ["erase", "box", "side", "grid", "reset"], keys: { z: "undo" }, banner: () => null }; // see toolbar.js
const store = cxrStore.open("study");
const study = {
  phase: "loading",
  // In the order in which they are read. Each: key (its place in it), name, file (until it is read), label (PNEUMONIA, NORMAL or null),
  // kind (null until it is done: answered, or why it is left out) with reasons, first and second reading, answer,
  // pictures and the digest of its image.
  items: [],
  at: -1, // which of them is on the desk
  chosen: [], // before the start: what can be opened, see cxrFiles.gather; with path (its name before it was made distinct) and label
  repeated: 0, // before the start: how many files were chosen again
  others: [], // before the start: names of the files among those last chosen that are no images
  labels: null, // before the start: see study_labels.js
  ambiguous: [], // before the start: what the labels call several of the radiographs
  about: {}, // reader (a code of the reader's own, or ""), begun (when, ISO 8601), count (of the radiographs)
  problem: "", // what is said at the top
  late: false, // whether files came that can no longer be added
  unkept: false, // whether the browser could not keep something of it
};
const current = () => study.items[study.at];
const blinded = () => study.phase !== "aid";

const enter = (phase) => {
  study.phase = tab.held ? phase : "elsewhere";
  show();
};

// --- Keeping ------------------------------------------------------------------------------------------------

// If storing fails, the reader is told, and the study continues unsaved.
let lastKept = Promise.resolve();
const keeping = async (task) => {
  if (!tab.held) return null;
  try {
    return await (lastKept = task());
  } catch ({ code }) {
    study.unkept = true;
    study.problem = code === "full" ? "full" : "forbidden";
    show();
    return null;
  }
};
// The store has the radiographs under their numbers, and other things under names.
const itemsOf = (kept) => kept.filter(([key]) => Number.isInteger(key)).map(([, item]) => item);
const keepItem = (item) => keeping(() => store.put(item.key, item));

// --- From one radiograph to the next -----------------------------------------------------------------------

// A reading that is not submitted yet: { of (its radiograph's key), phase, … }; see study_reading.js.
const DRAFT = "draft";
const ABOUT = "about"; // see study.about
const BEGINNING = "beginning"; // there while not all radiographs of a study are kept yet
const resume = async () => {
  const kept = await keeping(() => store.all());
  if (kept?.some(([key]) => key === BEGINNING)) {
    await keeping(() => store.clear());
    study.problem = "not_begun";
  } else if (kept) {
    study.items = itemsOf(kept);
    study.about = Object.fromEntries(kept)[ABOUT] ?? {};
    if (study.items.length < study.about.count) study.problem = "partly_kept";
  }
  if (study.items.length) await next();
  else enter("setup");
};

let asking = 0; // only what was asked last is shown
const next = async () => {
  if (!tab.held) return null;
  const mine = ++asking;
  study.late = false;
  marks = [];
  study.at = study.items.findIndex((item) => !item.kind);
  Object.assign(state, { kind: "empty", value: null, forced: false });
  Object.assign(state.pressed, { heatmap: false, contour: false, lungs: false });
  resetView();
  if (study.at < 0) return enter("results");
  state.kind = "reading";
  enter("loading");
  const item = current();
  const { levels, ...found } = await ask({ name: item.name, file: item.file }, () => mine === asking);
  if (mine !== asking) return null;
  const kind = found.kind === "answered" && !found.in_range ? "outside" : found.kind;
  if (kind === "answered") loadRadiograph(found, levels);
  Object.assign(state, { kind, value: found });
  if (kind !== "answered") return enter("problem");
  const twin = study.items.find(({ image, key }) => image === found.id && key !== item.key);
  if (twin) return leaveOutTwin(twin);
  const phase = item.first ? "aid" : "read";
  const draft = await keeping(() => store.get(DRAFT));
  if (mine !== asking) return null;
  const begun = draft?.of === item.key && draft.phase === phase ? draft : {};
  if (item.first) return reveal(begun);
  startReading(begun);
  return enter("read");
};

// Done with the radiograph on the desk: its file is needed no longer.
const finish = async (values) => {
  const { file, ...rest } = current();
  study.items[study.at] = { ...rest, ...values };
  await keepItem(current());
  await next();
};
const leaveOut = () => finish({ kind: state.kind, reasons: state.value.reasons ?? state.value.warnings ?? [] });

// An image that has been read already counts once. Its label may be that of the other file, unless they contradict.
const leaveOutTwin = async (twin) => {
  const { label } = current();
  const contradicted = twin.contradicted || Boolean(label && twin.label && label !== twin.label);
  Object.assign(twin, { contradicted, label: contradicted ? null : twin.label ?? label });
  await keepItem(twin);
  const why = contradicted ? { code: "study_contradicted" } : { code: "study_duplicate" };
  await finish({ kind: "duplicate", reasons: [{ ...why, values: { name: twin.name } }] });
};

// --- Setting up -----------------------------------------------------------------------------------------------

// Tables among the files, in ZIP files and folders, too, are those of the labels.
// One selection after the other: each is compared with what is chosen already.
let choosing = Promise.resolve();
const choose = (files) => {
  choosing = choosing.catch(() => {}).then(() => take(files));
  return choosing;
};
const take = async (files) => {
  const { sources, tables, others, damaged } = await cxrFiles.gather(files);
  study.problem = damaged.length ? "archive" : "";
  if (tables.length) await readTables(tables);
  study.others = others.map(({ name }) => name);
  await addChosen(sources);
  giveLabels();
  show();
};
const chooseLabels = async (file) => {
  study.problem = "";
  await readTables([{ name: file.name, open: async () => file }]);
  giveLabels();
  show();
};
const readTables = async (tables) => {
  try {
    const read = tables.map(async ({ name, open }) => ({ name, text: textOf(await (await open()).arrayBuffer()) }));
    study.labels = readLabels(await Promise.all(read));
  } catch { // gone from the disk, or a damaged entry of a ZIP file
    study.problem = "table";
  }
};
const giveLabels = () => {
  const { chosen, labels } = study;
  const found = labels ? labelsFor(labels, chosen.map(({ path }) => path)) : { labels: [], ambiguous: [] };
  chosen.forEach((source, i) => { source.label = found.labels[i] ?? null; });
  study.ambiguous = found.ambiguous;
};

// The same file that is chosen again is one radiograph; another file of the same name is not.
const addChosen = async (sources) => {
  const taken = new Set(study.chosen.map(({ name }) => name));
  const added = [];
  let repeated = 0;
  for (const source of sources) {
    const { name, file, entry } = source;
    const alike = study.chosen.filter((one) => one.path === name && one.entry === entry
      && one.file.size === file.size && one.file.lastModified === file.lastModified);
    if (await isAnyOf(source, alike)) repeated += 1;
    else added.push({ ...source, path: name, name: cxrFiles.distinct(name, taken) });
  }
  if (study.chosen.length + added.length > MAX_FILES) study.problem = "limit"; // what was chosen before stays
  else {
    study.chosen.push(...added);
    study.repeated += repeated;
  }
};
const isAnyOf = async (source, others) => {
  const bytesOf = async ({ open }) => new Uint8Array(await (await open()).arrayBuffer());
  try {
    const bytes = others.length ? await bytesOf(source) : null;
    for (const other of others) {
      const known = await bytesOf(other);
      if (known.length === bytes.length && known.every((byte, i) => byte === bytes[i])) return true;
    }
  } catch { /* what cannot be read is said when it is on the desk */ }
  return false;
};
const unchoose = () => {
  Object.assign(study, { chosen: [], repeated: 0, others: [], labels: null, ambiguous: [], problem: "" });
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
  await choosing.catch(() => {}); // files may be on their way into the selection
  const sources = shuffled(study.chosen);
  study.about = { reader: $(".reader").value.trim(), begun: new Date().toISOString(), count: sources.length };
  study.problem = "";
  enter("loading");
  await (beginning = keepAll(sources));
  Object.assign(study, { chosen: [], repeated: 0, others: [], ambiguous: [] });
  await next();
};
let beginning = null; // resolves once all files are kept
const keepAll = async (sources) => {
  await keeping(() => store.clear());
  Object.assign(study, { items: [], unkept: false });
  await keeping(() => store.put(BEGINNING, true));
  await keeping(() => store.put(ABOUT, study.about));
  for (const [key, { name, label, open }] of sources.entries()) {
    const item = { key, name, label, kind: null };
    try {
      study.items.push({ ...item, file: await open() });
    } catch { // a damaged entry of a ZIP file
      study.items.push({ ...item, kind: "unreadable", reasons: [] });
    }
    await keepItem(study.items.at(-1));
  }
  await keeping(() => store.remove(BEGINNING));
  // From now on the browser's own copies are read: the disk may be taken away.
  const kept = study.unkept ? null : await keeping(() => store.all());
  if (kept) study.items = itemsOf(kept);
};

// The radiographs that were not read are left out, for good: figures seen in between would change the readings. So is one
// that was read without the model's answer only, since the figures compare both readings; what was read is exported.
const end = async () => {
  for (const [at, { file, ...item }] of study.items.entries()) {
    if (item.kind) continue;
    study.items[at] = { ...item, kind: item.first ? "half" : "unread" };
    await keepItem(study.items[at]);
  }
  await next();
};

const forget = async () => {
  await keeping(() => store.clear());
  Object.assign(study, {
    items: [], at: -1, about: {}, chosen: [], repeated: 0, others: [], ambiguous: [], labels: null, problem: "", unkept: false,
  });
  enter("setup");
};

// --- One tab at a time ----------------------------------------------------------------------------------------

const shareWithTabs = () => cxrTabs.share("study", {
  gained: resume,
  lost: async () => {
    await beginning;
    await lastKept.catch(() => {});
    return !study.unkept;
  },
  elsewhere: () => {
    asking += 1;
    study.problem = "";
    enter("elsewhere");
  },
});
const goOnHere = async () => {
  if (await tab.claim()) return;
  study.problem = "unkept";
  show();
};
