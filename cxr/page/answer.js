// --- The answer: verdict, evidence, probability, and what a threshold costs ------------------------------

const showAnswer = () => {
  const value = answered();
  if (!value) return;
  const at = thresholdNow();
  const verdict = cxr.verdict(value);
  $(".viewer").dataset.verdict = verdict;
  cxr.write($(".verdict .name"), value.name);
  cxr.write($(".verdict .label"), say(`verdict_${verdict}`));
  const byModel = ["PNEUMONIA", "NORMAL"].includes(verdict) && ownThresholdNow() === null;
  const reason = byModel ? `${verdict}_model` : verdict;
  cxr.write($(".verdict .reason"), say(`reason_${reason}`, reasonValues()));
  $(".verdict .excludes").hidden = verdict !== "NORMAL";
  showOwnThreshold(value);
  // Outside the model's range the number means little: it is there for who asks for it, and what was measured at a
  // threshold does not hold there at all.
  $(".outside").hidden = value.in_range;
  // It is moved only if it is elsewhere: what is moved loses the focus.
  const [outside, number] = [$(".outside"), $(".number")];
  if (value.in_range === outside.contains(number)) {
    (value.in_range ? outside.after(number) : outside.append(number));
    (value.in_range ? $(".probability").after($(".worth")) : outside.before($(".worth")));
  }
  for (const part of [".at-threshold", ".change-prevalence"]) $(part).hidden = !value.in_range;
  $(".dicom").hidden = !value.is_dicom;
  showBar(value.probability, at);
  showWorth(value);
  showWhatIf();
  showThreshold(at);
  showCost(at);
  showChecks(value);
};

const reasonValues = () => {
  const { high_sensitivity: low, high_specificity: high } = points();
  return {
    threshold: cxr.threshold(thresholdNow()),
    low: cxr.threshold(low), high: cxr.threshold(high),
  };
};

// A threshold of the reader's own leaves nothing uncertain: what the model says by itself is said beside it.
const showOwnThreshold = (value) => {
  $(".own-threshold").hidden = ownThresholdNow() === null || !value.in_range;
  const by_itself = cxrRules.verdict(value.probability, points(), null);
  $(".own-threshold span").textContent = say("own_threshold_decides", { verdict: say(`verdict_${by_itself}`) });
};

const showBar = (probability, at) => {
  cxr.write($(".probability output"), cxr.probability(probability));
  $(".bar .fill").style.width = `${100 * probability}%`;
  $(".bar .mark").style.left = `${100 * at}%`;
  $(".bar .mark").hidden = ownThresholdNow() === null; // the band's ends decide
  // Between the model's two outer thresholds a radiograph is uncertain, unless the reader chose one.
  const { high_sensitivity: low, high_specificity: high } = points();
  $(".bar .band").style.left = `${100 * low}%`;
  $(".bar .band").style.width = `${100 * (high - low)}%`;
  $(".bar .band").hidden = ownThresholdNow() !== null;
  const prevalence = state.prevalence / 100;
  $(".condition").textContent = answered().in_range ? say("condition", {
    probability: cxr.probability(cxrRules.atPrevalence(probability, prevalence)),
    prevalence: cxr.prevalence(prevalence),
  }) : cxrRules.asSentence(say("report_outside"));
};

const showWorth = ({ worth, why, regions }) => {
  $(".worth").dataset.worth = worth;
  $(".worth .word").textContent = say(`worth_${worth}`);
  $(".worth .means").textContent = say(`worth_${worth}_${why}`);
  const some = worth !== "none";
  $(".regions").hidden = !some;
  const [lungs, between, outside] = cxrRules.wholePercents(regions).map((part) => cxr.percent(part / 100, 0));
  $(".places").textContent = some ? say("regions", { lungs, between, outside }) : "";
  $(".regions").setAttribute("aria-label", $(".places").textContent);
  $(".regions").querySelectorAll("i").forEach((part, i) => { part.style.flexGrow = regions[i]; });
};

