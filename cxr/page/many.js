// A folder or an archive, radiograph by radiograph: the browser holds the list, and the server sees one radiograph at
// a time. Nothing of the list is on the server, so that cancelling is not asking for the next.
const { cxr, cxrZip } = window;
const $ = (selector) => element.querySelector(selector);
const texts = () => props.texts[cxr.language];
const MOST_FILES = 5000;
const state = { rows: [], total: 0, running: false, cancelled: false, problem: "" };

const say = ({ code, values }) => cxr.fill(texts().messages[code], values);
const verdictOf = (row) => cxr.verdict(row.probability, row.operating_points, row.model);

const show = () => {
  const t = texts();
  cxr.translate(element, t);
  const { rows, total, running } = state;
  $("[data-do=cancel]").hidden = !running;
  for (const button of ["csv", "overlays"]) {
    $(`[data-do=${button}]`).hidden = running || !rows.length;
  }
  $(".progress").hidden = !total && !state.problem;
  $("progress").value = total ? rows.length / total : 0;
  const count = (status) => rows.filter((row) => row.status === status).length;
  $(".progress [role=status]").textContent = state.problem || cxr.fill(t.many_status, {
    done: cxr.number(rows.length), total: cxr.number(total),
    refused: cxr.number(count("refused")), failed: cxr.number(count("error")),
  });
  $("table").hidden = !rows.length;
  // The likeliest first; what has no answer last.
  const sorted = [...rows].sort((a, b) => (b.probability ?? -1) - (a.probability ?? -1));
  $("tbody").replaceChildren(...sorted.map(line));
};

const line = (row) => {
  const t = texts();
  const tr = document.createElement("tr");
  const cell = (name, content) => {
    const td = document.createElement("td");
    td.className = name;
    td.append(content);
    tr.append(td);
    return td;
  };
  const picture = document.createElement("img");
  picture.alt = "";
  if (row.thumbnail) picture.src = row.thumbnail;
  cell("picture", row.thumbnail ? picture : "");
  const open = document.createElement("button");
  open.type = "button";
  open.textContent = row.name;
  open.dataset.row = row.index;
  cell("file", row.status === "ok" ? open : row.name);
  if (row.status === "ok") tr.dataset.verdict = verdictOf(row);
  cell("verdict", row.status === "ok" ? t.verdicts[verdictOf(row)] : t.many_statuses[row.status]);
  cell("number", row.status === "ok" ? cxr.probability(row.probability) : "–");
  cell("remarks", remarks(row));
  return tr;
};
const remarks = (row) => (row.detail ? row.detail : cxr.sentence(row.messages.map(say)));

// --- One radiograph after the other ---------------------------------------------------------------------

const classify = async (source, index) => {
  const row = { index, name: source.name, source, messages: [], detail: "" };
  try {
    const { path } = await upload(await source.open());
    return Object.assign(row, await server.classify_one({ path, name: source.name }));
  } catch (error) {
    return Object.assign(row, { status: "error", probability: null, detail: String(error.message ?? error) });
  }
};

const run = async (sources) => {
  if (state.running || !sources.length) return;
  Object.assign(state, { rows: [], total: sources.length, running: true, cancelled: false, problem: "" });
  show();
  let drawn = 0;
  for (const [index, source] of sources.entries()) {
    if (state.cancelled) break;
    state.rows.push(await classify(source, index));
    if (performance.now() - drawn > 300) { show(); drawn = performance.now(); }
  }
  state.running = false;
  show();
};

const asSource = (file) => ({ name: file.webkitRelativePath || file.name, open: async () => file });
const isArchive = (file) => /\.zip$/i.test(file.name);
const gather = async (files) => {
  const sources = [];
  state.problem = "";
  for (const file of files) {
    if (file.name.startsWith(".")) continue;
    try {
      sources.push(...(isArchive(file) ? await cxrZip.read(file) : [asSource(file)]));
    } catch {
      state.problem = cxr.fill(texts().many_archive, { name: file.name });
      show();
    }
  }
  if (sources.length > MOST_FILES) {
    state.problem = cxr.fill(texts().many_most, { most: cxr.number(MOST_FILES) });
    show();
    return;
  }
  await run(sources.sort((a, b) => a.name.localeCompare(b.name)));
};

// --- What the reader does -------------------------------------------------------------------------

const csv = () => {
  const columns = ["file", "status", "probability", "label", "threshold", "remarks", "model"];
  cxr.downloadTable("radiographs.csv", columns, state.rows.map((row) => ({
    file: row.name, status: row.status, probability: row.probability, remarks: remarks(row),
    ...(row.status === "ok" && {
      label: verdictOf(row),
      threshold: cxr.ownThreshold(row.model) ?? row.operating_points.threshold,
      model: row.model,
    }),
  })));
};

const overlays = async () => {
  const files = [];
  const taken = new Set();
  state.running = true;
  state.cancelled = false;
  const read = state.rows.filter((row) => row.status === "ok");
  for (const [done, row] of read.entries()) {
    if (state.cancelled) break;
    state.problem = cxr.fill(texts().many_packing, { done: done + 1, total: read.length });
    show();
    try {
      const { path } = await upload(await row.source.open());
      const { overlay } = await server.overlay_of({ path, name: row.name });
      if (!overlay) continue;
      const stem = row.name.replaceAll("/", "_").replace(/\.[^.]*$/, "");
      let name = `${stem}.png`;
      for (let n = 2; taken.has(name); n += 1) name = `${stem}-${n}.png`;
      taken.add(name);
      files.push([name, Uint8Array.from(atob(overlay), (char) => char.charCodeAt(0))]);
    } catch { /* it stays in the table */ }
  }
  state.running = false;
  state.problem = "";
  show();
  if (files.length) cxr.download(URL.createObjectURL(cxrZip.write(files)), "overlays.zip");
};

element.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const actions = {
    files: () => $(".pick-files").click(),
    folder: () => $(".pick-folder").click(),
    cancel: () => { state.cancelled = true; },
    csv, overlays,
  };
  actions[button.dataset.do]?.();
  if (button.dataset.row) {
    const row = state.rows[Number(button.dataset.row)];
    document.dispatchEvent(new CustomEvent("cxr:open", { detail: await row.source.open() }));
  }
});
element.addEventListener("change", (event) => {
  if (!event.target.matches("input[type=file]")) return;
  const files = [...event.target.files];
  event.target.value = "";
  gather(files);
});

// A dropped folder is read to its depths.
const entriesOf = async (entry) => {
  if (entry.isFile) return [await new Promise((found, failed) => entry.file(found, failed))];
  const reader = entry.createReader();
  const files = [];
  for (;;) {
    const batch = await new Promise((found, failed) => reader.readEntries(found, failed));
    if (!batch.length) return files;
    for (const inner of batch) files.push(...(await entriesOf(inner)));
  }
};
document.addEventListener("cxr:drop", async (event) => {
  const { items, files } = event.detail;
  const entries = items.map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = entries.length ? (await Promise.all(entries.map(entriesOf))).flat() : files;
  gather(found);
});

cxr.onLanguage(show);
