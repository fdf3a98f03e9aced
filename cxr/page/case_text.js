// --- What a case teaches: the label, what to look at, and what the bundled model said; in the scope of viewer.js ---

const saidOf = ({ verdict, probability, reasons, comparison }) => {
  if (!verdict) return `${say("case_refused")} ${cxr.sentences(reasons, say)}`;
  if (verdict === "OUTSIDE") return say("said_OUTSIDE");
  const answer = say(`said_${verdict}`, { probability: cxr.probability(probability) });
  return `${answer} ${say(`compared_${comparison}`)}`;
};

let unknownToldOf = null; // a name that was scrolled to: on a phone it is below the screen

const showCase = () => {
  const { cases, chosen: name, shown, unknown } = cxrCases.state;
  const told = name && name === shown && !blinded();
  $(".case article").hidden = !told && !unknown;
  for (const part of element.querySelectorAll(".case dl, .case .credit")) part.hidden = !told;
  if (unknown) $(".case h2").textContent = say("case_unknown", { name: unknown });
  if (unknown && unknown !== unknownToldOf) $(".case article").scrollIntoView({ block: "nearest" });
  unknownToldOf = unknown;
  if (!told) return;
  const one = cases[name];
  $(".case h2").textContent = one.title[cxr.language];
  $(".case dd.label").textContent = say(`label_${one.label}`);
  $(".case dd.look").textContent = one.look[cxr.language];
  $(".case dd.model").textContent = saidOf(one);
  $(".case .origin span").textContent = say(one.radiograph ? "case_credit" : "case_own");
  for (const part of [".of-data-set", ".words"]) $(`.case ${part}`).hidden = !one.radiograph;
  $(".case .licence").hidden = !one.radiograph;
  $(".case .link").href = `?case=${name}`;
};
