// Where the nodes of a lineage graph stand, and its picture. Layers go from left to right, from sources to targets.

import { h, s } from "./dom.js";

const BOX = { width: 216, height: 46, gapX: 76, gapY: 22, margin: 34 };
const CHARS = 27;

// Layer of each node: as far from the root as its shortest way, upstream to the left. Circles end where they began.
export function layers(root, nodes, edges) {
  const layer = new Map([[root, 0]]);
  const waiting = [root];
  for (let place = 0; place < waiting.length; place += 1) {
    const at = waiting[place];
    for (const { source, target } of edges) {
      const [next, step] = target === at ? [source, -1] : source === at ? [target, 1] : [null, 0];
      if (next !== null && !layer.has(next)) {
        layer.set(next, layer.get(at) + step);
        waiting.push(next);
      }
    }
  }
  for (let round = 0; round < nodes.length; round += 1) {
    let moved = false;
    for (const { source, target } of edges) {
      if (layer.get(target) > 0 && layer.get(source) >= 0 && layer.get(target) <= layer.get(source) && layer.get(source) + 1 <= nodes.length && round < 30) {
        layer.set(target, layer.get(source) + 1);
        moved = true;
      }
      if (layer.get(source) < 0 && layer.get(target) <= 0 && layer.get(source) >= layer.get(target) && round < 30) {
        layer.set(source, layer.get(target) - 1);
        moved = true;
      }
    }
    if (!moved) break;
  }
  return layer;
}

export function places(root, nodes, edges) {
  const layer = layers(root, nodes, edges);
  const columns = Map.groupBy(nodes.filter((node) => layer.has(node)), (node) => layer.get(node));
  const order = [...columns.keys()].sort((a, b) => a - b);
  const rank = new Map();
  for (const column of order) columns.get(column).sort().forEach((node, place) => rank.set(node, place));
  for (let round = 0; round < 4; round += 1) {
    for (const column of round % 2 ? order.toReversed() : order) {
      const centre = (node) => {
        const ranks = edges.flatMap(({ source, target }) => (source === node ? [rank.get(target)] : target === node ? [rank.get(source)] : [])).filter((one) => one !== undefined);
        return ranks.length ? ranks.reduce((a, b) => a + b, 0) / ranks.length : rank.get(node);
      };
      const centres = new Map(columns.get(column).map((node) => [node, centre(node)]));
      columns.get(column).sort((a, b) => centres.get(a) - centres.get(b)).forEach((node, place) => rank.set(node, place));
    }
  }
  const tallest = Math.max(...order.map((column) => columns.get(column).length));
  const at = new Map();
  for (const column of order) {
    const members = columns.get(column);
    const top = BOX.margin + ((tallest - members.length) * (BOX.height + BOX.gapY)) / 2;
    members.forEach((node, place) => at.set(node, { x: BOX.margin + (column - order[0]) * (BOX.width + BOX.gapX), y: top + place * (BOX.height + BOX.gapY) }));
  }
  return { at, width: BOX.margin * 2 + order.length * (BOX.width + BOX.gapX) - BOX.gapX, height: BOX.margin * 2 + tallest * (BOX.height + BOX.gapY) - BOX.gapY };
}

// `on`: chooseNode(name), chooseEdge(edge), expand(name, direction); `openEnds`: name → directions not looked at yet.
export function draw(root, nodes, edges, openEnds, chosen, on) {
  const { at, width, height } = places(root, nodes, edges);
  const arrow = s("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 11, markerHeight: 11, markerUnits: "userSpaceOnUse", orient: "auto" }, s("path", { class: "arrow", d: "M0 0L8 4L0 8z" }));
  const lines = edges.filter(({ source, target }) => at.has(source) && at.has(target)).map((edge) => {
    const from = at.get(edge.source);
    const to = at.get(edge.target);
    const [x1, y1, x2, y2] = [from.x + BOX.width, from.y + BOX.height / 2, to.x - 3, to.y + BOX.height / 2];
    const bend = Math.max(40, Math.abs(x2 - x1) / 2);
    const d = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
    const label = `${edge.source} to ${edge.target}: ${edge.transformationType} ${edge.transformationName}, ${edge.columns.length} columns`;
    return control("link", label, chosen === edge, () => on.chooseEdge(edge), s("path", { class: "edge", d, "marker-end": "url(#arrow)" }), s("path", { class: "edge-hit", d }));
  });
  const boxes = nodes.filter((node) => at.has(node)).map((node) => {
    const { x, y } = at.get(node);
    const cut = node.lastIndexOf("/");
    const [space, name] = cut > 0 ? [node.slice(0, cut), node.slice(cut + 1)] : ["", node];
    const box = control(`node${node === root ? " root" : ""}`, `Dataset ${node}`, chosen === node, () => on.chooseNode(node),
      s("title", {}, node), s("rect", { x, y, width: BOX.width, height: BOX.height, rx: 8 }),
      s("text", { class: "space", x: x + 12, y: y + 17 }, shorten(space)), s("text", { x: x + 12, y: y + (space ? 35 : 28) }, shorten(name)));
    const ends = (openEnds.get(node) ?? []).map((direction) => {
      const cx = direction === "upstream" ? x - 14 : x + BOX.width + 14;
      return control("more", `Show ${direction} of ${node}`, false, () => on.expand(node, direction), s("circle", { cx, cy: y + BOX.height / 2, r: 10 }), s("text", { x: cx, y: y + BOX.height / 2 + 5 }, "+"));
    });
    return [box, ends];
  });
  const picture = s("svg", { viewBox: `0 0 ${width} ${height}` }, s("defs", {}, arrow), lines, boxes);
  picture.style.maxWidth = `${width}px`; // as wide as there is room, and never too small to read
  picture.style.minWidth = `${Math.round(width * 0.7)}px`;
  return h("div", { class: "graph", role: "group", tabindex: "0", "aria-label": "Lineage graph; the table has the same" }, picture);
}

const shorten = (text) => (text.length > CHARS ? `…${text.slice(1 - CHARS)}` : text);

function control(kind, label, isChosen, act, ...children) {
  return s("g", { class: `${kind}${isChosen ? " chosen" : ""}`, tabindex: "0", role: "button", "aria-label": label, "data-label": label, on: {
    click: act,
    keydown: (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      act();
    },
  } }, children);
}