// The radiograph in small beside the words about its evidence: with the outline of its lungs, and with heat unless that
// is withheld.
const drawBeside = () => {
  const canvas = $(".worth .small");
  const { width, height } = answered();
  const context = canvas.getContext("2d");
  const scale = Math.min(canvas.width / width, canvas.height / height);
  context.resetTransform();
  context.clearRect(0, 0, canvas.width, canvas.height);
  const left = (canvas.width - scale * width) / 2;
  context.setTransform(scale, 0, 0, scale, left, (canvas.height - scale * height) / 2);
  context.imageSmoothingQuality = "high";
  context.drawImage(radiograph.canvas, 0, 0);
  context.globalAlpha = !notSupported() || state.forced ? 0.7 : 0;
  context.drawImage(heatmapLayer.canvas, 0, 0, width, height);
  context.globalAlpha = 1;
  context.lineWidth = 1.5 / scale;
  context.strokeStyle = "#7dd3fc";
  context.stroke(heatmapLayer.lungs);
};

const showThreshold = (at) => {
  $(".threshold").value = at;
  // By the model's rule two thresholds decide; the slider stands between them.
  const byModel = ownThresholdNow() === null;
  const said = byModel ? say("rule_thresholds", reasonValues()) : `${cxr.threshold(at)} (${say("own_threshold")})`;
  cxr.write($(".threshold-control output"), said);
  $(".threshold").setAttribute("aria-valuetext", said);
  $(".uncertain-between").textContent = byModel ? say("report_thresholds", reasonValues()) : "";
  for (const button of element.querySelectorAll("[data-stop]")) {
    const stop = points()[button.dataset.stop];
    // By the model's rule a radiograph may be uncertain, which no single threshold says.
    const isRule = button.dataset.stop === "threshold";
    button.textContent = say(`stop_${button.dataset.stop}`) + (isRule ? "" : ` ${cxr.threshold(stop)}`);
    button.setAttribute("aria-pressed", String(isRule ? byModel : !byModel && Math.abs(stop - at) < 0.005));
  }
};

const showChecks = ({ warnings, checks, probability, variants }) => {
  const all = [probability, ...variants];
  const between = { low: cxrRules.shownPercent(Math.min(...all)), high: cxrRules.shownPercent(Math.max(...all)) };
  const agree = cxrRules.viewsAgree(probability, variants, points(), ownThresholdNow());
  const uncertain = cxrRules.verdict(probability, points(), ownThresholdNow()) === "UNCERTAIN";
  const inRange = answered().in_range;
  // Said openly where the verdict is not firm, else among the other checks.
  showWarnings([...warnings, ...(inRange && !agree ? [{ code: "views_differ", values: between }] : [])]);
  const firm = inRange && agree ? [{ code: uncertain ? "views_uncertain" : "views_agree", values: between }] : [];
  $(".checks").textContent = cxr.sentences([...checks, ...firm], say);
  $(".scale-means").textContent = answered().evidence
    ? say("scale_means", { step: doubling(), top: onScale(topOfScale()) })
    : "";
};

const chooseThreshold = (value) => cxr.setThreshold(answered().model, value);

element.addEventListener("input", (event) => {
  if (event.target.matches(".threshold")) chooseThreshold(Number(event.target.value));
});
// Once it is typed: what is none, as 150, may be one on the way, as 15 is. Then the one before stays.
element.addEventListener("change", ({ target }) => {
  if (!target.matches(".prevalence input")) return;
  const percent = Number(target.value);
  if (percent >= 0.1 && percent <= 99.9) {
    state.prevalence = percent;
    cxr.remember("prevalence", percent);
    showAnswer();
  }
  target.value = state.prevalence;
});
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.stop === "threshold") chooseThreshold(null);
  else if (button?.dataset.stop) chooseThreshold(points()[button.dataset.stop]);
  if (button?.matches(".reset")) {
    chooseThreshold(null);
    $("[data-stop=threshold]").focus(); // the button itself is gone
  }
  if (button?.matches(".change-prevalence")) {
    $(".thousand").open = true;
    $(".prevalence input").focus();
  }
  if (button?.dataset.keep) keep(button.dataset.keep);
});

