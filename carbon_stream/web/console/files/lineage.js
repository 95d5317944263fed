// Where data comes from and where it goes: a graph that grows as it is explored, with columns, and the same as a table.

import { get } from "./api.js";
import { failure, link } from "./app.js";
import { announce, details, field, h, input, panel, replace, select, table, td } from "./dom.js";
import { number, time } from "./format.js";
import { draw } from "./graph.js";

const DIRECTIONS = [["both", "Both ways"], ["upstream", "Upstream: made from"], ["downstream", "Downstream: used by"]];

export async function show(place, parameters, signal) {
  const { dataset = "", direction = "both", depth = "2", view = "graph" } = parameters;
  const known = h("datalist", { id: "known-datasets" });
  const form = h("form", { on: { submit: (event) => { event.preventDefault(); location.hash = link("lineage", Object.fromEntries(new FormData(form))); } } },
    h("div", { class: "filters" }, field("Dataset", input("dataset", dataset, { list: "known-datasets", required: true }), "broad"),
      field("Direction", select("direction", DIRECTIONS, direction)), field("Steps", select("depth", ["1", "2", "3", "5", "10"].map((n) => [n, n]), depth)),
      field("Shown as", select("view", [["graph", "Graph"], ["table", "Table"]], view)), h("button", { type: "submit", class: "primary" }, "Show")), known);
  place.append(panel("Begin with", form));
  const { datasets } = await get("v1/datasets", { limit: 1000 }, signal);
  replace(known, datasets.map((one) => h("option", { value: one.name })));
  if (!dataset) {
    const most = datasets.filter((one) => one.upstream + one.downstream).toSorted((a, b) => b.upstream + b.downstream - a.upstream - a.downstream).slice(0, 20);
    place.append(panel("Datasets with the most neighbours", table("Datasets with neighbours", ["Dataset", { text: "made from", number: true }, { text: "used by", number: true }],
      most.map((one) => h("tr", {}, td(h("a", { href: link("lineage", { dataset: one.name }) }, one.name), "wide"), td(number(one.upstream), "number"), td(number(one.downstream), "number"))))));
    return;
  }
  await explore(place, { dataset, direction, depth, view }, signal);
}

async function explore(place, { dataset, direction, depth, view }, signal) {
  const nodes = new Set();
  const edges = new Map();
  const looked = new Set();
  let chosen = null;
  let notes = "";
  const picture = h("div");
  const about = h("div", { "aria-live": "polite" });
  place.append(panel("Graph", picture), about);

  const take = (answer) => {
    answer.nodes.forEach((node) => nodes.add(node.id));
    answer.edges.forEach((edge) => edges.set(JSON.stringify([edge.source, edge.target, edge.transformationType, edge.transformationName]), edge));
    notes = answer.truncated ? `Only ${number(answer.nodes.length)} of ${answer.totalNodesIsAtLeast ? "at least " : ""}${number(answer.totalNodes)} datasets are shown.` : "";
  };
  const openEnds = () => {
    const ends = new Map();
    for (const node of nodes) ends.set(node, ["upstream", "downstream"].filter((way) => !looked.has(`${way} ${node}`) && !(way === "upstream" ? [...edges.values()].some((edge) => edge.target === node) : [...edges.values()].some((edge) => edge.source === node))));
    return ends;
  };
  const render = () => {
    const all = [...edges.values()];
    const focus = document.activeElement?.dataset?.label;
    replace(picture, view === "table" ? edgeTable(all, choose) : draw(dataset, [...nodes], all, openEnds(), chosen, { chooseNode: choose, chooseEdge: choose, expand }),
      h("p", { class: "hint" }, `${number(nodes.size)} datasets, ${number(all.length)} steps. ${notes} ${view === "graph" ? "A dataset or an arrow shows more about it; + goes on from there." : ""}`));
    if (focus) picture.querySelector(`[data-label="${CSS.escape(focus)}"]`)?.focus();
  };
  const choose = (what) => {
    chosen = what;
    replace(about, typeof what === "string" ? aboutNode(what) : aboutEdge(what));
    render();
  };
  const expand = async (node, way) => {
    try {
      looked.add(`${way} ${node}`);
      const before = nodes.size;
      take(await get("v1/lineage", { dataset: node, direction: way, depth: 1 }, signal));
      announce(`${nodes.size - before} more datasets`);
      render();
    } catch (error) {
      if (!signal.aborted) about.append(failure(error));
    }
  };
  const aboutNode = (name) => panel(name, h("p", { class: "row" }, h("a", { href: link("datasets", { name }) }, "All about this dataset"), h("a", { href: link("lineage", { dataset: name, direction, depth, view }) }, "Begin the graph here")),
    h("div", { class: "row" }, ["upstream", "downstream"].map((way) => h("button", { type: "button", on: { click: () => expand(name, way) } }, `Show ${way}`))));

  try {
    take(await get("v1/lineage", { dataset, direction, depth }, signal));
    render();
  } catch (error) {
    if (signal.aborted) return;
    replace(picture, failure(error), suggestions(error, { direction, depth, view }));
  }
}

function suggestions(error, rest) {
  const near = error.document?.near ?? [];
  return near.length ? h("p", {}, "Perhaps: ", near.map((name) => [h("a", { href: link("lineage", { dataset: name, ...rest }) }, name), " "])) : null;
}

function edgeTable(edges, choose) {
  return table("Steps of the lineage", ["From", "To", "How", { text: "columns", number: true }, { text: "seen", number: true }, "Last"], edges.map((edge) => h("tr", {},
    td(h("a", { href: link("datasets", { name: edge.source }) }, edge.source), "wide"), td(h("a", { href: link("datasets", { name: edge.target }) }, edge.target), "wide"),
    td(h("button", { type: "button", class: "plain", on: { click: () => choose(edge) } }, `${edge.transformationType} ${edge.transformationName}`)), td(number(edge.columns.length), "number"), td(number(edge.count), "number"), td(time(edge.lastSeen), "nowrap"))));
}

function aboutEdge(edge) {
  const columns = edge.columns.map((one) => h("tr", {}, td(one.sourceColumn, "mono"), td(one.targetColumn, "mono"), td(one.transformation, "mono wide")));
  return panel(`${edge.source} → ${edge.target}`,
    details({ How: edge.transformationType, Job: edge.transformationName, "First seen": time(edge.firstSeen), "Last seen": time(edge.lastSeen), Seen: `${number(edge.count)} times` }),
    h("h3", {}, "Columns"), table("Columns of this step", ["From column", "To column", "By"], columns), edge.columnsTruncated ? h("p", { class: "hint" }, "There are more columns than one answer has.") : null,
    edge.query ? [h("h3", {}, "Query"), h("pre", { tabindex: "0" }, edge.query)] : null);
}
