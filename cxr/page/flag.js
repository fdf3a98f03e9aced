// --- A disagreement for the dataset of the page's operator: sent by a button of its own; in the scope of viewer.js ----

// What was sent last, or is being sent; it is not sent a second time.
let flagged = "";

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
  $("[data-note=send]").disabled = !now.own || flagged === JSON.stringify(now);
  $(".flag .needs").hidden = Boolean(now.own);
};
// For another radiograph: reading and consent are asked anew, unless the reader has read it first.
const beginFlag = (mine) => {
  flagged = "";
  for (const choice of element.querySelectorAll("[name=flag-own]")) choice.checked = choice.value === mine?.own;
  $(".consent").checked = false;
  $(".flag .sent").textContent = "";
  showFlag();
};
const sendFlag = async () => {
  const { id: digest, ...sent } = flag();
  flagged = JSON.stringify(flag());
  $(".flag .sent").textContent = say("flag_sending");
  showFlag();
  const { id, file, ...nameless } = saveNote();
  const radiograph = sent.consent ? state.asked : null;
  const said = await server.flag({ ...nameless, ...sent, radiograph }).catch(() => "not_sent");
  if (answered()?.id !== digest) return;
  if (said === "not_sent") flagged = "";
  $(".flag .sent").textContent = say(`flag_${said}`);
  showFlag();
};

element.addEventListener("input", (event) => {
  if (event.target.closest(".feedback")) showFlag();
});
element.addEventListener("click", (event) => {
  if (event.target.closest("[data-note]")?.dataset.note === "send") sendFlag();
});
