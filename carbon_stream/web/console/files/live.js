// What flows right now: rates by topic, what was refused and why, and the events themselves as they arrive.

import { follow, get, getText } from "./api.js";
import { failure, link, repeat } from "./app.js";
import { sparkline } from "./chart.js";
import { badge, field, h, input, panel, replace, table, td } from "./dom.js";
import { number, rate, short, span, time } from "./format.js";

const SHOWN_MAX = 200;

export async function show(place, parameters, signal) {
  const tiles = h("dl", { class: "tiles" });
  const topics = h("div");
  const refused = h("div");
  place.append(tiles, panel("Topics", topics), h("div", { class: "columns" }, tail(parameters, signal), panel("Refused", refused)));
  let dead = -1; // a read of dead letters is itself written down: only when there are more
  await repeat(async () => {
    const flow = await get("v1/flow", {}, signal);
    replace(tiles, figures(flow));
    replace(topics, topicTable(flow));
    const now = flow.topics.reduce((total, topic) => total + topic.dead, 0);
    if (now === dead) return;
    dead = now;
    try {
      replace(refused, await refusals(signal));
    } catch (error) {
      if (!signal.aborted) replace(refused, failure(error));
    }
  }, 3_000, signal);
}

function figures({ asOf, topics }) {
  const sum = (name) => topics.reduce((total, topic) => total + topic[name], 0);
  const behind = Date.now() - asOf;
  return [
    tile("Events a second", rate(sum("perSecond")), "last minute, all topics"),
    tile("Counted", short(sum("applied")), `${number(sum("applied"))} since the topics began`),
    tile("Waiting", number(sum("lag")), "offsets not in the answers yet", sum("lag") > 10_000 ? "bad" : sum("lag") > 1_000 ? "warn" : ""),
    tile("Repeats", short(sum("duplicate")), "seen before, not counted again"),
    tile("Dead letters", number(sum("deadLately")), "last five minutes", sum("deadLately") ? "warn" : ""),
    tile("Fresh to", span(behind), "ago, every answer", behind > 60_000 ? "bad" : behind > 15_000 ? "warn" : ""),
  ];
}

function tile(name, figure, note, kind = "") {
  return h("div", { class: `tile ${kind}` }, h("dt", {}, name), h("dd", { class: "figure" }, figure), h("dd", { class: "note" }, note));
}

function topicTable({ topics, windowMs }) {
  const right = (text) => ({ text, number: true });
  const rows = topics.map((topic) => h("tr", {},
    td(h("span", {}, topic.name, " ", h("span", { class: "soft" }, topic.group.toLowerCase())), "nowrap"),
    td(sparkline(topic.series, `${topic.name}: ${rate(topic.perSecond)} records a second, at most ${rate(Math.max(0, ...topic.series))} in ${span(windowMs)}`)),
    td(rate(topic.perSecond), "number"), td(number(topic.applied), "number"), td(number(topic.duplicate), "number"),
    td(topic.dead ? h("a", { href: link("dead-letters", { originTopic: topic.name }) }, number(topic.dead)) : "0", "number"),
    td(number(topic.late), "number"), td(number(topic.lag), "number")));
  return table("Topics and how much comes on each", ["Topic", `Last ${span(windowMs)}`, right("a second"), right("counted"), right("repeats"), right("dead"), right("late"), right("waiting")], rows);
}

