// --- What the reader does in the study, and where it begins -----------------------------------------------

const NOTICES = {
  full: () => say("study_full"),
  forbidden: () => say("study_forbidden"),
  archive: () => say("study_archive"),
  table: () => say("study_table"),
  unkept: () => say("other_tab_unkept"),
  not_begun: () => say("study_not_begun"),
  limit: () => say("study_limit", { limit: MAX_FILES }),
  partly_kept: () => say("study_partly_kept", { kept: study.items.length, begun: study.about.count }),
  under_way: () => say("study_under_way"),
};
let sure = ""; // what was asked for once: done if it is asked for again

// The stage reads out what is on it, which must not be the file's name: it often goes by the label.
const shownName = () => place();
const place = () => (study.at >= 0 ? say("study_place", { at: study.at + 1, total: study.items.length }) : "");

const show = () => {
  cxr.translate(element, say);
  const { phase, items, at } = study;
  $(".study").dataset.phase = phase;
  $(".study").dataset.state = state.kind;
  const problems = [study.problem, study.late && "under_way"].filter(Boolean);
  cxr.write($(".notice"), problems.map((one) => NOTICES[one]()).join(" "));
  $(".notice").hidden = !problems.length;
  showSetup();
  cxr.write($(".place strong"), place());
  $("progress").value = items.length ? at / items.length : 0;
  const kept = study.chosen.length ? say("study_keeping") : "";
  $(".reading").textContent = phase === "loading" ? place() || kept : "";
  showProblem();
  $(".own-reading").hidden = !["read", "aid"].includes(phase);
  showTools();
  $("[data-tool=mark]").hidden = !blinded();
  stopAtSeen();
  showReading();
  showModel();
  showResults();
  showSure();
  draw();
};
const showSetup = () => {
  const { chosen, repeated, others, labels, ambiguous } = study;
  const said = [];
  if (chosen.length) said.push(say("study_chosen", { count: chosen.length }));
  if (repeated) said.push(say("study_repeated", { count: repeated }));
  if (others.length) said.push(say("files_no_images", { count: others.length, name: cxrFiles.listed(others) }));
  const from = labels ? cxrFiles.listed(labels.names) : "";
  if (labels?.names.length && chosen.length) {
    const [positive, normal] = ["PNEUMONIA", "NORMAL"].map((one) => chosen.filter(({ label }) => label === one).length);
    said.push(say("study_labels_found", { count: positive + normal, name: from, positive, normal }));
  }
  if (labels?.answers.length) {
    said.push(say("study_labels_answers", { name: cxrFiles.listed(labels.answers), count: labels.answers.length }));
  }
  if (labels?.unused) said.push(say("study_labels_unused", { count: labels.unused }));
  if (ambiguous.length) said.push(say("study_labels_ambiguous", { name: cxrFiles.listed(ambiguous), count: ambiguous.length }));
  if (labels?.names.length && !chosen.length) said.push(say("study_labels_read", { count: labels.count, name: from }));
  $(".chosen").textContent = said.join(" ");
  $("[data-do=start]").hidden = !chosen.length;
  $("[data-do=unchoose]").hidden = !chosen.length && !labels;
};
const showSure = () => {
  const really = () => say(study.phase === "aid" ? "study_end_half" : "study_end_sure");
  $("[data-do=end]").textContent = sure === "end" ? really() : say("study_end");
  const forgets = $("[data-do=forget]");
  if (forgets) forgets.textContent = say(sure === "forget" ? "study_forget_sure" : "study_forget");
};

// Whenever the stage is drawn: its tool may have been chosen by a key.
const drawBeside = () => $("[data-do=mark]").setAttribute("aria-pressed", String(state.mode === "mark"));

const DOES = {
  files: () => $(".pick-files").click(),
  folder: () => $(".pick-folder").click(),
  labels: () => $(".pick-labels").click(),
  start,
  unchoose,
  again: next,
  here: goOnHere,
  leave: leaveOut,
  undo,
  mark: () => { use("mark"); $(".stage").focus(); },
  csv: keepTable,
  json: keepDocument,
};
const SURE = { end, forget };

element.addEventListener("click", async (event) => {
  const { do: action } = event.target.closest("button")?.dataset ?? {};
  const twice = action && action === sure;
  if (twice && event.detail > 1) return; // a double click asks once
  sure = action in SURE && !twice ? action : "";
  const doing = DOES[action]?.();
  if (twice) await SURE[action]();
  showSure();
  showReading();
  if (["start", "again", "leave"].includes(action) || twice) {
    await doing;
    focusOnNext();
  }
});
element.addEventListener("change", async (event) => {
  if (event.target.matches("[name=choice]")) showReading();
  if (event.target.matches("[name=choice], .confidence")) keepDraft();
  if (!event.target.matches("input[type=file]")) return;
  const files = [...event.target.files];
  const asLabels = event.target.matches(".pick-labels");
  event.target.value = ""; // so that the same file can be chosen again
  if (asLabels && files.length) await chooseLabels(files[0]);
  else await choose(await cxrFiles.listFiles({ files, items: [] }));
});
element.addEventListener("input", (event) => {
  if (event.target.matches(".brush")) { showReading(); draw(); }
});
$(".own-reading").addEventListener("submit", async (event) => {
  event.preventDefault();
  await submit();
  focusOnNext();
});
// The second click of a double click, which was for the reading before.
$(".own-reading [type=submit]").addEventListener("click", (event) => { if (event.detail > 1) event.preventDefault(); });
// Held down, Enter would submit the reading with the model's answer, too.
$(".own-reading").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.repeat) event.preventDefault();
});
onConfidence(() => {
  touched = true;
  showReading();
});

// Whoever uses the keyboard is where the next thing is to do.
const focusOnNext = () => {
  if (study.phase === "results") $(".results h2").focus();
  else if (study.phase === "problem") [...$(".problem").querySelectorAll("button")].find(({ hidden }) => !hidden)?.focus();
  // The model's answer is read before the form is: Enter pressed twice would submit it unseen.
  else if (study.phase === "aid") $(".verdict").focus();
  else if (study.phase === "setup") $("[data-do=files]").focus();
  else if (study.phase === "read") ($("[name=choice]:checked") ?? $("[name=choice]")).focus();
};
document.addEventListener("cxr:study", async ({ detail }) => {
  if (study.phase === "setup") return choose(await cxrFiles.listFiles(detail));
  study.late = ["loading", "read", "aid", "problem"].includes(study.phase);
  return show();
});

const tab = shareWithTabs();
cxr.onChange(show);