// --- Files that the reader keeps ---------------------------------------------------------------------------

const keep = async (kind) => {
  $(".not-kept").textContent = "";
  if (kind === "overlay") return keepOverlay();
  const mine = noteOf(answered().id);
  const own = state.own === "seen" ? null : state.own;
  const { source, asked } = state;
  const settings = {
    kind, own, language: cxr.language, threshold: ownThresholdNow(),
    prevalence: state.prevalence / 100, confidence: own ? mine?.confidence : null,
    keep_identifiers: $(".identifiers").checked, forced: state.forced,
  };
  let made = { problem: "state_offline" };
  try {
    made = await cxrFiles.reply(server.keep_file({ ...asked, ...settings }));
    // The upload may have been deleted: a reader takes longer than it is kept.
    if (made.problem === "not_kept" && source.file) {
      made = await cxrFiles.reply(server.keep_file({ ...(await handOver(source)), ...settings }));
    }
  } catch { /* said below */ }
  if (made.uri) cxrFiles.download(made.uri, made.name);
  else if (state.source === source) $(".not-kept").textContent = `${cxrRules.asSentence(say(made.problem))} ${cxr.sentences(made.reasons ?? [], say)}`;
};

// Radiograph and heatmap as the reader has set them, at the radiograph's own size, with the caption of overlay.py.
const keepOverlay = () => {
  const { height, stem, model_name: model } = answered();
  const width = Math.max(480, answered().width); // the least at which a caption can be read
  const canvas = document.createElement("canvas");
  const line = Math.round(Math.min(width, 4096) / 32);
  [canvas.width, canvas.height] = [width, height + Math.round(3.4 * line)];
  const context = canvas.getContext("2d");
  context.fillRect(0, 0, canvas.width, canvas.height);
  drawRadiograph(context, new DOMMatrix(), { forFile: true });
  context.resetTransform();
  // Words of a line that leave so much room, smaller where they are too long: no letter is squeezed.
  const begin = (colour, words, kept = 0) => {
    context.font = `${line}px system-ui, sans-serif`;
    const size = line * Math.min(1, (width - line - kept) / context.measureText(words.join("")).width);
    context.font = `${size}px system-ui, sans-serif`;
    context.fillStyle = colour;
  };
  const write = (text, row, left = line / 2) => {
    context.fillText(text, left, height + (row + 0.9) * 1.5 * line);
    return left + context.measureText(text).width;
  };
  begin("#fbbf24", [say("report_disclaimer")]);
  write(say("report_disclaimer"), 0);
  const said = [say("legend_high"), ...(answered().in_range ? [] : [say("verdict_OUTSIDE")]),
    say("evidence_is", { word: say(`worth_${answered().worth}`) }), model];
  const withheld = notSupported() && !state.forced;
  const [low, rest] = withheld
    ? [`${say("heatmap_withheld")} · ${model}`, ""] : [`${say("legend_low")} `, ` ${said.join(" · ")}`];
  begin("#e2e8f0", [low, rest], withheld ? 0 : width / 6);
  const left = write(low, 1);
  write(rest, 1, left + width / 6);
  const bar = withheld ? 0 : width / 6;
  const scale = context.createLinearGradient(left, 0, left + width / 6, 0);
  for (let i = 0; i <= 8; i += 1) scale.addColorStop(i / 8, `rgb(${props.colours[Math.round(i * 31.8)]})`);
  context.fillStyle = scale;
  context.fillRect(left, height + 2.1 * line, bar, 0.8 * line);
  // Some browsers have no canvas of so many pixels.
  canvas.toBlob((blob) => {
    if (blob) cxrFiles.downloadBlob(blob, `${stem}_overlay.png`);
    else $(".not-kept").textContent = cxrRules.asSentence(say("not_kept"));
  });
};
