// --- Files of what the list shows: a table, and the radiographs with their heatmaps; in the scope of many.js ----

// A name without folders and without what a file system or a program that unpacks might take for one.
const flat = (name) => name.replace(/[/\\:*?"<>|]/g, "_");

const csv = () => {
  const columns = ["file", "status", "probability", "verdict", "threshold", "low", "high", "evidence", "own_label",
    "remarks", "model"];
  cxrFiles.downloadTable("radiographs.csv", columns, shownRows().map((row) => ({
    file: row.name, status: row.status, own_label: row.own, remarks: remarks(row),
    // Of who reads first, and has not read it, the file hides what the table does.
    ...(row.status === "ok" && verdictOf(row) === "unread" && { verdict: "unread" }),
    ...(row.status === "ok" && verdictOf(row) !== "unread" && {
      probability: row.probability,
      verdict: verdictOf(row),
      evidence: row.worth,
      threshold: cxr.ownThreshold(row.model), // empty where the model's rule decides, by these two
      low: row.operating_points.high_sensitivity,
      high: row.operating_points.high_specificity,
      model: row.model,
    }),
  })));
};

// The server draws what it has answered already: only the radiograph and its map are sent. What it draws has a name
// without the ending of the file's.
const overlayOf = async (row) => {
  const file = await cxrList.fileOf(row);
  const { map, turns, name, worth, in_range } = row;
  const { overlay, stem } = await cxrFiles.patiently(async () => {
    const { path } = await upload(file);
    return cxrFiles.reply(server.overlay_of({ path, name, map, turns, worth, in_range, language: cxr.language }));
  }, ({ busy }) => busy);
  if (!overlay) throw new Error("the server has none");
  const folder = name.slice(0, name.lastIndexOf("/") + 1);
  return { stem: flat(folder + stem), content: Uint8Array.from(atob(overlay), (char) => char.charCodeAt(0)) };
};
// Downloads files as one ZIP or, where they are too large for that, as several.
const packer = (name) => {
  let files = [], bytes = 0, number = 0;
  const close = () => {
    if (!files.length) return;
    number += 1;
    cxrFiles.downloadBlob(cxrZip.write(files), `${name}${number > 1 ? `-${number}` : ""}.zip`);
    [files, bytes] = [[], 0];
  };
  const add = (path, content) => {
    if (bytes + content.length > cxrZip.limits.written) close();
    files.push([path, content]);
    bytes += content.length;
  };
  return { add, close };
};
const overlays = async () => {
  const pack = packer("overlays");
  const taken = new Set();
  const found = shownRows().filter((row) => row.status === "ok");
  const answered = found.filter((row) => verdictOf(row) !== "unread"); // as in the table
  const unread = found.length - answered.length;
  const left = waiting().length;
  Object.assign(state, { running: true, cancelled: false, notice: null });
  let failed = 0;
  for (const [done, row] of answered.entries()) {
    if (state.cancelled) break;
    state.drawn = done / answered.length;
    state.packing = () => say("many_packing", { done: done + 1, total: answered.length });
    show();
    try {
      const { stem, content } = await overlayOf(row);
      pack.add(`${cxrFiles.distinct(stem, taken, (name) => name.toLowerCase())}.png`, content);
    } catch {
      failed += 1;
    }
  }
  Object.assign(state, { running: false, packing: null });
  const said = [
    failed && (() => say("many_not_drawn", { failed })),
    unread && (() => say("many_not_read", { unread })),
    !found.length && (() => say("many_none_to_draw")),
  ].filter(Boolean);
  if (said.length) state.notice = () => said.map((one) => one()).join(" ");
  show();
  if (!state.cancelled) pack.close();
  if (!state.cancelled && waiting().length > left) await run(); // files that were added meanwhile
};
Object.assign(ACTIONS, { csv, overlays });

cxrList.onChange(() => {
  if (cxrList.state.elsewhere) state.cancelled = true;
  showSoon();
});
cxr.onChange(() => { show(); cameBack(); });
cxrList.renew(props.answers);
