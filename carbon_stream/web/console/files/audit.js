// The audit trail: how much by whom, and the events themselves, newest first.

import { get } from "./api.js";
import { failure, link } from "./app.js";
import { bar } from "./chart.js";
import { announce, badge, field, h, input, panel, replace, select, table, td } from "./dom.js";
import { milliseconds, number, time } from "./format.js";
import { summary } from "./live.js";

const HOURS = [["1", "Last hour"], ["24", "Last 24 hours"], ["168", "Last 7 days"], ["720", "Last 30 days"]];
const TYPES = ["AuditUserActionEvent", "AuditAPICallEvent", "AuditDataAccessEvent", "AuditAdminOperationEvent"];
const DIMENSIONS = [["user", "User"], ["service", "Service"], ["action", "Action"], ["resource", "Resource"], ["result", "Result"], ["eventType", "Type"]];
const ONE_OF = ["user", "service", "action", "resource", "eventId", "correlationId"];
const LABELS = { user: "User", service: "Service", action: "Action", resource: "Resource", eventId: "Event id", correlationId: "Correlation id" };

export async function show(place, parameters, signal) {
  const hours = parameters.hours ?? "24";
  const by = parameters.by ?? "user";
  const form = h("form", { on: { submit: (event) => { event.preventDefault(); location.hash = link("audit", Object.fromEntries(new FormData(form))); } } },
    h("div", { class: "filters" },
      ONE_OF.map((name) => field(LABELS[name], input(name, parameters[name]))),
      field("Result", select("result", [["", "Any"], ["SUCCESS", "Success"], ["FAILURE", "Failure"], ["DENIED", "Denied"]], parameters.result)),
      field("Type", select("eventType", [["", "Any"], ...TYPES.map((type) => [type, type.replace(/^Audit|Event$/g, "")])], parameters.eventType)),
      field("Time", select("hours", HOURS, hours)),
      field("Count by", select("by", DIMENSIONS, by))),
    h("p", { class: "row" }, h("button", { type: "submit", class: "primary" }, "Search"), h("a", { href: "#/audit" }, "Clear")));
  const groups = h("div");
  const events = h("div");
  place.append(panel("Search", form), panel("Events", events), panel(`Counted by ${by}`, groups));
  const from = Date.now() - Number(hours) * 3_600_000;
  const range = { from: Math.round(from) };
  const filters = Object.fromEntries([...ONE_OF, "result", "eventType"].map((name) => [name, parameters[name] ?? ""]));
  await Promise.all([found(events, { ...filters, ...range, limit: 50 }, signal), counted(groups, { by, ...range, limit: 15 }, parameters, signal)]);
}

async function found(place, query, signal) {
  const rows = h("tbody");
  const more = h("button", { type: "button" }, "Older events");
  const said = h("p", { class: "hint", role: "status" }, "Looking …");
  const heads = ["Time", "Who", "What", "Result", "Where", "Story"];
  const shown = table("Audit events, newest first", heads, []);
  shown.querySelector("tbody").replaceWith(rows);
  replace(place, shown, h("div", { class: "row between" }, said, more));
  let cursor = "";
  let total = 0;
  const next = async () => {
    more.disabled = true;
    try {
      const page = await get("v1/audit/events", { ...query, cursor }, signal);
      rows.append(...page.events.map(row));
      total += page.events.length;
      cursor = page.next;
      said.textContent = `${number(total)} shown${cursor ? "" : ", all there are"}${page.skipped ? `; ${page.skipped} could not be read` : ""}`;
      if (!total && !cursor) said.textContent = "No events match.";
      announce(said.textContent);
      more.hidden = !cursor;
    } catch (error) {
      if (!signal.aborted) place.append(failure(error));
    }
    more.disabled = false;
  };
  more.addEventListener("click", next);
  await next();
}

function row(event) {
  const who = event.username ?? event.userId ?? event.apiKey ?? "–";
  const code = event.statusCode;
  const result = event.result ?? (code >= 500 ? "FAILURE" : code === 401 || code === 403 ? "DENIED" : code >= 400 ? "FAILURE" : "SUCCESS");
  const story = link("story", { eventId: event.eventId, correlationId: event.correlationId, around: event.timestamp });
  return h("tr", {}, td(time(event.timestamp), "nowrap"), td(who, "nowrap"), td(h("span", {}, h("span", { class: "soft" }, `${event.eventType.replace(/^Audit|Event$/g, "")} `), describe(event)), "wide"),
    td(badge(result)), td(event.service ?? event.source, "nowrap"), td(h("a", { href: story, "aria-label": `Story of event ${event.eventId}` }, "Story"), "nowrap"));
}

function describe(event) {
  if (event.eventType === "AuditAPICallEvent") return `${event.method} ${event.endpoint} → ${event.statusCode} in ${milliseconds(event.latencyMs)}`;
  if (event.eventType === "AuditDataAccessEvent") return `${event.operation} ${event.datasetName}`;
  if (event.eventType === "AuditUserActionEvent") return `${event.action} ${event.resource}`;
  if (event.eventType === "AuditAdminOperationEvent") return `${event.operation} ${event.target}`;
  return summary(event);
}

async function counted(place, query, parameters, signal) {
  try {
    const answer = await get("v1/audit/summary", query, signal);
    const right = (text) => ({ text, number: true });
    const rows = answer.groups.map((group) => {
      const narrowed = link("audit", { ...parameters, [query.by]: group.key });
      return h("tr", {}, td(group.overflow ? group.key : h("a", { href: narrowed }, group.key), "wide"), td(bar(answer.total ? group.count / answer.total : 0, number(group.count))),
        td(number(group.results.FAILURE), "number"), td(number(group.results.DENIED), "number"),
        td(group.latencyMs ? milliseconds(group.latencyMs.p95) : "–", "number"), td(time(group.lastSeen), "nowrap"));
    });
    replace(place, table(`Counts by ${query.by}`, [query.by, "Events", right("failed"), right("denied"), right("p95"), "Last seen"], rows),
      h("p", { class: "hint" }, `${number(answer.total)} events in all, to the ${answer.resolution}${answer.omitted ? `; ${number(answer.omitted)} more groups` : ""}. The other filters do not narrow these counts.`));
  } catch (error) {
    if (!signal.aborted) place.append(failure(error));
  }
}
