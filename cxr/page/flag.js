// --- A disagreement for the dataset of the page's operator: sent by a button of its own; in the scope of viewer.js ----

let flagged = ""; // what was sent last, or is being sent: it is not sent a second time
let became = ""; // what became of it: sending, or what the server says

const disagrees = () => element.querySelector("[name=agree]:checked")?.value === "disagree";
const flag = () => ({
  id: answered()?.id,
  own: $("[name=flag-own]:checked")?.value ?? null,
  consent: $(".consent").checked,
  comment: $(".comment").value.trim(),
});
const showFlag = () => {
  const offered = Boolean(props.flags_to) && disagrees();
  $(".flag").hidden = !offered;
  if (!offered) return;
  $(".flag .what").textContent = say("flag_title", { dataset: props.flags_to });
  const now = flag();
  const send = $("[data-note=send]");
  const off = !now.own || flagged === JSON.stringify(now);
  if (off && send === document.activeElement) $(".consent").focus(); // a button that is off loses it
  send.disabled = off;
  $(".flag .needs").hidden = Boolean(now.own);
  cxr.write($(".flag .sent"), became && say(`flag_${became}`));
};
// For another radiograph: reading and consent are asked anew, unless the reader has read it first.
const beginFlag = (mine) => {
  [flagged, became] = ["", ""];
  for (const choice of element.querySelectorAll("[name=flag-own]")) choice.checked = choice.value === mine?.own;
  $(".consent").checked = false;
  showFlag();
};
const sendFlag = async () => {
  const { id: digest, ...sent } = flag();
  flagged = JSON.stringify(flag());
  became = "sending";
  showFlag();
  const { id, file, ...nameless } = saveNote();
  let answer = "not_sent";
  try { // its upload may have been deleted: a reader takes longer than it is kept
    const radiograph = sent.consent ? await handOver(state.source) : null;
    answer = await cxrFiles.reply(server.flag({ ...nameless, ...sent, radiograph }));
  } catch { /* said below */ }
  if (answered()?.id !== digest) return;
  became = answer;
  if (answer === "not_sent") flagged = "";
  showFlag();
};

element.addEventListener("input", (event) => {
  if (event.target.closest(".feedback")) showFlag();
});
element.addEventListener("click", (event) => {
  if (event.target.closest("[data-note]")?.dataset.note === "send") sendFlag();
});