async function refusals(signal) {
  const [letters, text] = await Promise.all([get("v1/dead-letters", { limit: 100 }, signal), getText("metrics", signal)]);
  const reasons = new Map();
  for (const letter of letters.deadLetters) reasons.set(letter.reason, (reasons.get(letter.reason) ?? 0) + 1);
  const atTheDoor = [...text.matchAll(/^carbon_stream_rejected_events_total\{reason="([^"]*)"\} (\S+)$/gm)].map((found) => [found[1], Number(found[2])]).filter(([, count]) => count);
  return [
    h("h3", {}, "At the door, since this address started"), counts(atTheDoor, "Events refused over HTTP, by reason"),
    h("h3", {}, `On the topics, the newest ${letters.deadLetters.length} dead letters`), counts([...reasons], "Dead letters by reason"),
    h("ul", {}, letters.deadLetters.slice(0, 4).map((letter) => h("li", { class: "wide" }, time(letter.at), ` ${letter.origin?.topic ?? "unknown origin"}: ${letter.error}`))),
    h("p", { class: "hint" }, h("a", { href: "#/dead-letters" }, "All dead letters")),
  ];
}

function counts(pairs, caption) {
  if (!pairs.length) return h("p", { class: "hint" }, "None.");
  return table(caption, ["Reason", { text: "Events", number: true }], pairs.sort((a, b) => b[1] - a[1]).map(([reason, count]) => h("tr", {}, td(reason), td(number(count), "number"))));
}

function tail(parameters, signal) {
  const list = h("ol");
  const state = h("span", { class: "soft", role: "status" }, "not started");
  const button = h("button", { type: "submit", class: "primary" }, "Start");
  const controls = {
    topic: input("topic", parameters.topic, { placeholder: "all; commas between" }), source: input("source", parameters.source),
    entity: input("entity", parameters.entity), field: input("field", parameters.field, { placeholder: "result=DENIED" }),
  };
  let running = null;
  let missing = 0;
  const stop = () => {
    running?.abort();
    running = null;
    button.textContent = "Start";
    state.textContent = "stopped";
  };
  const start = () => {
    running = new AbortController();
    const mine = running;
    missing = 0;
    button.textContent = "Stop";
    state.textContent = "connecting";
    const query = Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, control.value.trim()]));
    const onMessage = (kind, data) => {
      if (mine.signal.aborted) return;
      if (kind === "gap") missing += data.dropped + data.skipped;
      list.prepend(line(kind, data));
      while (list.children.length > SHOWN_MAX) list.lastChild.remove();
      state.textContent = missing ? `live, ${number(missing)} missing` : "live";
    };
    const onState = (name, why) => {
      if (mine.signal.aborted) return;
      state.textContent = name === "open" ? "live" : `${name}: ${why}`;
      if (name === "refused") button.textContent = "Start";
      if (name === "refused") running = null;
    };
    follow("v1/events/stream", query, onMessage, onState, mine.signal);
  };
  signal.addEventListener("abort", stop);
  const form = h("form", { on: { submit: (event) => { event.preventDefault(); if (running) stop(); else start(); } } },
    h("div", { class: "filters" }, field("Topic", controls.topic), field("Source", controls.source), field("Entity", controls.entity), field("Field", controls.field)),
    h("p", { class: "row" }, button, state));
  const shown = panel("Events as they arrive", form, h("div", { class: "stream", role: "log", "aria-live": "off", "aria-label": "Events, newest first", tabindex: "0" }, list));
  start();
  return shown;
}

function line(kind, data) {
  if (kind === "gap") return h("li", { class: "gap" }, `${number(data.dropped + data.skipped)} events are missing here`);
  if (kind === "refused") {
    const why = data.errors.map((error) => `${error.pointer} ${error.message}`.trim()).join("; ");
    return h("li", { class: "refused" }, time(data.receivedAt), h("span", {}, data.topic), h("span", {}, badge("refused"), ` ${data.reason}: ${why}`));
  }
  const story = link("story", { eventId: data.eventId, correlationId: data.correlationId, around: data.receivedAt });
  return h("li", {}, time(data.receivedAt), h("span", {}, data.topic), h("span", {}, h("a", { href: story }, summary(data)), ` ${data.source}`));
}

export function summary(event) {
  const subject = ["serviceName", "deploymentName", "component", "targetDataset", "datasetName", "job", "service", "username", "userId", "principal"].map((name) => event[name]).find(Boolean) ?? "";
  const words = ["method", "endpoint", "action", "operation", "checkName", "healthStatus", "status", "result", "statusCode", "severity"].map((name) => event[name]).filter((word) => word !== null && word !== undefined);
  return `${subject} ${words.join(" ")}`.trim() || event.eventType;
}
