// The service health board, and one service in depth.

import { get } from "./api.js";
import { link, repeat } from "./app.js";
import { timeline } from "./chart.js";
import { badge, details, field, h, input, panel, replace, select, table, td } from "./dom.js";
import { ago, milliseconds, number, percent, span, time } from "./format.js";

const KINDS = { HEALTHY: "good", DEGRADED: "warn", UNHEALTHY: "bad", UNKNOWN: "dim" };
const WORST = ["UNHEALTHY", "DEGRADED", "UNKNOWN", "HEALTHY"];

export async function show(place, parameters, signal) {
  if (parameters.service) return detail(place, parameters, signal);
  const form = h("form", { class: "filters", on: { change: go, submit: (event) => { event.preventDefault(); go(); } } },
    field("Namespace", input("namespace", parameters.namespace)),
    field("Status", select("status", [["", "Any"], ...WORST.map((status) => [status, status])], parameters.status)));
  function go() { location.hash = link("health", Object.fromEntries(new FormData(form))); }
  const board = h("div", { class: "page" });
  place.append(panel("Show", form), board);
  await repeat(async () => {
    const answer = await get("v1/health/services", { namespace: parameters.namespace, status: parameters.status }, signal);
    replace(board, tiles(answer.services), [...Map.groupBy(answer.services, (one) => one.namespace)].map(namespace),
      answer.services.length ? null : h("p", {}, "No service matches."), answer.omitted ? h("p", { class: "hint" }, `${number(answer.omitted)} more are not shown.`) : null);
  }, 5_000, signal);
}

function tiles(services) {
  return h("dl", { class: "tiles" }, WORST.map((status) => {
    const count = services.filter((one) => one.status === status).length;
    return h("div", { class: `tile ${count && KINDS[status] !== "good" && KINDS[status] !== "dim" ? KINDS[status] : ""}` }, h("dt", {}, badge(status)), h("dd", { class: "figure" }, number(count)));
  }));
}

function namespace([name, services]) {
  const ordered = services.toSorted((a, b) => WORST.indexOf(a.status) - WORST.indexOf(b.status) || a.service.localeCompare(b.service));
  return panel(name, h("ul", { class: "board" }, ordered.map((one) => h("li", {}, card(one)))));
}

function card(one) {
  const facts = { since: span(Date.now() - one.since), "available 24 h": percent(one.availability["24h"]), "errors 1 h": percent(one.errorRate["1h"]), "latency p95": milliseconds(one.latencyMs.p95) };
  return h("a", { class: `card ${KINDS[one.status]}`, href: link("health", { namespace: one.namespace, service: one.service }) },
    h("span", { class: "title" }, h("strong", {}, one.service), badge(one.status)),
    h("dl", {}, Object.entries(facts).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
}

async function detail(place, { namespace: space, service: name }, signal) {
  const body = h("div", { class: "page" });
  place.append(h("p", {}, h("a", { href: link("health") }, "All services")), body);
  await repeat(async () => {
    const one = await get(`v1/health/services/${encodeURIComponent(space)}/${encodeURIComponent(name)}`, {}, signal);
    replace(body, panel(`${one.namespace} / ${one.service}`, details({
      Status: badge(one.status), Since: h("span", {}, time(one.since), ` (${ago(one.since)})`), "Last report": h("span", {}, time(one.lastSeen), one.lastReport?.message ? `: ${one.lastReport.message}` : ""),
      Availability: windows(one.availability), "Error rate": windows(one.errorRate), Latency: `p50 ${milliseconds(one.latencyMs.p50)}, p95 ${milliseconds(one.latencyMs.p95)}, p99 ${milliseconds(one.latencyMs.p99)}`,
      "Counts as silent after": span(one.silenceMs),
    })), panel("Status over time", ...history(one)), h("div", { class: "columns" }, panel("Deployments", deployments(one)), panel("Configuration changes", changes(one))));
  }, 5_000, signal);
}

const windows = (values) => ["5m", "1h", "24h"].map((name) => `${percent(values[name], 2)} in ${name}`).join(", ");

function history(one) {
  const changes = one.transitions.toSorted((a, b) => a.at - b.at);
  const to = Date.now();
  const from = Math.min(changes[0]?.at ?? one.since, one.since, to - 60_000);
  const begin = from - (to - from) * 0.08;
  const stretches = changes.map((change, place) => ({ from: change.at, to: changes[place + 1]?.at ?? to, status: change.to }));
  stretches.unshift({ from: begin, to: changes[0]?.at ?? to, status: changes[0]?.from ?? one.status });
  const rows = changes.toReversed().map((change) => h("tr", {}, td(time(change.at), "nowrap"), td(badge(change.from)), td(badge(change.to))));
  return [timeline(stretches, begin, to, `Status over ${span(to - begin)}; the table below has each change`), h("p", { class: "hint row between" }, h("span", {}, `${span(to - begin)} ago`), h("span", {}, "now")), table("Changes of status, newest first", ["When", "From", "To"], rows)];
}

function deployments(one) {
  return table("Deployments, newest first", ["When", "Action", "Version", "By"], one.deployments.map((each) => h("tr", {}, td(time(each.at), "nowrap"), td(each.action), td(each.previousVersion ? `${each.previousVersion} → ${each.version}` : each.version), td(each.deployedBy))));
}

function changes(one) {
  const told = (value, hash) => (value === null || value === undefined ? (hash ? "(secret)" : "–") : JSON.stringify(value));
  return table("Configuration changes, newest first", ["When", "Key", "Change", "By"], one.configChanges.map((each) => h("tr", {}, td(time(each.at), "nowrap"), td(each.key, "wide"),
    td(`${told(each.oldValue, each.oldValueHash)} → ${told(each.newValue, each.newValueHash)}${each.reason ? ` (${each.reason})` : ""}`, "wide"), td(each.changedBy))));
}
