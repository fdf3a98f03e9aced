// Many radiographs, one after the other: the browser holds the list and sends the server one radiograph at a time.
// The server keeps none of it, so cancelling means not sending the next.
const { cxr, cxrFiles, cxrZip } = window;
const $ = (selector) => element.querySelector(selector);
const say = cxr.speaker(props.texts);
const MAX_FILES = 5000;
const state = { rows: [], total: 0, running: false, cancelled: false, notice: "" };

const verdictOf = cxr.verdict;

const show = () => {
  cxr.translate(element, say);
  const { rows, total, running } = state;
  $("[data-do=cancel]").hidden = !running;
  for (const button of ["csv", "overlays"]) {
    $(`[data-do=${button}]`).hidden = running || !rows.length;
  }
  $(".progress").hidden = !total && !state.notice;
  $("progress").value = total ? rows.length / total : 0;
  const count = (status) => rows.filter((row) => row.status === status).length;
  $(".progress [role=status]").textContent = state.notice || say("many_status", {
    done: rows.length, total, refused: count("refused"), failed: count("error"),
  });
  const own = rows.map((row) => row.model && cxr.ownThreshold(row.model)).find((one) => one != null);
  $(".own").hidden = own === undefined;
  $(".own").textContent = own === undefined ? "" : say("many_own", { threshold: cxr.decimal(own) });
  $("table").hidden = !rows.length;
  // The highest probability first; radiographs without an answer last.
  const sorted = [...rows].sort((a, b) => (b.probability ?? -1) - (a.probability ?? -1));
  $("tbody").replaceChildren(...sorted.map(line));
};

const line = (row) => {
  const tr = document.createElement("tr");
  const cell = (name, content) => {
    const td = document.createElement("td");
    td.className = name;
    td.append(content);
    tr.append(td);
    return td;
  };
  const thumbnail = document.createElement("img");
  thumbnail.alt = "";
  if (row.thumbnail) thumbnail.src = row.thumbnail;
  cell("thumbnail", row.thumbnail ? thumbnail : "");
  const open = document.createElement("button");
  open.type = "button";
  open.textContent = row.name;
  open.dataset.row = row.index;
  cell("file", row.status === "ok" ? open : row.name);
  if (row.status === "ok") tr.dataset.verdict = verdictOf(row);
  cell("verdict", say(row.status === "ok" ? `verdict_${verdictOf(row)}` : `status_${row.status}`));
  cell("number", row.status === "ok" ? cxr.probability(row.probability) : "–");
  cell("worth", row.status === "ok" ? say(`worth_${row.worth}`) : "–");
  cell("remarks", remarks(row));
  return tr;
};
const remarks = (row) => cxr.sentences(row.messages, say);

// --- One radiograph after the other ---------------------------------------------------------------------

const classify = async (source, index) => {
  const row = { index, name: source.name, source, messages: [] };
  try {
    const { path } = await upload(await source.open());
    return Object.assign(row, await server.classify_one({ path, name: source.name }));
  } catch {
    const messages = [{ code: "state_offline", values: {} }];
    return Object.assign(row, { status: "error", probability: null, messages });
  }
};

const run = async (sources) => {
  if (state.running || !sources.length) return;
  Object.assign(state, { rows: [], total: sources.length, running: true, cancelled: false, notice: "" });
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
  state.notice = "";
  for (const file of files) {
    if (file.name.startsWith(".")) continue;
    try {
      sources.push(...(isArchive(file) ? await cxrZip.read(file) : [asSource(file)]));
    } catch {
      state.notice = say("many_archive", { name: file.name });
      show();
    }
  }
  if (sources.length > MAX_FILES) {
    state.notice = say("many_limit", { limit: MAX_FILES });
    show();
    return;
  }
  await run(sources.sort((a, b) => a.name.localeCompare(b.name)));
};

// --- What the reader does -------------------------------------------------------------------------

const csv = () => {
  const columns = ["file", "status", "probability", "label", "threshold", "evidence", "remarks", "model"];
  cxrFiles.downloadTable("radiographs.csv", columns, state.rows.map((row) => ({
    file: row.name, status: row.status, probability: row.probability, remarks: remarks(row),
    ...(row.status === "ok" && {
      label: verdictOf(row),
      evidence: row.worth,
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
  const answered = state.rows.filter((row) => row.status === "ok");
  for (const [done, row] of answered.entries()) {
    if (state.cancelled) break;
    state.notice = say("many_packing", { done: done + 1, total: answered.length });
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
    } catch { /* the table still shows it */ }
  }
  state.running = false;
  state.notice = "";
  show();
  if (files.length) cxrFiles.download(URL.createObjectURL(cxrZip.write(files)), "overlays.zip");
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

document.addEventListener("cxr:drop", async (event) => gather(await cxrFiles.listFiles(event.detail)));

cxr.onChange(show);
