// All datasets, and everything that is known of one.

import { get } from "./api.js";
import { failure, link } from "./app.js";
import { badge, details, field, h, input, panel, table, td } from "./dom.js";
import { ago, bytes, milliseconds, number, percent, time } from "./format.js";

const right = (text) => ({ text, number: true });

export async function show(place, parameters, signal) {
  return parameters.name ? one(place, parameters.name, signal) : list(place, parameters.contains ?? "", signal);
}

async function list(place, contains, signal) {
  const form = h("form", { class: "filters", on: { submit: (event) => { event.preventDefault(); location.hash = link("datasets", Object.fromEntries(new FormData(form))); } } },
    field("Name contains", input("contains", contains)), h("button", { type: "submit", class: "primary" }, "Find"));
  place.append(panel("Find", form));
  const { datasets, omitted } = await get("v1/datasets", { contains, limit: 200 }, signal);
  place.append(panel("Datasets", table("Datasets by name", ["Dataset", right("made from"), right("used by"), "Lineage"], datasets.map((each) => h("tr", {},
    td(h("a", { href: link("datasets", { name: each.name }) }, each.name), "wide"), td(number(each.upstream), "number"), td(number(each.downstream), "number"),
    td(h("a", { href: link("lineage", { dataset: each.name }), "aria-label": `Lineage of ${each.name}` }, "Graph"))))), omitted ? h("p", { class: "hint" }, `${number(omitted)} more: narrow the name.`) : null));
}

async function one(place, name, signal) {
  place.append(h("p", {}, h("a", { href: link("datasets") }, "All datasets")));
  try {
    const found = await get(`v1/datasets/${name.split("/").map(encodeURIComponent).join("/")}`, {}, signal);
    const last = found.ingestion.last;
    place.append(panel(found.dataset, details({
      "Last loaded": last ? h("span", {}, badge(last.status), " ", time(last.at), ` (${ago(last.at)})`) : "never, as far as events say",
      "Records, 24 h": number(found.ingestion.recordCount24h), "Size, 24 h": bytes(found.ingestion.sizeBytes24h), "Last read": h("span", {}, time(found.access.lastRead)), "Last written": h("span", {}, time(found.access.lastWrite)),
      Users: `${found.access.usersIsAtLeast ? "at least " : ""}${number(found.access.users)}`, Lineage: h("a", { href: link("lineage", { dataset: name }) }, "open the graph"),
    })), panel("Quality", quality(found.quality.checks)), h("div", { class: "columns" }, panel("Made from", names(found.upstream)), panel("Used by", names(found.downstream))), panel("Transformations", runs(found.transformations)));
  } catch (error) {
    if (signal.aborted) return;
    place.append(failure(error), h("p", {}, (error.document?.near ?? []).map((near) => [h("a", { href: link("datasets", { name: near }) }, near), " "])));
  }
}

function names(list) {
  return list.length ? h("ul", {}, list.map((name) => h("li", { class: "wide" }, h("a", { href: link("datasets", { name }) }, name)))) : h("p", { class: "hint" }, "Nothing that events have told of.");
}

function quality(checks) {
  return table("Quality checks, newest result of each", ["Check", "Result", right("score"), right("failed"), right("of"), "When", "Says"], checks.map((check) => h("tr", {},
    td(check.checkName, "wide"), td(badge(check.result)), td(percent(check.score), "number"), td(number(check.failedRecords), "number"), td(number(check.totalRecords), "number"), td(time(check.at), "nowrap"), td(check.message))));
}

function runs(list) {
  return table("Transformations that read or write it, newest run of each", ["Job", "Result", "When", right("took"), right("rows in"), right("rows out"), "Run"], list.map((run) => h("tr", {},
    td(run.job), td(badge(run.status)), td(time(run.at), "nowrap"), td(milliseconds(run.durationMs), "number"), td(number(run.rowsIn), "number"), td(number(run.rowsOut), "number"), td(run.run, "mono wide"))));
}
