// What was refused on the topics and why, with its bytes, and another try for it.

import { get, post } from "./api.js";
import { failure, link } from "./app.js";
import { announce, badge, details, field, h, input, panel, replace, select, table, td } from "./dom.js";
import { number, time } from "./format.js";

const REASONS = ["empty", "not-utf8", "not-json", "not-an-object", "too-large", "too-deep", "unknown-type", "wrong-topic", "invalid", "unknown"];

export async function show(place, parameters, signal) {
  const { topics } = await get("v1/topics", {}, signal);
  const form = h("form", { on: { submit: (event) => { event.preventDefault(); location.hash = link("dead-letters", Object.fromEntries(new FormData(form))); } } },
    h("div", { class: "filters" }, field("Reason", select("reason", [["", "Any"], ...REASONS.map((reason) => [reason, reason])], parameters.reason)),
      field("Topic", select("originTopic", [["", "Any"], ...topics.map((topic) => [topic.name, topic.name])], parameters.originTopic)), h("button", { type: "submit", class: "primary" }, "Show")));
  place.append(panel("Show", form));
  const chosen = new Map();
  const rows = h("tbody");
  const said = h("p", { class: "hint", role: "status" });
  const more = h("button", { type: "button" }, "Older letters");
  const shown = table("Dead letters, newest first", ["Choose", "Refused", "From", "Reason", "What is wrong", "Bytes"], []);
  shown.querySelector("tbody").replaceWith(rows);
  place.append(panel("Letters", shown, h("div", { class: "row between" }, said, more)), replay(chosen, signal));
  let cursor = "";
  let total = 0;
  const next = async () => {
    try {
      const page = await get("v1/dead-letters", { reason: parameters.reason, originTopic: parameters.originTopic, limit: 50, cursor }, signal);
      rows.append(...page.deadLetters.flatMap((letter) => entry(letter, chosen)));
      total += page.deadLetters.length;
      cursor = page.next;
      said.textContent = total ? `${number(total)} shown${cursor ? "" : ", all there are"}` : "There are none.";
      more.hidden = !cursor;
    } catch (error) {
      if (!signal.aborted) place.append(failure(error));
    }
  };
  more.addEventListener("click", next);
  await next();
}

function entry(letter, chosen) {
  const box = h("input", { type: "checkbox", "aria-label": `Choose letter ${letter.id}`, on: { change: () => (box.checked ? chosen.set(letter.id, letter) : chosen.delete(letter.id)) } });
  const inside = h("tr", { hidden: true }, h("td", { colspan: 6 }));
  const open = h("button", { type: "button", "aria-expanded": "false", "aria-label": `Show letter ${letter.id}`, on: { click: () => {
    inside.hidden = !inside.hidden;
    open.setAttribute("aria-expanded", String(!inside.hidden));
    open.textContent = inside.hidden ? "Show" : "Hide";
    if (!inside.hidden) replace(inside.firstChild, content(letter));
  } } }, "Show");
  const from = letter.origin ? `${letter.origin.topic}/${letter.origin.partition}@${letter.origin.offset}` : "unknown";
  return [h("tr", {}, td(box), td(time(letter.at), "nowrap"), td(from), td(letter.reason, "nowrap"), td(letter.error, "wide"), td(open)), inside];
}

function content(letter) {
  return [details({ Id: letter.id, Key: text(letter.key), Headers: letter.headers.length ? letter.headers.map(({ name, value }) => `${name}: ${text(value)}`).join(", ") : "none" }),
    h("pre", { tabindex: "0", "aria-label": "Bytes of the record" }, text(letter.value))];
}

function text(base64) {
  if (base64 === null || base64 === undefined) return "(null)";
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
  } catch {
    return base64;
  }
}

function replay(chosen, signal) {
  const admin = input("admin", "", { type: "password", autocomplete: "off" });
  const outcome = h("div", { "aria-live": "polite" });
  const attempt = async (dryRun) => {
    const ids = [...chosen.keys()];
    if (!ids.length) {
      replace(outcome, h("p", {}, "Choose letters first."));
      return;
    }
    try {
      const answer = await post("v1/dead-letters/replay", { ids, dryRun }, admin.value.trim(), signal);
      const done = answer.results.filter((result) => result.code === 200).length;
      replace(outcome, h("p", {}, dryRun ? `${done} of ${answer.results.length} would be taken today.` : `${number(answer.replayed)} sent again, ${number(answer.refused)} refused.`),
        table("What became of each", ["Letter", "Outcome", "Where or why"], answer.results.map((result) => h("tr", {}, td(result.id), td(badge(result.code === 200 ? "SUCCESS" : "FAILURE")),
          td(result.topic ? `${result.status}: ${result.topic}/${result.partition}@${result.offset ?? "?"}` : `${result.status}: ${(result.errors ?? []).map((error) => `${error.pointer} ${error.message}`.trim()).join("; ")}`, "wide")))));
      announce(dryRun ? "Checked" : "Replayed");
    } catch (error) {
      if (!signal.aborted) replace(outcome, failure(error));
    }
  };
  return panel("Try again", h("p", { class: "hint" }, "Only what would be taken today is sent again, onto the partition that it came from; sending twice counts once. It needs the admin token or an operator's key, which is not kept here."),
    h("form", { on: { submit: (event) => { event.preventDefault(); attempt(false); } } }, h("div", { class: "filters" }, field("Admin token or operator's key", admin),
      h("div", { class: "row" }, h("button", { type: "submit", class: "primary" }, "Replay chosen"), h("button", { type: "button", on: { click: () => attempt(true) } }, "Only check")))), outcome);
}
