// --- Reading first, and comments on the answer; in the scope of viewer.js ---------------------------------

// Notes last as long as the browser tab: the next person to use the browser must not see the list of radiographs.
const notes = () => cxr.recall("notes", "sessionStorage") ?? [];
const noteOf = (id) => notes().findLast((other) => other.id === id);
const note = (values) => {
  const all = notes();
  const value = answered();
  let mine = all.findLast((other) => other.id === value.id);
  if (!mine) all.push(mine = { id: value.id, file: value.name });
  // The verdict that the reader answered to is kept, even if the threshold is moved later.
  if (!mine.verdict) {
    Object.assign(mine, {
      probability: value.probability,
      verdict: cxr.verdict(value),
      threshold: ownThresholdNow(), // null where the model's rule decided
      model: value.model,
    });
  }
  Object.assign(mine, values);
  cxr.remember("notes", all, "sessionStorage");
  return mine;
};

// Who begins to read first has seen the answer that is shown.
let readFirst = cxr.readFirst;
const noticeReadFirst = () => {
  if (cxr.readFirst && !readFirst && answered()) state.own ??= "seen";
  readFirst = cxr.readFirst;
};
// Who reads a case in the quiz is asked there.
const inQuiz = () => cxrCases.asking() || Boolean(cxrCases.choices()[state.source?.case]);
const waiting = () => cxr.readFirst && answered() && !state.own && !inQuiz();

const blinded = () => waiting() || cxrCases.asking();
// What the radiograph is called where it is read out.
const shownName = () => (cxrCases.asking() ? state.source.name : answered().name);

const chosenReading = () => $("[name=own]:checked")?.value;
const confidenceIsSet = () => !$(".confidence").hasAttribute("data-unset");
const confidence = () => (chosenReading() === "UNSURE" || !confidenceIsSet() ? null : confidenceNow());
// A reading of a radiograph that the list holds is the reader's there, too, unless there is one.
const countInList = (own) => {
  const row = cxrList.rows.get(cxrList.state.opened);
  if (own && row && !row.own) cxrList.update(row.key, { own });
};
// For another radiograph.
const beginReading = () => {
  $(".own-reading").reset();
  $(".confidence").setAttribute("data-unset", "");
};
const showReading = () => showConfidence({ unsure: chosenReading() === "UNSURE", isSet: confidenceIsSet() });

const showSession = () => {
  $(".viewer").dataset.reading = waiting() ? "own" : "answer";
  $(".own-reading").hidden = !waiting();
  showReading();
  if (answered()) $(".own-reading .name").textContent = answered().name;
  $(".saved").textContent = SAVED[saved]();
  const given = Boolean($("[name=agree]:checked") || $(".comment").value.trim());
  $("[data-note=save]").disabled = !given;
  $(".feedback").hidden = !answered()?.in_range; // there is no verdict to agree with
  const all = notes();
  const read = all.filter((one) => one.own && one.verdict !== "OUTSIDE"); // where the model gives no verdict
  const agreed = read.filter((one) => one.own === cxrRules.asReading(one.verdict)).length;
  const unsure = read.filter((one) => one.own === "UNSURE").length;
  const uncertain = read.filter((one) => one.verdict === "UNCERTAIN").length;
  const said = [];
  if (read.length) said.push(say("session", { read: read.length, agreed }));
  if (unsure) said.push(say("session_unsure", { unsure }));
  if (uncertain) said.push(say("session_uncertain", { uncertain }));
  $(".agreement").textContent = said.join(" ");
  $(".session .keep").hidden = !all.length;
};

// Where the note is kept that was saved last.
const SAVED = { here: () => say("feedback_saved"), sent: () => say("feedback_sent"), nowhere: () => "" };
let saved = "nowhere";
let saving = 0; // only of the note that is shown it is said where it is
const forgetSaved = () => { saved = "nowhere"; saving += 1; };
const showNote = () => {
  const mine = answered() && noteOf(answered().id);
  for (const choice of element.querySelectorAll("[name=agree]")) {
    choice.checked = choice.value === mine?.feedback;
  }
  $(".comment").value = mine?.comment ?? "";
  forgetSaved();
  showSession();
  beginFlag(mine);
};
const saveNote = () => {
  const feedback = element.querySelector("[name=agree]:checked")?.value ?? "";
  return note({ feedback, comment: $(".comment").value.trim() });
};

element.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target.closest(".own-reading");
  const own = form && chosenReading();
  if (!own) return;
  state.own = own;
  note({ own, confidence: confidence() });
  countInList(own);
  show();
  $(".verdict").focus();
  showSourceCase();
});
element.addEventListener("input", (event) => {
  if (event.target.matches("[name=own]")) showReading();
  // What is written stays if another radiograph is opened.
  if (event.target.matches(".comment, [name=agree]")) {
    saveNote();
    forgetSaved();
    showSession();
  }
});
onConfidence(() => {
  $(".confidence").removeAttribute("data-unset");
  showReading();
});
element.addEventListener("click", async (event) => {
  const action = event.target.closest("[data-note]")?.dataset.note;
  if (action === "save") {
    const mine = saveNote();
    const now = ++saving;
    let where = "here";
    if (props.keeps_notes) {
      const { id, file, ...nameless } = mine;
      try {
        await cxrFiles.reply(server.keep_note(nameless));
        where = "sent";
      } catch { /* the note is in the browser all the same */ }
    }
    if (now === saving) saved = where;
    showSession();
  }
  if (action === "download") {
    const columns = ["file", "own", "confidence", "verdict", "probability", "threshold",
      "feedback", "comment", "model"];
    cxrFiles.downloadTable("notes.csv", columns, notes());
  }
  if (action === "clear") {
    cxr.remember("notes", [], "sessionStorage");
    showNote();
    (answered() && !waiting() ? $(".verdict") : $(".stage")).focus({ preventScroll: true }); // the button has gone
  }
});
