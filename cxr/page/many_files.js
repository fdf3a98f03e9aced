// --- Files of what the list shows: a table, and the radiographs with their heatmaps; in the scope of many.js ----

// A name without folders and without what a file system or a program that unpacks might take for one.
const flat = (name) => name.replace(/[/\\:*?"<>|]/g, "_");

const csv = () => {
  const columns = ["file", "status", "probability", "verdict", "threshold", "evidence", "own_label", "remarks", "model"];
  cxrFiles.downloadTable("radiographs.csv", columns, shownRows().map((row) => ({
    file: row.name, status: row.status, own_label: row.own, remarks: remarks(row),
    // Of who reads first, and has not read it, the file hides what the table does.
    ...(row.status === "ok" && verdictOf(row) === "unread" && { verdict: "unread" }),
    ...(row.status === "ok" && verdictOf(row) !== "unread" && {
      probability: row.probability,
      verdict: verdictOf(row),
      evidence: row.worth,
      threshold: cxr.ownThreshold(row.model) ?? row.operating_points.threshold,
      model: row.model,
    }),
  })));
};

// The server draws what it has answered already: only the radiograph and its map are sent.
const overlayOf = async (row) => {
  const file = await cxrList.fileOf(row);
  const { map, turns, name, worth } = row;
  const { overlay } = await cxrFiles.patiently(async () => {
    const { path } = await upload(file);
    return cxrFiles.reply(server.overlay_of({ path, name, map, turns, worth }));
  }, ({ busy }) => busy);
  if (!overlay) throw new Error("the server has none");
  return Uint8Array.from(atob(overlay), (char) => char.charCodeAt(0));
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
  const answered = shownRows().filter((row) => row.status === "ok");
  Object.assign(state, { running: true, cancelled: false, notice: null });
  let failed = 0;
  for (const [done, row] of answered.entries()) {
    if (state.cancelled) break;
    state.drawn = done / answered.length;
    state.packing = () => say("many_packing", { done: done + 1, total: answered.length });
    show();
    const stem = cxrFiles.distinct(flat(row.name).replace(/\.[^.]*$/, ""), taken, (name) => name.toLowerCase());
    try {
      pack.add(`${stem}.png`, await overlayOf(row));
    } catch {
      failed += 1;
    }
  }
  Object.assign(state, { running: false, packing: null });
  if (failed) state.notice = () => say("many_not_drawn", { failed });
  if (!answered.length) state.notice = () => say("many_none_to_draw");
  show();
  if (!state.cancelled) pack.close();
};
Object.assign(ACTIONS, { csv, overlays });

cxrList.onChange(() => {
  if (cxrList.state.elsewhere) state.cancelled = true;
  showSoon();
});
cxr.onChange(() => { show(); cameBack(); });
cxrList.renew(props.answers);
